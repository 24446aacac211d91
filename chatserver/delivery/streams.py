"""Streams of a room's events in other forms than chat.v1's, executed once for all who want the same.

Streams that would be given the same payloads make up a group. It reads the room's log as a reader
does, at its own pace, so that it needs no queue; each of its streams writes the payloads to its
connection in its own framing.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from inspect import isawaitable
from typing import TYPE_CHECKING

from loguru import logger

from chatserver.delivery.feed import Feed
from chatserver.errors import CLOSE_INTERNAL, StoreUnavailable
from chatserver.model import AnyEvent

if TYPE_CHECKING:
    from chatserver.delivery.hub import Hub
    from chatserver.delivery.logpages import LogPages
    from chatserver.delivery.subscriber import News, Subscriber
    from chatserver.room import Room

Payloads = Sequence[bytes]
Encode = Callable[[Sequence[AnyEvent]], Payloads | Awaitable[Payloads]]

EVENTS_AT_ONCE = 32  # executed before others get their turn: some milliseconds
RETRY_SECONDS = 1.0  # pause after the store was away


class Group:
    """Streams of one room that get the same payloads. `Hub.group` finds it by its key.

    `encode` makes one payload of each event, in order; an empty one says that there is nothing to
    send. It runs once for all streams that are live, and once for those that catch up together. It may
    raise `StoreUnavailable`, and is tried again; anything else it raises ends the streams.
    """

    __slots__ = ("_encode", "_followers", "_head", "_hub", "_key", "_task", "room", "streams")

    def __init__(self, hub: "Hub", room: "Room", key: Hashable, encode: Encode) -> None:
        self.room = room
        self.streams: set[Stream] = set()  # those that are live
        self._hub, self._key, self._encode = hub, key, encode
        self._head = 0  # handed out last, while there are live streams
        self._followers = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def position(self) -> int:
        return self._head if self.streams else self.room.head

    # -- who follows ---------------------------------------------------------------------------

    def hold(self) -> None:
        """A stream follows. The room knows the group from the first to the last of them."""
        groups = self.room.groups = self.room.groups or {}
        if groups.setdefault(self._key, self) is not self:
            raise RuntimeError("the room has another group of this key: ask the hub for it")
        self._followers += 1

    def release(self) -> None:
        self._followers -= 1
        if self._followers or self.room.groups is None:
            return
        del self.room.groups[self._key]
        self.room.groups = self.room.groups or None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def add(self, stream: "Stream") -> None:
        """Take a live stream in. It may be ahead of the others, and is left out until they are there."""
        if not self.streams:
            self._head = self.room.head
        self.streams.add(stream)

    # -- handing out ---------------------------------------------------------------------------

    def wake(self) -> None:
        """The room has moved on: hand out what is new, at once if nothing has to be awaited.

        Never raises: what goes wrong in a plugin is not the business of who wrote the event.
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
            # Also where the group ends before its task begins.
            self._task.add_done_callback(lambda _: executing.cancel())

    async def _run(
        self, events: Sequence[AnyEvent], executing: "asyncio.Future[Payloads] | None"
    ) -> None:
        """Go on with what is executed already, then with what the log has beyond it."""
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
        """Hand out the next events: these, if they are being executed, else the next of the log."""
        try:
            if executing is None:
                events = await self._hub.read(self.room, self._head, EVENTS_AT_ONCE)
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
            return  # all streams went meanwhile, and new ones came further on
        _check_count(events, payloads)
        for part in _parts(payloads, self._hub.soft):
            self._head += len(part)
            self._hub.deliveries.add(len(part) * len(self.streams))
            for stream in list(self.streams):
                if stream not in self.streams:
                    continue  # its connection fell behind by what another stream pushed
                try:
                    stream.take(part, self._head)
                except Exception as error:
                    self._end(stream, error)

    def _fail(self, error: Exception) -> None:
        for stream in list(self.streams):
            self._end(stream, error)

    def _end(self, stream: "Stream", error: Exception) -> None:
        """Let go of a stream and tell its client why."""
        logger.opt(exception=error).error("a stream failed")
        stream.subscriber.unfollow(stream)
        stream.fail(stream.subscriber, error)

    async def parts(self, pages: "LogPages", after: int) -> list[tuple[Payloads, int]]:
        """A page for streams that catch up, in parts each with its last seq."""
        return await pages.get(self.room, after, self, self._encode_page)

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

    def tell(self, news: "News", but: "Subscriber | None") -> None:
        """Pass on something that is in no log."""
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

    def __init__(self, group: Group, subscriber: "Subscriber") -> None:
        self.group, self.subscriber = group, subscriber
        self.seq = 0  # pushed last, while it is live

    @abstractmethod
    def wrap(self, payloads: Payloads, last: int) -> bytes:
        """Payloads of events up to the seq `last` as complete frames for this stream.

        Empty if there is nothing to send.
        """

    @abstractmethod
    def on_error(self, error: Exception) -> None:
        """The stream has been ended, as an event could not be encoded: tell the client."""

    def hear(self, news: "News") -> None:
        """Something was said in the room that is in no log. Nothing is done about it here."""

    # -- as a feed -----------------------------------------------------------------------------

    @property
    def room(self) -> "Room":
        return self.group.room

    @property
    def position(self) -> int:
        return self.group.position

    def hold(self) -> None:
        self.group.hold()
        super().hold()

    def release(self) -> None:
        self.group.release()
        super().release()

    def add_listener(self, subscriber: "Subscriber", after: int) -> None:
        self.seq = after
        self.group.add(self)

    def drop_listener(self, subscriber: "Subscriber") -> int | None:
        if self not in self.group.streams:
            return None
        self.group.streams.discard(self)
        return self.seq

    def take(self, payloads: Payloads, last: int) -> None:
        """Push the payloads up to the seq `last`, but for those that it has."""
        missing = last - self.seq
        if missing <= 0:
            return
        self.seq = last
        frames = self.wrap(payloads if missing == len(payloads) else payloads[-missing:], last)
        if frames:
            self.subscriber.push(frames)

    async def frames(
        self, subscriber: "Subscriber", pages: "LogPages", after: int
    ) -> list[tuple[bytes, int]]:
        parts = await self.group.parts(pages, after)
        return [(self.wrap(payloads, last), last) for payloads, last in parts]

    def fail(self, subscriber: "Subscriber", error: Exception) -> None:
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
