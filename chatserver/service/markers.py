"""Read markers: the last seq that a user has read in each room, and the unread counts from there."""

from collections.abc import Sequence

from chatserver.delivery.hub import Hub
from chatserver.delivery.notices import ReadMoved
from chatserver.delivery.subscriber import Subscriber
from chatserver.errors import ChatError
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.types import ReadMark
from chatserver.interfaces import Store, Unread
from chatserver.model import User
from chatserver.roomlog.room import Room

MARKERS = "read"  # record space: "user/room" -> seq as decimal digits
MARKER_TRIES = 10  # each lost try means that another writer moved the marker forward
IMPORTED = "imported"  # record space: room -> seq, as decimal digits, of the last event that came from another chat
UNREAD_EVENTS = 1000  # counted at most in one room, as no client shows more than "999+"


class ReadMarkers:
    """One marker for each user and room in which the user has read something."""

    def __init__(self, store: Store, hub: Hub, hooks: HookCalls) -> None:
        self._store, self._hub, self._hooks = store, hub, hooks

    async def of_rooms(self, user: User, rooms: Sequence[Room]) -> dict[str, int]:
        """The user's seq in each of these rooms; 0 without a marker."""
        found = await self._store.get_many(MARKERS, [_key(user, room) for room in rooms])
        return {room.id: int(found.get(_key(user, room), 0)) for room in rooms}

    async def of_users(self, room: Room, users: Sequence[str]) -> dict[str, int]:
        """The seqs in the room of those of the users (ids) who have a marker there, in one read."""
        keys = {f"{user}/{room.id}": user for user in users}
        found = await self._store.get_many(MARKERS, list(keys))
        return {keys[key]: int(seq) for key, seq in found.items()}

    async def imported(self, room: Room) -> int:
        """The seq of the last event of the room that came from another chat; 0 if none did.

        Such events count as read, so a marker does not say that anybody has seen them.
        """
        return int(await self._store.get(IMPORTED, room.id) or 0)

    async def page(self, user: User, after: str, limit: int) -> tuple[dict[str, int], str | None]:
        """The user's seq in rooms with id > `after`, at most `limit`; the last id if there are more."""
        prefix = f"{user.id}/"
        rows = await self._store.scan(MARKERS, prefix, f"{prefix}{after}", limit)
        found = {key.removeprefix(prefix): int(value) for key, value in rows}
        return found, next(reversed(found)) if len(found) == limit else None

    async def unread(
        self, user: User, rooms: Sequence[Room], read: dict[str, int]
    ) -> dict[str, Unread]:
        """The user's unread counts of each room, from the seqs in `read` on."""
        after = {
            room.id: max(read.get(room.id, 0), room.head - UNREAD_EVENTS, room.kept_from - 1)
            for room in rooms
        }
        counted = await self._store.unread(user.id, after)
        return {room.id: counted.get(room.id, Unread(0, 0)) for room in rooms}

    async def reach(self, user: str, room: Room, seq: int) -> None:
        """Move a user's marker forward to their own joining or leaving, which tells other nodes of it.

        So messages from before, or from while the user was away, do not count as unread.
        """
        key, new = f"{user}/{room.id}", str(seq).encode()
        for _ in range(MARKER_TRIES):
            if await self._store.add(MARKERS, key, new):
                return
            old = await self._store.get(MARKERS, key)
            if old is not None and seq <= int(old):
                return
            if old is not None and await self._store.swap(MARKERS, key, old, new):
                return

    async def move(self, user: User, room: Room, seq: int, but: Subscriber | None = None) -> int:
        """Move the marker forward, at most to the head; returns its position afterwards.

        The user's connections are told, except `but`, which knows already, and plugins observe it. Raises `ChatError` limit.rate if
        the user's other devices move it all the time.
        """
        key, seq = _key(user, room), min(seq, room.head)
        new = str(seq).encode()
        for _ in range(MARKER_TRIES):
            old = await self._store.get(MARKERS, key)
            if seq <= int(old or 0):
                return int(old or 0)
            if old is None:
                moved = await self._store.add(MARKERS, key, new)
            else:
                moved = await self._store.swap(MARKERS, key, old, new)
            if moved:
                self._hub.tell_user(user.id, ReadMoved(room=room.id, seq=seq), but=but)
                self._hooks.on_read(ReadMark(user=user.id, room=room.id, seq=seq))
                return seq
        raise ChatError("limit.rate", after_ms=1000)


def _key(user: User, room: Room) -> str:
    return f"{user.id}/{room.id}"
