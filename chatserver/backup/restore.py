"""Filling an empty store from a backup."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from chatserver import installation
from chatserver.backup.errors import BackupError, Corrupted
from chatserver.backup.lines import Line, Record, Until
from chatserver.backup.moment import Moment
from chatserver.backup.passing import is_passing
from chatserver.backup.reading import Backup
from chatserver.backup.take import EVENTS, LATE, RECORDS, Progress, silent
from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Store
from chatserver.model import AnyEvent, Event
from chatserver.service.rooms import MARKERS

BATCH = 2000  # events in one write
WRITES = 200  # of records, at the same time
TRIES = 5
RETRY_SECONDS = 0.5

Heads = dict[str, int]


class Restored(NamedTuple):
    """What was read: the head of each room, and how many records."""

    heads: Heads
    records: int


async def demand_empty(store: Store) -> None:
    """Raises `BackupError` where anything is kept that a restore would be mixed with."""
    spaces = set(await store.spaces()) - {installation.META}
    if spaces or await store.list_rooms("", 1):
        raise BackupError("the installation is not empty: a backup is restored into an empty one")


async def restore(
    backup: Backup, store: Store, progress: Progress = silent, moment: Moment | None = None
) -> Restored:
    """Fill the store, which no server may use meanwhile, with all that is there up to a moment.

    Until it is done no server starts on it, and then with a new epoch and without sessions.
    Raises `BackupError`, and `Corrupted` where the backup is broken.
    """
    await demand_empty(store)
    await installation.begin_filling(store, backup.manifest.name)
    filling = Filling(store, backup.folder, moment)
    total = backup.manifest.counts.events
    async for lines in backup.lines(EVENTS):
        await filling.add_events(lines)
        progress(sum(filling.heads.values()), total)
    async for lines in backup.increments():
        await filling.add_events(_events(lines), again=True)
    await filling.flush()
    records = 0
    async for lines in backup.lines(RECORDS, LATE):
        records += len(lines)
        await filling.add_records(lines)
    async for lines in backup.increments():
        await filling.add_records(lines)
        if moment and any(_covers(line, moment) for line in lines):
            break
    await installation.end_filling(store)
    return Restored(filling.heads, records)


class Filling:
    """A store that is being filled, and how far each room has come."""

    def __init__(self, store: Store, source: Path, moment: Moment | None) -> None:
        self.heads: Heads = {}
        self._store, self._source, self._moment = store, source, moment
        self._ended: set[str] = set()  # rooms that have an event of after the moment
        self._batch: list[AnyEvent] = []

    async def add_events(self, lines: Sequence[Line], *, again: bool = False) -> None:
        """Raises `Corrupted` where one is missing, or there a second time unless it may be."""
        for event in lines:
            if not isinstance(event, Event):
                raise Corrupted(f"{self._source}: there is something else among the events")
            if not self._is_wanted(event):
                continue
            head = self.heads.get(event.room, 0)
            if again and event.seq <= head:
                continue
            if event.seq != head + 1:
                raise Corrupted(f"{self._source}: room {event.room}: event {head + 1} is missing")
            self.heads[event.room] = event.seq
            self._batch.append(event)
            if len(self._batch) == BATCH:
                await self.flush()

    async def flush(self) -> None:
        """Write what waits."""
        batch, self._batch = self._batch, []
        if batch:
            await _append(self._store, batch)

    async def add_records(self, lines: Sequence[Line]) -> None:
        """Those among the lines; all events have to be there."""
        records = [line for line in lines if isinstance(line, Record)]
        wanted = [each for record in records if (each := _restored(record, self.heads))]
        for start in range(0, len(wanted), WRITES):
            some = wanted[start : start + WRITES]
            await asyncio.gather(*(_put(self._store, record) for record in some))

    def _is_wanted(self, event: AnyEvent) -> bool:
        """Nothing of a room follows its first event of after the moment: logs have no holes."""
        if self._moment is None:
            return True
        if event.at > self._moment.last:
            self._ended.add(event.room)
        return event.room not in self._ended


def _events(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if isinstance(line, Event)]


def _covers(line: Line, moment: Moment) -> bool:
    """Are the records that came so far those of the moment, or of soon after?"""
    return isinstance(line, Until) and line.records and line.at >= moment.last


async def _append(store: Store, events: Sequence[AnyEvent]) -> None:
    """Surely, also where it is not known whether a write has happened: nobody else writes."""
    for attempt in range(TRIES):
        try:
            if attempt:
                heads = await store.heads(list({event.room for event in events}))
                events = [event for event in events if event.seq > heads.get(event.room, 0)]
            stored, conflict = await store.append(events)
        except StoreUnavailable:
            if attempt == TRIES - 1:
                raise
            await asyncio.sleep(RETRY_SECONDS)
            continue
        if conflict is not None:
            refused = events[stored]
            raise BackupError(
                f"room {refused.room}: event {refused.seq} was refused: its {conflict.value} is taken"
            )
        return


async def _put(store: Store, record: Record) -> None:
    """Doing it twice changes nothing, so it is tried again."""
    for attempt in range(TRIES):
        try:
            if record.value is None:
                await store.delete(record.space, record.key)
            else:
                await store.put(record.space, record.key, record.value)
            return
        except StoreUnavailable:
            if attempt == TRIES - 1:
                raise
        await asyncio.sleep(RETRY_SECONDS)


def _restored(record: Record, heads: Heads) -> Record | None:
    """The record as it may stand: a marker points no further than its room reaches."""
    if is_passing(record.space, record.key):
        return None
    if record.space != MARKERS or record.value is None:
        return record
    head = heads.get(record.key.partition("/")[2], 0)
    if not head:
        return Record(record.space, record.key)
    return Record(record.space, record.key, str(min(int(record.value), head)).encode())
