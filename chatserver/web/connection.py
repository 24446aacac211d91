"""One HTTP connection: its requests one by one, each checked before Tornado parses it.

Tornado's connection would wait for ever for a client that does not read, serve the queued requests of a
client that is gone, and close without an answer if a header is too long.
"""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Final, Literal, NamedTuple, Protocol, cast

from loguru import logger
from tornado.http1connection import (
    HTTP1Connection,
    HTTP1ConnectionParameters,
    HTTP1ServerConnection,
)
from tornado.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError, UnsatisfiableReadError

from chatserver.errors import ChatError
from chatserver.hooks.types import Reply
from chatserver.web import grammar
from chatserver.web.gate import Gate
from chatserver.web.response_heads import identified, refusal
from chatserver.web.turns import Turns

READ_PAST: Final = 262144  # bytes of an unwanted body that are skipped to keep the connection open
THROWN_AWAY: Final = 16 * 1024 * 1024  # bytes read so that a client gets to see its answer
LINGER_SECONDS: Final = 2.0  # for a refused client to read why
PIPELINED: Final = 100  # requests of one connection without a pause; then it is closed
LEAST_PROGRESS: Final = 4096  # bytes that a client has to read in `limits.slow_seconds`
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: drop unsent bytes


class Outcome(NamedTuple):
    """What a request came to on the short way, for its handler to give."""

    result: Reply | Exception
    request_id: str


class Short(NamedTuple):
    """The complete answer to a request with its body, and the method and route that it counts for."""

    answer: bytes
    method: str
    route: str


class Host(Protocol):
    """The server that a connection belongs to."""

    gate: Gate
    turns: Turns
    conn_params: HTTP1ConnectionParameters

    async def short_answer(
        self, serving: "Serving", head: bytes, rest: bytes
    ) -> Short | Outcome | None:
        """The answer to one of the commonest requests, or its outcome; None for all other requests.

        `rest` is what came behind the head.
        """

    def note_short(self, short: Short, seconds: float) -> None:
        """Count a request that was answered by `short_answer`."""

    def note_refusal(self, serving: "Serving", error: ChatError) -> None:
        """Log and count a request that was refused by its head."""


class Connection(HTTP1Connection):
    """One request handled by Tornado. If it is answered before its body has come, the body is dropped."""

    def __init__(
        self,
        serving: "Serving",
        head: grammar.Head,
        *,
        last: bool,
        outcome: Outcome | None,
        before: float,
    ) -> None:
        """`outcome` is for the handler to give; `before` are the seconds that the short way took."""
        super().__init__(serving.stream, False, serving.params, serving.context)
        self.serving, self.outcome, self.before = serving, outcome, before
        self._length = head.length
        self._last = last
        self._answered = False
        self._skipped = 0  # bytes of the body that came after the answer
        self._written = cast(Any, serving.stream)._total_write_index  # by answers before

    @property
    def sent(self) -> int:
        """Bytes of the answer so far, including its head."""
        index: int = cast(Any, self.serving.stream)._total_write_index
        return index - cast(int, self._written)

    def refuse(self, error: ChatError) -> None:
        """Answer before the body, and close."""
        self._disconnect_on_finish = True
        self.write(refusal(error, identified("")))
        super().finish()

    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> "asyncio.Future[None]":
        is_upgrade = isinstance(start_line, ResponseStartLine) and start_line.code == 101
        if not self._goes_on() or (self.serving.leaves and not is_upgrade):
            self._disconnect_on_finish = True
        return super().write_headers(start_line, headers, chunk)

    def finish(self) -> None:
        disconnect = self._disconnect_on_finish
        super().finish()
        if self._goes_on():
            self._disconnect_on_finish = disconnect

    def _goes_on(self) -> bool:
        """Whether the rest of the body can be skipped. A client that asked first (Expect) may not send it."""
        if self._read_finished:
            return True
        asked = self._request_headers is not None and "Expect" in self._request_headers
        return self._length is not None and self._length <= READ_PAST and not asked

    def _can_keep_alive(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> bool:
        kept: bool = super()._can_keep_alive(cast(Any, start_line), headers)
        # Tornado sees `close` only where it stands alone (RFC 9112, 9.6).
        given = headers.get("Connection", "").lower().split(",")
        return kept and not self._last and "close" not in map(str.strip, given)

    def _finish_request(self, future: "asyncio.Future[None] | None") -> None:
        if self._read_finished or self.stream is None or self.stream.closed():
            super()._finish_request(future)
        else:
            self._answered = True  # the rest happens at the end of the body

    def _read_body(
        self, code: int, headers: HTTPHeaders, delegate: HTTPMessageDelegate
    ) -> Awaitable[None] | None:
        if self._write_finished and self._disconnect_on_finish:
            return self._throw_away()
        reading = super()._read_body(code, headers, delegate)
        return None if reading is None else self._read_to_the_end(reading)

    async def _deliver_body(self, delegate: HTTPMessageDelegate, body: bytes) -> None:
        if self._answered and self._disconnect_on_finish:
            self._skipped += len(body)
            if self._skipped > THROWN_AWAY:
                self.close()
        await super()._deliver_body(delegate, body)

    async def _read_to_the_end(self, reading: Awaitable[None]) -> None:
        try:
            await reading
        except HTTPInputError:
            if not self._write_finished:  # otherwise the client got its answer already
                self._write_finished = True
                await refuse(self.stream, ChatError("request.invalid", "The body cannot be read."))
            self.close()
        self._read_finished = True
        if self._answered:
            super()._finish_request(None)

    async def _throw_away(self) -> None:
        stream = self.stream
        if self._pending_write is not None:
            await self._pending_write
        await _hang_up(stream)
        self.close()


class Serving(HTTP1ServerConnection):
    """The requests of one client, one after the other."""

    stream: IOStream
    requests: "asyncio.Task[None]"  # done once the connection is closed

    def __init__(self, stream: IOStream, front: Host, context: Any) -> None:
        super().__init__(stream, front.conn_params, context)
        self.address: str = context.remote_ip
        self.is_secure = isinstance(stream, SSLIOStream)
        self.is_proxied = front.gate.access.is_proxy(self.address)
        self._front, self._gate = front, front.gate
        self._counted = True
        self._ended = False
        self._waits = False  # for the client, between two requests
        self._is_short = False  # a request is on the short way
        self._stops = False
        self._in_a_row = 0
        self._mark: tuple[int, float] | None = None
        self._gate.visitors.enter(self.address)

    # -- called by the server ----------------------------------------------------------------------

    def start_serving(self, delegate: HTTPServerConnectionDelegate) -> None:
        self.requests = asyncio.create_task(self._answer_all(delegate))

    async def close(self) -> None:
        """Close the connection, and wait for the end of its last request; one on the short way ends at once."""
        self.stream.close()
        if self._is_short:
            self.requests.cancel()
        await asyncio.wait([self.requests])

    def step_out(self) -> None:
        """Stop counting the connection among visitors, as it becomes a lasting one (socket or stream)."""
        if self._counted:
            self._counted = False
            self._gate.visitors.leave(self.address)

    def step_in(self) -> None:
        """Count the connection among visitors again, if it is still open."""
        if not self._counted and not self._ended:
            self._counted = True
            self._gate.visitors.enter(self.address)

    @property
    def leaves(self) -> bool:
        """Whether the client has to go to the process that takes over."""
        return self._gate.leaving

    def finish_up(self, *, next_too: bool = False) -> None:
        """Finish the request under way and serve no further one.

        With `next_too` one more request is answered, which closes the connection, as the server is leaving.
        """
        if next_too:
            return
        self._stops = True
        if self._waits:
            self.stream.close()

    def look(self, now: float, patience: float) -> None:
        """Close the connection if the client has read next to nothing for `patience` seconds."""
        stream: Any = self.stream
        if stream.closed() or not stream.writing():
            self._mark = None
            return
        taken: int = stream._total_write_done_index
        if self._mark is None or taken - self._mark[0] >= LEAST_PROGRESS:
            self._mark = taken, now
        elif now - self._mark[1] >= patience:
            self._gate.service.connections.outlet.dropped.add()
            logger.debug("a client at {} does not read: its connection is cut", self.address)
            with suppress(OSError):
                stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            stream.close()

    # -- requests ----------------------------------------------------------------------------------

    async def _answer_all(self, delegate: HTTPServerConnectionDelegate) -> None:
        try:
            self.stream.set_nodelay(True)
            while not self._stops and await self._serve(delegate):  # noqa: ASYNC110
                await asyncio.sleep(0)  # other tasks get their turn
        except (StreamClosedError, UnsatisfiableReadError, asyncio.CancelledError):
            self.stream.close()
        except Exception:
            logger.exception("an HTTP connection failed")
            self.stream.close()
        finally:
            self._ended = True
            self.step_out()
            delegate.on_close(self)

    async def _serve(self, delegate: HTTPServerConnectionDelegate) -> bool:
        """Answer one request. Returns whether there may be another."""
        if not self._is_wanted():
            self.stream.close()
            return False
        try:
            head, rest = await self._head()
            started = time.perf_counter()
            outcome = await self._answer_shortly(head, rest, started)
            if outcome is True:
                return True
            found = grammar.check(head)
            if found.length != 0:
                client = self._gate.access.behind(self.address, grammar.forwarded(head))
                await self._front.turns.of(found.target).take(client)
        except ChatError as error:
            self._front.note_refusal(self, error)
            await refuse(self.stream, error)
            return False
        is_followed = found.length is not None and len(rest) > found.length
        self._in_a_row = self._in_a_row + 1 if is_followed else 0
        last = self._in_a_row >= PIPELINED
        _put_back(self.stream, head + rest)
        before = time.perf_counter() - started
        connection = Connection(self, found, last=last, outcome=outcome, before=before)
        goes_on = await connection.read_response(delegate.start_request(self, connection))
        return goes_on and not self.stream.closed()

    async def _answer_shortly(
        self, head: bytes, rest: bytes, started: float
    ) -> Literal[True] | Outcome | None:
        """Whether one of the commonest requests was answered, or the outcome that its handler has to give.

        The grammar of such requests is narrower than that of `grammar.check`.
        """
        # Behind a request that is posted comes its body; with more behind that it is not answered here.
        in_a_row = self._in_a_row + 1 if rest and not head.startswith(b"POST ") else 0
        if in_a_row >= PIPELINED:
            return None
        self._is_short = True
        try:
            short = await self._front.short_answer(self, head, rest)
        finally:
            self._is_short = False
        if not isinstance(short, Short):
            return short
        self._in_a_row = in_a_row
        if rest and short.method == "GET":
            _put_back(self.stream, rest)
        await self.stream.write(short.answer)
        self._front.note_short(short, time.perf_counter() - started)
        return True

    def _is_wanted(self) -> bool:
        """Whether the client of a pipelined request that has come already is still there."""
        stream: Any = self.stream
        if stream.closed():
            return False
        if not stream._read_buffer_size:
            return True
        # A client that is gone answers the bytes sent to it with a reset of the connection.
        failed: int = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return not failed

    async def _head(self) -> tuple[bytes, bytes]:
        """The next request's head, and the bytes read behind it. Raises `ChatError`, `StreamClosedError`."""
        limits, stream = self._gate.config.limits, self.stream
        loop = asyncio.get_running_loop()
        patience = loop.call_later(limits.header_seconds, stream.close)
        self._waits = True
        try:
            most = limits.header_bytes
            data: bytes | bytearray = await stream.read_bytes(most, partial=True)
            end = data.find(b"\r\n\r\n", 2 if data.startswith(b"\r\n") else 0)
            while end < 0:
                self._waits = False
                data = await self._more(bytearray(data), most)
                end = data.find(b"\r\n\r\n", 2 if data.startswith(b"\r\n") else 0)
        finally:
            self._waits = False
            patience.cancel()
        # RFC 9112 section 2.2: one empty line before a request is ignored.
        start = 2 if data.startswith(b"\r\n") else 0
        return bytes(data[start : end + 4]), bytes(data[end + 4 :])

    async def _more(self, data: bytearray, most: int) -> bytearray:
        """The part of a head read so far, completed by further bytes up to its end."""
        seen = 0
        while True:
            if grammar.is_torn(data, max(0, seen - 1)):
                raise ChatError("request.invalid", "The header cannot be read.")
            if len(data) >= most:
                long = data.find(b"\r\n") < 0 or data.find(b"\r\n") > most // 2
                raise ChatError("request.uri_too_long" if long else "request.header_too_large")
            seen = len(data)
            data += await self.stream.read_bytes(most - seen, partial=True)
            if data.find(b"\r\n\r\n", max(0, seen - 3)) >= 0:
                return data


async def refuse(stream: IOStream, error: ChatError) -> None:
    """Answer with the error and close the connection. Never raises."""
    with suppress(StreamClosedError, TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            await stream.write(refusal(error, identified("")))
            await _hang_up(stream)
    stream.close()


async def _hang_up(stream: IOStream) -> None:
    """Shut down our side, and skip the bytes that the client still sends.

    Closing a socket at once, with unread bytes of the peer, would reset the connection, and the peer might
    never see its answer.
    """
    if stream.closed():
        return  # the client was faster
    if not isinstance(stream, SSLIOStream):
        with suppress(OSError):
            stream.socket.shutdown(socket.SHUT_WR)
    left = THROWN_AWAY
    with suppress(StreamClosedError):
        while left > 0:
            left -= len(await stream.read_bytes(65536, partial=True))
            await asyncio.sleep(0)


def _put_back(stream: Any, data: bytes) -> None:
    """Put bytes back into the stream's buffer for its next reader."""
    stream._read_buffer[:0] = data
    stream._read_buffer_size += len(data)
