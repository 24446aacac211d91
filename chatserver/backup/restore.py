"""Filling an empty store from a backup."""

import secrets
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import NamedTuple

from chatserver.archive import claims
from chatserver.archive.claims import Origin
from chatserver.archive.digests import Progress, silent
from chatserver.archive.errors import Corrupted
from chatserver.archive.lines import Line, Record, Until
from chatserver.archive.passing import is_passing
from chatserver.archive.patience import patiently
from chatserver.archive.target import BATCH, Heads, Target
from chatserver.backup.moment import Moment
from chatserver.backup.reading import Backup
from chatserver.backup.take import EVENTS, LATE, RECORDS
from chatserver.installation import RESTORE
from chatserver.interfaces import Store
from chatserver.model import AnyEvent, Event
from chatserver.service.markers import MARKERS


class Restored(NamedTuple):
    """What was read: the head of each room, and how many records."""

    heads: Heads
    records: int


async def restore(
    backup: Backup, store: Store, progress: Progress = silent, moment: Moment | None = None
) -> Restored:
    """Fill the store, which no server may use meanwhile, with all that is there up to a moment.

    Until it is done no server starts on it, and then with a new epoch and without sessions.
    Raises `ArchiveError`, and `Corrupted` where the backup is broken.
    """
    await patiently(lambda: claims.demand_empty(store))
    origin = Origin(RESTORE, backup.manifest.name)
    claim = await patiently(lambda: claims.claim(store, origin))
    check = partial(patiently, partial(claims.check, store, claim))
    filling = Filling(Target(store, str(backup.folder), check), backup.folder, moment)
    total = backup.manifest.counts.events
    async for lines in backup.lines(EVENTS):
        await filling.add_events(lines)
        progress(sum(filling.heads.values()), total)
    await filling.flush()
    async for lines in backup.increments():
        await filling.add_events(_events(lines), again=True)
    await filling.flush(again=True)
    records = 0
    async for lines in backup.lines(RECORDS, LATE):
        records += len(lines)
        await filling.add_records(lines)
    async with aclosing(backup.increments()) as frames:
        async for lines in frames:
            await filling.add_records(lines)
            if moment and any(_covers(line, moment) for line in lines):
                break
    epoch = secrets.token_hex(8)
    await patiently(lambda: claims.complete(store, claim, epoch))
    return Restored(filling.heads, records)


class Filling:
    """A store that is being filled with what is of a time up to a moment."""

    def __init__(self, target: Target, source: Path, moment: Moment | None) -> None:
        self._target, self._source, self._moment = target, source, moment
        self._ended: set[str] = set()  # rooms that have an event of after the moment
        self._waiting: list[AnyEvent] = []

    @property
    def heads(self) -> Heads:
        """How far each room has come."""
        return self._target.heads

    async def add_events(self, lines: Sequence[Line], *, again: bool = False) -> None:
        """Raises `Corrupted` where one is missing, or there a second time unless it may be."""
        events = [line for line in lines if isinstance(line, Event)]
        if len(events) < len(lines):
            raise Corrupted(f"{self._source}: there is something else among the events")
        self._waiting += [event for event in events if self._is_wanted(event)]
        if len(self._waiting) >= BATCH:
            await self.flush(again=again)

    async def flush(self, *, again: bool = False) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        await self._target.append(waiting, again=again)

    async def add_records(self, lines: Sequence[Line]) -> None:
        """Those among the lines; all events have to be there."""
        records = [line for line in lines if isinstance(line, Record)]
        wanted = [each for record in records if (each := _restored(record, self.heads))]
        await self._target.put(wanted)

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
