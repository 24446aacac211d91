"""What is known of a room's segments without reading them: of which times they are, how far back they lead.

A search goes from the newest to the oldest, in many rooms at once; by this it leaves most unread. Each
room has one page for it, which follows from the log as all others do. One that is missing or behind, as
in an index of before there were any, makes a search read more, and find the same.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import msgspec

from chatserver.interfaces import IndexPage, IndexPlace, Store
from chatserver.search.segments import NEVER, TIMES, Segment, cover, slot_in, times

SLOT = 1 << 30  # above those of all segments
ROOMS = 300  # whose directories are kept as they were read: some KB each


class Known(NamedTuple):
    """Of one segment; times are in seconds.

    `earliest`: none of its messages was said before. `latest`: neither these nor older ones were said
    after; NEVER if that is not known. `lowest`: in it, nothing below this seq was said or edited.
    `before`: the same as `latest` for each part before the newest one, if that is known.
    """

    segment: Segment
    earliest: int = 0
    latest: int = NEVER
    lowest: int = 0
    before: tuple[int, ...] = ()

    def parts(self) -> Iterator[tuple[int, int]]:
        """Where each part begins, and the latest time of it and older ones; the newest part first.

        Parts of which nothing is known count as one.
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
    """How far rooms are indexed, and their directories; both by room."""

    indexed: Mapping[str, int]
    known: Mapping[str, Directory]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Known]).decode


async def read(store: Store, rooms: Sequence[str]) -> Directories:
    """In two queries at once."""
    indexed, pages = await asyncio.gather(
        store.indexed(rooms), store.index_pages([(room, SLOT, 0) for room in rooms])
    )
    data = dict(zip(rooms, pages, strict=True))
    return Directories(indexed, {room: decoded(upto, data[room]) for room, upto in indexed.items()})


@lru_cache(ROOMS)
def decoded(indexed: int, data: bytes | None) -> Directory:
    """Of a room that is indexed up to a seq, by its page if there is one.

    The page may be of another time: it is right in what it says, but may say nothing of some.
    """
    noted = _decode(data) if data else []
    by_segment = {known.segment: known for known in noted}
    return tuple(by_segment.get(each) or _within(each, noted) for each in cover(indexed))


def _within(segment: Segment, noted: Iterable[Known]) -> Known:
    """What follows for a segment from what is noted of a larger one."""
    for known in noted:
        if known.segment.first <= segment.first and segment.end <= known.segment.end:
            return known._replace(segment=segment, before=())
    return Known(segment)


def page(room: str, directory: Iterable[Known]) -> IndexPage:
    return IndexPage(room, SLOT, 0, _encode([*directory]))


def extended(directory: Directory, segment: Segment, part: Known) -> Directory:
    """After a segment got its newest part; what `part` tells of that one."""
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
    """With one segment more, instead of those that it has in it."""
    rest = [each for each in directory if each.segment.end <= known.segment.first]
    if rest:
        latest, *before = (max(rest[-1].latest, each) for each in (known.latest, *known.before))
        known = known._replace(latest=latest, before=tuple(before))
    return (*rest, known)


def times_place(room: str, segment: Segment) -> IndexPlace:
    """The page that says when the messages of a segment were said."""
    return room, slot_in(segment, TIMES.encode()), segment.newest


def with_times(known: Known, data: bytes | None) -> Known:
    """What that page tells of one whose times were not known."""
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
