"""The rooms that this node has in memory: loaded when they are needed, dropped when there are too many.

A room is loaded position first, then state, so that what comes meanwhile is applied again rather than
missed.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence

from chatserver.interfaces import Store
from chatserver.joined import Joined
from chatserver.model import AnyEvent, MemberEvent
from chatserver.redaction import without_replaced
from chatserver.room import Room

READ_EVENTS = 1000  # per query while catching up
RELOAD_EVENTS = 5000  # a room this far behind, with nobody listening, is loaded anew instead
FRESH_SECONDS = 1.0  # a room nobody listens to is compared with the store before use after this


class Rooms:
    """The rooms in memory, least recently used first; those with listeners stay."""

    def __init__(self, store: Store, bound: int) -> None:
        self._store = store
        self._bound = bound
        self._rooms: OrderedDict[str, Room] = OrderedDict()
        self._loading: Joined[Room | None] = Joined()
        self._reading: Joined[list[AnyEvent]] = Joined()

    def __len__(self) -> int:
        return len(self._rooms)

    def loaded(self, room: str) -> Room | None:
        """The room if it is in memory and need not be compared with the store first."""
        found = self._rooms.get(room)
        if found is None or found.stale:
            return None
        if not found.followers and time.monotonic() - found.checked > FRESH_SECONDS:
            return None
        self._rooms.move_to_end(room)
        return found

    def known(self, room: str) -> Room | None:
        """The room if it is in memory, however old."""
        return self._rooms.get(room)

    def heads(self) -> dict[str, int]:
        """How far each room in memory is."""
        return {name: room.head for name, room in self._rooms.items()}

    def followed(self) -> list[Room]:
        """Rooms that local connections follow."""
        return [room for room in self._rooms.values() if room.followers]

    def keep(self, room: Room) -> Room:
        """Take a room into memory; if there is one of that id already, that one counts."""
        kept = self._rooms.setdefault(room.id, room)
        self._rooms.move_to_end(room.id)
        self._evict()
        return kept

    async def load(self, room: str) -> Room | None:
        """The room, read from the store if it is not in memory; None if there is no such room."""
        if room in self._rooms:
            self._rooms.move_to_end(room)
            return self._rooms[room]
        return await self._loading.run(room, lambda: self._read(Room(room)))

    async def load_many(self, rooms: Sequence[str]) -> dict[str, Room]:
        """Those of the rooms that there are; what is not in memory is read in three queries."""
        found = {room: self._rooms[room] for room in rooms if room in self._rooms}
        for room in found:
            self._rooms.move_to_end(room)
        missing = [room for room in dict.fromkeys(rooms) if room not in found]
        return found | await self._read_many(missing) if missing else found

    async def events(self, room: Room, after: int, limit: int) -> list[AnyEvent]:
        """At most `limit` events after `after`, up to this node's head, from memory if possible.

        Texts that were replaced by now are redacted.
        """
        found = room.since(after, limit)
        if found is not None:
            return found
        limit = min(limit, room.head - after)
        return await self._reading.run(
            (room.id, after, limit), lambda: self._read_events(room.id, after, limit)
        )

    async def _read_events(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        return await without_replaced(self._store, await self._store.read(room, after, limit))

    async def reload(self, room: Room) -> None:
        """Replace a room's state in place by what the store has."""
        await self._read(room)

    async def _read(self, room: Room) -> Room | None:
        head = (await self._store.heads([room.id])).get(room.id)
        if head is None:
            return None
        descriptions, members = await asyncio.gather(
            self._store.rooms([room.id]), self._store.members([room.id])
        )
        if room.id not in descriptions:
            return None
        if head < room.head or room.followers:
            return room  # somebody follows it by now, and must not see it jump
        room.reset(head, descriptions[room.id], members)
        room.stale = False
        room.checked = time.monotonic()
        return self.keep(room)

    async def _read_many(self, rooms: Sequence[str]) -> dict[str, Room]:
        heads = await self._store.heads(rooms)
        descriptions, members = await asyncio.gather(
            self._store.rooms(list(heads)), self._store.members(list(heads))
        )
        in_room: dict[str, list[MemberEvent]] = {room: [] for room in heads}
        for event in members:
            in_room[event.room].append(event)
        found: dict[str, Room] = {}
        for name, described in descriptions.items():
            room = Room(name)
            room.reset(heads[name], described, in_room[name])
            found[name] = self.keep(room)
        return found

    def _evict(self) -> None:
        tries = len(self._rooms) - 1  # the last one was asked for just now
        while len(self._rooms) > self._bound and tries:
            tries -= 1
            name, room = self._rooms.popitem(last=False)
            if room.followers or room.holders:
                self._rooms[name] = room
