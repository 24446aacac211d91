"""The list of public rooms that a user can join; its first page is read once for all users."""

import time
from collections.abc import Container
from typing import NamedTuple

from chatserver.interfaces import Store
from chatserver.model import ServerRole, User
from chatserver.runtime.rate import Bucket
from chatserver.runtime.singleflight import SingleFlight
from chatserver.service.directory import bare_name
from chatserver.service.views import RoomList, RoomView

PUBLIC_ROOMS = 500  # on one page
KEPT_SECONDS = 1.0  # as long as rooms in memory are used without a look at the store
FORGET_PER_SECOND, FORGET_BURST = (
    2.0,
    20.0,
)  # else one who changes rooms all the time costs all others
LOOKED_AT = 2000  # rooms at once, for those that are not archived, or have a text in their name
FURTHER_ROOMS = 50  # read at least, of those behind the first ones: many may be the user's own


class Page(NamedTuple):
    """Public rooms by ascending id; there may be more behind the id `end`."""

    views: list[RoomView]
    end: str | None
    until: float


class PublicRooms:
    """Finds the rooms that a user can join."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._first: Page | None = None
        self._reading: SingleFlight[Page] = SingleFlight()
        self._changes = 0
        self._forgetting = Bucket(FORGET_PER_SECOND, FORGET_BURST)

    async def page(
        self,
        user: User,
        joined: Container[str],
        after: str,
        limit: int,
        *,
        archived: bool = False,
    ) -> RoomList:
        """Rooms not in `joined`, by ascending id > `after`, at most `limit` and PUBLIC_ROOMS.

        Looks at some LOOKED_AT rooms; the page may have fewer than `limit`, or none, and yet `more`. With
        `archived`, archived ones are listed as well.
        """
        if user.role is ServerRole.GUEST:
            return RoomList([])
        limit, looked_at = min(limit, PUBLIC_ROOMS), 0
        page, found = await self._first_page(), list[RoomView]()
        while True:
            found += [
                view
                for view in page.views
                if view.id > after and view.id not in joined and (archived or not view.archived)
            ]
            looked_at += len(page.views)
            if len(found) > limit:
                return RoomList(
                    found[:limit], more=True, after=found[limit - 1].id if limit else after
                )
            if page.end is None:
                return RoomList(found)
            if looked_at >= LOOKED_AT:
                return RoomList(found, more=True, after=max(after, page.end))
            page = await self._read(max(after, page.end), max(limit, FURTHER_ROOMS) + 1)

    async def find(
        self,
        user: User,
        joined: Container[str],
        text: str,
        after: str,
        limit: int,
        *,
        archived: bool = False,
    ) -> RoomList:
        """Rooms not in `joined` with the text in their name or topic, otherwise as `page`."""
        if user.role is ServerRole.GUEST:
            return RoomList([])
        wanted, found, looked_at = bare_name(text), list[RoomView](), 0
        page = await self._first_page()
        while True:
            for view in page.views:
                if view.id <= after or view.id in joined or not _has(view, wanted):
                    continue
                if view.archived and not archived:
                    continue
                if len(found) >= min(limit, PUBLIC_ROOMS):
                    return RoomList(found, more=True, after=found[-1].id)
                found.append(view)
            looked_at += len(page.views)
            if page.end is None:
                return RoomList(found)
            after = max(after, page.end)
            if looked_at >= LOOKED_AT:
                return RoomList(found, more=True, after=after)
            page = await self._read(after, PUBLIC_ROOMS)

    def forget(self) -> None:
        """Drop the first page, so that a public room made or changed on this node shows at once.

        If that happens all the time it shows after KEPT_SECONDS, as changes by other nodes do.
        """
        if not self._forgetting.take():
            self._changes += 1
            self._first = None

    async def _first_page(self) -> Page:
        if self._first is not None and time.monotonic() < self._first.until:
            return self._first
        changes = self._changes
        page = await self._reading.run(changes, lambda: self._read("", PUBLIC_ROOMS + 1))
        if changes == self._changes:
            self._first = page
        return page

    async def _read(self, after: str, limit: int) -> Page:
        until = time.monotonic() + KEPT_SECONDS
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
                archived=room.archived,
                posting=room.posting,
                slow_mode=room.slow_mode,
                edit_history=room.edit_history,
            )
            for room in rooms
        ]
        return Page(views, rooms[-1].room if len(rooms) == limit else None, until)


def _has(view: RoomView, wanted: str) -> bool:
    return wanted in bare_name(view.name or "") or wanted in bare_name(view.topic)
