"""GraphQL over server-sent events, a connection for each operation
(https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, distinct connections mode).
"""

import asyncio
from collections.abc import AsyncIterator

from chatserver import ChatError, Reply, Request, Service
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.config import GraphQLConfig
from chatserver_plugins.graphql.framing import EventFraming
from chatserver_plugins.graphql.media import EVENT_STREAM
from chatserver_plugins.graphql.operations import Listener, Operation
from chatserver_plugins.graphql.params import Params
from chatserver_plugins.graphql.running import Runner

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
KEEP_ALIVE = b":\n\n"


def last_event(request: Request) -> int | None:
    """The seq that a reconnecting client has seen last. Raises `ChatError` request.invalid."""
    given = request.header("Last-Event-ID")
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 18):
        raise ChatError("request.invalid", "Last-Event-ID: expected a seq.")
    return int(given)


class EventPipe:
    """Buffers frames until the next part of the answer is written."""

    def __init__(self) -> None:
        self.buffered = 0  # bytes, which count until the client has received them
        self.closed = False
        self._waiting: list[bytes] = []
        self._news = asyncio.Event()

    def send(self, frames: bytes) -> int:
        if not self.closed:
            self._waiting.append(frames)
            self.buffered += len(frames)
            self._news.set()
        return self.buffered

    def close(self, code: int, reason: str) -> None:
        self.closed = True
        self._news.set()

    def pause_reading(self) -> None:
        """Do nothing: the request was read completely before."""

    def resume_reading(self) -> None:
        """Do nothing: the request was read completely before."""

    async def take(self, seconds: float) -> bytes:
        """All waiting frames, or after `seconds` without one a comment that keeps the connection open."""
        if not self._waiting and not self.closed:
            self._news.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                return KEEP_ALIVE
        taken, self._waiting = b"".join(self._waiting), []
        return taken

    def arrived(self) -> None:
        """The client has received the frames taken last."""
        self.buffered = sum(map(len, self._waiting))


class EventDoor:
    """Answers requests with the events of one operation."""

    def __init__(self, service: Service, config: GraphQLConfig, runner: Runner) -> None:
        self._service, self._config, self._runner = service, config, runner
        self._operations: set[Operation] = set()

    def reply(
        self, params: Params, asking: Asking, after: int | None, *, only_queries: bool
    ) -> Reply:
        """`after` is the seq after which a room's events resume, if the client reconnects.

        Raises `ChatError` limit.count if the user has as many connections as they may.
        """
        if asking.is_signed_in:  # streams count as connections of their user, as sockets do
            self._service.connections.demand_room(asking.user)
        parts = self._parts(params, asking, after, only_queries)
        return Reply(body=parts, content_type=EVENT_STREAM, headers=HEADERS)

    async def _parts(
        self, params: Params, asking: Asking, after: int | None, only_queries: bool
    ) -> AsyncIterator[bytes]:
        pipe = EventPipe()
        listener = Listener(self._service, pipe)
        operation = Operation(listener, EventFraming(), self._operations.discard)
        self._operations.add(operation)
        try:
            try:
                self._sign_in(listener, asking)
            except ChatError as error:
                operation.refuse(error)
                listener.flush()
            else:
                self._runner.start(
                    operation, params, lambda: asking, after=after, only_queries=only_queries
                )
            while not (pipe.closed or (operation.is_over and not pipe.buffered)):
                part = await pipe.take(self._config.keep_alive_seconds)
                if part:
                    yield part  # the next part is requested when the client has this one
                pipe.arrived()
                listener.on_drained()
                listener.flush()
        finally:
            operation.stop()
            self._service.connections.remove(listener)

    def _sign_in(self, listener: Listener, asking: Asking) -> None:
        if asking.token is not None:  # others may have come since `reply`
            self._service.connections.sign_in(listener, asking.user, asking.token)

    @property
    def subscriptions(self) -> int:
        """Number of running subscriptions."""
        return sum(operation.source is not None for operation in self._operations)
