"""The copy of the vault on a target: damage here or there never takes the last good copy of a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.vault import FOLDER, Vault, name_of
from chatserver.copies.targets.guarded import TargetFailed
from chatserver.copies.targets.vaultreading import TargetVault
from chatserver.copies.targets.vaults import VaultCopy
from chatserver.testing.blobs import given
from tests.backup.targets import MemoryTarget
from tests.backup.test_vault import KEY, sha256

CONTENT, OTHER = b"content" * 1000, b"another"
KEYS = pytest.mark.parametrize("key", [KEY, None], ids=["sealed", "plain"])


class Copied:
    """A vault with CONTENT and OTHER, and its copy on a target."""

    def __init__(self, folder: Path, key: Key | None) -> None:
        self.key = key
        self.vault, self.target = Vault(folder, key), MemoryTarget()
        self.copy = VaultCopy(self.target.guarded(), self.vault)

    async def put(self, content: bytes) -> None:
        await self.vault.put(sha256(content), given([content]))

    async def store(self) -> None:
        async for _ in self.copy.steps():
            """The work is in the steps."""

    async def on_target(self, content: bytes) -> bytes:
        vault = TargetVault(self.target.guarded(), self.key)
        return b"".join([part async for part in vault.read(sha256(content))])

    def name(self, content: bytes) -> str:
        return f"{FOLDER}/{name_of(sha256(content), self.key)}"

    def path(self, content: bytes) -> Path:
        return self.vault.folder.parent / self.name(content)

    def damage(self, content: bytes, change: Callable[[bytes], bytes]) -> None:
        self.path(content).write_bytes(change(self.path(content).read_bytes()))


async def copied(folder: Path, key: Key | None = KEY) -> Copied:
    it = Copied(folder, key)
    for content in (CONTENT, OTHER):
        await it.put(content)
    await it.store()
    return it


def flipped(data: bytes) -> bytes:
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]


def truncated(data: bytes) -> bytes:
    return data[:-5]


@KEYS
@pytest.mark.parametrize("change", [flipped, truncated, lambda _: b""])
async def test_a_file_that_is_damaged_here_stays_whole_on_the_target(
    change: Callable[[bytes], bytes], key: Key | None, tmp_path: Path
) -> None:
    it = await copied(tmp_path, key)
    it.damage(CONTENT, change)
    later = b"that came later"
    await it.put(later)
    for _ in range(2):
        with pytest.raises(Corrupted, match=it.name(CONTENT)):
            await it.copy.check()
        it.copy.forget()
        try:
            await it.store()
        except Corrupted as error:
            assert it.name(CONTENT) in str(error)
            assert change is not flipped
        assert await it.on_target(CONTENT) == CONTENT
        assert await it.on_target(later) == later
    assert it.copy.checked == 0.0


async def test_a_damaged_file_is_not_stored_where_it_is_missing(tmp_path: Path) -> None:
    it = await copied(tmp_path)
    it.damage(CONTENT, flipped)
    it.target.objects.clear()
    it.copy.forget()
    with pytest.raises(Corrupted, match=it.name(CONTENT)):
        await it.store()
    assert it.target.objects.keys() == {it.name(OTHER)}


async def test_what_the_target_damaged_is_stored_again(tmp_path: Path) -> None:
    it = await copied(tmp_path)
    it.target.objects[it.name(CONTENT)] = flipped(it.target.objects[it.name(CONTENT)])
    with pytest.raises(TargetFailed, match="it is stored again"):
        await it.copy.check()
    await it.store()
    assert await it.on_target(CONTENT) == CONTENT
    await it.copy.check()
    assert it.copy.checked > 0.0


@KEYS
async def test_what_was_sealed_another_time_is_whole(key: Key | None, tmp_path: Path) -> None:
    it = await copied(tmp_path, key)
    before = it.path(CONTENT).read_bytes()
    it.path(CONTENT).unlink()
    await it.put(CONTENT)
    assert it.path(CONTENT).read_bytes() != before
    await it.store()
    await it.copy.check()
    assert it.copy.checked > 0.0
    planted = Vault(tmp_path / "planted", key)
    await planted.put(sha256(CONTENT), given([CONTENT[::-1]]))
    bad = (planted.folder.parent / it.name(CONTENT)).read_bytes()
    for changed in (bad, flipped(before)):
        it.target.objects[it.name(CONTENT)] = changed
        with pytest.raises(TargetFailed, match="it is stored again"):
            await it.copy.check()
        await it.store()
        assert await it.on_target(CONTENT) == CONTENT


async def test_a_check_that_reads_nothing_is_none(tmp_path: Path) -> None:
    it = await copied(tmp_path)
    whole = it.target.objects.copy()
    it.target.objects.clear()
    it.copy.forget()
    await it.copy.check()
    assert it.copy.checked == 0.0
    it.target.objects = {
        name: flipped(data) for name, data in whole.items() if name == it.name(CONTENT)
    }
    it.copy.forget()
    with pytest.raises(TargetFailed, match="it is stored again"):
        await it.copy.check()
    await it.store()
    it.copy.forget()
    await it.copy.check()
    assert it.copy.checked > 0.0
    empty = VaultCopy(it.target.guarded(), Vault(tmp_path / "empty", KEY))
    await empty.check()
    assert empty.checked > 0.0


async def test_what_vanishes_before_it_is_stored_is_stored_when_it_comes_again(
    tmp_path: Path,
) -> None:
    it = Copied(tmp_path, KEY)
    it.target.lock_days = 10.0
    await it.put(CONTENT)
    await it.put(OTHER)
    first, second = sorted(
        (CONTENT, OTHER), key=lambda each: list(it.vault.files()).index(name_of(sha256(each), KEY))
    )
    steps = it.copy.steps()
    await anext(steps)
    it.path(second).unlink()  # after it was listed
    async for _ in steps:
        """The rest."""
    assert it.target.objects.keys() == {it.name(first)}
    assert it.copy.count == 1
    await it.put(second)
    await it.store()
    assert await it.on_target(second) == second
    assert it.target.locks.keys() == {it.name(first), it.name(second)}


@pytest.mark.parametrize("change", [flipped, truncated])
async def test_what_a_forgotten_key_sealed_is_copied_and_never_stored_over(
    change: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    it = await copied(tmp_path)
    it.copy = VaultCopy(it.target.guarded(), Vault(tmp_path, Key(bytes(32))))
    it.target.objects.pop(it.name(OTHER))
    await it.store()
    assert await it.on_target(OTHER) == OTHER
    it.damage(CONTENT, change)
    errors: list[Any] = []
    for work in (it.copy.check, it.store, it.store):
        try:
            await work()
        except (TargetFailed, Corrupted) as error:
            errors.append(str(error))
    assert any("the key that sealed it is not configured" in each for each in errors)
    assert await it.on_target(CONTENT) == CONTENT
