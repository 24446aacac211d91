"""The list of a user's rooms, page by page: the first thing that each client asks for.

It is made from rooms in memory with one read of the store: the user's read markers. These also reveal joins
and leaves on other nodes, as each moves the user's marker to its event. So a marker in a room that the list
lacks, or one beyond the head of a room in memory, makes this node look again. If a node dies between writing
the event and moving the marker, other nodes show an old list for at most KNOWN_SECONDS.
"""

import sys
import time
from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from chatserver.interfaces import Store, Unread
from chatserver.model import MemberLeft, MessagePosted, User
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.log import Log
from chatserver.roomlog.room import Room
from chatserver.service.markers import UNREAD_EVENTS, ReadMarkers
from chatserver.service.views import RoomView, view_of

JOINED_ROOMS = 1000  # on one page
KNOWN_SECONDS = 30.0
KNOWN_ROOMS = 200_000  # of all users together: some 20 MB
COUNTED_EVENTS = 50  # counted in memory; with more, the store counts
COUNT_TRIES = 2  # for rooms that get events meanwhile; then the count may be ahead of the head
NONE = Unread(0, 0)


class Counted(NamedTuple):
    """Unread counts of the events behind the marker `read`, up to the seq `upto`."""

    read: int
    upto: int
    unread: Unread


class Known:
    """One user's rooms as this node knows them."""

    __slots__ = ("ids", "others", "rooms", "until")

    def __init__(
        self, joined: Iterable[str], markers: Mapping[str, int], counted: Mapping[str, Counted]
    ) -> None:
        """`markers` were read before `joined` was."""
        self.rooms = {sys.intern(room): counted.get(room) for room in sorted(joined)}
        self.ids = list(self.rooms)
        self.others = {room: seq for room, seq in markers.items() if room not in self.rooms}
        self.until = time.monotonic() + KNOWN_SECONDS

    def agrees(self, markers: Mapping[str, int]) -> bool:
        """False if another node may have let the user into a room since this was read."""
        for room, seq in markers.items():
            if room not in self.rooms and self.others.get(room) != seq:
                return False
        return True

    def after(self, room: str, limit: int) -> list[str]:
        """The next rooms by ascending id."""
        start = bisect_right(self.ids, room) if room else 0
        return self.ids[start : start + limit]

    def add(self, room: str) -> bool:
        """Add a room that the user has joined. False if it is in the list."""
        if room in self.rooms:
            return False
        self.rooms[sys.intern(room)] = None
        insort(self.ids, room)
        return True

    def drop(self, room: str, marker: int) -> bool:
        """Remove a room that the user has left. False if it was not in the list."""
        if room not in self.rooms:
            return False
        del self.rooms[room]
        self.ids.remove(room)
        self.others[room] = marker
        return True


class JoinedPage(NamedTuple):
    """Rooms by ascending id; with `more`, others follow behind `end`. `ids` has all the user's rooms."""

    views: list[RoomView]
    more: bool
    end: str
    ids: Container[str]


class RoomLists:
    """The lists of users who asked this node lately."""

    def __init__(self, store: Store, cache: RoomCache, log: Log, markers: ReadMarkers) -> None:
        self._store, self._cache, self._log, self._markers = store, cache, log, markers
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._size = 0  # rooms in `_known`

    async def page(self, user: User, after: str, limit: int) -> JoinedPage:
        """The user's rooms with id > `after`, at most `limit`, with their unread counts."""
        known, read = await self._look(user, after, limit)
        ids = known.after(after, limit + 1)
        rooms = await self._in_step(user, known, ids[:limit], read)
        views, uncounted = _views(user, known, rooms, read, {})
        if uncounted:
            asked = await self._ask(user, known, uncounted, read)
            views, _ = _views(user, known, rooms, read, asked)  # as the rooms are by now
        return JoinedPage(views, len(ids) > limit, ids[:limit][-1] if ids else "", known.rooms)

    async def rooms(self, user: User) -> list[Room]:
        """All rooms the user is in, in step with the store."""
        known, read = await self._look(user, "", JOINED_ROOMS)
        return await self._in_step(user, known, list(known.ids), read)

    async def ids(self, user: User) -> Container[str]:
        """The ids of all rooms the user is in."""
        return (await self._look(user, "", JOINED_ROOMS))[0].rooms

    def joined(self, user: str, room: str) -> None:
        """Note that a user has joined a room on this node."""
        if known := self._known.get(user):
            self._size += known.add(room)

    def left(self, user: str, room: str, seq: int) -> None:
        """Note that a user has left a room on this node, with the event `seq`."""
        if known := self._known.get(user):
            self._size -= known.drop(room, seq)

    # -- which rooms -------------------------------------------------------------------------------

    async def _look(self, user: User, after: str, limit: int) -> tuple[Known, dict[str, int]]:
        """The user's rooms, and the markers of the next `limit` of them behind `after`."""
        markers, end = await self._markers.page(user, after, 2 * limit)
        known = await self._up_to_date(user, markers)
        # Markers of rooms that the user left or only visited may have filled the page.
        while end is not None and (ids := known.after(after, limit)) and end < ids[-1]:
            further, end = await self._markers.page(user, end, 2 * limit)
            markers |= further
            known = await self._up_to_date(user, markers)
        return known, markers

    async def _up_to_date(self, user: User, markers: Mapping[str, int]) -> Known:
        known = self._known.get(user.id)
        if known is not None and time.monotonic() < known.until and known.agrees(markers):
            self._known.move_to_end(user.id)
            return known
        events = await self._store.memberships(user.id)
        joined = [event.room for event in events if not isinstance(event, MemberLeft)]
        others = self._known[user.id].others if user.id in self._known else {}
        return self._keep(user.id, joined, {**others, **markers})

    def _keep(self, user: str, joined: Iterable[str], markers: Mapping[str, int]) -> Known:
        old = self._drop(user)
        counted = {room: each for room, each in (old.rooms if old else {}).items() if each}
        known = self._known[user] = Known(joined, markers, counted)
        self._size += len(known.ids)
        while self._size > KNOWN_ROOMS and len(self._known) > 1:
            self._drop(next(iter(self._known)))
        return known

    def _drop(self, user: str) -> Known | None:
        known = self._known.pop(user, None)
        if known is not None:
            self._size -= len(known.ids)
        return known

    async def _in_step(
        self, user: User, known: Known, ids: Sequence[str], read: Mapping[str, int]
    ) -> list[Room]:
        """The rooms, in step with the store, without those that the user is not in any more."""
        found = self._usable(user, ids, read)
        if len(found) == len(ids):
            return found
        usable = {room.id: room for room in found}
        others = [id for id in ids if id not in usable]
        usable |= await self._cache.load_many(others)
        now = {room.id for room in self._usable(user, others, read)}
        behind = {room for id in others if (room := usable.get(id)) is not None and id not in now}
        if behind:  # together with those that would be next, or each reading asks for a few of a user's rooms
            behind.update(self._cache.aging(ids))
            await self._log.refresh(behind)
        rooms = [usable[id] for id in ids if id in usable]
        found = [room for room in rooms if user.id in room.members]
        if len(found) < len(ids):
            for id in set(ids) - {room.id for room in found}:
                if known.drop(id, read.get(id, 0)):
                    self._size -= known is self._known.get(user.id)
        return found

    def _usable(self, user: User, ids: Sequence[str], read: Mapping[str, int]) -> list[Room]:
        """Those of the rooms that are in memory and that the store need not be asked about."""
        return [
            room
            for room in self._cache.all_loaded(ids)
            if user.id in room.members and read.get(room.id, 0) <= room.head
        ]

    # -- unread counts -----------------------------------------------------------------------------

    async def _ask(
        self, user: User, known: Known, rooms: Sequence[Room], read: Mapping[str, int]
    ) -> dict[str, Unread]:
        """Have the store count. It counts up to its own head, so only counts up to ours are noted."""
        counts: dict[str, Unread] = {}
        for _ in range(COUNT_TRIES):
            heads = {room: room.head for room in rooms}
            after = {
                room.id: max(read.get(room.id, 0), heads[room] - UNREAD_EVENTS) for room in rooms
            }
            counts |= dict.fromkeys(after, NONE) | await self._store.unread(user.id, after)
            await self._log.refresh(rooms)
            for room, head in heads.items():
                if room.head == head and room.id in known.rooms:
                    counted = Counted(read.get(room.id, 0), head, counts[room.id])
                    known.rooms[room.id] = counted
            rooms = [room for room, head in heads.items() if room.head != head]
            if not rooms:
                break
        return counts


def _views(
    user: User,
    known: Known,
    rooms: Sequence[Room],
    read: Mapping[str, int],
    asked: Mapping[str, Unread],
) -> tuple[list[RoomView], list[Room]]:
    """Views of the rooms that the user is in now, and the rooms whose counts are in neither memory nor `asked`."""
    views: list[RoomView] = []
    uncounted: list[Room] = []
    kept = known.rooms
    for room in rooms:
        id = room.id
        if user.id not in room.members:  # the membership has ended meanwhile
            continue
        seq, before = read.get(id, 0), kept.get(id)
        counted = _count(user.id, room, seq, before)
        if counted is None:
            uncounted.append(room)
            unread = asked.get(id, NONE)
        else:
            unread = counted.unread
            if counted is not before and counted.upto > seq and id in kept:
                kept[id] = counted
        views.append(view_of(user, room, seq, unread))
    return views, uncounted


def _count(user: str, room: Room, read: int, known: Counted | None) -> Counted | None:
    """Unread counts behind `read`, from the last counts and the tail; None if the tail is too short."""
    head = room.head
    if known is None or known.read != read or known.upto > head:
        known = Counted(read, read, NONE)
    if known.upto == head:
        return known
    events = room.since(known.upto, head)
    if events is None or len(events) > COUNTED_EVENTS:
        return None
    messages, mentions = known.unread
    for event in events:
        if type(event) is MessagePosted and event.author.id != user and not event.is_apart:
            messages += 1
            mentions += event.mentions_user(user)
    return Counted(read, head, Unread(min(messages, UNREAD_EVENTS), mentions))
