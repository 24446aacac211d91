"""Whoever was erased does not come back with a backup of before."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from chatserver.app import Server
from chatserver.config import load
from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.backup.configured import erasures_of, shelf_of
from chatserver.copies.backup.erasures import (
    Entry,
    ErasureLedger,
    have_erased_again,
    newest,
    opened,
    sealed,
)
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.shipper import Shipper
from chatserver.model import RoomKind
from chatserver.privacy.rewriting import Erased
from chatserver.runtime.ids import new_id
from chatserver.runtime.measure import Measures
from chatserver.service import removal
from tests.forking import ran

NAME = "Quincy Plumfield"
PASSWORD = "correct horse battery staple"
ENTRY = Entry(user="u1", at=1.0, mode=Erased.ANONYMISE)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other node of these tests has accepted a message meanwhile."""
    monkeypatch.setattr(removal, "SETTLED_SECONDS", 0.0)


def settings(folder: Path, data: str, **more: object) -> dict[str, object]:
    return {
        "server.data": str(folder / data),
        "backup.folder": str(folder / "backups"),
        "plugins.enabled": ["sqlite", "password", "profiles"],
        "plugin.password.memory_kib": 8,
        "plugin.password.passes": 1,
        "limits.registrations_per_hour": 0,
        **more,
    }


def work(given: dict[str, object], do: Callable[[Server], Awaitable[Any]]) -> Any:
    """The result of a function that gets a server with these settings."""

    async def act() -> Any:
        async with Server(load(overrides=given, environ={})).opened() as server:
            return await do(server)

    return asyncio.run(act())


def command(given: dict[str, object], folder: Path, *arguments: str) -> str:
    options = []
    for name, value in given.items():
        text = ",".join(value) if isinstance(value, list) else str(value)
        options.append(f"--set={name}={text}")
    done = ran(*arguments, *options, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


async def lived(server: Server) -> None:
    """Two people who talk."""
    service = server.service
    owner, _ = await service.accounts.register("owner", PASSWORD)
    ada, _ = await service.accounts.register("plum", PASSWORD, NAME)
    room = await service.rooms.create(owner, RoomKind.PUBLIC, "tea")
    await service.rooms.join(ada, room)
    await service.messages.post(ada, room, new_id(), "quincemark")
    await service.messages.post(owner, room, new_id(), "hello @plum")


async def erased(server: Server) -> None:
    await server.service.removal.delete("plum")
    await server.service.removal.settle()


async def everything(server: Server) -> str:
    """All events and records, as they are in the store."""
    store, found = server.store, []
    for room in await store.list_rooms("", 100):
        found += [repr(event) for event in await store.read(room, 0, 1000)]
    for space in await store.spaces():
        found += [f"{key} {value!r}" for key, value in await store.scan(space, "")]
    return "\n".join(found)


@pytest.mark.parametrize("key", ["", "11" * 32])
def test_a_backup_from_before_brings_nobody_back(tmp_path: Path, key: str) -> None:
    given = settings(tmp_path, "one", **({"backup.key": key} if key else {}))
    work(given, lived)
    command(given, tmp_path, "backup")
    work(given, erased)
    other = {**given, "server.data": str(tmp_path / "two")}
    said = command(other, tmp_path, "restore", str(tmp_path / "backups"))
    assert "1 accounts that were erased since the backup are erased again." in said
    text = work(other, everything)
    assert NAME not in text
    assert "@plum" not in text
    assert "quincemark" in text
    assert "hello @deleted" in text


def test_a_server_erases_again_before_anybody_sees_the_store(tmp_path: Path) -> None:
    given = settings(tmp_path, "one")
    work(given, lived)

    async def as_a_restore_does(server: Server) -> int:
        user = await server.service.accounts.named("plum")
        entry = Entry(user=user.id, at=1.0, mode=Erased.REDACT)
        nobody = Entry(user="unknown", at=1.0, mode=Erased.REDACT)
        return await have_erased_again(server.store, [entry, nobody])

    assert work(given, as_a_restore_does) == 1
    text = work(given, everything)
    assert NAME not in text
    assert "quincemark" not in text


def test_a_name_that_comes_back_without_its_account_goes_again(tmp_path: Path) -> None:
    """Records are copied one after the other, so some may be of before the erasure, and others of after it."""
    given = settings(tmp_path, "one")
    work(given, lived)

    async def in_the_middle(server: Server) -> None:
        store, found = server.store, await server.service.accounts.named("plum")
        kept = [
            (space, key, value)
            for space in ("username", "skeleton")
            for key, value in await store.scan(space, "")
            if value == found.id.encode()
        ]
        assert {space for space, _, _ in kept} == {"username", "skeleton"}
        log = [
            event
            for room in await store.list_rooms("", 9)
            for event in await store.read(room, 0, 99)
        ]
        await erased(server)
        for space, key, value in kept:
            await store.put(space, key, value)
        after = [
            event
            for room in await store.list_rooms("", 9)
            for event in await store.read(room, 0, 99)
        ]
        await store.replace(list(zip(after, log, strict=False)))
        entry = Entry(user=found.id, at=1.0, mode=Erased.ANONYMISE)
        assert await have_erased_again(store, [entry]) == 1

    work(given, in_the_middle)

    async def nothing(server: Server) -> None:
        """It is at its start that the server does so."""

    work(given, nothing)
    text = work(given, everything)
    assert NAME not in text
    assert "plum" not in text
    assert "quincy" not in text
    assert "hello @deleted" in text


@pytest.mark.parametrize("is_taken", [False, True])
def test_an_account_that_comes_back_without_its_name_goes_again(
    tmp_path: Path, is_taken: bool
) -> None:
    """The name may even be somebody else's by then, who stays."""
    given = settings(tmp_path, "one")
    work(given, lived)

    async def in_the_middle(server: Server) -> None:
        store, accounts = server.store, server.service.accounts
        found = await accounts.named("plum")
        await store.delete("username", "plum")
        if is_taken:
            other, _ = await accounts.register("other", PASSWORD)
            await store.put("username", "plum", other.id.encode())
        entry = Entry(user=found.id, at=1.0, mode=Erased.ANONYMISE)
        assert await have_erased_again(store, [entry]) == 1

    work(given, in_the_middle)
    text = work(given, everything)
    assert NAME not in text
    assert "@plum" not in text

    async def holder(server: Server) -> tuple[str, bool] | None:
        found = await server.service.accounts.by_name("plum")
        return None if found is None else (found.username, found.deleted)

    assert work(given, holder) == (("other", False) if is_taken else None)


def test_the_last_owner_of_a_restored_store_stays(tmp_path: Path) -> None:
    given = settings(tmp_path, "one")
    work(given, lived)

    async def as_a_restore_does(server: Server) -> int:
        user = await server.service.accounts.named("owner")
        return await have_erased_again(
            server.store, [Entry(user=user.id, at=1.0, mode=Erased.ANONYMISE)]
        )

    assert work(given, as_a_restore_does) == 1

    async def role(server: Server) -> str:
        return (await server.service.accounts.named("owner")).role.value

    assert work(given, role) == "owner"


@pytest.mark.parametrize("is_after", [False, True])
def test_no_moment_brings_them_back(tmp_path: Path, is_after: bool) -> None:
    """Neither one before the erasure, nor one after it: increments have what is new, not what was replaced."""
    given = settings(tmp_path, "one")
    work(given, lived)
    command(given, tmp_path, "backup")

    async def shipped(server: Server) -> list[str]:
        config, store = server.config, server.store
        shipper = Shipper(store, shelf_of(config), None, 1.0, Measures())
        moments = []
        try:
            owner = await server.service.accounts.named("owner")
            (name,) = await store.list_rooms("", 10)
            for do in (None, erased):
                if do is not None:
                    await do(server)
                room = await server.service.rooms.get(name)
                said, _ = await server.service.messages.post(owner, room, new_id(), "and on")
                moments.append(said.at)
                await asyncio.sleep(0.005)  # times are in milliseconds
                await shipper.round()
        finally:
            await shipper.end()
        return moments

    before, after = work(given, shipped)
    other = {**given, "server.data": str(tmp_path / "two")}
    at = after if is_after else before
    said = command(other, tmp_path, "restore", str(tmp_path / "backups"), "--at", at)
    assert "erased again" in said
    text = work(other, everything)
    assert NAME not in text
    assert "@plum" not in text
    assert "quincemark" in text


def test_the_ledger_is_copied_to_targets_and_a_restore_from_there_reads_it(tmp_path: Path) -> None:
    target = f"file://{tmp_path / 'target'}"
    (tmp_path / "target").mkdir()
    given = settings(tmp_path, "one", **{"backup.targets": [target]})
    work(given, lived)
    command(given, tmp_path, "backup")
    work(given, erased)
    command(given, tmp_path, "backup", "copy")
    other = {
        **given,
        "server.data": str(tmp_path / "two"),
        "backup.folder": str(tmp_path / "others"),
    }
    assert "erased again" in command(other, tmp_path, "restore", target)
    assert NAME not in work(other, everything)


def test_an_erasure_that_cannot_be_noted_is_noted_later(tmp_path: Path) -> None:
    given = settings(tmp_path, "one")
    work(given, lived)
    blocked = tmp_path / "backups"
    blocked.write_text("this is no folder")

    async def erase(server: Server) -> list[str]:
        await erased(server)
        before = [key for key, _ in await server.store.scan("erasure", "")]
        blocked.unlink()
        await server.service.removal.finish()
        return [*before, *[key for key, _ in await server.store.scan("erasure", "")]]

    before, after = work(given, erase)
    assert before.startswith("due/")
    assert after.startswith("done/")
    assert len(erasures_of(load(overrides=given, environ={}).config).files()) == 1


def test_a_line_that_nobody_with_the_key_wrote_is_refused(tmp_path: Path) -> None:
    key, other = Key(b"1" * 32), Key(b"2" * 32)
    assert opened("a", sealed(ENTRY, key), key) == ENTRY
    assert opened("a", sealed(ENTRY, other), Key(b"1" * 32, [other])) == ENTRY
    for data in (sealed(ENTRY, None), sealed(ENTRY, other), b"{}", b"\xff"):
        with pytest.raises(Corrupted):
            opened("a", data, key)
    forged = json.loads(sealed(ENTRY, key)) | {"user": "u2"}
    with pytest.raises(Corrupted):
        opened("a", json.dumps(forged).encode(), key)
    assert opened("a", sealed(ENTRY, None), None) == ENTRY
    changed = json.loads(sealed(ENTRY, None)) | {"user": "u2"}
    with pytest.raises(Corrupted):
        opened("a", json.dumps(changed).encode(), None)


def test_a_line_is_noted_once_and_says_so_if_it_cannot_be(tmp_path: Path) -> None:
    ledger = ErasureLedger(tmp_path, None)
    ledger.note(ENTRY)
    ledger.note(ENTRY)
    assert list(ledger.files()) == [ENTRY.file]
    assert [each.name for each in (tmp_path / "erasures").iterdir()] == [ENTRY.file]
    (tmp_path / "file").write_text("")
    with pytest.raises(BackupError):
        ErasureLedger(tmp_path / "file", None).note(ENTRY)


def test_of_several_erasures_of_one_account_the_one_that_leaves_least_counts() -> None:
    redacted = Entry(user="u1", at=2.0, mode=Erased.REDACT)
    later = Entry(user="u1", at=3.0, mode=Erased.ANONYMISE)
    other = Entry(user="u2", at=0.0, mode=Erased.ANONYMISE)
    assert newest([later, redacted, ENTRY, other]) == [other, redacted]
