"""After a move both stores are the same, through any interruption."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec
import pytest

from chatserver import AnyEvent, Appended, Store
from chatserver.cluster.installation import bus_key, epoch
from chatserver.copies.archive import moving, patience, source
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.archive.moving import NotStill, move
from chatserver.copies.archive.transient import is_of_nodes
from chatserver.errors import StartupError
from chatserver.testing.samples import posted
from tests.backup.seed import PRIVATE, seed, sent
from tests.backup.writes import WRITES, Stopped, Writes

Empty = Callable[[str], Any]
SESSION = ("plugin/password", "session/u1/secret")
ROUND = ("sqlite", "postgres", "mongo", "memory", "sqlite")


class ReadOnly:
    """A source, which is never written to."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        assert name not in WRITES
        return getattr(self._store, name)


class Busy(ReadOnly):
    """A source that gets a new event at the beginning of each of so many passes."""

    def __init__(self, store: Store, times: int) -> None:
        super().__init__(store)
        self._left = times

    async def spaces(self) -> list[str]:
        if self._left:
            self._left -= 1
            await self._store.put("read", "u1/room0", str(self._left).encode())
            await more(self._store, "room0")
        return await self._store.spaces()


async def more(store: Store, room: str) -> None:
    head = (await store.heads([room])).get(room, 0)
    await store.append(sent(room, [head + 1]))


async def everything(store: Store) -> tuple[dict[str, Any], dict[tuple[str, str], bytes | None]]:
    """The contents that a move copies, including sessions."""
    ends = await source.positions(store)
    logs = await asyncio.gather(*(store.read(room, 0, ends[room]) for room in ends))
    records = {
        (space, record.key): record.value
        for space in await store.spaces()
        async for page in source.records_of(store, space, is_of_nodes)
        for record in page
    }
    return dict(zip(ends, logs, strict=True)), records


async def seeded(store: Store) -> str:
    """The epoch."""
    await seed(store)
    return await epoch(store)


@pytest.mark.parametrize("kind", [ROUND], ids=["round"])
async def test_round_all_stores_it_stays_the_same(kind: tuple[str, ...], empty: Empty) -> None:
    async with empty(kind[0]) as first:
        started = await seeded(first)
        await bus_key(first)
        await first.put("lease", "job/backup", b"{}")
        wanted = await everything(first)
        assert SESSION in wanted[1]
        await moved_on(first, kind[1:], empty, started, wanted)


async def moved_on(
    origin: Store, kinds: tuple[str, ...], empty: Empty, started: str, wanted: Any
) -> None:
    """To the first of the kinds, and from there to the next."""
    if not kinds:
        return
    async with empty(kinds[0]) as target:
        moved = await move(ReadOnly(origin), target)
        assert (moved.rooms, moved.new_records) == (len(wanted[0]), len(wanted[1]))
        assert moved.events == moved.new_events == sum(map(len, wanted[0].values()))
        assert await everything(target) == wanted
        assert await target.get(*PRIVATE) is None
        assert await target.get("lease", "job/backup") is None
        assert await epoch(target) == started, "clients go on where they were"
        assert await bus_key(target) != await bus_key(origin)
        await moved_on(target, kinds[1:], empty, started, wanted)


async def test_interrupted_at_any_write_it_goes_on(
    empty: Empty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatserver.copies.archive.target.BATCH", 500)
    async with empty("memory") as origin:
        await seeded(origin)
        wanted = await everything(origin)
        async with empty("memory") as store:
            writes = Writes(store)
            await move(ReadOnly(origin), writes)
        for number in range(1, writes.count + 1):
            async with empty("memory") as store:
                with pytest.raises(Stopped):
                    await move(ReadOnly(origin), Writes(store, stop_at=number))
                begun = await store.get("meta", "filling") is not None
                if begun and number < writes.count:
                    with pytest.raises(StartupError, match="being filled from the installation"):
                        await epoch(store)
                await move(ReadOnly(origin), store)
                assert await everything(store) == wanted


async def test_neither_writes_nor_reads_need_be_answered(
    empty: Empty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr("chatserver.copies.archive.target.BATCH", 100)
    async with empty("memory") as origin, empty("memory") as store:
        await seeded(origin)
        deaf = Writes(store, unanswered=3)
        await move(Writes(origin, unanswered=3, calls=("heads", "read", "ranges", "scan")), deaf)
        assert deaf.failed > 10
        assert await everything(store) == await everything(origin)


async def test_the_side_that_stays_away_is_named_and_that_it_is_waited_for(
    empty: Empty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.05)
    said: list[str] = []
    monkeypatch.setattr(patience, "complain", lambda error: said.append(patience.reason(error)))
    async with empty("memory") as origin, empty("memory") as store:
        await seeded(origin)
        with pytest.raises(ArchiveError, match="the source does not answer: The store"):
            await move(Writes(origin, unanswered=1, calls=("heads",)), store)
        assert len(said) == 1, "once, however often it was tried"
        with pytest.raises(ArchiveError, match="the target does not answer: The store"):
            await move(origin, Writes(store, unanswered=1, calls=("list_rooms",)))
        assert len(said) == 2


async def test_events_written_meanwhile_are_moved_by_a_later_pass(empty: Empty) -> None:
    async with empty("memory") as origin, empty("memory") as store:
        await seeded(origin)
        await move(Busy(origin, moving.PASSES - 2), store)
        assert await everything(store) == await everything(origin)


async def test_a_source_that_is_never_still_is_finished_by_another_run(empty: Empty) -> None:
    async with empty("memory") as origin, empty("memory") as store:
        await seeded(origin)
        with pytest.raises(NotStill, match="stop its servers and run this again"):
            await move(Busy(origin, 1000), store)
        with pytest.raises(StartupError, match="being filled"):
            await epoch(store)
        await move(origin, store)
        assert await everything(store) == await everything(origin)


async def test_a_second_run_moves_new_changed_and_deleted_values(empty: Empty) -> None:
    async with empty("memory") as origin, empty("memory") as store:
        started = await seeded(origin)
        await move(origin, store)
        await more(origin, "room0")
        await more(origin, "a new room")
        await origin.put("read", "u1/room0", b"9")
        await origin.put("plugin/new", "key", b"value")
        await origin.delete(*SESSION)
        await origin.delete("plugin/notes", "")
        moved = await move(origin, store)
        assert (moved.new_events, moved.new_records) == (2, 4)
        assert await everything(store) == await everything(origin)
        assert await epoch(store) == started


async def test_a_target_that_was_used_is_left_alone(empty: Empty) -> None:
    async with empty("memory") as origin, empty("memory") as other, empty("memory") as store:
        await seeded(origin)
        await seeded(other)
        there = await everything(other)
        with pytest.raises(ArchiveError, match="not empty: it has rooms, records, an epoch"):
            await move(origin, other)
        assert await everything(other) == there
        await move(origin, store)
        with pytest.raises(ArchiveError, match="`chatserver move` filled it from the installation"):
            await move(other, store)
        await epoch(store)
        with pytest.raises(ArchiveError, match="a server has used it"):
            await move(origin, store)


async def test_an_invalid_source_is_refused(empty: Empty) -> None:
    async with empty("memory") as origin, empty("memory") as store:
        with pytest.raises(ArchiveError, match="no server has used this store yet"):
            await move(origin, store)
        await seeded(origin)
        with pytest.raises(ArchiveError, match="source and target are the same installation"):
            await move(origin, origin)
        with pytest.raises(Stopped):
            await move(origin, Writes(store, stop_at=5))
        with pytest.raises(ArchiveError, match="the store is incomplete"):
            await move(store, origin)


async def test_foreign_writes_to_the_target_are_found(empty: Empty) -> None:
    async with empty("memory") as origin, empty("memory") as store:
        await seeded(origin)
        paused = Writes(store, pause_at=8)
        running = asyncio.create_task(move(origin, paused))
        await paused.paused.wait()
        await store.append(sent("of somebody else", [1]))
        paused.resume.set()
        with pytest.raises(ArchiveError, match="the source does not have event 1 of the target"):
            await running
        with pytest.raises(StartupError, match="being filled"):
            await epoch(store)


async def test_two_logs_of_the_same_length_need_not_be_the_same(empty: Empty) -> None:
    async with empty("memory") as origin, empty("memory") as store:
        await seeded(origin)
        with pytest.raises(ArchiveError, match="room room0: its log in the target differs"):
            await move(origin, Careless(store))
        with pytest.raises(StartupError, match="being filled"):
            await epoch(store)


@pytest.mark.parametrize("kind", ["mongo"])
async def test_a_value_that_the_target_cannot_hold_is_named(kind: str, empty: Empty) -> None:
    async with empty("memory") as origin:
        await seeded(origin)
        await origin.put("plugin/notes", "large", bytes(17_000_000))
        async with empty(kind) as store:
            said = "space plugin/notes: a record of 17,000,000 bytes: the store refuses to write this: "
            with pytest.raises(ArchiveError, match=said):
                await move(origin, store)
        await origin.delete("plugin/notes", "large")
        await origin.append([posted("large", 1), posted("large", 2, body="x" * 17_000_000)])
        async with empty(kind) as store:
            with pytest.raises(ArchiveError, match=r"room .*: the store refuses to write this: "):
                await move(origin, store)


class Careless:
    """A target that changes one event when it stores it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        return await self._store.append([self._kept(event) for event in events], erasing)

    def _kept(self, event: AnyEvent) -> AnyEvent:
        if (event.room, event.seq) != ("room0", 5):
            return event
        return msgspec.structs.replace(event, at="2026-01-02T03:04:05.679Z")
