"""Operations of a lasting connection: concurrent queries, mutations and subscriptions.

A socket has many, an answer of server-sent events has one. They differ in their `Framing`.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, cast

from chatserver import (
    ChatError,
    News,
    Pipe,
    PluginsChanged,
    PresenceNow,
    Room,
    Service,
    Subscriber,
    may_read,
)
from chatserver_plugins.graphql.errors import Refused, shown_alone

LOST = "You may no longer read this room."


class Pieces(Protocol):
    """Makes the parts of frames that several operations share."""

    def pieces(self, payloads: Sequence[bytes], length: int) -> list[bytes]:
        """The parts of the frames of these payloads that operations with ids of one length share."""


class Framing(ABC):
    """Makes the frames with the results of one operation."""

    __slots__ = ()

    @abstractmethod
    def next(self, payload: bytes) -> bytes:
        """One result."""

    @abstractmethod
    def batch(self, encoder: Pieces, payloads: Sequence[bytes], last: int) -> bytes:
        """The results of events of a room up to the seq `last`."""

    def batch_of_many(self, encoder: Pieces, payloads: Sequence[bytes], last: int) -> bytes:
        """The same for an operation over several rooms, where a seq alone is no position."""
        return self.batch(encoder, payloads, last)

    @abstractmethod
    def error(self, errors: Sequence[object]) -> bytes:
        """The end with an error: the operation was not executed, or cannot continue."""

    @abstractmethod
    def complete(self) -> bytes:
        """The end without an error."""


class EventSource(Protocol):
    """Feeds a subscription with events."""

    def leave(self) -> None:
        """Stop feeding the operation."""


class OperationFeed(Protocol):
    """The feed of a room that an operation follows."""

    def lose(self, error: ChatError) -> None:
        """End the feed, as the user may no longer read the room."""


class Watch(EventSource, Protocol):
    """Watches members of a room for a subscription."""

    @property
    def room(self) -> Room: ...

    @property
    def users(self) -> Collection[str]:
        """The watched users."""

    def take(self, now: Mapping[str, bool]) -> None:
        """Send the changes that are new to this subscription."""


class UserSource(EventSource, Protocol):
    """Feeds a subscription with the notices that a user gets outside of any log."""

    def take(self, event: object) -> None:
        """Deliver a notice."""

    def skip(self) -> None:
        """Note that notices may have been missed."""


class Listener(Subscriber):
    """A connection, for delivery."""

    __slots__ = ("_waiting", "user_sources", "watches")

    def __init__(self, service: Service, pipe: Pipe) -> None:
        super().__init__(service.connections.outlet, pipe, self._lost)
        self.user_sources: set[UserSource] = set()
        self.watches: set[Watch] = set()
        self._waiting: list[asyncio.Future[None]] = []

    def hear(self, news: News) -> None:
        if isinstance(news.payload, PresenceNow):
            for watch in list(self.watches):
                watch.take(news.payload.users)
            return
        if isinstance(news.payload, PluginsChanged):
            return  # what changes in the schema closes its connections
        for source in list(self.user_sources):
            source.take(news.payload)

    def on_lagging(self) -> None:
        """Rooms' events are read again from the log; `on_drained` reports the loss of other notices."""

    def on_drained(self) -> None:
        missed = self.is_lagging
        super().on_drained()
        if missed:
            for source in list(self.user_sources):
                source.skip()
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def writable(self) -> None:
        """Return when the client has read what waits for it."""
        while self.is_lagging:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future

    def _lost(self, room: Room) -> None:
        if self.user is not None and may_read(self.user, room):
            return
        gone = ChatError("room.not_found") if room.is_deleted else ChatError("room.forbidden", LOST)
        for feed in list(self.feeds):
            if feed.room is room:
                cast("OperationFeed", feed).lose(gone)


class Operation:
    """One operation from its start to its end. Results after the end are dropped."""

    __slots__ = ("_on_end", "framing", "is_over", "listener", "source", "task")

    def __init__(
        self, listener: "Listener", framing: Framing, on_end: Callable[["Operation"], None]
    ) -> None:
        self.listener, self.framing, self._on_end = listener, framing, on_end
        self.is_over = False
        self.source: EventSource | None = None  # of an open subscription
        self.task: asyncio.Task[None] | None = None  # while executing or opening

    def next(self, payload: bytes) -> None:
        if not self.is_over:
            self.listener.push(self.framing.next(payload))

    def complete(self) -> None:
        self._end(self.framing.complete())

    def refuse(self, error: ChatError) -> None:
        """End with an error about the whole operation."""
        errors = error.shown() if isinstance(error, Refused) else shown_alone(error)
        self._end(self.framing.error(errors))

    def fail(self, error: Exception) -> None:
        """End with the error for an exception."""
        if isinstance(error, ChatError):
            self.refuse(error)
        elif isinstance(error, TimeoutError):
            self.refuse(Refused("graphql.time"))
        else:
            self.refuse(ChatError("server.internal"))

    def stop(self) -> None:
        """Stop, as the client unsubscribed or left."""
        self._end(b"")
        if self.task is not None:
            self.task.cancel()

    def _end(self, frames: bytes) -> None:
        if self.is_over:
            return
        self.is_over = True
        if self.source is not None:
            self.source.leave()
            self.source = None
        if frames:
            self.listener.push(frames)
        self._on_end(self)
