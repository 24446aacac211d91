"""One subscription to the events of several rooms, with a stream for each."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from chatserver import ChatError, Feed, Room, Service
from chatserver_plugins.graphql.groups import RoomStream
from chatserver_plugins.graphql.operations import Operation
from chatserver_plugins.graphql.telling import Teller

AT_ONCE = 50  # rooms followed before a yield to the loop: a millisecond or two
NOT_FOLLOWED = (
    "room.not_found",
    "room.forbidden",
    "room.banned",
    "request.invalid",
)  # of one room only


class StreamGap(NamedTuple):
    """Missing events cannot be served: the client must load the present state."""

    head: int | None
    epoch: str
    room: str  # empty for a gap in the user's notices


class RoomGone(NamedTuple):
    """A room that the user may not read (any more)."""

    room: str
    code: str


class RoomPosition(NamedTuple):
    """A room with the last seq seen; None for new events only."""

    room: str
    after: int | None


class ManyStream(RoomStream):
    """One room's stream in such a subscription. It can end without the others."""

    __slots__ = ("many",)

    many: "ManyRooms"

    def wrap(self, payloads: Sequence[bytes], last: int) -> bytes:
        return self.operation.framing.batch_of_many(self.encoder, payloads, last)

    def lose(self, error: ChatError) -> None:
        self.many.lose(self, error)


class ManyRooms:
    """The source of one `roomsEvents` subscription: a stream for each of its rooms."""

    def __init__(
        self,
        service: Service,
        operation: Operation,
        stream: Callable[[Room], ManyStream],
        teller: Teller,
    ) -> None:
        """`teller` sends gaps and lost rooms, which are not in the log."""
        self._service, self._operation = service, operation
        self._stream, self._teller = stream, teller
        self._streams: set[ManyStream] = set()
        self._waiting: deque[object] = deque()  # at most one for each room

    async def follow(self, positions: Sequence[RoomPosition], epoch: str | None) -> None:
        """Follow all rooms, in this order. Raises `ChatError` limit.count, request.invalid."""
        self._check([position.room for position in positions])
        await self._service.rooms.get_many([position.room for position in positions])
        for number, position in enumerate(positions, 1):
            if self._operation.is_over:
                break
            try:
                await self._follow(position, epoch)
            except ChatError as error:
                if error.code not in NOT_FOLLOWED:
                    raise
                self._tell(RoomGone(position.room, error.code))
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        if self._operation.is_over:
            self.leave()

    def leave(self) -> None:
        self._teller.leave()
        streams, self._streams = self._streams, set()
        for stream in streams:
            stream.leave()

    def lose(self, stream: ManyStream, error: ChatError) -> None:
        """Drop a room that may no longer be read; the others continue."""
        self._streams.discard(stream)
        stream.leave()
        self._tell(RoomGone(stream.room.id, error.code))

    def _tell(self, event: object) -> None:
        self._waiting.append(event)
        self._teller.tell(self._next)

    def _next(self) -> object | None:
        return self._waiting.popleft() if self._waiting else None

    async def _follow(self, position: RoomPosition, epoch: str | None) -> None:
        followed = await self._service.following.follow_feed(
            self._operation.listener, position.room, position.after, epoch, self._feed
        )
        if followed.state == "gap":
            self._tell(StreamGap(followed.head, self._service.epoch, position.room))
            await self._follow(RoomPosition(position.room, followed.head), None)

    def _feed(self, room: Room) -> Feed:
        stream = self._stream(room)
        stream.many = self
        self._streams.add(stream)
        return stream

    def _check(self, rooms: Sequence[str]) -> None:
        limit = self._service.config.limits.subscriptions
        if len(rooms) > limit:
            raise ChatError("limit.count", f"rooms: at most {limit}.", detail={"limit": limit})
        if not rooms or len(set(rooms)) < len(rooms):
            raise ChatError("request.invalid", "rooms: expected rooms, each only once.")
