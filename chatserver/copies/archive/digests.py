"""Counts and hashes of rooms' logs and of spaces, for comparing two installations."""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from chatserver.copies.archive import source
from chatserver.copies.archive.lines import Record, RoomEnd, SpaceEnd, encode
from chatserver.copies.archive.patience import Readable

Progress = Callable[[int, int], None]  # called with the number done and the total
Phases = Callable[[str], AbstractContextManager[Progress]]  # called with the name of each phase


def silent(done: int, total: int) -> None:
    """A `Progress` that shows nothing."""


def silently(what: str) -> AbstractContextManager[Progress]:
    """A `Phases` that shows nothing."""
    return nullcontext(silent)


class SpaceDigests:
    """Digests of all spaces; records may come in any order."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._sums: dict[str, int] = {}

    def add(self, records: Sequence[Record]) -> None:
        for record in records:
            self.add_line(record.space, encode([record]))

    def add_line(self, space: str, line: bytes) -> None:
        """Add a record's line, which includes its newline."""
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
    """The lines of each room's events up to its end, in pieces, and with a room's last piece its digest.

    Raises `ArchiveError` if an event is missing.
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
    """The digest of each room's log up to its end. Raises `ArchiveError` if an event is missing."""
    return {end.room: end async for _, end in of_logs(store, ends, progress) if end is not None}


async def of_spaces(store: Readable, left_out: source.LeftOut) -> dict[str, SpaceEnd]:
    """The digest of each space."""
    digests = SpaceDigests()
    for space in await store.spaces():
        async for page in source.records_of(store, space, left_out):
            digests.add(page)
    return digests.ends()
