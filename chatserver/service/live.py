"""A room's events as they come, for plugins: an iterator that leaves none out."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from chatserver.delivery.streams import Group, Stream
from chatserver.delivery.subscriber import Subscriber
from chatserver.errors import ChatError
from chatserver.model import AnyEvent, User
from chatserver.roomlog.log import Log
from chatserver.roomlog.room import Room
from chatserver.service.connections import Connections
from chatserver.service.rights import Right, demand
from chatserver.service.rooms import RoomService

PAGE = 100  # events read at once


class Live:
    """Reads rooms on behalf of users, without a connection."""

    def __init__(self, rooms: RoomService, log: Log, connections: Connections) -> None:
        self._rooms, self._log, self._connections = rooms, log, connections

    async def events(
        self, user: User, room: str, after: int | None = None
    ) -> AsyncIterator[AnyEvent]:
        """The room's events after the seq `after`, or from now on, in order; then it waits for further ones.

        They come from every node, each once it is durable, with replaced texts redacted. Raises `ChatError`
        room.not_found or room.forbidden, also as soon as the user may not read the room any more;
        request.invalid if the room has not come as far as `after`; store.unavailable.
        """
        found = await self._rooms.get(room, user)
        found.hold()
        try:
            demand(user, found, Right.READ)
            if after is not None and after > found.head:
                await self._log.refresh([found])
                if after > found.head:
                    raise ChatError("request.invalid", "after: the room has not come so far.")
            connections = self._connections
            subscriber = Subscriber(connections.outlet, _Nowhere(), _ignore)
            wakes = _Wakes(connections.group(found, _Wakes, _nothing), subscriber)
            subscriber.follow(wakes, found.head)
        finally:
            found.release()
        seq = found.head if after is None else after
        try:
            while True:
                wakes.news.clear()
                while seq < found.head:
                    for event in await connections.outlet.read(found, seq, PAGE):
                        demand(user, found, Right.READ)
                        seq = event.seq
                        yield event
                await wakes.news.wait()
        finally:
            subscriber.close()


class _Wakes(Stream):
    """Says that the room has new events; they are read from its log."""

    __slots__ = ("news",)

    def __init__(self, group: Group, subscriber: Subscriber) -> None:
        super().__init__(group, subscriber)
        self.news = asyncio.Event()

    def wrap(self, payloads: Sequence[bytes], last: int) -> bytes:
        self.news.set()
        return b""

    def on_error(self, error: Exception) -> None:
        """Cannot happen: nothing is encoded."""


class _Nowhere:
    """The connection of a subscriber that gets no frames."""

    buffered = 0

    def send(self, frames: bytes) -> int:
        return 0

    def close(self, code: int, reason: str) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


def _nothing(events: Sequence[AnyEvent]) -> list[bytes]:
    return [b""] * len(events)


def _ignore(room: Room) -> None:
    """The right to read is checked before each event."""
