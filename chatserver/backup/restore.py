"""Filling an empty store from a backup."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from chatserver import installation
from chatserver.backup.errors import BackupError, Corrupted
from chatserver.backup.lines import Line, Record
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


async def restore(backup: Backup, store: Store, progress: Progress = silent) -> Restored:
    """Fill the store, which no server may use meanwhile.

    Until it is done no server starts on it, and then with a new epoch and without sessions.
    Raises `BackupError`, and `Corrupted` where the backup is broken.
    """
    await demand_empty(store)
    await installation.begin_filling(store, backup.manifest.name)
    heads: Heads = {}
    total = backup.manifest.counts.events
    async for batch in _batches(backup.lines(EVENTS), heads):
        await _append(store, batch)
        progress(sum(heads.values()), total)
    records = 0
    async for lines in backup.lines(RECORDS, LATE):
        records += len(lines)
        await _write(store, [each for each in lines if isinstance(each, Record)], heads)
    await installation.end_filling(store)
    return Restored(heads, records)


async def _batches(
    pieces: AsyncIterator[list[Line]], heads: Heads
) -> AsyncIterator[list[AnyEvent]]:
    """The events in batches; `heads` follows them. Raises `Corrupted` where one is missing."""
    batch: list[AnyEvent] = []
    async for lines in pieces:
        for event in lines:
            if not isinstance(event, Event):
                raise Corrupted("there is something else among the events")
            if event.seq != heads.get(event.room, 0) + 1:
                raise Corrupted(f"room {event.room}: event {event.seq - 1} is missing")
            heads[event.room] = event.seq
            batch.append(event)
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


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


async def _write(store: Store, records: Sequence[Record], heads: Heads) -> None:
    wanted = [each for record in records if (each := _restored(record, heads)) is not None]
    for start in range(0, len(wanted), WRITES):
        some = wanted[start : start + WRITES]
        await asyncio.gather(*(_put(store, record) for record in some))


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
    if record.space == installation.META or is_passing(record.space, record.key):
        return None
    if record.space != MARKERS or record.value is None:
        return record
    head = heads.get(record.key.partition("/")[2], 0)
    if not head:
        return None
    return Record(record.space, record.key, str(min(int(record.value), head)).encode())
