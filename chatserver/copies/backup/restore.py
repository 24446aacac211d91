"""Fills an empty store from a backup.

Progress is kept only in the store: a restore repeated after an interruption reads the whole backup again, and
writes the missing events and all records.
"""

import secrets
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import NamedTuple

from chatserver.copies.archive import claims, source
from chatserver.copies.archive.claims import Origin
from chatserver.copies.archive.digests import Progress, silent
from chatserver.copies.archive.errors import ArchiveError, Corrupted
from chatserver.copies.archive.lines import Line, Record, Until, is_marker
from chatserver.copies.archive.patience import Patient, patiently
from chatserver.copies.archive.target import BATCH, Heads, Target
from chatserver.copies.archive.transient import is_transient
from chatserver.copies.backup.comparing import differing, ends_of
from chatserver.copies.backup.erasures import Entry, have_erased_again
from chatserver.copies.backup.keeping import Refill
from chatserver.copies.backup.moment import Moment
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.take import EVENTS, LATE, RECORDS
from chatserver.interfaces import Store
from chatserver.model import AnyEvent, Event
from chatserver.service.markers import MARKERS


class Restored(NamedTuple):
    """The head of each restored room, the number of records, and that of accounts that are to be erased again."""

    heads: Heads
    records: int
    erased: int = 0


async def restore(
    backup: Backup,
    store: Store,
    progress: Progress = silent,
    moment: Moment | None = None,
    refill: Refill | None = None,
    erasures: Sequence[Entry] = (),
) -> Restored:
    """Fill a store that no server uses with the backup's content, up to a moment if one is given.

    No server starts on the store before this has finished. The store then has a new epoch and no sessions.
    After an interruption, call it again with the same backup and moment; in that case the logs are compared
    with the backup's at the end. `refill` brings the files of users. The accounts of `erasures` are erased
    again by a server, before it shows anything. Raises `ArchiveError`, and `Corrupted` if the backup is broken.
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
    if refill is not None:
        await refill.run(store, epoch)
    erased = await patiently(lambda: have_erased_again(store, erasures))
    await patiently(lambda: claims.complete(store, claim, epoch))
    return Restored(filling.heads, records, erased)


def _origin(backup: Backup, moment: Moment | None) -> Origin:
    """The origin for the claim on the store. Only a restore of the same backup and moment may continue."""
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
    """Restore the records. Returns the number of records in the backup without its increments."""
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
    """Raises `ArchiveError` if events that were in the store before differ from the backup's."""
    patient = Patient(store)
    found = await source.positions(patient)
    for room in found.keys() | heads.keys():
        if found.get(room) != heads.get(room):
            raise _is_another(room)
    ends = await ends_of(backup)
    whole = [end for end in ends.values() if heads.get(end.room, 0) >= end.seq]
    for room in await differing(patient, whole):
        raise _is_another(room)


def _is_another(room: str) -> ArchiveError:
    return ArchiveError(
        f"room {room}: its log in the store differs, so somebody else wrote there: begin again "
        "with an empty store"
    )


class Filling:
    """Fills a store with events and records up to a moment."""

    def __init__(self, target: Target, name: Path, moment: Moment | None) -> None:
        self.heads: Heads = {}  # the last seq read of each room
        self._target, self._name, self._moment = target, name, moment
        self._ended: set[str] = set()  # rooms in which an event after the moment was read
        self._waiting: list[AnyEvent] = []

    async def add_events(self, lines: Sequence[Line], *, again: bool = False) -> None:
        """Raises `Corrupted` for a gap, and for a repeated event unless `again` is true."""
        events = [line for line in lines if isinstance(line, Event)]
        if len(events) < len(lines):
            raise Corrupted(f"{self._name}: a stream of events has other lines")
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
        """Write the waiting events."""
        waiting, self._waiting = self._waiting, []
        await self._target.append(waiting)

    async def add_records(self, lines: Sequence[Line]) -> None:
        """Add the records among the lines; call it after all events were added."""
        records = [line for line in lines if isinstance(line, Record)]
        for record in records:
            if record.space == MARKERS and not is_marker(record):
                raise Corrupted(f"{self._name}: space {MARKERS}: expected the seq of an event")
        wanted = [each for record in records if (each := _restored(record, self.heads))]
        await self._target.put(wanted)

    def _is_wanted(self, event: AnyEvent) -> bool:
        """Whether to restore the event: neither it nor one before it in its room is after the moment."""
        if self._moment is None:
            return True
        if event.at > self._moment.last:
            self._ended.add(event.room)
        return event.room not in self._ended


def _events(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if isinstance(line, Event)]


def _covers(line: Line, moment: Moment) -> bool:
    """Whether the line marks the records read so far as complete up to the moment or later."""
    return isinstance(line, Until) and line.records and line.at >= moment.last


def _restored(record: Record, heads: Heads) -> Record | None:
    """The record to write: a read marker is at most its room's head."""
    if is_transient(record.space, record.key):
        return None
    if record.space != MARKERS or record.value is None:
        return record
    head = heads.get(record.key.partition("/")[2], 0)
    if not head:
        return Record(record.space, record.key)
    return Record(record.space, record.key, str(min(int(record.value), head)).encode())
