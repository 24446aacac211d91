"""Reads the index of several rooms, newest segments first, only as far as a page needs."""

import asyncio
from collections.abc import Mapping, Sequence

from chatserver.interfaces import Store
from chatserver.search import directory
from chatserver.search.candidates import Candidates, Span
from chatserver.search.directory import Directory, Known
from chatserver.search.page_cache import PageCache
from chatserver.search.reading import TIMES, Group, Groups, Reading, as_group
from chatserver.search.segments import may_be_dropped, token_hash

FIRST_SEGMENTS = 16  # in the first read, in addition to one for each room; later reads take more
FIRST_EVENTS = 1 << 15  # the first read ends early when its segments cover this many events
GROWTH = 2  # of segments from read to read; events grow by its square, as older segments are larger
GROWTH_OF_NOTHING = 8  # used while nothing was found: then the tokens are rare
MOST_SEGMENTS = 800  # read at once: some five megabytes
PAGES = 500  # below this many pages, reading several groups at once costs less than another query
FEW = 100  # up to this many candidates, reading their texts costs less than reading more pages
TURN_EVENTS = 8192  # covered by the segments narrowed between two yields to the event loop


class Lookup:
    """Finds the candidates of all rooms of one search."""

    def __init__(
        self,
        store: Store,
        pages: PageCache,
        rooms: Mapping[str, Candidates],
        groups: Groups,
        span: Span | None,
    ) -> None:
        self._store, self._kept, self._rooms, self._span = store, pages, rooms, span
        hashed = token_hash(store)
        self._groups = [as_group(group, hashed) for group in groups]
        self._found = [0] * len(groups)  # bytes of postings found for each group: its frequency
        self._unread: list[tuple[str, Known]] = []  # by `latest`, ascending
        self._size, self._events = len(rooms) + FIRST_SEGMENTS, FIRST_EVENTS
        self._begun: tuple[Sequence[Reading], set[str]] | None = None

    @property
    def bound(self) -> int:
        """Latest second at which a candidate not yet known may have been posted; -1 if all are known."""
        return self._unread[-1][1].latest if self._unread else -1

    def plan(self, directories: Mapping[str, Directory]) -> None:
        """Replace the unread segments of these rooms by those in the given directories."""
        others = [each for each in self._unread if each[0] not in directories]
        planned = (
            (room, known)
            for room, segments in directories.items()
            for known in self._rooms[room].plan(segments)
        )
        # A room's segments stay in order: `latest` ascends within a room, and the sort is stable.
        self._unread = sorted((*others, *planned), key=lambda each: each[1].latest)

    async def begin(self) -> None:
        """Read ahead for the first `read_on`, while the tails are read."""
        self._begun = await self._next()

    async def read_on(self) -> None:
        """Read the next segments and add their hits to their rooms' candidates."""
        readings, dropped = self._begun or await self._next()
        self._begun = None
        del self._unread[-len(readings) :]
        for reading in readings:
            if reading.room not in dropped:
                self._rooms[reading.room].read(reading.posted(), reading.edited())
        if dropped:
            self.plan((await directory.read(self._store, list(dropped))).known)

    async def _next(self) -> tuple[Sequence[Reading], set[str]]:
        """Read the next segments, newest first. Also returns the rooms that had segments dropped."""
        readings: list[Reading] = []
        events = 0
        for room, known in self._unread[: -self._size - 1 : -1]:
            readings.append(Reading(room, known))
            events += readings[-1].events
            if events >= self._events:
                break
        dropped = await self._narrow(readings)
        growth = GROWTH if any(each.size for each in readings) else GROWTH_OF_NOTHING
        self._size = min(growth * self._size, MOST_SEGMENTS)
        self._events *= growth * growth
        return readings, dropped

    async def _narrow(self, readings: Sequence[Reading]) -> set[str]:
        """Keep the messages that have all tokens. Returns the rooms that had segments dropped."""
        rarest_first = sorted(range(len(self._groups)), key=self._found.__getitem__)
        dropped: set[str] = set()
        left = readings
        while rarest_first and left:
            if sum(each.size for each in left) <= min(len(left) * len(rarest_first), FEW):
                break  # reading their texts is faster than reading more pages
            several = max(PAGES // len(left), 1)
            now, rarest_first = rarest_first[:several], rarest_first[several:]
            dropped |= await self._narrow_by(left, now)
            left = [each for each in left if each.size and each.room not in dropped]
        if self._span is not None:
            dropped |= await self._narrow_times(left, self._span)
        return dropped

    async def _narrow_by(self, readings: Sequence[Reading], chosen: Sequence[int]) -> set[str]:
        groups = [self._groups[each] for each in chosen]
        tokens = [token for group in groups for token in group]
        pages = iter(await self._pages(readings, tokens))
        looked_at = 0
        for reading in readings:
            if sizes := reading.narrow(groups, pages):
                for each, size in zip(chosen, sizes, strict=True):
                    self._found[each] += size
            looked_at += reading.events
            if looked_at >= TURN_EVENTS:
                looked_at = 0
                await asyncio.sleep(0)
        return await self._dropped(readings)

    async def _narrow_times(self, readings: Sequence[Reading], span: Span) -> set[str]:
        partly = [each for each in readings if not span.has(each.known)]
        pages = await self._pages(partly, TIMES)
        for reading, data in zip(partly, pages, strict=True):
            is_newest = self._rooms[reading.room].reached == reading.known.segment.end
            reading.narrow_times(span, data, is_newest=is_newest)
        return await self._dropped(partly)

    async def _pages(self, readings: Sequence[Reading], tokens: Group) -> list[bytes | None]:
        return await self._kept.get([place for each in readings for place in each.places(tokens)])

    async def _dropped(self, readings: Sequence[Reading]) -> set[str]:
        """Rooms with pages missing because a segment was dropped; other missing pages are just empty."""
        incomplete = [each for each in readings if each.has_missing_pages]
        if not incomplete:
            return set()
        indexed = await self._store.indexed([*{each.room for each in incomplete}])
        return {
            each.room
            for each in incomplete
            if may_be_dropped(each.known.segment, indexed.get(each.room, 0))
        }
