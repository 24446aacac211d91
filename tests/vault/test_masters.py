"""Master keys from files, from KMS, and from HashiCorp Vault."""

import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session
from moto import mock_aws

from chatserver import StartupError
from chatserver.testing.samples import posted
from chatserver_plugins.vault.config import VaultConfig
from chatserver_plugins.vault.keyring import SPACE
from chatserver_plugins.vault.kms import KmsMaster
from chatserver_plugins.vault.masters import (
    Master,
    MasterUnavailable,
    Wrapped,
    WrongMaster,
    from_file,
    from_text,
)
from chatserver_plugins.vault.transit import TransitMaster
from tests.servers import free_port
from tests.vault.sealing import Hand, Shared, caretaker, local, opened, sealed
from tests.vault.transit_engine import TOKEN, Engine

KEY = bytes(range(32))


# -- files ---------------------------------------------------------------------------------------------


def test_a_key_is_read_in_both_forms_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "key"
    found = set()
    for text in (KEY.hex(), base64.b64encode(KEY).decode(), f"  {KEY.hex().upper()}\n"):
        path.write_text(text)
        found.add(from_file(str(path), "key_file").id)
    assert found == {local(KEY).id} and len(found.pop()) == 16
    assert KEY.hex() not in repr(local(KEY))


@pytest.mark.parametrize(
    "text", ["", "short", "0" * 63, "0" * 66, "é" * 32, base64.b64encode(b"x" * 31).decode()]
)
def test_what_is_no_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(StartupError) as caught:
        from_text(text, "plugin.vault.key", "plugin.vault.key")
    assert "expected 32 random bytes" in str(caught.value)
    assert not text or text not in str(caught.value)


async def test_a_wrapped_key_is_opened_by_its_own_master_key_unchanged() -> None:
    wrapped = await local(KEY).wrap(b"k" * 32)
    assert await local(KEY).unwrap(wrapped) == b"k" * 32
    assert (await local(KEY).wrap(b"k" * 32)).data != wrapped.data
    for data in (wrapped.data[:-1], b"", bytes([wrapped.data[0] ^ 1]) + wrapped.data[1:]):
        with pytest.raises(WrongMaster):
            await local(KEY).unwrap(Wrapped(wrapped.master, data))
    with pytest.raises(WrongMaster):
        await local(b"o" * 32).unwrap(wrapped)


# -- services ------------------------------------------------------------------------------------------


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of moto's KMS."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield Session().create_client("kms", region_name="eu-central-1")


def kms(id: str) -> KmsMaster:
    return KmsMaster(VaultConfig(kms_key_id=id, kms_region="eu-central-1"))


@asynccontextmanager
async def engine(*names: str) -> AsyncIterator[Engine]:
    found = Engine(*names)
    try:
        yield found
    finally:
        await found.stop()


def transit(engine: Engine, name: str = "chat", **settings: Any) -> TransitMaster:
    given = {"transit_token": TOKEN} | settings
    return TransitMaster(VaultConfig(transit_url=engine.url, transit_key_name=name, **given))


async def through(master: Master, *older: Master) -> None:
    """A store is filled with this master key, and opened with it again."""
    inner = Shared()
    async with opened(sealed(inner, master)) as store:
        await store.append([posted("r", 1)])
        await store.put("s", "k", b"v")
    async with opened(sealed(inner, master)) as store:
        assert await store.read("r", 0, 10) == [posted("r", 1)]
        status = await caretaker(store, Hand()).status()
        assert status.present
    with pytest.raises(StartupError, match="is missing"):
        await sealed(inner, local()).open()


async def test_a_key_in_kms_wraps_and_opens(aws: Any) -> None:
    key = aws.create_key()["KeyMetadata"]
    aws.create_alias(AliasName="alias/chat", TargetKeyId=key["KeyId"])
    for id in (key["KeyId"], key["Arn"], "alias/chat"):
        await through(kms(id))
    wrapped = await kms("alias/chat").wrap(KEY)
    assert wrapped.master == f"kms:{key['Arn']}"
    assert KEY not in wrapped.data


async def test_what_kms_refuses_is_said(aws: Any) -> None:
    with pytest.raises(MasterUnavailable, match="NotFoundException"):
        await kms("alias/none").wrap(KEY)
    key = aws.create_key()["KeyMetadata"]
    wrapped = await kms(key["KeyId"]).wrap(KEY)
    with pytest.raises(WrongMaster, match="InvalidCiphertextException"):
        await kms(key["KeyId"]).unwrap(wrapped._replace(data=wrapped.data[:-1] + b"\0\0"))


async def test_no_server_starts_while_kms_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    nobody = VaultConfig(
        kms_key_id="alias/chat", kms_endpoint=f"http://127.0.0.1:{free_port()}", timeout_seconds=5
    )
    inner = Shared()
    with pytest.raises(StartupError, match=r"alias/chat in KMS .*Could not connect"):
        await sealed(inner, KmsMaster(nobody)).open()
    assert await inner.spaces() == []


async def test_a_key_in_transit_wraps_and_opens_also_after_it_got_a_new_version() -> None:
    async with engine("chat") as vault:
        await through(transit(vault))
        wrapped = await transit(vault).wrap(KEY)
        assert wrapped.master == "transit:transit/chat"
        vault.keys["chat"].append(b"2" * 32)
        assert await transit(vault).unwrap(wrapped) == KEY
        assert (await transit(vault).wrap(KEY)).data.startswith(b"vault:v2:")


async def test_the_service_is_asked_at_the_start_alone(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    async with engine("chat") as vault:
        inner = Shared()
        master = transit(vault, transit_token="", transit_token_file=str(token))
        async with opened(sealed(inner, master)) as store:
            vault.asked.clear()
            vault.answer = (503, b"")
            for number in range(20):
                await store.append([posted(f"r{number}", 1)])
                assert await store.read(f"r{number}", 0, 10) == [posted(f"r{number}", 1)]
            assert vault.asked == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((503, b'{"errors":["Vault is sealed"]}'), "answers 503 .*Vault is sealed"),
        ((200, b"nonsense"), "answers with something else"),
        ((200, b'{"data":{}}'), "answers with something else"),
        ((200, b'{"data":{"plaintext":"no base64!"}}'), "answers with something else"),
        ((302, b""), "answers 302"),
        ((400, b'{"errors":["invalid ciphertext"]}'), "does not open .*invalid ciphertext"),
    ],
)
async def test_no_server_starts_while_the_service_is_away(
    answer: tuple[int, bytes], said: str
) -> None:
    inner = Shared()
    async with engine("chat") as vault:
        async with opened(sealed(inner, transit(vault))) as store:
            await store.append([posted("r", 1)])
        roots = await inner.scan(SPACE, "root/")
        vault.answer = answer
        with pytest.raises(StartupError, match=said):
            await sealed(inner, transit(vault)).open()
        vault.answer = None
        with pytest.raises(StartupError, match="permission denied"):
            await sealed(inner, transit(vault, transit_token="another")).open()
    with pytest.raises(StartupError, match="cannot be reached"):
        await sealed(inner, transit(vault)).open()
    assert await inner.scan(SPACE, "root/") == roots


async def test_a_new_vault_is_not_begun_while_the_service_is_away() -> None:
    inner = Shared()
    async with engine("chat") as vault:
        vault.answer = (503, b"")
        with pytest.raises(StartupError, match="answers 503"):
            await sealed(inner, transit(vault)).open()
        assert await inner.spaces() == []
        vault.answer = None
        async with opened(sealed(inner, transit(vault))):
            pass


async def test_from_a_file_to_kms_to_transit(aws: Any) -> None:
    inner, hand = Shared(), Hand()
    key = aws.create_key()["KeyMetadata"]
    async with engine("chat") as vault:
        steps: list[tuple[Master, ...]] = [
            (local(),),
            (kms(key["KeyId"]), local()),
            (transit(vault), kms(key["KeyId"])),
            (local(b"n" * 32), transit(vault)),
        ]
        for number, masters in enumerate(steps):
            async with opened(sealed(inner, *masters, clock=hand)) as store:
                await store.append([posted("r", number + 1)])
                await caretaker(store, hand).rotate_master()
            async with opened(sealed(inner, masters[0], clock=hand)) as store:
                found = await store.read("r", 0, 10)
                assert found == [posted("r", seq) for seq in range(1, number + 2)]
    assert (await caretaker(store, hand).status()).root == 5
