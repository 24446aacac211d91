"""A cache of index pages: a search in many rooms needs thousands of them.

A page is derived from a part of the log, so it never changes. When a larger segment replaces it, the
store may drop it, but a cached copy is still right. Misses are not cached: the page may be written later.
"""

from collections import OrderedDict
from collections.abc import Sequence

from chatserver.interfaces import IndexPlace, Store

KEEP_BYTES = 32 << 20  # for all rooms together
PLACE_BYTES = 300  # memory of a place and its entry, beside the page


class PageCache:
    """Reads pages from a store unless they are cached; the least recently used are dropped first."""

    def __init__(self, store: Store, most_bytes: int = KEEP_BYTES) -> None:
        self._store, self._most = store, most_bytes
        self._kept: OrderedDict[IndexPlace, bytes] = OrderedDict()  # most recently used last
        self._size = 0

    async def get(self, places: Sequence[IndexPlace]) -> list[bytes | None]:
        """Like `Store.index_pages`; makes at most one query."""
        found: list[bytes | None] = []
        missing: dict[IndexPlace, bytes | None] = {}
        for place in places:
            page = self._kept.get(place)
            found.append(page)
            if page is None:
                missing[place] = None
            else:
                self._kept.move_to_end(place)
        if not missing:
            return found
        read = await self._store.index_pages([*missing])
        for place, data in zip(missing, read, strict=True):
            missing[place] = data
            if data is not None:
                self._keep(place, data)
        return [
            missing[place] if page is None else page
            for place, page in zip(places, found, strict=True)
        ]

    def _keep(self, place: IndexPlace, data: bytes) -> None:
        if place in self._kept:
            return  # another search read it meanwhile
        self._kept[place] = data
        self._size += len(data) + PLACE_BYTES
        while self._size > self._most:
            _, dropped = self._kept.popitem(last=False)
            self._size -= len(dropped) + PLACE_BYTES
