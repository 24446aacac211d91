"""The rooms that this node has in memory: loaded when they are needed, dropped when there are too many.

A room's position is read before its state, so that an event that comes in between is applied twice rather
than missed.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from chatserver.interfaces import Store
from chatserver.model import AnyEvent, MemberEvent, RoomChanged
from chatserver.roomlog.room import Room
from chatserver.runtime.singleflight import SingleFlight

READ_EVENTS = 1000  # per query while catching up
RELOAD_EVENTS = 5000  # a room this far behind, with nobody listening, is loaded anew instead
APPLIED = 1000  # members of a room that is read, then others get their turn
FRESH_SECONDS = 1.0  # then a room without listeners is compared with the store before use


class RoomCache:
    """The rooms in memory, least recently used first; those with listeners stay."""

    def __init__(self, store: Store, bound: int) -> None:
        self._store = store
        self._bound = bound
        self._rooms: OrderedDict[str, Room] = OrderedDict()
        self._loading: SingleFlight[Room | None] = SingleFlight()
        self._reading: SingleFlight[list[AnyEvent]] = SingleFlight()

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

    def all_loaded(self, rooms: Iterable[str]) -> list[Room]:
        """Those of the rooms for which `loaded` has an answer."""
        kept, oldest = self._rooms, time.monotonic() - FRESH_SECONDS
        found: list[Room] = []
        for name in rooms:
            room = kept.get(name)
            if room is not None and not room.stale and (room.followers or room.checked >= oldest):
                kept.move_to_end(name)
                found.append(room)
        return found

    def aging(self, rooms: Iterable[str]) -> list[Room]:
        """Those of the rooms in memory that have to be compared with the store soon, or by now."""
        soon = time.monotonic() - FRESH_SECONDS / 2
        kept = (room for name in rooms if (room := self._rooms.get(name)) is not None)
        return [room for room in kept if room.stale or (not room.followers and room.checked < soon)]

    def known(self, room: str) -> Room | None:
        """The room if it is in memory, however old."""
        return self._rooms.get(room)

    def heads(self) -> dict[str, int]:
        """The head of each room in memory."""
        return {name: room.head for name, room in self._rooms.items()}

    def followed(self) -> list[Room]:
        """Rooms that local connections follow."""
        return [room for room in self._rooms.values() if room.followers]

    def keep(self, room: Room) -> Room:
        """Keep a room in memory and return it; if one of that id is there already, return that one."""
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
        """Those of the rooms that exist; rooms not in memory are read in three queries."""
        found = {room: self._rooms[room] for room in rooms if room in self._rooms}
        for room in found:
            self._rooms.move_to_end(room)
        missing = [room for room in dict.fromkeys(rooms) if room not in found]
        return found | await self._read_many(missing) if missing else found

    async def events(self, room: Room, after: int, limit: int) -> list[AnyEvent]:
        """At most `limit` events after `after`, up to this node's head, from memory if possible.

        Texts that have been replaced are redacted.
        """
        found = room.since(after, limit)
        if found is not None:
            return found
        limit = min(limit, room.head - after)
        return await self._reading.run(
            (room.id, after, limit), lambda: self._read_events(room.id, after, limit)
        )

    async def _read_events(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        (found,) = await self._store.shown([(room, after)], limit)
        return found

    async def reload(self, room: Room) -> None:
        """Replace a room's state in place by that of the store."""
        await self._read(room)

    def forget_contents(self, room: str, user: str) -> None:
        """Drop what is in memory of a room (id) whose log was rewritten, so that it has no name of the user (id)."""
        found = self._rooms.get(room)
        if found is not None:
            found.forget_contents(user)

    async def _read(self, room: Room) -> Room | None:
        began = time.monotonic()
        head = (await self._store.heads([room.id])).get(room.id)
        if head is None:
            return None
        descriptions, members = await asyncio.gather(
            self._store.rooms([room.id]), self._store.members([room.id])
        )
        if room.id not in descriptions:
            return None
        made = await _made(room.id, head, descriptions[room.id], members, began)
        if head < room.head or room.followers:
            return room  # it has followers by now, who must not miss events
        room.become(made)
        return self.keep(room)

    async def _read_many(self, rooms: Sequence[str]) -> dict[str, Room]:
        began = time.monotonic()
        heads = await self._store.heads(rooms)
        descriptions, members = await asyncio.gather(
            self._store.rooms(list(heads)), self._store.members(list(heads))
        )
        in_room: dict[str, list[MemberEvent]] = {room: [] for room in heads}
        for event in members:
            in_room[event.room].append(event)
        found: dict[str, Room] = {}
        for name, described in descriptions.items():
            made = await _made(name, heads[name], described, in_room[name], began)
            found[name] = self.keep(made)
        return found

    def _evict(self) -> None:
        tries = len(self._rooms) - 1  # not the last one, which was asked for just now
        while len(self._rooms) > self._bound and tries:
            tries -= 1
            name, room = self._rooms.popitem(last=False)
            if room.followers or room.holders:
                self._rooms[name] = room


async def _made(
    name: str, head: int, described: RoomChanged, members: Sequence[MemberEvent], read_at: float
) -> Room:
    """The room, from a state that was read from then on (monotonic time); others get their turn while members are added."""
    room = Room(name)
    room.reset(head, described, members[:APPLIED])
    for start in range(APPLIED, len(members), APPLIED):
        await asyncio.sleep(0)
        for event in members[start : start + APPLIED]:
            room.apply_state(event)
    room.checked = read_at
    return room
