"""Filling an empty store from a backup.

How far that has come is kept nowhere but in the store itself: what was interrupted goes over the
whole backup again, and writes the events that are not there yet, and all records.
"""

import secrets
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import NamedTuple

from chatserver.archive import claims, source
from chatserver.archive.claims import Origin
from chatserver.archive.digests import Progress, silent
from chatserver.archive.errors import ArchiveError, Corrupted
from chatserver.archive.lines import Line, Record, Until, is_marker
from chatserver.archive.passing import is_passing
from chatserver.archive.patience import Patient, patiently
from chatserver.archive.target import BATCH, Heads, Target
from chatserver.backup.comparing import differing, ends_of
from chatserver.backup.moment import Moment
from chatserver.backup.reading import Backup
from chatserver.backup.take import EVENTS, LATE, RECORDS
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

    Until it is done no server starts on it, and then with a new epoch and without sessions. What was
    interrupted goes on when it is called again with the same backup and moment; the logs are then
    compared with the backup's in the end. Raises `ArchiveError`, and `Corrupted` where the backup
    is broken.
    """
    begun = await patiently(lambda: claims.is_claimed(store))
    claim = await patiently(lambda: claims.claim(store, _origin(backup, moment)))
    check = partial(patiently, partial(claims.check, store, claim))
    filling = Filling(Target(store, str(backup.folder), check), backup.folder, moment)
    await _fill_logs(backup, filling, progress)
    if begun:
        await _demand_same(backup, store, filling.heads)
    records = await _fill_records(backup, filling, moment)
    epoch = secrets.token_hex(8)
    await patiently(lambda: claims.complete(store, claim, epoch))
    return Restored(filling.heads, records)


def _origin(backup: Backup, moment: Moment | None) -> Origin:
    """Only the same makes a half of it whole: of another moment it would have other events."""
    manifest = backup.manifest
    until = f" as of {moment.last}" if moment else ""
    return Origin("restore", f"the backup {manifest.name} ({manifest.id}){until}")


async def _fill_logs(backup: Backup, filling: "Filling", progress: Progress) -> None:
    total = backup.manifest.counts.events
    async for lines in backup.lines(EVENTS):
        await filling.add_events(lines)
        progress(sum(filling.heads.values()), total)
    async for lines in backup.increments():
        await filling.add_events(_events(lines), again=True)
    await filling.flush()


async def _fill_records(backup: Backup, filling: "Filling", moment: Moment | None) -> int:
    """Returns how many the backup itself has."""
    records = 0
    async for lines in backup.lines(RECORDS, LATE):
        records += len(lines)
        await filling.add_records(lines)
    async with aclosing(backup.increments()) as frames:
        async for lines in frames:
            await filling.add_records(lines)
            if moment and any(_covers(line, moment) for line in lines):
                break
    return records


async def _demand_same(backup: Backup, store: Store, heads: Heads) -> None:
    """Raises `ArchiveError` where what was there already is not of this backup."""
    there = Patient(store)
    found = await source.positions(there)
    for room in found.keys() | heads.keys():
        if found.get(room) != heads.get(room):
            raise _is_another(room)
    ends = await ends_of(backup)
    whole = [end for end in ends.values() if heads.get(end.room, 0) >= end.seq]
    for room in await differing(there, whole):
        raise _is_another(room)


def _is_another(room: str) -> ArchiveError:
    return ArchiveError(
        f"room {room}: its log in the store is another one: somebody else wrote there: begin again "
        "with an empty store"
    )


class Filling:
    """A store that is being filled with what is of a time up to a moment."""

    def __init__(self, target: Target, name: Path, moment: Moment | None) -> None:
        self.heads: Heads = {}  # how far each room was read
        self._target, self._name, self._moment = target, name, moment
        self._ended: set[str] = set()  # rooms that have an event of after the moment
        self._waiting: list[AnyEvent] = []

    async def add_events(self, lines: Sequence[Line], *, again: bool = False) -> None:
        """Raises `Corrupted` where one is missing, or comes a second time unless it may be `again`."""
        events = [line for line in lines if isinstance(line, Event)]
        if len(events) < len(lines):
            raise Corrupted(f"{self._name}: there is something else among the events")
        for event in events:
            if self._is_wanted(event):
                self._add(event, again)
        if len(self._waiting) >= BATCH:
            await self.flush()

    def _add(self, event: AnyEvent, again: bool) -> None:
        head = self.heads.get(event.room, 0)
        if event.seq <= head and again:
            return
        if event.seq != head + 1:
            raise Corrupted(f"{self._name}: room {event.room}: event {head + 1} is missing")
        self.heads[event.room] = event.seq
        self._waiting.append(event)

    async def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        await self._target.append(waiting)

    async def add_records(self, lines: Sequence[Line]) -> None:
        """Those among the lines; all events have to be there."""
        records = [line for line in lines if isinstance(line, Record)]
        for record in records:
            if record.space == MARKERS and not is_marker(record):
                raise Corrupted(f"{self._name}: space {MARKERS}: expected the number of an event")
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
