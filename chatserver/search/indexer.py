"""The indexer: brings every room's index up to date, in the background and at a modest pace.

Nodes need not agree on who indexes: a segment is derived from the log alone (segments.py), so two nodes
that write the same segment write the same bytes. Those that know of each other divide the rooms, as a room in which
people talk is in the memory of many. A search reads unindexed events from the log.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from chatserver.cluster.spread import Share, Spread, everything
from chatserver.errors import StoreUnavailable
from chatserver.interfaces import IndexPage, Store
from chatserver.model import AnyEvent
from chatserver.roomlog.cache import RoomCache
from chatserver.search import directory
from chatserver.search.builder import Builder
from chatserver.search.directory import Known
from chatserver.search.paced import Paced
from chatserver.search.segments import SIZES, Segment, next_segment, superseded, token_hash

LOOK_SECONDS = 1.0  # between two looks
# A part takes four calls of the store, however small it is. So a room in which people talk is indexed by so many events
# at once, and gets smaller parts only once it is quiet; a search reads its tail, which is in memory
# (`delivery.tail_events`).
BUSY_EVENTS, QUIET_SECONDS = SIZES[2], 5.0
READ_EVENTS = 500  # read at once
WRITE_PAGES = 250  # written at once: one or two megabytes
SWEEP_ROOMS = 500  # in one step of a sweep, which visits all rooms of the store
SWEEP_SECONDS = 20.0  # between two sweeps
OTHERS_SWEEPS = 4  # every fourth sweep is for the rooms of other nodes, too
PRESSED_SECONDS = 0.1  # between two segments, while many sends are under way


class Indexer:
    """One node's indexer: checks the rooms in memory every second, and all others in periodic sweeps."""

    def __init__(
        self, store: Store, cache: RoomCache, is_pressed: Callable[[], bool], spread: Spread
    ) -> None:
        """`is_pressed` returns whether other work needs the processor more."""
        self._store, self._cache, self._is_pressed, self._spread = store, cache, is_pressed, spread
        # Rooms in memory, each with a seq up to which it is indexed at least.
        self._known: dict[str, int] = {}
        self._heads: Mapping[str, int] = {}  # of rooms in memory, some QUIET_SECONDS ago
        self._heads_due = 0.0
        self._swept = ""  # the last room that the present sweep looked at
        self._next_sweep = 0.0
        self._sweeps = 0  # number of complete ones
        self._paced = Paced(is_pressed)
        self._paused = False

    def pause(self) -> None:
        """Stop indexing; only tests call this."""
        self._paused = True

    async def look(self) -> None:
        """Index the rooms in memory, then, if a sweep is due, some others. Raises `StoreUnavailable`."""
        if self._paused:
            return
        heads = self._cache.heads()
        known = self._known = {room: self._known.get(room, 0) for room in heads}
        ends = self._ends(heads)
        lagging = [room for room, end in ends.items() if next_segment(known[room], end)]
        for start in range(0, len(lagging), SWEEP_ROOMS):
            await self._catch_up(lagging[start : start + SWEEP_ROOMS], ends)
        if asyncio.get_running_loop().time() >= self._next_sweep:
            await self._sweep(self._share_of_sweep())

    def _ends(self, heads: Mapping[str, int]) -> dict[str, int]:
        """The seq up to which to index each room now, with the rooms of other nodes now and then."""
        now = asyncio.get_running_loop().time()
        is_ours, is_due = self._spread.share(), now >= self._heads_due
        ends: dict[str, int] = {}
        for room, head in heads.items():
            ours, before = is_ours(room), self._heads.get(room, 0)
            if ours or is_due:
                upto = head if ours else before  # its own node has had time for these
                ends[room] = head if before == head else upto - upto % BUSY_EVENTS
        if is_due:
            self._heads, self._heads_due = heads, now + QUIET_SECONDS
        return ends

    def _share_of_sweep(self) -> Share:
        """Which rooms the present sweep is for: not those whose heads are kept up to date here."""
        followed = {room.id for room in self._cache.followed()}
        is_ours = everything if self._sweeps % OTHERS_SWEEPS == 0 else self._spread.share()
        return lambda room: room not in followed and is_ours(room)

    async def catch_up(self) -> None:
        """Index every room of the store as far as it can be."""
        await self.look()
        self._swept, self._next_sweep = "", 0.0
        while await self._sweep(everything):
            pass

    async def _sweep(self, is_ours: Share) -> bool:
        """Index those of the next rooms that are in our share; False if no rooms were left."""
        rooms = await self._store.list_rooms(self._swept, SWEEP_ROOMS)
        self._swept = rooms[-1] if rooms else ""
        if not rooms:
            self._next_sweep = asyncio.get_running_loop().time() + SWEEP_SECONDS
            self._sweeps += 1
            return False
        ours = [room for room in rooms if is_ours(room)]
        await self._catch_up(ours, await self._store.heads(ours))
        return True

    async def _catch_up(self, rooms: Sequence[str], heads: Mapping[str, int]) -> None:
        """Index these rooms up to their heads."""
        if not rooms:
            return
        indexed, directories = await directory.read(self._store, rooms)
        for room in rooms:
            done, head = indexed.get(room, 0), heads.get(room, 0)
            known = await self._with_times(room, done, directories.get(room, ()))
            while segment := next_segment(done, head):
                made = await self._index(room, segment, known)
                if made is None:
                    break  # another node was faster; the next look shows how far the room is indexed
                known, done = made, segment.end
                if self._is_pressed():
                    await asyncio.sleep(PRESSED_SECONDS)
            if room in self._known:
                self._known[room] = done

    async def _index(
        self, room: str, segment: Segment, before: directory.Directory
    ) -> directory.Directory | None:
        """Write a segment and return the room's directory with it; None if another node was faster."""
        builder = Builder(segment, token_hash(self._store))
        for after in range(segment.newest, segment.end, READ_EVENTS):
            events = await self._read(room, after, min(segment.end, after + READ_EVENTS))
            await self._paced.run(map(builder.add, events))
        made: list[tuple[int, bytes]] = []
        await self._paced.run(map(made.append, builder.pages()))
        part = Known(segment, *builder.times(), builder.lowest())
        known = directory.extended(before, segment, part)
        if not await self._write(room, segment, dict(made), directory.page(room, known)):
            return None
        if segment.size > SIZES[0]:
            await self._store.drop_index(room, *superseded(segment))
        return known

    async def _write(
        self, room: str, segment: Segment, made: Mapping[int, bytes], noted: IndexPage
    ) -> bool:
        """Store all pages of a segment and then mark it as indexed; False if another node was faster."""
        slots = segment.slots
        for start in range(slots.start, slots.stop, WRITE_PAGES):
            some = slots[start - slots.start :][:WRITE_PAGES]
            before = await self._before(room, segment, some)
            if before is None:
                return False
            data = ((slot, before.get(slot, b"") + made.get(slot, b"")) for slot in some)
            pages = [IndexPage(room, slot, segment.newest, page) for slot, page in data if page]
            if some.stop < slots.stop:
                await self._store.index(room, 0, pages)
            else:
                await self._store.index(room, segment.end, [*pages, noted])
        return True

    async def _before(
        self, room: str, segment: Segment, slots: Sequence[int]
    ) -> dict[int, bytes] | None:
        """The pages in these slots without the newest part; None if another node has indexed the segment."""
        if segment.before is None:
            return {}
        newest = segment.before.newest
        found = await self._store.index_pages([(room, slot, newest) for slot in slots])
        # A faster node drops these pages, but only after it has marked the room as indexed up to here.
        if (await self._store.indexed([room])).get(room, 0) >= segment.end:
            return None
        return {slot: data for slot, data in zip(slots, found, strict=True) if data}

    async def _with_times(
        self, room: str, done: int, known: directory.Directory
    ) -> directory.Directory:
        """The directory with all times; rebuilt if an older index or two racing nodes left gaps."""
        if all(each.has_times for each in known):
            return known
        places = [directory.times_place(room, each.segment) for each in known]
        pages = await self._store.index_pages(places)
        found: directory.Directory = ()
        for each, data in zip(known, pages, strict=True):
            found = directory.appended(found, directory.with_times(each, data))
        await self._store.index(room, done, [directory.page(room, found)])
        return found

    async def _read(self, room: str, after: int, end: int) -> list[AnyEvent]:
        """All events with after < seq <= end."""
        known = self._cache.known(room)
        found = known.since(after, end - after) if known is not None else None
        if found is None or len(found) < end - after:
            found = await self._store.read(room, after, end - after)
        if len(found) < end - after:
            raise StoreUnavailable  # `heads` has counted them
        return found
