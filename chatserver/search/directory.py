"""What is known of a room's segments without reading them: of which times they are, how far back they lead.

A search goes from the newest to the oldest, in many rooms at once; by this it leaves most unread. Each
room has one page for it, which follows from the log as all others do. One that is missing or behind, as
in an index of before there were any, makes a search read more, and find the same.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from chatserver.interfaces import IndexPage, IndexPlace, Store
from chatserver.search.pages import look_up
from chatserver.search.segments import NEVER, TIMES, Segment, cover, slot_in

SLOT = 1 << 30  # above those of all segments
ROOMS = 300  # whose directories are kept as they were read: some KB each


class Known(NamedTuple):
    """Of one segment; times are in seconds.

    `earliest`: none of its messages was said before. `latest`: neither these nor older ones were said
    after; NEVER if that is not known. `lowest`: in it, nothing below this seq was said or edited.
    """

    segment: Segment
    earliest: int = 0
    latest: int = NEVER
    lowest: int = 0

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
            return known._replace(segment=segment)
    return Known(segment)


def page(room: str, directory: Iterable[Known]) -> IndexPage:
    return IndexPage(room, SLOT, 0, _encode([*directory]))


def extended(directory: Directory, made: Known) -> Directory:
    """After a segment was made, of which `made` says when its own messages were said."""
    before = [each for each in directory if each.segment.end <= made.segment.first]
    latest = max(before[-1].latest, made.latest) if before else made.latest
    return (*before, made._replace(latest=latest))


def times_place(room: str, segment: Segment) -> IndexPlace:
    """The page that says when the messages of a segment were said."""
    return room, slot_in(segment, TIMES.encode()), segment.first


def with_times(known: Known, data: bytes | None) -> Known:
    """What that page tells of one whose times were not known."""
    times = look_up(data, TIMES.encode()).edited if data else ()
    return known._replace(earliest=min(times[::2]), latest=max(times[1::2])) if times else known
