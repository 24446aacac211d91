"""Counts and hashes of rooms' logs and of spaces, by which two installations are found to be the same."""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from chatserver.archive import source
from chatserver.archive.lines import Record, RoomEnd, SpaceEnd, encode
from chatserver.archive.patience import Readable

Progress = Callable[[int, int], None]  # so many done, of how many
Phases = Callable[[str], AbstractContextManager[Progress]]  # by what is done in each


def silent(done: int, of: int) -> None:
    """Progress that nobody looks at."""


def silently(what: str) -> AbstractContextManager[Progress]:
    """Phases that nobody looks at."""
    return nullcontext(silent)


class SpaceDigests:
    """The records of all spaces, in whatever order they come."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._sums: dict[str, int] = {}

    def add(self, records: Sequence[Record]) -> None:
        for record in records:
            self.add_line(record.space, encode([record]))

    def add_line(self, space: str, line: bytes) -> None:
        """With its newline."""
        number = int.from_bytes(hashlib.sha256(line).digest(), "big")
        self._counts[space] = self._counts.get(space, 0) + 1
        self._sums[space] = (self._sums.get(space, 0) + number) % (1 << 256)

    def end(self, space: str) -> SpaceEnd:
        return SpaceEnd(space, self._counts.get(space, 0), f"{self._sums.get(space, 0):064x}")

    def ends(self) -> dict[str, SpaceEnd]:
        return {space: self.end(space) for space in self._counts}


async def of_logs(
    store: Readable,
    ends: Mapping[str, int],
    progress: Progress = silent,
    events_of: source.Events = source.events,
) -> AsyncIterator[tuple[bytes, RoomEnd | None]]:
    """The lines of each room's events up to its end, in pieces; with the last of a room its digest.

    Raises `ArchiveError` where an event is missing.
    """
    done, total = 0, sum(ends.values())
    digest = hashlib.sha256()
    async for room, events in events_of(store, ends, {}):
        lines = encode(events)
        digest.update(lines)
        done += len(events)
        progress(done, total)
        if events[-1].seq < ends[room]:
            yield lines, None
            continue
        yield lines, RoomEnd(room, ends[room], digest.hexdigest())
        digest = hashlib.sha256()


async def of_rooms(
    store: Readable, ends: Mapping[str, int], progress: Progress = silent
) -> dict[str, RoomEnd]:
    """The digest of each room's log up to its end. Raises `ArchiveError` where an event is missing."""
    return {end.room: end async for _, end in of_logs(store, ends, progress) if end is not None}


async def of_spaces(store: Readable, left_out: source.LeftOut) -> dict[str, SpaceEnd]:
    """The digest of each space."""
    digests = SpaceDigests()
    for space in await store.spaces():
        async for page in source.records_of(store, space, left_out):
            digests.add(page)
    return digests.ends()
