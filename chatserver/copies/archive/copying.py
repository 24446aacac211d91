"""One pass over the whole store, consistent also while others write to it.

It reads the records, then the head of each room, then the rooms' logs up to these heads, so that no record
points to a missing event. Finally it reads the records that are new since, so that no event names a missing
account.
"""

from collections.abc import AsyncIterator

import msgspec

from chatserver.blobs.carrying import kept
from chatserver.blobs.model import BLOBS
from chatserver.copies.archive import digests, source
from chatserver.copies.archive.digests import Progress, silent
from chatserver.copies.archive.lines import Record, RoomEnd
from chatserver.copies.archive.patience import Readable
from chatserver.service.markers import MARKERS


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of copied rooms, events and records."""

    rooms: int
    events: int
    records: int


class Copying:
    """One pass: call `records`, `logs` and `late` once each, in this order, and read each to its end."""

    def __init__(self, store: Readable, events_of: source.Events = source.events) -> None:
        self._store, self._events_of = store, events_of
        self._keys: set[int] = set()  # hashes take a tenth of the memory of millions of keys
        self._ends: dict[str, int] = {}
        self._records = 0
        self.blobs: dict[bytes, bytes] = {}  # hashes by the ids of all blobs among the records

    async def records(self) -> AsyncIterator[list[Record]]:
        async for page in source.records(self._store):
            self._keys.update(map(_key, page))
            self._note(page)
            yield page

    async def logs(
        self, progress: Progress = silent
    ) -> AsyncIterator[tuple[bytes, RoomEnd | None]]:
        """Lines of events, and with a room's last lines its `RoomEnd`. Raises `ArchiveError` for a gap."""
        self._ends = await source.positions(self._store)
        async for lines, end in digests.of_logs(self._store, self._ends, progress, self._events_of):
            yield lines, end

    async def late(self) -> AsyncIterator[list[Record]]:
        """Records that are new since `records`, without markers, which may point behind the copied logs."""
        async for page in source.records(self._store):
            new = [
                record
                for record in page
                if _key(record) not in self._keys and record.space != MARKERS
            ]
            self._note(new)
            yield new

    def _note(self, page: list[Record]) -> None:
        self._records += len(page)
        for record in page:
            if record.space == BLOBS and (blob := kept(record.value or b"")) is not None:
                self.blobs[bytes.fromhex(blob.id)] = bytes.fromhex(blob.sha256)

    def counts(self) -> Counts:
        """Numbers of rooms, events and records copied so far."""
        return Counts(rooms=len(self._ends), events=sum(self._ends.values()), records=self._records)


def _key(record: Record) -> int:
    return hash((record.space, record.key))
