"""Public rooms, as they are listed to those who are not in them: read once for all who ask."""

import time
from collections import OrderedDict
from collections.abc import Container
from typing import NamedTuple

from chatserver.interfaces import Store
from chatserver.joined import Joined
from chatserver.model import ServerRole, User
from chatserver.service.views import RoomList, RoomView

PUBLIC_ROOMS = 500  # listed at once
KEPT_SECONDS = 1.0  # as other rooms in memory are used without a look at the store
KEPT_PAGES = 64  # some 15 MB


class Page(NamedTuple):
    """Public rooms by ascending id; behind `end` there may be more."""

    views: list[RoomView]
    end: str | None
    until: float


class PublicRooms:
    """Finds what can be joined."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._reading: Joined[Page] = Joined()
        self._changes = 0

    async def page(self, user: User, joined: Container[str], after: str, limit: int) -> RoomList:
        """Those not `joined`, by ascending id > `after`, at most `limit` and PUBLIC_ROOMS."""
        if user.role is ServerRole.GUEST:
            return RoomList([])
        limit = min(limit, PUBLIC_ROOMS)
        found: list[RoomView] = []
        while len(found) <= limit:
            page = await self._page(after)
            found += [view for view in page.views if view.id not in joined]
            if page.end is None:
                break
            after = page.end
        return RoomList(found[:limit], more=len(found) > limit)

    def forget(self) -> None:
        """A room was made or described anew on this node."""
        self._changes += 1
        self._pages.clear()

    async def _page(self, after: str) -> Page:
        kept = self._pages.get(after)
        if kept is not None and time.monotonic() < kept.until:
            return kept
        changes = self._changes
        page = await self._reading.run((after, changes), lambda: self._read(after))
        if changes == self._changes:
            self._pages[after] = page
            self._pages.move_to_end(after)
            if len(self._pages) > KEPT_PAGES:
                self._pages.popitem(last=False)
        return page

    async def _read(self, after: str) -> Page:
        until, limit = time.monotonic() + KEPT_SECONDS, PUBLIC_ROOMS + 1
        rooms = await self._store.public_rooms(after, limit)
        heads = await self._store.heads([room.room for room in rooms])
        views = [
            RoomView(
                id=room.room,
                name=room.name,
                kind=room.kind,
                topic=room.topic,
                head=heads.get(room.room, room.seq),
                joined=False,
            )
            for room in rooms
        ]
        return Page(views, rooms[-1].room if len(rooms) == limit else None, until)
