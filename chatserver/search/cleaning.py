"""Removes from a room's index the words of texts that are gone from its log.

A part of the index follows from its piece of the log alone, so its pages are made again from the log as it is now, and
those that differ are written. Pages that a larger segment has superseded may be in the store for a while: these too.
Another node may be extending a segment from pages that it has read before: whoever cleans does so once more, later.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from math import inf

from chatserver.interfaces import IndexPage, Store
from chatserver.model import AnyEvent
from chatserver.search.builder import Builder
from chatserver.search.paced import Paced
from chatserver.search.segments import GROWTH, SIZES, Segment, cover, row_of, token_hash

READ_EVENTS = 500  # read at once
WRITE_PAGES = 50  # read and written at once, so that no send waits long
DROPPED = (
    GROWTH**2
)  # sizes of a segment by which the index has grown when its superseded pages are gone for sure


class Cleaner:
    """Cleans the index of one room after the other."""

    def __init__(self, store: Store, paced: Paced) -> None:
        self._store, self._paced = store, paced

    async def clean(self, room: str, seqs: Collection[int]) -> int:
        """Remove from the index what these events do not say any more; returns the number of changed pages.

        Can be repeated, and be cancelled at any time. Raises `StoreUnavailable`.
        """
        indexed = (await self._store.indexed([room])).get(room, 0)
        changed = 0
        for segment in _with(seqs, indexed):
            changed += await self._clean(room, segment)
        return changed

    async def _clean(self, room: str, segment: Segment) -> int:
        """Make the pages of a segment again, if it has any."""
        stored: dict[int, bytes] = {}
        for slots in _some(segment.slots):
            places = [(room, slot, segment.newest) for slot in slots]
            pages = await self._store.index_pages(places)
            stored |= {slot: page for slot, page in zip(slots, pages, strict=True) if page}
        if not stored:
            return 0
        made: dict[int, bytes] = {}
        for end in range(segment.first + segment.size, segment.end + 1, segment.size):
            builder = Builder(Segment(segment.first, end), token_hash(self._store))
            for after in range(end - segment.size, end, READ_EVENTS):
                events = await self._read(room, after, min(READ_EVENTS, end - after))
                await self._paced.run(map(builder.add, events))
            await self._paced.run(_joined(made, builder))
        changed = [slot for slot in sorted(stored) if stored[slot] != made.get(slot, b"")]
        for start in range(0, len(changed), WRITE_PAGES):
            some = changed[start : start + WRITE_PAGES]
            new = [IndexPage(room, slot, segment.newest, made.get(slot, b"")) for slot in some]
            await self._store.index(room, 0, new)
        return len(changed)

    async def _read(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        return await self._store.read(room, after, limit)


def _joined(made: dict[int, bytes], builder: Builder) -> Iterator[None]:
    """Append the pages of a part to those of the parts before it."""
    for slot, page in builder.pages():
        made[slot] = made.get(slot, b"") + page
        yield


def _some(slots: range) -> Iterator[range]:
    return (slots[start : start + WRITE_PAGES] for start in range(0, len(slots), WRITE_PAGES))


def _with(seqs: Collection[int], indexed: int) -> list[Segment]:
    """The segments that hold words of these events: those of the index, and those that may not be dropped yet."""
    ordered = sorted(seqs)
    present = [
        segment for segment in cover(indexed) if _next(ordered, segment.first) <= segment.end
    ]
    return list(dict.fromkeys(chain(present, _superseded(ordered, indexed))))


def _next(ordered: Sequence[int], after: int) -> float:
    """The first seq above this one."""
    place = bisect_right(ordered, after)
    return ordered[place] if place < len(ordered) else inf


def _superseded(ordered: Sequence[int], indexed: int) -> Iterator[Segment]:
    for size in SIZES[:-1]:  # the largest are never superseded
        # Of events before that all such segments are gone; from part to part, as there may be very many events.
        seq = _next(ordered, max(indexed - (DROPPED + GROWTH) * size, 0))
        while seq <= indexed:
            part = (int(seq) - 1) // size * size
            row = row_of(part, size)
            for newest in range(part, row + (GROWTH - 1) * size, size):
                end = newest + size
                if end <= indexed < end + DROPPED * size:
                    yield Segment(row, end)
            seq = _next(ordered, part + size)
