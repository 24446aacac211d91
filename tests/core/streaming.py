"""Readers of streams: a form of a plugin's own, executed at once or with pauses, several on one pipe."""

import asyncio
import random
from collections.abc import Awaitable, Sequence
from typing import Any

import msgspec

from chatserver.delivery.encoding import text_frame
from chatserver.delivery.streams import Group, Payloads, Stream
from chatserver.delivery.subscriber import News, Subscriber
from chatserver.errors import StoreUnavailable
from chatserver.model import AnyEvent, User
from chatserver.roomlog.room import Room
from chatserver.service.rights import may_read
from chatserver.service.service import Service
from tests.core.clients import Reader, Span

PAUSES = (0.0, 0.0, 0.001, 0.02, 0.3)  # seconds that executing takes


class Listening(Subscriber):
    """A connection that hears what passes as structs, and is not told that it lags."""

    __slots__ = ("heard",)

    def on_lagging(self) -> None: ...

    def hear(self, news: News) -> None:
        self.heard.append(news.payload)


class Operation(Stream):
    """Its frames are `{"id": ID, "next": EVENT}`."""

    __slots__ = ("errors", "heard", "id")

    def __init__(self, group: Group, subscriber: Subscriber, id_: str) -> None:
        super().__init__(group, subscriber)
        self.id = id_
        self.errors: list[Exception] = []
        self.heard: list[Any] = []

    def wrap(self, payloads: Payloads, last: int) -> bytes:
        start = b'{"id":"%s","next":' % self.id.encode()
        return b"".join(text_frame(start + payload + b"}") for payload in payloads if payload)

    def on_error(self, error: Exception) -> None:
        self.errors.append(error)

    def hear(self, news: News) -> None:
        self.heard.append(news.payload)


class StreamReader(Reader):
    """Follows each room by two operations of one group on one connection."""

    operations_per_room = 2

    def __init__(self, service: Service, user: User) -> None:
        super().__init__(service, user)
        self.operations: dict[str, Operation] = {}

    def subscribe(self) -> Subscriber:
        subscriber = Listening(self.service.connections.outlet, self.pipe, self._lost)
        subscriber.heard = []
        return subscriber

    def encode(self, events: Sequence[AnyEvent]) -> Payloads | Awaitable[Payloads]:
        return [msgspec.json.encode(event) for event in events]

    async def follow(self, room: str, after: int | None) -> Span:
        spans = [
            await self.open(f"{room}/{number}", room, after)
            for number in range(self.operations_per_room)
        ]
        return spans[0]

    async def open(self, id_: str, room: str, after: int | None) -> Span:
        def operation(found: Room) -> Operation:
            self.subscriber.flush()
            self.operations[id_] = Operation(self.group(found), self.subscriber, id_)
            self.spans[id_] = Span(found, found.head if after is None else after)
            return self.operations[id_]

        followed = await self.service.following.follow_feed(
            self.subscriber, room, after, None, operation
        )
        assert followed.state in ("live", "replay"), f"{room}: {after} was seen, {followed}"
        return self.spans[id_]

    def group(self, room: Room) -> Group:
        return self.service.connections.group(room, type(self), self.encode)

    def sort_out(self) -> None:
        for frame in self.pipe.received:
            self.spans[frame["id"]].events.append(frame["next"])
        self.pipe.received.clear()

    def _lost(self, room: Room) -> None:
        if may_read(self.user, room):
            return
        for id_, operation in self.operations.items():
            if operation.room is room:
                self.subscriber.unfollow(operation)
                self.spans[id_].ended = True


class PausingReader(StreamReader):
    """Each execution takes a while that is drawn anew; some meet a store that is away."""

    def __init__(self, service: Service, user: User) -> None:
        super().__init__(service, user)
        self.dice = random.Random(user.username)

    async def encode(self, events: Sequence[AnyEvent]) -> Payloads:  # type: ignore[override]
        await asyncio.sleep(self.dice.choice(PAUSES))
        if not self.dice.randrange(10):
            raise StoreUnavailable
        return [msgspec.json.encode(event) for event in events]
