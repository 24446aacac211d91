"""A restore that was interrupted goes on where it was, with the same backup and moment only."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatserver import Store
from chatserver.cluster.installation import epoch
from chatserver.copies.archive import patience
from chatserver.copies.archive.errors import ArchiveError, Corrupted
from chatserver.copies.archive.target import Target
from chatserver.copies.backup.moment import read_moment
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.restore import Filling, restore
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.shipper import Shipper
from chatserver.copies.backup.take import BackupSettings, take
from chatserver.errors import StartupError
from chatserver.runtime.measure import Measures
from chatserver.testing.samples import described, posted
from tests.backup.conftest import KEY, KINDS
from tests.backup.seed import Contents, contents, seed, sent
from tests.backup.writes import Stopped, Writes

Empty = Callable[[str], Any]
SEALED = BackupSettings(part_bytes=1 << 20, key=KEY)
LATER = read_moment("2999-01-01T00:00:00Z")


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little is written at once, and records are looked at in every round."""
    monkeypatch.setattr("chatserver.copies.backup.shipper.SHARE", 1e9)
    monkeypatch.setattr("chatserver.copies.archive.target.BATCH", 500)
    monkeypatch.setattr("chatserver.copies.backup.restore.BATCH", 500)


async def shipped(store: Store, shelf: Shelf) -> Backup:
    """A backup, and beside it what came after it."""
    await seed(store, rooms=2)
    path, _ = await take(store, shelf, SEALED)
    shipper = Shipper(store, shelf, KEY, 1.0, Measures())
    await shipper.round()
    await more(store, 3)
    await store.put("read", "u1/room0", b"9")
    await store.delete("plugin/notes", "")
    await shipper.round()
    await shipper.end()
    return Backup(path, KEY)


async def more(store: Store, number: int) -> None:
    """So many messages in a room, after those that are there."""
    head = (await store.heads(["room0"]))["room0"]
    await store.append(sent("room0", range(head + 1, head + 1 + number)))


async def stopped(backup: Backup, store: Store, number: int) -> None:
    """A restore that ends at this write."""
    with pytest.raises(Stopped):
        await restore(backup, Writes(store, stop_at=number))


@pytest.mark.parametrize("kind", KINDS)
async def test_on_every_store_it_goes_on(kind: str, empty: Empty, shelf: Shelf) -> None:
    async with empty("memory") as store:
        backup = await shipped(store, shelf)
        wanted = await contents(store)
    async with empty(kind) as fresh:
        for number in (5, 6, 20):
            await stopped(backup, fresh, number)
        heads = (await restore(backup, fresh)).heads
        assert await contents(fresh) == wanted
        assert heads == {room: len(log) for room, log in wanted[0].items()}
        await epoch(fresh)


async def test_interrupted_at_any_write_it_goes_on(empty: Empty, shelf: Shelf) -> None:
    async with empty("memory") as store:
        backup = await shipped(store, shelf)
        wanted = await contents(store)
    async with empty("memory") as fresh:
        writes = Writes(fresh)
        await restore(backup, writes)
    for number in range(1, writes.count + 1):
        async with empty("memory") as fresh:
            await stopped(backup, fresh, number)
            begun = await fresh.get("meta", "filling") is not None
            if begun and number < writes.count:
                with pytest.raises(StartupError, match="being filled from the backup"):
                    await epoch(fresh)
            await restore(backup, fresh)
            assert await contents(fresh) == wanted


async def test_changes_shipped_since_are_restored_as_well(empty: Empty, shelf: Shelf) -> None:
    async with empty("memory") as store:
        backup = await shipped(store, shelf)
        async with empty("memory") as fresh:
            await stopped(backup, fresh, 20)
            shipper = Shipper(store, shelf, KEY, 1.0, Measures())
            await more(store, 4)
            await store.put("plugin/notes", "", b"back again")
            await shipper.round()
            await shipper.end()
            await restore(backup, fresh)
            assert await contents(fresh) == await contents(store)


async def test_another_backup_or_moment_does_not_go_on_with_it(empty: Empty, shelf: Shelf) -> None:
    async with empty("memory") as store:
        backup = await shipped(store, shelf)
        path, _ = await take(store, shelf, SEALED)
        other = Backup(path, KEY)
    async with empty("memory") as fresh:
        await stopped(backup, fresh, 6)
        half = await contents(fresh)
        name = backup.manifest.name
        said = (
            rf"being filled from the backup {name} \(\w+\), .*: finish it with `chatserver restore`"
        )
        with pytest.raises(ArchiveError, match=said):
            await restore(other, fresh)
        with pytest.raises(ArchiveError, match=said):
            await restore(backup, fresh, moment=LATER)
        assert await contents(fresh) == half
        await restore(backup, fresh)
        with pytest.raises(
            ArchiveError, match=f"`chatserver restore` filled it from the backup {name}"
        ):
            await restore(other, fresh)
        await epoch(fresh)
        with pytest.raises(ArchiveError, match="a server has used it"):
            await restore(backup, fresh)


async def test_backups_of_one_name_are_told_apart(
    empty: Empty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        found = []
        for name in ("one", "other"):
            path, _ = await take(store, Shelf(tmp_path / name), SEALED)
            path = path.rename(path.with_name("same"))
            found.append(Backup(path, KEY))
    async with empty("memory") as fresh:
        await stopped(found[0], fresh, 5)
        with pytest.raises(ArchiveError, match="being filled from the backup"):
            await restore(found[1], fresh)
        await restore(found[0], fresh)


@pytest.mark.parametrize("room", ["room0", "of somebody else"])
async def test_foreign_writes_during_the_command_are_found(
    room: str, empty: Empty, shelf: Shelf
) -> None:
    async with empty("memory") as store:
        backup = await shipped(store, shelf)
        heads = await store.heads(["room0"])
    async with empty("memory") as fresh:
        await stopped(backup, fresh, 4)
        head = (await fresh.heads([room])).get(room, 0)
        assert head < heads["room0"]
        await fresh.append(sent(room, [head + 1]))
        with pytest.raises(ArchiveError, match=f"room {room}: its log in the store differs"):
            await restore(backup, fresh)
        with pytest.raises(StartupError, match="being filled"):
            await epoch(fresh)


async def test_the_later_of_two_runs_fills_the_store(empty: Empty, shelf: Shelf) -> None:
    async with empty("memory") as store:
        backup = await shipped(store, shelf)
        wanted = await contents(store)
    async with empty("memory") as fresh:
        first = Writes(fresh, pause_at=4)
        earlier = asyncio.create_task(restore(backup, first))
        await first.paused.wait()
        await restore(backup, fresh)
        first.resume.set()
        with pytest.raises(ArchiveError, match="another run of this command has taken over"):
            await earlier
        assert await contents(fresh) == wanted


async def test_writes_that_are_not_answered_are_made_up_for(
    empty: Empty, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "RETRY_SECONDS", 0.0)
    async with empty("memory") as store:
        backup = await shipped(store, shelf)
        wanted: Contents = await contents(store)
    async with empty("memory") as fresh:
        deaf = Writes(fresh, unanswered=3)
        await restore(backup, deaf)
        assert deaf.failed > 5
        assert await contents(fresh) == wanted


async def test_repeated_and_missing_entries_of_a_backup_are_found(empty: Empty) -> None:
    """Also where it is in the store already, as it is after an interruption."""
    async with empty("memory") as store:
        log = [described("r", 1), posted("r", 2), posted("r", 3)]
        await store.append(log)
        for events in (log[:1] * 2, log[::2], log[1:]):
            filling = Filling(Target(store, "backup"), Path("backup"), None)
            with pytest.raises(Corrupted, match=r"backup: room r: event \d is missing"):
                await filling.add_events(events)
        filling = Filling(Target(store, "backup"), Path("backup"), None)
        await filling.add_events(log)
        await filling.add_events(log[1:], again=True)
        assert filling.heads == {"r": 3}
