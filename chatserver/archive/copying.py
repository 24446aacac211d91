"""One pass over all that a store holds, consistent also while others write to it.

First the records, then how far each room reaches, then the rooms' logs up to there: so no record
points to an event that is missing. At last the records that are new since then: so no event names
an account that is missing.
"""

from collections.abc import AsyncIterator

import msgspec

from chatserver.archive import digests, source
from chatserver.archive.digests import Progress, silent
from chatserver.archive.lines import Record, RoomEnd
from chatserver.archive.patience import Readable
from chatserver.service.markers import MARKERS


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How much was copied."""

    rooms: int
    events: int
    records: int


class Copying:
    """Call `records`, `logs` and `late` once each, in this order; each is to be read to its end."""

    def __init__(self, store: Readable, events_of: source.Events = source.events) -> None:
        self._store, self._events_of = store, events_of
        self._keys: set[int] = set()  # hashes: of millions of records, a tenth of what they take
        self._ends: dict[str, int] = {}
        self._records = 0

    async def records(self) -> AsyncIterator[list[Record]]:
        async for page in source.records(self._store):
            self._keys.update(map(_key, page))
            self._records += len(page)
            yield page

    async def logs(
        self, progress: Progress = silent
    ) -> AsyncIterator[tuple[bytes, RoomEnd | None]]:
        """Lines of events, with the last of a room its end. Raises `ArchiveError`: one is missing."""
        self._ends = await source.positions(self._store)
        async for lines, end in digests.of_logs(self._store, self._ends, progress, self._events_of):
            yield lines, end

    async def late(self) -> AsyncIterator[list[Record]]:
        """What is new, but for markers: those may point further than the logs were read."""
        async for page in source.records(self._store):
            new = [it for it in page if _key(it) not in self._keys and it.space != MARKERS]
            self._records += len(new)
            yield new

    def counts(self) -> Counts:
        """Of what was copied."""
        return Counts(rooms=len(self._ends), events=sum(self._ends.values()), records=self._records)


def _key(record: Record) -> int:
    return hash((record.space, record.key))
