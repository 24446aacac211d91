"""Presence: connections that watch whether other users are online, and the notices to them.

Each turn compares the state that a connection was told with the present one, and sends the difference. So a
user who comes and goes many times costs no more than once, and a connection that lags is told later.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from chatserver.cluster.bus.announcer import Announcer
from chatserver.cluster.bus.online import Online
from chatserver.delivery.notices import PresenceNow
from chatserver.delivery.subscriber import News, Subscriber
from chatserver.errors import ChatError
from chatserver.model import User
from chatserver.roomlog.room import Room
from chatserver.service.rights import Right, demand
from chatserver.service.rooms import RoomService

TICK_SECONDS = 1.0
WATCHED_USERS = 200  # by one connection, in all of its rooms: some 40 KiB
TOLD_AT_ONCE = 50  # connections; then other tasks get their turn of the loop


class Watch:
    """The users that one connection watches, and the state it was told of each."""

    __slots__ = ("rooms", "subscriber", "told")

    def __init__(self, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self.rooms: dict[str, list[str]] = {}  # the watched members of each room
        self.told: dict[str, bool] = {}  # by watched user, whether the connection was told "online"


class Presence:
    """All watches of this node."""

    def __init__(self, rooms: RoomService, online: Online, announcer: Announcer | None) -> None:
        """`announcer` is None if there is no bus to other nodes."""
        self.online = online
        self._rooms, self._announcer = rooms, announcer
        self._watches: dict[Subscriber, Watch] = {}
        self._watchers: dict[str, set[Watch]] = {}  # by watched user
        self._due: set[Watch] = set()

    async def watch(
        self, subscriber: Subscriber, user: User, room: str, users: Sequence[str]
    ) -> dict[str, bool]:
        """Watch members of a room; returns for each whether they are online now.

        The connection is told of later changes. Replaces its last list for that room. Users who are not
        members are left out. Raises `ChatError` if the connection does not follow the room, and limit.count.
        """
        found = await self._rooms.get(room, user)
        demand(user, found, Right.READ)
        return self.watch_members(subscriber, found, users)

    def watch_members(
        self, subscriber: Subscriber, room: Room, users: Sequence[str]
    ) -> dict[str, bool]:
        """Like `watch`, for a room that the connection follows, and whose right to read was checked."""
        followed = {feed.room.id: feed.room for feed in subscriber.feeds}
        if followed.get(room.id) is not room:
            raise ChatError("request.invalid", "room: expected one that this connection follows.")
        members = _members(room, users)
        watch = self._watches.get(subscriber) or Watch(subscriber)
        rooms = {name: listed for name, listed in watch.rooms.items() if name in followed}
        rooms[room.id] = members
        if len({each for listed in rooms.values() for each in listed}) > WATCHED_USERS:
            raise ChatError("limit.count", f"At most {WATCHED_USERS} users can be watched.")
        self._set(watch, rooms)
        # The answer tells the connection all of this, so no notice has to repeat it.
        answer = {member: member in self.online for member in members}
        watch.told |= answer
        return answer

    def unwatch(self, subscriber: Subscriber, room: Room) -> None:
        """End the connection's watch of this room's members."""
        watch = self._watches.get(subscriber)
        if watch is not None:
            self._set(watch, {name: m for name, m in watch.rooms.items() if name != room.id})

    async def tick(self) -> None:
        """Tell other nodes and watching connections of changes; to be called every TICK_SECONDS."""
        items = self.online.tick(asyncio.get_running_loop().time())
        if self._announcer is not None:
            for item in items:
                self._announcer.say(item)
        for user in self.online.changed:
            self._due.update(self._watchers.get(user, ()))
        self.online.changed.clear()
        due, self._due = self._due, set()
        for number, watch in enumerate(due, 1):
            self._tell(watch)
            if number % TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)

    def end(self) -> None:
        """Tell other nodes that no user is online at this node any more, as it stops."""
        if self._announcer is not None:
            for item in self.online.end():
                self._announcer.say(item)

    # -- connections come and go -------------------------------------------------------------------

    def arrived(self, user: str) -> None:
        """The user's first connection to this node has come."""
        self.online.arrived(user)

    def left(self, user: str) -> None:
        """The user's last connection to this node is gone."""
        self.online.left(user, asyncio.get_running_loop().time())

    def forget(self, subscriber: Subscriber) -> None:
        """A connection is gone: it watches nobody any more."""
        watch = self._watches.get(subscriber)
        if watch is not None:
            self._set(watch, {})

    # -- watches -----------------------------------------------------------------------------------

    def _set(self, watch: Watch, rooms: Mapping[str, list[str]]) -> None:
        """Set the members that the connection watches, by room."""
        watch.rooms = {room: members for room, members in rooms.items() if members}
        wanted = {member for members in watch.rooms.values() for member in members}
        for user in watch.told.keys() - wanted:
            del watch.told[user]
            self._watchers[user].discard(watch)
            if not self._watchers[user]:
                del self._watchers[user]
        for user in wanted - watch.told.keys():
            watch.told[user] = user in self.online
            self._watchers.setdefault(user, set()).add(watch)
        if watch.rooms:
            self._watches[watch.subscriber] = watch
        else:
            self._watches.pop(watch.subscriber, None)

    def _tell(self, watch: Watch) -> None:
        if watch.subscriber.closed:
            return
        if watch.subscriber.is_lagging:
            self._due.add(watch)
            return
        followed = {feed.room.id: feed.room for feed in watch.subscriber.feeds}
        if not watch.rooms.keys() <= followed.keys():
            self._set(watch, {name: watch.rooms[name] for name in watch.rooms.keys() & followed})
        news = {
            user: is_on
            for user, told in watch.told.items()
            if (is_on := user in self.online) is not told
        }
        if not news:
            return
        watch.told |= news
        members = {
            user
            for name, listed in watch.rooms.items()
            for user in _members(followed[name], news.keys() & listed)
        }
        if members:
            now = {user: is_on for user, is_on in news.items() if user in members}
            watch.subscriber.hear(News(PresenceNow(users=now)))


def _members(room: Room, users: Iterable[str]) -> list[str]:
    return [user for user in dict.fromkeys(users) if room.role(user) is not None]
