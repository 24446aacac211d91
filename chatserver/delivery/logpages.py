"""Encoded pages of rooms' logs, made once for all connections that catch up.

After a restart all clients come back with about the same position and want the same bytes. Requests for the
same page at the same time share one call (single-flight), and the page is cached for a moment for requests
that come a little later. Rights are checked where rooms are followed, not here.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from chatserver.model import AnyEvent
from chatserver.roomlog.room import Room
from chatserver.runtime.singleflight import SingleFlight

PAGE_EVENTS = 200  # read and sent at once; also the most that one replay holds in memory
KEEP_SECONDS = 1.0  # pages may depend on rights, whose changes are known everywhere by then
TRIES = 5  # to make a page during which no text is replaced
KEEP_BYTES = 16 << 20  # of all rooms together; 500 clients that miss 1,000 events share 0.5 MB

Encoded = bytes | Sequence[bytes]
Form = TypeVar("Form", bound=Encoded)
Page = list[tuple[Form, int]]  # each part with the seq of its last event


Key = tuple[str, Hashable, int]  # room id, form, after


class _Kept(NamedTuple):
    page: Page[Any]
    size: int
    until: float


class LogPages:
    """The pages of all rooms that are being made, and a cache of those made last."""

    def __init__(
        self, read: Callable[[Room, int, int], Awaitable[Sequence[AnyEvent]]], part_bytes: int
    ) -> None:
        """`read` gives at most so many events of a room after a seq; parts have `part_bytes` at most."""
        self._read, self._part_bytes = read, part_bytes
        self._making: SingleFlight[Page[Any]] = SingleFlight()
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()  # oldest first
        self._under_way: Counter[Key] = Counter()
        self._version = 0  # grows when a text that may be in a page under way is replaced
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None

    async def get(
        self,
        room: Room,
        after: int,
        form: Hashable,
        encode: Callable[[Sequence[AnyEvent], int], Awaitable[Page[Form]]],
    ) -> Page[Form]:
        """The page of events after the seq `after`, which is below the room's head.

        A page ends at the next multiple of `PAGE_EVENTS`, or at the head, so that readers from different
        positions soon want the same pages. Callers that give the same `form` must want the same bytes.
        `encode` takes events and a size in bytes, and makes parts of at most that size. Raises the errors
        of reading and encoding. Other tasks get their turn first, also if the page is in the cache.
        """
        key: Key = (room.id, form, after)
        kept = self._kept.get(key)
        if kept is None:
            return await self._make(key, room, encode)
        await asyncio.sleep(0)
        return kept.page

    def forget(self, room: str, replaced: Sequence[tuple[int, int]]) -> None:
        """Drop pages that may have texts replaced between these first and last seqs."""
        for key, kept in list(self._kept.items()):
            if key[0] == room and _meet(key[2], kept.page[-1][1], replaced):
                self._size -= self._kept.pop(key).size
        for name, _, after in self._under_way:
            if name == room and _meet(after, _end(after), replaced):
                self._version += 1

    def clear(self) -> None:
        """Drop all pages, also those under way once they are made."""
        self._kept.clear()
        self._size = 0
        self._version += 1

    async def _make(
        self,
        key: Key,
        room: Room,
        encode: Callable[[Sequence[AnyEvent], int], Awaitable[Page[Form]]],
    ) -> Page[Form]:
        """Make a page; again if a text was replaced meanwhile, as later callers must not get the old one."""
        for _ in range(TRIES):
            version = self._version
            page = await self._making.run(
                (key, version), lambda: self._make_once(key, room, encode)
            )
            if version == self._version:
                break
        return page

    async def _make_once(
        self,
        key: Key,
        room: Room,
        encode: Callable[[Sequence[AnyEvent], int], Awaitable[Page[Form]]],
    ) -> Page[Form]:
        version, after = self._version, key[2]
        self._under_way[key] += 1
        try:
            events = await self._read(room, after, _end(after) - after)
            page = await encode(events, self._part_bytes)
        finally:
            self._under_way[key] -= 1
            self._under_way += Counter()  # removes entries with a count of 0
        if version == self._version:
            self._keep(key, page)
        return page

    # -- the cache -------------------------------------------------------------------------------

    def _keep(self, key: Key, page: Page[Any]) -> None:
        loop = asyncio.get_running_loop()
        size = sum(_size(part) for part, _ in page)
        self._kept[key] = _Kept(page, size, loop.time() + KEEP_SECONDS)
        self._size += size
        while self._size > KEEP_BYTES:
            self._drop_oldest()
        if self._timer is None:
            self._timer = loop.call_later(KEEP_SECONDS, self._drop_old)

    def _drop_old(self) -> None:
        loop = asyncio.get_running_loop()
        while self._kept and next(iter(self._kept.values())).until <= loop.time():
            self._drop_oldest()
        self._timer = None
        if self._kept:
            until = next(iter(self._kept.values())).until
            self._timer = loop.call_at(until, self._drop_old)

    def _drop_oldest(self) -> None:
        _, oldest = self._kept.popitem(last=False)
        self._size -= oldest.size


def _end(after: int) -> int:
    """The last seq that a page after the seq `after` can have."""
    return after + PAGE_EVENTS - after % PAGE_EVENTS


def _meet(after: int, last: int, places: Iterable[tuple[int, int]]) -> bool:
    """Whether any of these places (first and last seqs) overlaps the events after `after` up to `last`."""
    return any(begin <= last and end > after for begin, end in places)


def _size(encoded: Encoded) -> int:
    return len(encoded) if isinstance(encoded, bytes) else sum(map(len, encoded))
