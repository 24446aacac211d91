"""The hub: the connections of this node, and handing events out, encoded once for all of them.

Frames that become due in one turn of the loop go out as one write per connection.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from loguru import logger

from chatserver.config import Config
from chatserver.delivery.encoding import PLAIN, event_frames
from chatserver.delivery.logpages import LogPages
from chatserver.delivery.streams import Encode, Group
from chatserver.delivery.subscriber import News, Subscriber
from chatserver.errors import CLOSE_INTERNAL
from chatserver.model import AnyEvent, MemberLeft, MessageDeleted, MessageEdited, User
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.room import Room
from chatserver.runtime.measure import Counter, Histogram, Measures


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

    def hold(self) -> None:
        """Stop reading from the client."""

    def send_away(self) -> None:
        """End the connection with 4301. All messages read from the client are answered by now."""


class Elsewhere(Protocol):
    """The other nodes, to which notices that are in no log are sent."""

    def tell_room(self, payload: Any) -> None: ...
    def tell_user(self, user: str, payload: Any) -> None: ...


class Arrivals(Protocol):
    """Gets notice of users who come and go."""

    def arrived(self, user: str) -> None:
        """The user's first connection has come."""

    def left(self, user: str) -> None:
        """The user's last connection is gone."""

    def gone(self, subscriber: Subscriber) -> None:
        """A connection of the user is gone, the last one or not; called before `left`."""


class Hub:
    """All connections of this node and the rooms they listen to."""

    def __init__(self, config: Config, cache: RoomCache, measures: Measures) -> None:
        self.soft = config.limits.buffer_soft_bytes
        self.hard = config.limits.buffer_hard_bytes
        self.slow_seconds = config.limits.slow_seconds
        self._tail = config.delivery.tail_events
        self._cache = cache
        self._due: list[Subscriber] = []
        self._users: dict[str, set[Subscriber]] = {}
        self._connections: set[Connection] = set()
        self._due_since = 0.0
        self._gone: asyncio.Event | None = None
        self.read = cache.events
        self.pages = LogPages(self)
        self.elsewhere: Elsewhere | None = None
        self.arrivals: Arrivals | None = None
        self.deliveries: Counter = measures.counter(
            "chatserver_deliveries_total", "Events handed to connections"
        )
        self.fell_behind: Counter = measures.counter(
            "chatserver_connections_fell_behind_total", "Times a connection fell behind"
        )
        self.dropped: Counter = measures.counter(
            "chatserver_connections_dropped_total", "Connections closed because they do not read"
        )
        self._seconds: Histogram = measures.histogram(
            "chatserver_delivery_lag_seconds", "From a durable event to its bytes in the sockets"
        )
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
        measures.gauge("chatserver_rooms_loaded", "Rooms kept in memory", lambda: len(self._cache))
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

    def connections(self) -> int:
        return len(self._connections)

    def identify(self, subscriber: Subscriber, user: User, token: str) -> None:
        """Sign a connection in as this user; `token` is that of its session."""
        subscriber.user, subscriber.token = user, token
        mine = self._users.setdefault(user.id, set())
        mine.add(subscriber)
        if len(mine) == 1 and self.arrivals is not None:
            self.arrivals.arrived(user.id)

    def of_user(self, user: str) -> list[Subscriber]:
        return list(self._users.get(user, ()))

    def update_user(self, user: User) -> None:
        """Apply a change of the account to its connections."""
        for subscriber in self.of_user(user.id):
            subscriber.user = user
            for room in {feed.room for feed in subscriber.feeds}:
                subscriber.lose(room)

    def remove(self, subscriber: Subscriber) -> None:
        """The subscriber's connection is gone."""
        self.discard(subscriber)
        if subscriber.user is not None:
            self._forget(subscriber, subscriber.user.id)
        subscriber.close()

    def _forget(self, subscriber: Subscriber, user: str) -> None:
        mine = self._users.get(user, set())
        mine.discard(subscriber)
        was_last = not mine and self._users.pop(user, None) is not None
        if self.arrivals is not None:
            self.arrivals.gone(subscriber)
            if was_last:
                self.arrivals.left(user)

    # -- events ----------------------------------------------------------------------------------

    def publish(self, room: Room, events: Sequence[AnyEvent]) -> None:
        """Advance the room by these events, ascending, and hand them to its listeners.

        Events at or below the head are dropped. After a gap nothing is handed out: those events are read
        from the store later.
        """
        first, fresh = room.head, []
        for event in events:
            if event.seq > room.head + 1:
                room.stale = True
                break
            if event.seq <= room.head:
                continue
            try:
                if isinstance(event, MessageEdited | MessageDeleted):
                    self.pages.forget(room.id, room.replaced_by(event))
                room.apply(event, self._tail)
            except MemoryError:
                room.stale = True
                break
            fresh.append(event)
            if isinstance(event, MemberLeft):
                # A user who left still gets all events up to here, and none after.
                self._hand_out(room, first, fresh)
                first, fresh = room.head, []
                self._let_go(room, event.user.id)
        if fresh:
            self._hand_out(room, first, fresh)

    def _hand_out(self, room: Room, first: int, events: list[AnyEvent]) -> None:
        """Push durable events to listeners. Never raises: connections that miss some are closed."""
        try:
            self._push(room, first, events)
        except Exception:  # such as a lack of memory
            self._cut_off(room.listeners)

    def _push(self, room: Room, first: int, events: list[AnyEvent]) -> None:
        if room.groups:
            for group in list(room.groups.values()):
                group.wake()
        if not room.listeners:
            return
        if len(events) > 1:  # a node that was behind may read a text together with its replacement
            events = room.since(first, len(events)) or events
        chunks = event_frames(events, self.soft)
        # More bytes than a connection may buffer are read from the log, by each connection at its own pace.
        is_too_much = len(chunks) > 1
        packed = {PLAIN: chunks[0][0]}
        for listener in list(room.listeners):
            try:
                if is_too_much:
                    listener.skip_to_log(room, first)
                    continue
                frames = packed.get(listener.window_bits)
                if frames is None:
                    frames = packed[listener.window_bits] = self._pack(events, listener.window_bits)
                listener.push(frames)
            except Exception:
                self._cut_off({listener})
        if not is_too_much:
            self.deliveries.add(len(events) * len(room.listeners))

    def _pack(self, events: Sequence[AnyEvent], window_bits: int) -> bytes:
        return b"".join(pack for pack, _ in event_frames(events, self.hard, window_bits))

    def _cut_off(self, subscribers: set[Subscriber]) -> None:
        """Close connections that have missed events: their clients come back and catch up."""
        while subscribers:
            subscribers.pop().pipe.close(CLOSE_INTERNAL, "something could not be handed over")
        with suppress(MemoryError):
            logger.exception("connections were cut off, as something could not be handed over")

    def _let_go(self, room: Room, user: str) -> None:
        """Take connections of a member who left off the room, if they may no longer read it."""
        for subscriber in self.of_user(user):
            if any(feed.room is room for feed in subscriber.feeds):
                subscriber.lose(room)

    def group(self, room: Room, key: Hashable, encode: Encode) -> Group:
        """The room's group of streams with this key; a new one if there is none.

        Streams with the same key must want the same payloads: the key identifies what `encode` does, and
        the rights it uses. The group exists as long as one of its streams is followed.
        """
        found = room.groups.get(key) if room.groups else None
        return found or Group(self, room, key, encode)

    # -- notices that are not in the log -----------------------------------------------------------

    def tell_room(self, room: Room, payload: Any, *, but: Subscriber | None = None) -> None:
        """Send a notice once to all live listeners, on other nodes too; lagging ones miss it."""
        self.say_in_room(room, payload, but=but)
        if self.elsewhere is not None:
            self.elsewhere.tell_room(payload)

    def say_in_room(self, room: Room, payload: Any, *, but: Subscriber | None = None) -> None:
        """Send a notice once to all live listeners on this node."""
        news = News(payload)
        for listener in list(room.listeners):
            if listener is not but:
                self._tell(listener, news)
        if room.groups:
            for group in list(room.groups.values()):
                group.tell(news, but)

    def tell_user(self, user: str, payload: Any, *, but: Subscriber | None = None) -> None:
        """Send a notice once to every connection of a user, on other nodes too."""
        self.say_to_user(user, payload, but=but)
        if self.elsewhere is not None:
            self.elsewhere.tell_user(user, payload)

    def say_to_user(self, user: str, payload: Any, *, but: Subscriber | None = None) -> None:
        """Send a notice once to every connection of a user on this node."""
        news = News(payload)
        for subscriber in self.of_user(user):
            if subscriber is not but and not subscriber.is_lagging:
                self._tell(subscriber, news)

    def _tell(self, subscriber: Subscriber, news: News) -> None:
        try:
            subscriber.hear(news)
        except Exception:
            logger.exception("a connection could not be told of something")
            subscriber.pipe.close(CLOSE_INTERNAL, "news could not be told")

    # -- writing -----------------------------------------------------------------------------------

    def due(self, subscriber: Subscriber) -> None:
        """Flush this connection at the end of the present turn of the loop."""
        if not self._due:
            self._due_since = time.perf_counter()
            asyncio.get_running_loop().call_soon(self._flush)
        self._due.append(subscriber)

    def _flush(self) -> None:
        due, self._due = self._due, []
        for subscriber in due:
            try:
                subscriber.flush()
            except Exception:
                self._cut_off({subscriber})
        self._seconds.add(time.perf_counter() - self._due_since)

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
            connection.hold()
        await settled()
        for connection in connections:
            connection.send_away()
