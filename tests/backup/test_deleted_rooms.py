"""A deleted room stays deleted, and empty, in archives and after moves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from chatserver import RoomChanged, RoomKind, Store
from chatserver.cluster.installation import epoch
from chatserver.copies.archive.exporting import export
from chatserver.copies.archive.importing import import_archive
from chatserver.copies.archive.moving import move
from chatserver.testing.samples import AT, user
from tests.backup.seed import contents, seed, shown

Empty = Callable[[str], Any]


async def deleted(store: Store) -> None:
    """An installation in which a room is deleted."""
    await seed(store)
    await epoch(store)
    head = (await store.heads(["room0"]))["room0"]
    gone = RoomChanged(
        room="room0",
        seq=head + 1,
        at=AT,
        author=user(),
        name=None,
        kind=RoomKind.PRIVATE,
        archived=True,
        deleted=True,
    )
    await store.append([gone])
    await store.clear("room0", range(1, head + 2))


async def test_an_archive_brings_it_back_as_a_deleted_one(empty: Empty, tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    async with empty("memory") as store:
        await deleted(store)
        await export(store, path)
        wanted = shown(await contents(store))
    async with empty("sqlite") as fresh:
        await import_archive(path, fresh)
        assert await contents(fresh) == wanted
        assert (await fresh.rooms(["room0"]))["room0"].deleted


async def test_a_move_takes_it_along_as_a_deleted_one(empty: Empty) -> None:
    async with empty("sqlite") as store, empty("memory") as fresh:
        await deleted(store)
        await move(store, fresh)
        log = await fresh.read("room0", 0, 2000)
        assert log == await store.read("room0", 0, 2000)
        assert (await fresh.rooms(["room0"]))["room0"].deleted
        assert not any(getattr(each, "body", "") for each in log)
