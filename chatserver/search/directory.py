"""A room's directory: each segment's times, and the oldest message that its postings name.

A search goes from the newest segment to the oldest, in many rooms at once; the directory lets it leave
most segments unread. It is one page for each room, derived from the log like all others. If it is missing
or out of date (older indexes had none), a search reads more segments and finds the same messages.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import msgspec

from chatserver.interfaces import IndexPage, IndexPlace, Store
from chatserver.search.segments import NEVER, TIMES, Segment, cover, slot_in, times

SLOT = 1 << 30  # above the slots of all segments
ROOMS = 300  # decoded directories kept in memory: some KB each


class Known(NamedTuple):
    """A segment's entry in the directory; times are in seconds.

    `earliest`: no message of the segment was posted before it. `latest`: no message of the segment, nor
    any older one, was posted after it; NEVER if unknown. `lowest`: the lowest seq posted or edited in the
    segment, or a lower one. `before`: `latest` of each part before the newest one; empty if unknown.
    """

    segment: Segment
    earliest: int = 0
    latest: int = NEVER
    lowest: int = 0
    before: tuple[int, ...] = ()

    def parts(self) -> Iterator[tuple[int, int]]:
        """The start of each part, and the latest time up to its end; the newest part first.

        The whole segment counts as one part if `before` is unknown.
        """
        first, _ = segment = self.segment
        starts = range(first, segment.newest, segment.size)
        if len(starts) != len(self.before):
            yield first, self.latest
            return
        yield segment.newest, self.latest
        yield from zip(reversed(starts), reversed(self.before), strict=True)

    @property
    def has_times(self) -> bool:
        return self.latest != NEVER


Directory = Sequence[Known]  # of all segments of a room, ascending


class Directories(NamedTuple):
    """For each room, the seq up to which it is indexed, and its directory."""

    indexed: Mapping[str, int]
    known: Mapping[str, Directory]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Known]).decode


async def read(store: Store, rooms: Sequence[str]) -> Directories:
    """The directories of these rooms, read by two concurrent queries."""
    indexed, pages = await asyncio.gather(
        store.indexed(rooms), store.index_pages([(room, SLOT, 0) for room in rooms])
    )
    data = dict(zip(rooms, pages, strict=True))
    return Directories(indexed, {room: decoded(upto, data[room]) for room, upto in indexed.items()})


@lru_cache(ROOMS)
def decoded(indexed: int, data: bytes | None) -> Directory:
    """The directory of a room indexed up to the seq `indexed`, from its page if there is one.

    The page may be older or newer than the index: its entries are right, but some segments may have none.
    """
    noted = _decode(data) if data else []
    by_segment = {known.segment: known for known in noted}
    return tuple(by_segment.get(each) or _within(each, noted) for each in cover(indexed))


def _within(segment: Segment, noted: Iterable[Known]) -> Known:
    """The entry of a segment, derived from the entry of a larger one that contains it."""
    for known in noted:
        if known.segment.first <= segment.first and segment.end <= known.segment.end:
            return known._replace(segment=segment, before=())
    return Known(segment)


def page(room: str, directory: Iterable[Known]) -> IndexPage:
    return IndexPage(room, SLOT, 0, _encode([*directory]))


def extended(directory: Directory, segment: Segment, part: Known) -> Directory:
    """The directory after `segment` got its newest part, described by `part`."""
    before = segment.before
    if before is None:
        return appended(directory, part._replace(segment=segment))
    whole = next((each for each in directory if each.segment == before), Known(before))
    known = Known(
        segment,
        min(whole.earliest, part.earliest),
        max(whole.latest, part.latest),
        min(whole.lowest, part.lowest),
        (*whole.before, whole.latest),
    )
    return appended(directory, known)


def appended(directory: Directory, known: Known) -> Directory:
    """The directory with one more segment, which replaces the smaller ones that it contains."""
    rest = [each for each in directory if each.segment.end <= known.segment.first]
    if rest:
        latest, *before = (max(rest[-1].latest, each) for each in (known.latest, *known.before))
        known = known._replace(latest=latest, before=tuple(before))
    return (*rest, known)


def times_place(room: str, segment: Segment) -> IndexPlace:
    """The place of the page that holds the times of a segment's messages."""
    return room, slot_in(segment, TIMES.encode()), segment.newest


def with_times(known: Known, data: bytes | None) -> Known:
    """The entry with its times filled in from the page at `times_place`."""
    if not data:
        return known
    segment = known.segment
    blocks = [*times(segment, data)]
    latest = [0] * ((segment.end - segment.first) // segment.size)
    for each in blocks:
        part = each.block * segment.block // segment.size
        latest[part] = max(latest[part], each.latest)
    *before, latest_of_all = accumulate(latest, max)
    return known._replace(
        earliest=min(each.earliest for each in blocks), latest=latest_of_all, before=tuple(before)
    )
