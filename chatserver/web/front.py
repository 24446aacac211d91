"""The HTTP server: bounds on connections and slow clients, and a short way for the commonest reads.

Tornado takes some 100 µs to parse a request and find its handler. A read of a room's newest page, by far the
commonest request, costs a sixth of that if it is answered from the bytes of its head. The list of rooms, with
which every client begins, is answered so too. The short way knows only one narrow grammar; all other
requests, also those that will be refused, go to Tornado unchanged. So errors are answered in one place.
"""

import asyncio
import re
import socket
import time
from collections.abc import Iterable
from typing import Any, Final, cast

import msgspec
from loguru import logger
from tornado.httpserver import HTTPServer, _HTTPRequestContext
from tornado.iostream import IOStream, SSLIOStream

from chatserver.errors import ChatError
from chatserver.hooks import door
from chatserver.model import Scope, User
from chatserver.service.rights import is_within
from chatserver.web.accepting import accept
from chatserver.web.connection import Serving, Short, refuse
from chatserver.web.gate import Gate
from chatserver.web.grammar import MOST_FIELDS
from chatserver.web.response_heads import identified, usual_answer

NEWEST_ROUTE: Final = "/api/v1/rooms/ID/messages"
LIST_ROUTE: Final = "/api/v1/rooms"
LOOKS: Final = 4  # at each connection, within the time for which a client may read nothing
READY_COST: Final = 0.05  # operations that a cached page counts for
FINISH_SECONDS: Final = 5.0  # for answers under way when the server stops

# Header fields that browsers, bots and proxies send with an ordinary read. Any other field may change the
# answer.
_ORDINARY = (
    rb"accept|accept-encoding|accept-language|cache-control|dnt|pragma|priority|referer"
    rb"|sec-ch-ua(?:-[a-z-]+)?|sec-fetch-[a-z]+|sec-gpc|user-agent|x-forwarded-host"
    rb"|x-real-ip"
)
_READ = re.compile(
    rb"GET /api/v1/rooms(?:/([0-9a-z]{1,64})/messages(?:\?limit=50)?)? HTTP/1\.1\r\n"
    rb"(?i:(?:host: ?((?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?)|authorization: ?bearer ([!-~]+)|connection: ?keep-alive"
    rb"|x-request-id: ?([a-z0-9._-]{1,64})|x-forwarded-proto: ?(https?)"
    rb"|x-forwarded-for: ?([ -~]*+)"
    rb"|(?:" + _ORDINARY + rb"):[ -~]*+)\r\n)++\r\n"
)
_ONCE = (
    *(b"\r\nhost:", b"\r\nauthorization:", b"\r\nx-request-id:"),
    *(b"\r\nx-forwarded-proto:", b"\r\nx-forwarded-for:"),
)


class Front(HTTPServer):
    """Tornado's server with bounds on connections and on the time that clients take."""

    gate: Gate

    def initialize(self, *args: Any, **options: Any) -> None:
        super().initialize(*args, **options)
        self.conn_params.header_timeout = None  # `Serving` has waited for the header
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

    # -- the short way -----------------------------------------------------------------------------

    async def short_answer(self, serving: Serving, head: bytes) -> Short | Exception | None:
        """The answer to a request; None if Tornado has to answer it, an error if the handler has to raise it."""
        request, gate = _READ.fullmatch(head), self.gate
        if request is None or not gate.answers_shortly:
            return None
        room, host, token, given, scheme, forwarded = request.groups(b"")
        fields = head.lower()
        if (
            not token
            or not host
            or fields.count(b"\r\n") > MOST_FIELDS
            or any(fields.count(name) > 1 for name in _ONCE)
            or not gate.access.is_own_host(host.decode())
            or (not serving.is_proxied and b"\r\nx-forwarded-" in fields)
            or not gate.may_ask(serving.address, forwarded.decode())
        ):
            return None
        try:
            user = await gate.service.accounts.signed_in(token.decode())
        except ChatError:
            return None
        if not is_within(user, Scope.READ):
            return None
        found = await (self._newest_page(user, room.decode()) if room else self._rooms(user))
        if not isinstance(found, bytes):
            return found
        secure = serving.is_secure or (serving.is_proxied and scheme.lower() == b"https")
        security = gate.security if secure else ""
        answer = usual_answer(found, identified(given.decode()), security)
        return Short(answer, NEWEST_ROUTE if room else LIST_ROUTE)

    async def _newest_page(self, user: User, room: str) -> bytes | None:
        service = self.gate.service
        if service.rates.of_user(user.id).take(READY_COST):
            return None
        try:
            return await service.history.newest_encoded(user, await service.rooms.get(room))
        except ChatError:
            return None

    async def _rooms(self, user: User) -> bytes | Exception | None:
        """The list of rooms, or its error: a list that failed was counted, and is not tried again."""
        service = self.gate.service
        if service.rates.of_user(user.id).take():
            return None
        try:
            with door.entered(door.HTTP):
                return msgspec.json.encode(await service.rooms.visible(user))
        except Exception as error:
            return error

    def note_short(self, route: str, seconds: float) -> None:
        self.gate.http_seconds.add(seconds, ("GET", route, "200"))

    def note_refusal(self, serving: Serving, error: ChatError) -> None:
        """Log and count a request that was refused by its head."""
        status = error.meaning.status
        logger.debug("a request of {} is refused: {}", serving.address, error)
        self.gate.http_seconds.add(0.0, ("?", "none", str(status)))
        if self.gate.config.logging.access:
            self.gate.access_line("?", "none", status, 0.0, serving.address)
