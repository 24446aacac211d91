"""Public rooms, as they are listed to those who are not in them."""

from collections.abc import Container

from chatserver.interfaces import Store
from chatserver.model import RoomChanged, ServerRole, User
from chatserver.service.views import RoomList, RoomView

PUBLIC_ROOMS = 500  # listed at once


class PublicRooms:
    """Finds what can be joined."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, user: User, joined: Container[str], after: str, limit: int) -> RoomList:
        """Those not `joined`, by ascending id > `after`, at most `limit` and PUBLIC_ROOMS."""
        if user.role is ServerRole.GUEST:
            return RoomList([])
        limit = min(limit, PUBLIC_ROOMS)
        found: list[RoomChanged] = []
        while len(found) <= limit:
            page = await self._store.public_rooms(after, limit + 1)
            found += [room for room in page if room.room not in joined]
            if len(page) <= limit:
                break
            after = page[-1].room
        listed = found[:limit]
        heads = await self._store.heads([room.room for room in listed])
        views = [
            RoomView(
                id=room.room,
                name=room.name,
                kind=room.kind,
                topic=room.topic,
                head=heads.get(room.room, room.seq),
                joined=False,
            )
            for room in listed
        ]
        return RoomList(views, more=len(found) > limit)
