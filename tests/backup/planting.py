"""Backups of one store to break, and helpers to break them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from chatserver import Store
from chatserver.copies.backup import manifest as manifests
from chatserver.copies.backup.increments import files
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.manifest import FILE, peek
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.shipper import Shipper
from chatserver.copies.backup.take import BackupSettings, take
from chatserver.runtime.measure import Measures
from tests.backup.seed import seed, sent

PART_BYTES = 600  # so that there are many parts


class Three(NamedTuple):
    """A backup to break, the one before it and the one after it, of the same store."""

    this: Path
    older: Path
    newer: Path
    key: Key | None


Way = Callable[[Three], None]


async def three(store: Store, shelf: Shelf, key: Key | None) -> Three:
    """Each backup has three files of increments."""
    await seed(store, rooms=2, messages=3)
    paths = []
    for _ in range(3):
        path, _ = await take(store, shelf, BackupSettings(part_bytes=PART_BYTES, key=key))
        paths.append(path)
        for number in range(3):
            shipper = Shipper(store, shelf, key, 1.0, Measures())
            for _ in range(3):
                head = (await store.heads(["room1"]))["room1"]
                await store.append(sent("room1", [head + 1]))
                await store.put("plugin/notes", "count", str(head).encode())
                await shipper.round()
            await shipper.end()
            assert len(files(path)) == number + 1
    return Three(paths[1], paths[0], paths[2], key)


def parts(path: Path, stream: str = "*") -> list[Path]:
    return sorted(path.glob(f"{stream}-0*"))


def swapped(one: Path, other: Path) -> None:
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)


def taken_over(name: str, of: Three, other: Path) -> None:
    shutil.copy(other / name, of.this / name)


def changed(struct: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(struct, **changes)


def rewritten(path: Path, by: Key | None = None, **changes: Any) -> None:
    """With a checksum that fits this key."""
    found = changed(peek(path), **changes)
    (path / FILE).unlink()
    manifests.write_manifest(path, found, by)
