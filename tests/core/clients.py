"""Clients for tests: a pipe that may be stuck, and a reader that comes back with its positions."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, Self

from chatserver.delivery.subscriber import Subscriber
from chatserver.model import User
from chatserver.roomlog.room import Room
from chatserver.service.rights import Right, demand, may_read
from chatserver.service.service import Service

PATIENCE_SECONDS = 30.0  # a scene's repair would take 60


def texts(data: bytes) -> Iterator[bytes]:
    """The text messages in the frames that a server sent."""
    while data:
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        yield data[start : start + size]
        data = data[start + size :]


class FakePipe:
    """Hands over what is sent at once, or keeps it while it is `stuck`."""

    def __init__(self) -> None:
        self.stuck = False
        self.closed: int | None = None
        self.paused = False
        self.received: list[dict[str, Any]] = []
        self.most_buffered = 0
        self.writes: list[bytes] = []
        self._buffer = b""
        self._changed = asyncio.Event()

    @property
    def buffered(self) -> int:
        return len(self._buffer)

    def send(self, frames: bytes) -> int:
        if self.closed is not None:
            return self.buffered
        self.writes.append(frames)
        self._buffer += frames
        if self.stuck:
            self.most_buffered = max(self.most_buffered, self.buffered)
        else:
            self._hand_over()
        return self.buffered

    def drain(self) -> None:
        """The peer reads again. The subscriber has to be told by the caller."""
        self.stuck = False
        self._hand_over()

    def close(self, code: int, reason: str) -> None:
        self.closed = code
        self._changed.set()

    async def until(self, condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait for a condition on what was received, or on `closed`."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def end(self) -> int:
        """The code it is closed with, once that is so."""
        await self.until(lambda: self.closed is not None)
        assert self.closed is not None
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def events(self, room: str) -> list[dict[str, Any]]:
        return [frame for frame in self.received if frame.get("room") == room and "seq" in frame]

    def _hand_over(self) -> None:
        data, self._buffer = self._buffer, b""
        self.received += [json.loads(text) for text in texts(data)]
        self._changed.set()


class Span:
    """The events that a reader got by one subscription to a room: all after `after`, until it ended."""

    def __init__(self, room: Room, after: int) -> None:
        self.room, self.after = room.id, after
        self.known = room.head  # the rights were checked in this state
        self.events: list[dict[str, Any]] = []
        self.ended = False

    @property
    def last(self) -> int:
        return self.events[-1]["seq"] if self.events else self.after


class Reader:
    """A connection of a user: follows rooms as the WebSocket session does."""

    def __init__(self, service: Service, user: User) -> None:
        self.service, self.user = service, user
        self.pipe = FakePipe()
        self.subscriber = self.subscribe()
        self.spans: dict[str, Span] = {}
        service.connections.add(self.subscriber)
        service.connections.sign_in(self.subscriber, user, user.id)

    def subscribe(self) -> Subscriber:
        return Subscriber(self.service.connections.outlet, self.pipe, self._lost)

    def again(self, service: Service) -> Self:
        """The same user's next connection."""
        return type(self)(service, self.user)

    async def follow(self, room: str, after: int | None) -> Span:
        """Raises `ChatError` where the user may not read the room."""
        found = await self.service.rooms.get(room, self.user)
        demand(self.user, found, Right.READ)
        if after is not None and after > found.head:
            await self.service.log.refresh([found])
        self.subscriber.flush()
        assert after is None or after <= found.head, f"{room}: {after} was seen, now {found.head}"
        span = self.spans[room] = Span(found, found.head if after is None else after)
        self.subscriber.follow(self.service.hub.channels.of(found), span.after)
        return span

    def sort_out(self) -> None:
        """Sort arrived frames into the spans; a frame outside of all spans was not asked for."""
        for frame in self.pipe.received:
            if "seq" in frame:
                self.spans[frame["room"]].events.append(frame)
        self.pipe.received.clear()

    def drain(self) -> None:
        self.pipe.drain()
        self.subscriber.on_drained()

    def close(self) -> None:
        self.service.connections.remove(self.subscriber)
        self.sort_out()
        for span in self.spans.values():
            span.ended = True

    def _lost(self, room: Room) -> None:
        if may_read(self.user, room):
            return
        self.subscriber.leave(room)
        self.spans[room.id].ended = True
