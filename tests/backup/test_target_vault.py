"""The vault on a target, as a restore reads it: only what is asked for, each checked, on after a failure."""

import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from chatserver import TargetError
from chatserver.blobs.carrying import Damaged
from chatserver.copies.backup.chunks import HEADER_BYTES
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.seal import SALT_BYTES
from chatserver.copies.backup.vault import CHUNK_BYTES, FOLDER, Vault, name_of
from chatserver.copies.targets import vaultreading
from chatserver.copies.targets.guarded import TargetFailed
from chatserver.copies.targets.vaultreading import TargetVault
from chatserver.copies.targets.vaults import VaultCopy
from chatserver.testing.blobs import given
from tests.backup.targets import MemoryTarget
from tests.backup.test_vault import CONTENTS, KEY, NEXT, sha256

LARGE = CONTENTS[-1]


class Breaking(MemoryTarget):
    """Breaks off reads after some bytes; counts what it sent of each object."""

    def __init__(self) -> None:
        super().__init__()
        self.breaks: list[int] = []  # after how many bytes, for each of the next reads
        self.fails = 0  # calls of `size` that fail next
        self.read_names: list[str] = []

    async def size(self, name: str) -> int | None:
        if self.fails:
            self.fails -= 1
            raise TargetError("nobody is there")
        return await super().size(name)

    async def read(self, name: str) -> AsyncIterator[bytes]:
        self.read_names.append(name)
        left = self.breaks.pop(0) if self.breaks else None
        async for piece in super().read(name):
            if left is not None:
                if not left:
                    raise TargetError("the connection was cut")
                piece = piece[:left]
                left -= len(piece)
            yield piece


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vaultreading, "PAUSE_SECONDS", 0.0)


async def copied(folder: Path, key: Key | None) -> Breaking:
    """A target with the files of a vault that has CONTENTS."""
    vault, target = Vault(folder, key), Breaking()
    for content in CONTENTS:
        await vault.put(sha256(content), given([content]))
    async for _ in VaultCopy(target.guarded(), vault).steps():
        """The work is in the steps."""
    return target


async def read(target: MemoryTarget, key: Key | None, content: bytes) -> bytes:
    vault = TargetVault(target.guarded(), key)
    async with aclosing(vault.read(sha256(content))) as parts:
        return b"".join([part async for part in parts])


def place_of(content: bytes, key: Key | None = KEY) -> str:
    return f"{FOLDER}/{name_of(sha256(content), key)}"


@pytest.mark.parametrize("key", [KEY, None], ids=["sealed", "plain"])
async def test_a_content_is_read_from_the_target_alone(key: Key | None, tmp_path: Path) -> None:
    target = await copied(tmp_path, key)
    for content in CONTENTS:
        assert await read(target, key, content) == content
    assert target.read_names == [place_of(content, key) for content in CONTENTS]
    with pytest.raises(Damaged, match="it is not in the backup"):
        await read(target, key, b"another")


async def test_an_older_key_opens_what_it_sealed(tmp_path: Path) -> None:
    target = await copied(tmp_path, KEY)
    assert await read(target, NEXT, LARGE) == LARGE


@pytest.mark.parametrize("key", [KEY, None], ids=["sealed", "plain"])
async def test_each_change_on_the_target_is_found(key: Key | None, tmp_path: Path) -> None:
    target, name = await copied(tmp_path, key), place_of(LARGE, key)
    whole = target.objects[name]
    for at in (0, 20, 30, len(whole) // 2, len(whole) - 1):
        target.objects[name] = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        with pytest.raises(Damaged):
            await read(target, key, LARGE)
    other = target.objects[place_of(b"x", key)]
    for changed in (
        *(whole[:-1], whole + b"x", whole[:CHUNK_BYTES], b"", whole[:10]),
        *(whole + whole[16:], other),
    ):
        target.objects[name] = changed
        with pytest.raises(Damaged):
            await read(target, key, LARGE)


async def test_an_object_without_its_last_frame_is_truncated(tmp_path: Path) -> None:
    target, name = await copied(tmp_path, KEY), place_of(LARGE)
    whole = target.objects[name]
    size = int.from_bytes(whole[SALT_BYTES + 1 : SALT_BYTES + 5], "big")
    target.objects[name] = whole[: SALT_BYTES + HEADER_BYTES + size]
    with pytest.raises(Damaged, match="the file is truncated"):
        await read(target, KEY, LARGE)


async def test_another_content_under_the_name_is_found(tmp_path: Path) -> None:
    target = await copied(tmp_path, KEY)
    await Vault(tmp_path / "other", KEY).put(sha256(LARGE), given([b"another"]))
    target.objects[place_of(LARGE)] = (tmp_path / "other" / place_of(LARGE)).read_bytes()
    with pytest.raises(Damaged, match="does not match its hash"):
        await read(target, KEY, LARGE)


async def test_a_read_that_breaks_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    target = await copied(tmp_path, KEY)
    size = len(target.objects[place_of(LARGE)])
    target.breaks = [0, 5, 1 << 20, (1 << 20) + 1, size - 1, 3, 0]
    target.fails = vaultreading.ATTEMPTS - 1
    assert await read(target, KEY, LARGE) == LARGE
    assert target.breaks == []
    assert len(target.read_names) == 8


async def test_a_target_that_stays_away_is_an_error_and_not_a_lost_file(tmp_path: Path) -> None:
    target = await copied(tmp_path, KEY)
    target.breaks = [100] * vaultreading.ATTEMPTS
    with pytest.raises(TargetFailed, match="the connection was cut"):
        await read(target, KEY, LARGE)
    assert target.breaks == []
    target.fails = vaultreading.ATTEMPTS
    with pytest.raises(TargetFailed, match="nobody is there"):
        await read(target, KEY, LARGE)


async def test_attempts_that_bring_new_bytes_are_not_counted(tmp_path: Path) -> None:
    target = await copied(tmp_path, KEY)
    target.breaks = [os.urandom(1)[0] + 1000 * n for n in range(3 * vaultreading.ATTEMPTS)]
    assert await read(target, KEY, LARGE) == LARGE
