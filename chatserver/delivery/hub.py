"""The hub: the connections of this node, and handing durable events to those that follow their room."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any, Protocol

from msgspec import UNSET

from chatserver.delivery.channel import Channel, Channels, tell
from chatserver.delivery.outlet import Outlet
from chatserver.delivery.subscriber import News, Subscriber
from chatserver.model import MemberLeft, ServerRole, User
from chatserver.roomlog.room import Advance, Room
from chatserver.runtime.measure import Measures

ANY_SEQ = (1 << 63) - 1  # as high as that of any event
TOLD_AT_ONCE = 500  # connections in one turn of the loop


class Connection(Protocol):
    """A lasting connection of any protocol, which has to be ended when the server stops."""

    @property
    def is_socket(self) -> bool:
        """Whether this is a WebSocket, not a streamed HTTP answer."""

    @property
    def is_lagging(self) -> bool:
        """Whether bytes wait because the client does not read."""

    def announce_drain(self, after_ms: int) -> None:
        """Tell the client that it will have to move within so many milliseconds."""

    def stop_reading(self) -> None:
        """Stop reading from the client."""

    def send_away(self) -> None:
        """End the connection with 4301. All messages read from the client are answered by now."""


class OtherNodes(Protocol):
    """The other nodes, to which notices that are in no log are sent."""

    def tell_room(self, room: str, payload: Any) -> None: ...
    def tell_user(self, user: str, payload: Any) -> None: ...
    def tell_companions(self, user: str, payload: Any) -> None: ...
    def tell_everybody(self, payload: Any, roles: Collection[ServerRole]) -> None: ...


class Hub:
    """All connections of this node, by user, and the channels of the rooms that they follow."""

    def __init__(self, outlet: Outlet, other_nodes: OtherNodes | None, measures: Measures) -> None:
        """`other_nodes` is None if there is no bus to other nodes."""
        self.outlet, self.channels = outlet, Channels(outlet)
        self._other_nodes = other_nodes
        self._users: dict[str, set[Subscriber]] = {}
        self._connections: set[Connection] = set()
        self._gone: asyncio.Event | None = None
        self._show_gauges(measures)

    def _show_gauges(self, measures: Measures) -> None:
        measures.gauge(
            "websocket_connections_active",
            "Open WebSocket connections",
            lambda: sum(connection.is_socket for connection in self._connections),
        )
        measures.gauge(
            "chatserver_streams_active",
            "HTTP answers that are being streamed",
            lambda: sum(not connection.is_socket for connection in self._connections),
        )
        measures.gauge(
            "chatserver_connections_lagging",
            "Connections that are behind now",
            lambda: sum(connection.is_lagging for connection in self._connections),
        )

    # -- connections ---------------------------------------------------------------------------

    def add(self, connection: Connection) -> None:
        self._connections.add(connection)

    def discard(self, connection: Connection) -> None:
        """The connection is gone."""
        self._connections.discard(connection)
        if self._gone is not None and not self._connections:
            self._gone.set()

    def everybody(self) -> list[Connection]:
        """All connections as they are now."""
        return list(self._connections)

    def connections(self) -> int:
        return len(self._connections)

    def sign_in(self, subscriber: Subscriber, user: User, token: str) -> bool:
        """Sign a connection in, by the session of `token`. Returns whether it is the user's first."""
        subscriber.sign_in(user, token)
        mine = self._users.setdefault(user.id, set())
        mine.add(subscriber)
        return len(mine) == 1

    def of_user(self, user: str) -> list[Subscriber]:
        return list(self._users.get(user, ()))

    def scoped_users(self) -> set[str]:
        """The ids of the bots that are connected by a token."""
        everybody = [each.user for mine in self._users.values() for each in mine]
        return {user.id for user in everybody if user is not None and user.scopes is not UNSET}

    def update_user(self, user: User) -> None:
        """Apply a change of the account to its connections."""
        for subscriber in self.of_user(user.id):
            before = subscriber.user
            subscriber.user = user if before is None else user.within(before.scopes)
            for room in {feed.room for feed in subscriber.feeds}:
                subscriber.lose(room)

    def remove(self, subscriber: Subscriber) -> bool:
        """Forget a connection that is gone. Returns whether it was its user's last one."""
        self.discard(subscriber)
        was_last = False
        if subscriber.user is not None:
            mine = self._users.get(subscriber.user.id, set())
            mine.discard(subscriber)
            was_last = not mine and self._users.pop(subscriber.user.id, None) is not None
        subscriber.close()
        return was_last

    # -- events ----------------------------------------------------------------------------------

    def deliver(self, room: Room, advance: Advance) -> None:
        """Hand the events by which a room has just advanced to its listeners. Never raises.

        A user who left still gets all events up to that one, and none after; so does everybody in a deleted room, and
        who is no member of one that becomes private.
        """
        if advance.replaced:
            try:
                self.outlet.pages.forget(room.id, advance.replaced)
            except MemoryError:
                self.outlet.pages.clear()
        channel = self.channels.existing(room)
        if channel is not None:
            channel.hand_out(advance)
            last = advance.events[-1]
            if isinstance(last, MemberLeft):
                self._let_go(room, self.of_user(last.user.id))
            elif advance.hides:
                self._let_go(room, self._followers(room, channel))

    def forget_pages(self, room: str) -> None:
        """Drop the pages kept of a room (id), whose log was rewritten."""
        self.outlet.pages.forget(room, [(1, ANY_SEQ)])

    def _followers(self, room: Room, channel: Channel) -> Iterable[Subscriber]:
        """The connections that follow the room; all there are, if some follow it in a way that no channel knows."""
        live = list(channel.followers())
        if len(live) == room.followers:
            return set(live)
        return [each for mine in self._users.values() for each in mine]

    def _let_go(self, room: Room, subscribers: Iterable[Subscriber]) -> None:
        """End the feeds of those who may not read the room any more."""
        for subscriber in subscribers:
            if any(feed.room is room for feed in subscriber.feeds):
                subscriber.lose(room)

    # -- notices that are not in the log -----------------------------------------------------------

    def tell_room(self, room: Room, payload: Any, *, but: Subscriber | None = None) -> None:
        """Send a notice once to all live listeners, on other nodes too; lagging ones miss it."""
        self.tell_room_here(room, payload, but=but)
        if self._other_nodes is not None:
            self._other_nodes.tell_room(room.id, payload)

    def tell_room_here(self, room: Room, payload: Any, *, but: Subscriber | None = None) -> None:
        """Send a notice once to all live listeners on this node."""
        if channel := self.channels.existing(room):
            channel.say(News(payload), but)

    def tell_user(self, user: str, payload: Any, *, but: Subscriber | None = None) -> None:
        """Send a notice once to every connection of a user, on other nodes too."""
        self.tell_user_here(user, payload, but=but)
        if self._other_nodes is not None:
            self._other_nodes.tell_user(user, payload)

    def tell_user_here(self, user: str, payload: Any, *, but: Subscriber | None = None) -> None:
        """Send a notice once to every connection of a user on this node."""
        news = News(payload)
        for subscriber in self.of_user(user):
            if subscriber is not but and not subscriber.is_lagging:
                tell(subscriber, news)

    def tell_companions(self, user: str, payload: Any) -> None:
        """Send a notice once to each connection of a user and of those who follow a room with them.

        On other nodes too; connections that lag miss it.
        """
        self.tell_companions_here(user, payload)
        if self._other_nodes is not None:
            self._other_nodes.tell_companions(user, payload)

    def tell_companions_here(self, user: str, payload: Any) -> None:
        """As `tell_companions`, on this node."""
        news = News(payload)
        for subscriber in {*self.of_user(user), *self.channels.followers_with(user)}:
            if not subscriber.is_lagging:
                tell(subscriber, news)

    def tell_everybody(self, payload: Any, roles: Collection[ServerRole] = ()) -> None:
        """Send a notice once to each connection of users with one of these roles; of all users, if none is named.

        On other nodes too; connections that lag miss it.
        """
        self.tell_everybody_here(payload, roles)
        if self._other_nodes is not None:
            self._other_nodes.tell_everybody(payload, roles)

    def tell_everybody_here(self, payload: Any, roles: Collection[ServerRole] = ()) -> None:
        """As `tell_everybody`, on this node. Goes on in later turns of the loop if there are many connections."""
        everybody = [each for subscribers in self._users.values() for each in subscribers]
        self._tell_some(News(payload), roles, everybody)

    def _tell_some(
        self, news: News, roles: Collection[ServerRole], waiting: list[Subscriber]
    ) -> None:
        for subscriber in waiting[-TOLD_AT_ONCE:]:
            user = subscriber.user
            if user is None or subscriber not in self._users.get(user.id, ()):
                continue  # gone meanwhile
            if (not roles or user.role in roles) and not subscriber.is_lagging:
                tell(subscriber, news)
        del waiting[-TOLD_AT_ONCE:]
        if waiting:
            asyncio.get_running_loop().call_soon(self._tell_some, news, roles, waiting)

    # -- end ---------------------------------------------------------------------------------------

    async def gone(self) -> None:
        """Wait until no connection is left."""
        self._gone = asyncio.Event()
        if self._connections:
            await self._gone.wait()

    async def drain(self, seconds: float, settled: Callable[[], Awaitable[None]]) -> None:
        """Tell all connections to move, spread over `seconds`, and close them with 4301.

        `settled` waits until their messages are answered, so that each gets its answers before the end.
        """
        connections = list(self._connections)
        for connection in connections:
            connection.announce_drain(int(seconds * 1000))
        steps = max(1, int(seconds * 20))
        size = max(1, -(-len(connections) // steps))
        async with asyncio.TaskGroup() as leaving:
            for start in range(0, len(connections), size):
                leaving.create_task(self._send_away(connections[start : start + size], settled))
                await asyncio.sleep(seconds / steps)

    async def _send_away(
        self, connections: list[Connection], settled: Callable[[], Awaitable[None]]
    ) -> None:
        for connection in connections:
            connection.stop_reading()
        await settled()
        for connection in connections:
            connection.send_away()
