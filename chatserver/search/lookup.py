"""Reads the index of several rooms, the newest segments of all first, only as far as a page needs."""

import asyncio
from collections.abc import Mapping, Sequence

from chatserver.interfaces import Store
from chatserver.search import directory
from chatserver.search.candidates import Candidates, Span
from chatserver.search.directory import Directory, Known
from chatserver.search.kept import KeptPages
from chatserver.search.reading import TIMES, Group, Groups, Reading, as_group
from chatserver.search.segments import may_be_dropped

FIRST_SEGMENTS = 16  # in the first read, beside one for each room; each later read takes more
FIRST_EVENTS = 1 << 15  # the first read ends early when its segments have so many events together
GROWTH = 2  # factor of segments from one read to the next; of events its square, as older segments are larger
GROWTH_OF_NOTHING = 8  # factor while nothing was found: then the tokens are rare
MOST_SEGMENTS = 800  # in one read: some five megabytes
PAGES = 500  # below this many pages, reading several groups at once costs less than another query
FEW = 100  # with at most so many candidates left, reading their texts costs less than reading more pages
TURN_EVENTS = 8192  # of segments looked at between two yields to the event loop


class Lookup:
    """The candidates of rooms for one search."""

    def __init__(
        self,
        store: Store,
        pages: KeptPages,
        rooms: Mapping[str, Candidates],
        groups: Groups,
        span: Span | None,
    ) -> None:
        self._store, self._kept, self._rooms, self._span = store, pages, rooms, span
        self._groups = [as_group(group) for group in groups]
        self._found = [0] * len(groups)  # about how often each group was found
        self._unread: list[tuple[str, Known]] = []  # by `latest`, ascending
        self._size, self._events = len(rooms) + FIRST_SEGMENTS, FIRST_EVENTS
        self._begun: tuple[Sequence[Reading], set[str]] | None = None

    @property
    def bound(self) -> int:
        """No candidate yet unknown was posted after this second; -1 if all are known."""
        return self._unread[-1][1].latest if self._unread else -1

    def plan(self, directories: Mapping[str, Directory]) -> None:
        """Replace the unread segments of these rooms by those of their directories."""
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
        """Read the next segments and pass what they have to their rooms' candidates."""
        readings, gone = self._begun or await self._next()
        self._begun = None
        del self._unread[-len(readings) :]
        for reading in readings:
            if reading.room not in gone:
                self._rooms[reading.room].read(reading.posted(), reading.edited())
        if gone:
            self.plan((await directory.read(self._store, list(gone))).known)

    async def _next(self) -> tuple[Sequence[Reading], set[str]]:
        """The next segments, the newest first, and the rooms some of whose segments were dropped."""
        readings: list[Reading] = []
        events = 0
        for room, known in self._unread[: -self._size - 1 : -1]:
            readings.append(Reading(room, known))
            events += readings[-1].events
            if events >= self._events:
                break
        gone = await self._narrow(readings)
        growth = GROWTH if any(each.size for each in readings) else GROWTH_OF_NOTHING
        self._size = min(growth * self._size, MOST_SEGMENTS)
        self._events *= growth * growth
        return readings, gone

    async def _narrow(self, readings: Sequence[Reading]) -> set[str]:
        """Keep the messages that have all tokens. Returns the rooms some of whose segments were dropped."""
        rarest_first = sorted(range(len(self._groups)), key=self._found.__getitem__)
        gone: set[str] = set()
        left = readings
        while rarest_first and left:
            if sum(each.size for each in left) <= min(len(left) * len(rarest_first), FEW):
                break  # reading their texts is faster than reading more pages
            several = max(PAGES // len(left), 1)
            now, rarest_first = rarest_first[:several], rarest_first[several:]
            gone |= await self._narrow_by(left, now)
            left = [each for each in left if each.size and each.room not in gone]
        if self._span is not None:
            gone |= await self._narrow_times(left, self._span)
        return gone

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
        return await self._gone(readings)

    async def _narrow_times(self, readings: Sequence[Reading], span: Span) -> set[str]:
        partly = [each for each in readings if not span.has(each.known)]
        pages = await self._pages(partly, TIMES)
        for reading, data in zip(partly, pages, strict=True):
            is_newest = self._rooms[reading.room].reached == reading.known.segment.end
            reading.narrow_times(span, data, is_newest=is_newest)
        return await self._gone(partly)

    async def _pages(self, readings: Sequence[Reading], tokens: Group) -> list[bytes | None]:
        return await self._kept.get([place for each in readings for place in each.places(tokens)])

    async def _gone(self, readings: Sequence[Reading]) -> set[str]:
        """Rooms with pages missing because their segment was dropped; other missing pages are just empty."""
        lacking = [each for each in readings if each.lacks]
        if not lacking:
            return set()
        indexed = await self._store.indexed([*{each.room for each in lacking}])
        return {
            each.room
            for each in lacking
            if may_be_dropped(each.known.segment, indexed.get(each.room, 0))
        }
