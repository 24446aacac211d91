"""Changes of a store since a backup: found by comparing, and written beside the backup.

The heads of all rooms and the values of all records are compared with the backup's, so no process has to
report its writes. A round compares only some of the records, and the next round continues there, so that
events do not wait for a million records. Most records are read markers, which matter least, so all other
records are compared separately.
"""

import math
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import NamedTuple, TypeAlias

from chatserver.copies.archive import source
from chatserver.copies.archive.background import in_thread
from chatserver.copies.archive.lines import Line, Record, RoomEnd, Until
from chatserver.copies.archive.transient import is_transient
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.increments import IncrementFile
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.take import ENDS, LATE, RECORDS
from chatserver.interfaces import Store
from chatserver.model import Event
from chatserver.service.markers import MARKERS

Digests: TypeAlias = dict[tuple[str, str], int]
Changes: TypeAlias = AsyncGenerator[list[Record], None]


class Shipped(NamedTuple):
    """Times up to which all events and all records are beside the backup, in RFC 3339; "" for never."""

    events: str
    records: str


class Increment:
    """A backup and the increment file written beside it."""

    def __init__(self, backup: Backup) -> None:
        self.path = backup.folder
        self._backup = backup
        self._ends: dict[str, int] = {}
        self._digests: Digests = {}
        self._looks = (Look(lambda space: space != MARKERS), Look(lambda space: space == MARKERS))
        self._records = ""
        self._file: IncrementFile | None = None

    async def open(self) -> None:
        """Read the backup and its increments, then begin a new file. Raises `BackupError`."""
        async for lines in self._backup.lines(ENDS, RECORDS, LATE):
            self._note(lines)
        async for lines in self._backup.increments():
            self._note(lines)
        self._file = await in_thread(self._backup.new_increment)

    async def add_records(self, store: Store, now: str, seconds: float | None) -> None:
        """Compare records for about `seconds` seconds, from where the last call stopped.

        None compares all of them, from the beginning. Raises `StoreUnavailable`, `BackupError`.
        """
        if seconds is None:
            await self._stop()
            seconds = math.inf
        end = time.monotonic() + seconds
        for look, deadline in zip(self._looks, (end - seconds / 2, end), strict=True):
            while (changed := await look.page(store, now, self._digests)) is not None:
                if changed:
                    await self._write(changed)
                if time.monotonic() > deadline:
                    break

    async def add_events(self, store: Store, now: str) -> Shipped:
        """Write all durable events that are missing. Raises `StoreUnavailable`, `BackupError`."""
        ends = await source.positions(store)
        async for _, events in source.events(store, ends, self._ends):
            await self._write(events)
        records = min(look.complete for look in self._looks)
        if self._records < records < now:
            await self._write([Until(records, records=True)])
        await self._write([Until(now, records=records == now)])
        if self._file is not None:
            await in_thread(self._file.settle, now)
        self._records = records
        return Shipped(now, records)

    async def close(self) -> None:
        """End the file with a closing frame. Raises `BackupError`."""
        await self._stop()
        if self._file is not None:
            file, self._file = self._file, None
            await in_thread(file.close)

    async def abandon(self) -> None:
        """Close the file without a closing frame, as a crash would leave it."""
        await self._stop()
        if self._file is not None:
            self._file.abandon()

    async def _stop(self) -> None:
        for look in self._looks:
            await look.stop()

    async def _write(self, lines: Sequence[Line]) -> None:
        """Write the lines durably, then note them as present."""
        if self._file is None:
            raise BackupError(f"{self.path}: the increments of this backup are closed")
        await in_thread(self._file.write, lines)
        self._note(lines)

    def _note(self, lines: Sequence[Line]) -> None:
        for line in lines:
            if isinstance(line, Event | RoomEnd):
                self._ends[line.room] = max(line.seq, self._ends.get(line.room, 0))
            elif isinstance(line, Record) and line.value is not None:
                self._digests[line.space, line.key] = hash(line.value)
            elif isinstance(line, Record):
                self._digests.pop((line.space, line.key), None)


class Look:
    """A repeated scan over the records of some spaces, page by page."""

    def __init__(self, wanted: Callable[[str], bool]) -> None:
        self.complete = ""  # the time at which the last complete scan began
        self._wanted, self._begun = wanted, ""
        self._pages: Changes | None = None

    async def page(self, store: Store, now: str, known: Digests) -> list[Record] | None:
        """The records of the next page that differ from `known`; None at the end of the scan."""
        if self._pages is None:
            self._begun = now
            self._pages = _changes(store, known, self._wanted)
        try:
            found = await anext(self._pages, None)
        except BaseException:
            self._pages = None  # the scan broke off before its end
            raise
        if found is None:
            self._pages, self.complete = None, self._begun
        return found

    async def stop(self) -> None:
        """Break off the present scan."""
        if self._pages is not None:
            pages, self._pages = self._pages, None
            await pages.aclose()


async def _changes(store: Store, known: Digests, wanted: Callable[[str], bool]) -> Changes:
    """New and changed records, one list for each page; then the removed ones."""
    deleted = dict.fromkeys(each for each in known if wanted(each[0]))
    for space in filter(wanted, await store.spaces()):
        async for page in source.records_of(store, space, is_transient):
            changed = []
            for record in page:
                deleted.pop((record.space, record.key), None)
                if known.get((record.space, record.key)) != hash(record.value):
                    changed.append(record)
            yield changed
    yield [Record(space, key) for space, key in deleted]
