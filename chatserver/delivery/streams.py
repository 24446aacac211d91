"""Streams of a room's events in other forms than chat.v1's, executed once for all that want the same.

Streams that get the same payloads form a group. The group reads the room's log at its own pace, so that it
needs no queue; each of its streams writes the payloads to its connection in its own framing.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from inspect import isawaitable

from loguru import logger

from chatserver.delivery.outlet import Outlet
from chatserver.delivery.subscriber import Feed, News, Subscriber
from chatserver.errors import CLOSE_INTERNAL, StoreUnavailable
from chatserver.model import AnyEvent
from chatserver.roomlog.room import Room

Payloads = Sequence[bytes]
Encode = Callable[[Sequence[AnyEvent]], Payloads | Awaitable[Payloads]]

EVENTS_AT_ONCE = 32  # executed before other tasks get their turn: some milliseconds
RETRY_SECONDS = 1.0  # pause after the store was away


class Group:
    """Streams of one room that get the same payloads. `Channel.group` finds it by its key.

    `encode` makes one payload of each event, in order; an empty payload is not sent. It runs once for all
    live streams, and once for those that catch up together. If it raises `StoreUnavailable` it is tried
    again; any other error ends the streams.
    """

    __slots__ = (
        "_encode",
        "_followers",
        "_groups",
        "_head",
        "_key",
        "_outlet",
        "_task",
        "channel",
        "room",
        "streams",
    )

    def __init__(
        self,
        outlet: Outlet,
        channel: Feed,
        key: Hashable,
        encode: Encode,
        groups: "dict[Hashable, Group]",
    ) -> None:
        """The group is in `groups`, those of its channel by key, as long as it has followers."""
        self.channel, self.room = channel, channel.room
        self.streams: set[Stream] = set()  # the live ones
        self._outlet, self._key, self._encode = outlet, key, encode
        self._groups = groups
        self._head = 0  # the last seq handed out, while there are live streams
        self._followers = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def position(self) -> int:
        return self._head if self.streams else self.room.head

    # -- followers -----------------------------------------------------------------------------

    def add_follower(self) -> None:
        """Count a follower."""
        if self._groups.setdefault(self._key, self) is not self:
            raise RuntimeError("the channel has another group of this key: ask it for that one")
        self._followers += 1
        self.channel.add_follower()

    def drop_follower(self) -> None:
        self.channel.drop_follower()
        self._followers -= 1
        if self._followers:
            return
        del self._groups[self._key]
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def add(self, stream: "Stream") -> None:
        """Add a live stream. If it is ahead of the others, it is left out until they have caught up."""
        if not self.streams:
            self._head = self.room.head
        self.streams.add(stream)

    # -- handing out ---------------------------------------------------------------------------

    def wake(self) -> None:
        """Hand out the room's new events, at once if nothing has to be awaited.

        Never raises: a plugin's error must not reach the author of the event.
        """
        if self._task is not None or not self.streams:
            return
        events = self.room.since(self._head, EVENTS_AT_ONCE + 1)
        executing: asyncio.Future[Payloads] | None = None
        if events and len(events) <= EVENTS_AT_ONCE:
            try:
                encoded = self._encode(events)
                if not isawaitable(encoded):
                    self._hand_out(events, encoded)
                    return
                executing = asyncio.ensure_future(encoded)
            except StoreUnavailable:
                pass
            except Exception as error:
                self._fail(error)
                return
        self._task = asyncio.create_task(self._run(events or [], executing))
        if executing is not None:
            # Cancels it also if the group ends before its task begins.
            self._task.add_done_callback(lambda _: executing.cancel())

    async def _run(
        self, events: Sequence[AnyEvent], executing: "asyncio.Future[Payloads] | None"
    ) -> None:
        """Hand out the events under execution, then those that the log has behind them."""
        try:
            while self.streams and self._head < self.room.head:
                await self._go_on(events, executing)
                executing = None
                await asyncio.sleep(0)
        finally:
            if self._task is asyncio.current_task():
                self._task = None

    async def _go_on(
        self, events: Sequence[AnyEvent], executing: "asyncio.Future[Payloads] | None"
    ) -> None:
        """Hand out the next events: the given ones if they are under execution, else the log's next."""
        try:
            if executing is None:
                events = await self._outlet.read(self.room, self._head, EVENTS_AT_ONCE)
                payloads = await self._execute(events)
            else:
                payloads = await executing
            self._hand_out(events, payloads)
        except StoreUnavailable:
            await asyncio.sleep(RETRY_SECONDS)
        except Exception as error:
            self._fail(error)

    async def _execute(self, events: Sequence[AnyEvent]) -> Payloads:
        encoded = self._encode(events)
        return await encoded if isawaitable(encoded) else encoded

    def _hand_out(self, events: Sequence[AnyEvent], payloads: Payloads) -> None:
        if events[0].seq != self._head + 1:
            return  # all streams left meanwhile, and new ones began at a later position
        _check_count(events, payloads)
        for part in _parts(payloads, self._outlet.soft):
            self._head += len(part)
            self._outlet.deliveries.add(len(part) * len(self.streams))
            for stream in list(self.streams):
                if stream not in self.streams:
                    continue  # its connection fell behind through another stream's frames
                try:
                    stream.take(part, self._head)
                except Exception as error:
                    self._end(stream, error)

    def _fail(self, error: Exception) -> None:
        for stream in list(self.streams):
            self._end(stream, error)

    def _end(self, stream: "Stream", error: Exception) -> None:
        """Remove a stream and tell its client the reason."""
        logger.opt(exception=error).error("a stream failed")
        stream.subscriber.unfollow(stream)
        stream.fail(stream.subscriber, error)

    async def parts(self, after: int) -> list[tuple[Payloads, int]]:
        """A page for streams that catch up, in parts each with its last seq."""
        return await self._outlet.pages.get(self.room, after, self, self._encode_page)

    async def _encode_page(
        self, events: Sequence[AnyEvent], limit: int
    ) -> list[tuple[Payloads, int]]:
        payloads: list[bytes] = []
        for start in range(0, len(events), EVENTS_AT_ONCE):
            some = events[start : start + EVENTS_AT_ONCE]
            encoded = await self._execute(some)
            _check_count(some, encoded)
            payloads += encoded
            await asyncio.sleep(0)
        found, last = [], events[0].seq - 1
        for part in _parts(payloads, limit):
            last += len(part)
            found.append((part, last))
        return found

    def tell(self, news: News, but: Subscriber | None) -> None:
        """Pass a notice that is in no log to the streams."""
        for stream in list(self.streams):
            if stream.subscriber is but:
                continue
            try:
                stream.hear(news)
            except Exception as error:
                self._end(stream, error)


class Stream(Feed):
    """One operation of one connection, in a group. Made for one subscriber to follow.

    A connection may have several, also in the same group.
    """

    __slots__ = ("group", "seq", "subscriber")

    def __init__(self, group: Group, subscriber: Subscriber) -> None:
        self.group, self.subscriber = group, subscriber
        self.seq = 0  # the last seq pushed, while it is live

    @abstractmethod
    def wrap(self, payloads: Payloads, last: int) -> bytes:
        """Payloads of events up to the seq `last` as complete frames for this stream.

        Empty if there is nothing to send.
        """

    @abstractmethod
    def on_error(self, error: Exception) -> None:
        """Tell the client that the stream has ended, as an event could not be encoded."""

    def hear(self, news: News) -> None:
        """Called with a notice in the room that is in no log. Does nothing here."""

    # -- as a feed -----------------------------------------------------------------------------

    @property
    def room(self) -> Room:
        return self.group.room

    @property
    def position(self) -> int:
        return self.group.position

    def add_follower(self) -> None:
        self.group.add_follower()

    def drop_follower(self) -> None:
        self.group.drop_follower()

    def add_listener(self, subscriber: Subscriber, after: int) -> None:
        self.seq = after
        self.group.add(self)

    def drop_listener(self, subscriber: Subscriber) -> int | None:
        if self not in self.group.streams:
            return None
        self.group.streams.discard(self)
        return self.seq

    def take(self, payloads: Payloads, last: int) -> None:
        """Push the payloads up to the seq `last`, without those pushed before."""
        missing = last - self.seq
        if missing <= 0:
            return
        self.seq = last
        frames = self.wrap(payloads if missing == len(payloads) else payloads[-missing:], last)
        if frames:
            self.subscriber.push(frames)

    async def frames(self, subscriber: Subscriber, after: int) -> list[tuple[bytes, int]]:
        parts = await self.group.parts(after)
        return [(self.wrap(payloads, last), last) for payloads, last in parts]

    def fail(self, subscriber: Subscriber, error: Exception) -> None:
        try:
            self.on_error(error)
        except Exception:
            logger.exception("the end of a stream could not be told")
            subscriber.pipe.close(CLOSE_INTERNAL, "a stream failed")


def _check_count(events: Sequence[AnyEvent], payloads: Payloads) -> None:
    if len(payloads) != len(events):
        raise ValueError(f"{len(events)} events were encoded as {len(payloads)} payloads")


def _parts(payloads: Payloads, limit: int) -> Iterator[Payloads]:
    """The payloads in parts of `limit` bytes at most, or of a single one."""
    start = size = 0
    for number, payload in enumerate(payloads):
        size += len(payload)
        if size > limit and number > start:
            yield payloads[start:number]
            start, size = number, len(payload)
    if start < len(payloads):
        yield payloads[start:]
