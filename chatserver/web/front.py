"""The HTTP server: bounds on connections and slow clients."""

import asyncio
import socket
import time
from collections.abc import Iterable
from typing import Any, Final, cast

from loguru import logger
from tornado.httpserver import HTTPServer, _HTTPRequestContext
from tornado.iostream import IOStream, SSLIOStream

from chatserver.errors import ChatError
from chatserver.web.accepting import accept
from chatserver.web.bodies import BodiesAfterHeads
from chatserver.web.connection import Outcome, Serving, Short, refuse
from chatserver.web.gate import Gate
from chatserver.web.short_way import ShortWay
from chatserver.web.turns import Turns

LOOKS: Final = 4  # at each connection, within the time for which a client may read nothing
FINISH_SECONDS: Final = 5.0  # for answers under way when the server stops


class Front(HTTPServer):
    """Tornado's server with bounds on connections and on the time that clients take."""

    gate: Gate
    short_way: ShortWay

    def initialize(self, *args: Any, **options: Any) -> None:
        super().initialize(*args, **options)
        self.conn_params.header_timeout = None  # `Serving` has waited for the header
        self.turns = Turns()
        self._looking: asyncio.TimerHandle | None = None
        self._refusing: set[asyncio.Task[None]] = set()

    # -- connections -------------------------------------------------------------------------------

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        for each in sockets:
            self._sockets[each.fileno()] = each
            self._handlers[each.fileno()] = accept(each, self._handle_connection)

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        context = _HTTPRequestContext(stream, address, self.protocol, self.trusted_downstream)
        if not self.gate.has_room_for_visitor(context.remote_ip):
            self._turn_away(stream)
            return
        serving = Serving(stream, self, context)
        try:
            self._connections.add(serving)
            serving.start_serving(self)
        except MemoryError:
            self._connections.discard(serving)
            serving.step_out()
            raise
        if self._looking is None:
            self._look_later()

    def _turn_away(self, stream: IOStream) -> None:
        self.gate.visitors.refused.add()
        # No answer over TLS, whose handshake costs more than it is worth, nor beyond 100 waiting clients.
        if isinstance(stream, SSLIOStream) or len(self._refusing) >= 100:
            stream.close()
            return
        task = asyncio.create_task(refuse(stream, ChatError("limit.connections", after_ms=1000)))
        self._refusing.add(task)
        task.add_done_callback(self._refusing.discard)

    def _look_later(self) -> None:
        seconds = self.gate.config.limits.slow_seconds / LOOKS
        self._looking = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """Close the connections of clients that do not read."""
        now, patience = time.monotonic(), self.gate.config.limits.slow_seconds
        self._looking = None
        for serving in list(self._connections):
            cast(Serving, serving).look(now, patience)
        if self._connections:
            self._look_later()

    def on_close(self, server_conn: object) -> None:
        super().on_close(server_conn)
        if not self._connections and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def close_all_connections(
        self, seconds: float = FINISH_SECONDS, *, next_too: bool = False
    ) -> None:
        """Wait at most `seconds` for answers under way, then close all connections.

        With `next_too`, a connection without a request under way stays until its next request is answered,
        or the time for a header is over.
        """
        left = [cast(Serving, serving) for serving in self._connections]
        for serving in left:
            serving.finish_up(next_too=next_too)
        if left:
            await asyncio.wait([each.requests for each in left], timeout=seconds)
        for serving in left:
            serving.stream.close()
        for task in [*self._refusing]:
            task.cancel()
        await super().close_all_connections()

    # -- requests ----------------------------------------------------------------------------------

    async def short_answer(
        self, serving: Serving, head: bytes, rest: bytes
    ) -> Short | Outcome | None:
        posts = cast(BodiesAfterHeads, self.request_callback).posts
        return await self.short_way.answer(serving, head, rest, posts)

    def note_short(self, short: Short, seconds: float) -> None:
        self.gate.http_seconds.add(seconds, (short.method, short.route, "200"))

    def note_refusal(self, serving: Serving, error: ChatError) -> None:
        """Log and count a request that was refused by its head."""
        status = error.meaning.status
        logger.debug("a request of {} is refused: {}", serving.address, error)
        self.gate.http_seconds.add(0.0, ("?", "none", str(status)))
        if self.gate.config.logging.access:
            self.gate.access_line("?", "none", status, 0.0, serving.address)
