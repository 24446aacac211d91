"""A backup of any store, restored into any other, is the same installation."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from chatserver.cluster.installation import bus_key, epoch
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.archive.lines import Record
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.restore import restore
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.take import BackupSettings, take
from chatserver.copies.backup.verify import verify
from chatserver.errors import StartupError
from tests.backup.conftest import KEY, KINDS
from tests.backup.seed import PRIVATE, contents, keep_writing, seed

PLAIN = BackupSettings(part_bytes=1 << 20)
SEALED = BackupSettings(part_bytes=1 << 20, key=KEY, configuration="[server]\n")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_restore_brings_back_the_same_contents(
    kind: str, empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty(kind) as store:
        await seed(store)
        first = await epoch(store)
        await bus_key(store)
        path, manifest = await take(store, shelf, SEALED)
        wanted = await contents(store)
    assert manifest.counts.events == sum(map(len, wanted[0].values()))
    backup = Backup(path, KEY)
    assert backup.configuration() == "[server]\n"
    assert not [
        line
        async for lines in backup.lines("records", "late")
        for line in lines
        if isinstance(line, Record) and line.space in ("meta", "changed")
    ]
    async with empty("memory") as scratch:
        await verify(backup, scratch)
    async with empty(kind) as fresh:
        await restore(backup, fresh)
        logs, records = await contents(fresh)
        assert logs == wanted[0]
        assert records == wanted[1]
        assert await fresh.get(*PRIVATE) is None
        assert await fresh.get("plugin/password", "session/u1/secret") is None
        assert await epoch(fresh) != first


async def test_each_room_is_copied_up_to_some_event_while_others_write(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("sqlite") as store:
        await seed(store, rooms=20, messages=10)
        writing = asyncio.create_task(keep_writing(store))
        backups = [await take(store, shelf, PLAIN) for _ in range(3)]
        writing.cancel()
        logs, _ = await contents(store)
    assert backups[0][1].counts.events < sum(map(len, logs.values())), "nobody wrote meanwhile"
    for path, _ in backups:
        async with empty("memory") as scratch:
            await verify(Backup(path, None), scratch)
            found, records = await contents(scratch)
            for room, events in found.items():
                assert events == logs[room][: len(events)]
            for (space, key), value in records.items():
                if space == "read":
                    assert int(value) <= len(found[key.partition("/")[2]])
            users = {key for space, key in records if space == "user"}
            authors = {event.author.id for events in found.values() for event in events}
            assert authors <= users


async def test_an_installation_that_is_not_empty_is_left_alone(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store, empty("memory") as other:
        await seed(store)
        path, _ = await take(store, shelf, PLAIN)
        await other.put("user", "u9", b"{}")
        with pytest.raises(ArchiveError, match="not empty: it has records"):
            await restore(Backup(path, None), other)
        assert await contents(other) == ({}, {("user", "u9"): b"{}"})


async def test_no_server_starts_on_a_restore_that_was_interrupted(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store, empty("memory") as other:
        await seed(store)
        path, manifest = await take(store, shelf, PLAIN)

        def interrupt(done: int, of: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await restore(Backup(path, None), other, interrupt)
        said = f"from the backup {manifest.name} .*: finish it with `chatserver restore`"
        with pytest.raises(StartupError, match=said):
            await epoch(other)


async def test_a_marker_that_points_further_than_its_room_is_drawn_back(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store, empty("memory") as other:
        await seed(store)
        await store.put("read", "u3/room1", b"999999")
        await store.put("read", "u3/gone", b"5")
        path, _ = await take(store, shelf, PLAIN)
        await restore(Backup(path, None), other)
        assert await other.get("read", "u3/room1") == b"32"
        assert await other.get("read", "u3/gone") is None
