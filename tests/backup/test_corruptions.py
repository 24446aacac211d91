"""A hundred backups, each broken in one way: every one is found, and none is restored as if whole."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatserver.copies.archive.errors import ArchiveError, Corrupted
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.take import BackupSettings, take
from chatserver.copies.backup.verify import verify
from tests.backup.conftest import KEY
from tests.backup.seed import seed

PART_BYTES = 600  # so that there are many parts


def flip(folder: Path, chance: random.Random) -> None:
    """One bit of one byte."""
    path = chance.choice(sorted(folder.iterdir()))
    data = bytearray(path.read_bytes())
    place = chance.randrange(len(data))
    data[place] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def cut(folder: Path, chance: random.Random) -> None:
    """The end of a file is gone."""
    path = chance.choice(sorted(folder.iterdir()))
    data = path.read_bytes()
    path.write_bytes(data[: chance.randrange(len(data))])


def lose(folder: Path, chance: random.Random) -> None:
    """A file is gone."""
    chance.choice(sorted(folder.iterdir())).unlink()


def swap(folder: Path, chance: random.Random) -> None:
    """Two parts have each other's names."""
    one, other = chance.sample(sorted(folder.glob("*-*")), 2)
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)


def grow(folder: Path, chance: random.Random) -> None:
    """Something follows the end of a file."""
    path = chance.choice(sorted(folder.iterdir()))
    path.write_bytes(path.read_bytes() + chance.randbytes(chance.randrange(1, 50)))


WAYS = (flip, cut, lose, swap, grow)


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_a_hundred_corruptions_are_all_found(
    key: Key | None, empty: Callable[[str], Any], shelf: Shelf, tmp_path: Path
) -> None:
    async with empty("memory") as store:
        await seed(store, rooms=2, messages=5)
        whole, manifest = await take(store, shelf, BackupSettings(part_bytes=PART_BYTES, key=key))
    assert len(manifest.streams["events"]) > 5
    missed = []
    for number in range(100):
        chance = random.Random(number)
        broken = tmp_path / "broken"
        shutil.copytree(whole, broken)
        way = WAYS[number % len(WAYS)]
        way(broken, chance)
        try:
            async with empty("memory") as scratch:
                await verify(Backup(broken, key), scratch)
            missed.append((number, way.__name__))
        except ArchiveError as error:
            assert str(broken) in str(error), "the file is named"
        shutil.rmtree(broken)
    assert not missed
    async with empty("memory") as scratch:
        await verify(Backup(whole, key), scratch)  # and what is whole is not called broken


@pytest.mark.parametrize("stream", ["events", "records"])
async def test_a_part_of_another_backup_is_found_though_every_checksum_fits(
    stream: str, empty: Callable[[str], Any], shelf: Shelf
) -> None:
    """An attacker with write access can forge a manifest without the key, but cannot open sealed parts."""
    async with empty("memory") as store:
        await seed(store, rooms=2, messages=5)
        settings = BackupSettings(part_bytes=1 << 20, key=KEY)
        first, _ = await take(store, shelf, settings)
        second, manifest = await take(store, shelf, settings)
    name = manifest.streams[stream][0].name
    shutil.copy(first / name, second / name)
    backup = Backup(second, KEY)
    with pytest.raises(Corrupted, match="does not match the key"):
        async for _ in backup.lines(stream):
            pass
