"""The server's end of a WebSocket connection: RFC 6455 to the letter, and cheap per message.

Tornado does the forgetting. Then the transport takes over the bare socket: its inbox reads from it, and its
outbox writes ready-made frames straight to it. TLS connections stay with Tornado's stream. The transport
opens, keeps alive and closes a connection; the handler interprets the messages.
"""

import asyncio
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from tornado.iostream import IOStream
from tornado.websocket import WebSocketHandler, WebSocketProtocol13, _WebSocketParams

from chatserver.web.websocket import deflate, forgetting, frames
from chatserver.web.websocket.frames import FrameError, FrameReader
from chatserver.web.websocket.heartbeat import Beating, Heartbeat
from chatserver.web.websocket.inbox import Inbox
from chatserver.web.websocket.outbox import Outbox

CLOSE_TIMEOUT: Final = 5.0
"""Seconds that a peer has for its part of the closing forgetting."""
SILENT_INTERVALS: Final = 2

_PING = frames.control_frame(frames.PING)
# The proactor loop of Windows cannot watch a bare socket.
_CAN_WATCH_SOCKETS = sys.platform != "win32"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a client; max_message_size in bytes, after decompression."""

    max_message_size: int = 65536
    message_seconds: float = 10.0
    """Seconds from the first byte of a message to its last, in however many frames it comes."""
    deflate: bool = False


class Endpoint(Protocol):
    """Methods that a transport calls on its handler (a tornado.websocket.WebSocketHandler)."""

    def on_text(self, payload: bytes) -> None:
        """A text message, valid UTF-8."""

    def on_binary(self, payload: bytes) -> None:
        """A binary message."""


class Transport(WebSocketProtocol13):
    """The transport of one connection, returned by a handler's get_websocket_protocol().

    It calls the handler's on_ws_connection_close(code, reason) once, with the code of the side that closed
    first, or with None when the connection broke.
    """

    __slots__ = (
        "_deadline", "_hanging_up", "_heartbeat", "_inbox", "_limits", "_loop", "_outbox", "_reported",
        "_silent", "_slice", "_socket", "on_drained", "send", "window_bits",
    )  # fmt: skip

    def __init__(
        self, handler: Endpoint, limits: Limits, heartbeat: Heartbeat | None = None
    ) -> None:
        super().__init__(
            cast(WebSocketHandler, handler),
            mask_outgoing=False,
            params=_WebSocketParams(max_message_size=limits.max_message_size),
        )
        self._inbox = Inbox(self, limits.message_seconds)
        self._outbox = Outbox(self)
        self.send: Callable[[bytes], int] = self._outbox.send
        """Send ready-made frames. Returns `buffered`. Never raises: a broken connection is closed."""
        self.on_drained: Callable[[], None] | None = None
        """Called when `buffered` has fallen back to 0."""
        self.window_bits = 0
        """The window for deflate.compress() and frames.deflated_frame(), which make compressed frames;
        0 if compression was not negotiated."""
        self._limits = limits
        self._heartbeat = heartbeat
        self._slice: set[Beating] | None = None
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._silent = 0  # heartbeats in a row without a sign of life
        self._deadline: asyncio.TimerHandle | None = None
        self._hanging_up = False
        self._reported = False

    # Opening

    async def _accept_connection(self, handler: WebSocketHandler) -> None:
        self._choose_subprotocol(handler)
        self._choose_extension(handler)
        handler.clear_header("Content-Type")
        handler.set_status(101)
        handler.set_header("Upgrade", "websocket")
        handler.set_header("Connection", "Upgrade")
        handler.set_header("Sec-WebSocket-Accept", self._challenge_response(handler))
        handler.finish()
        stream = handler.detach()
        if stream.closed():  # the client is gone already
            self._give_up(handler)
            return
        early = self._take_over(stream)
        try:
            opened = handler.open(*handler.open_args, **handler.open_kwargs)
            if opened is not None:
                await opened
        except Exception:
            handler.log_exception(*sys.exc_info())
            self._fail(frames.INTERNAL_ERROR, "")
        forgetting.forget(handler)
        if self._heartbeat is not None and not self._reported:
            self._slice = self._heartbeat.join(self)
        if self._socket is not None:
            self._inbox.read_socket(self._socket, early)
        elif not self._reported:
            await self._inbox.read_stream(self.stream)

    def _give_up(self, handler: WebSocketHandler) -> None:
        self.client_terminated = self.server_terminated = self._reported = True
        self._inbox.drop()
        self._outbox.drop()
        forgetting.forget(handler)
        self.handler = cast(Any, None)

    def _choose_subprotocol(self, handler: WebSocketHandler) -> None:
        offered = handler.request.headers.get("Sec-WebSocket-Protocol", "")
        names = [name.strip() for name in offered.split(",")] if offered else []
        self.selected_subprotocol = handler.select_subprotocol(names)
        if self.selected_subprotocol:
            handler.set_header("Sec-WebSocket-Protocol", self.selected_subprotocol)

    def _choose_extension(self, handler: WebSocketHandler) -> None:
        offers = handler.request.headers.get("Sec-WebSocket-Extensions", "")
        agreement = deflate.negotiate(offers) if self._limits.deflate else None
        if agreement is not None:
            self.window_bits = agreement.window_bits
            handler.set_header("Sec-WebSocket-Extensions", agreement.header)
        inflate = deflate.inflate if agreement is not None else None
        self._inbox.open(FrameReader(self._limits.max_message_size, inflate))

    def _take_over(self, stream: IOStream) -> bytes:
        """Take over the stream's socket if possible.

        Returns the bytes that the client sent right behind its forgetting.
        """
        # Nagle's algorithm and delayed acknowledgements make an answer wait 44 ms.
        stream.set_nodelay(True)
        if type(stream) is not IOStream or stream.writing() or not _CAN_WATCH_SOCKETS:
            self.stream = stream
            self._outbox.use_stream(stream)
            return b""
        if stream._state is not None:
            stream.io_loop.remove_handler(stream.fileno())
            stream._state = None
        self._socket = stream.socket
        self._outbox.use_socket(stream.socket)
        return bytes(stream._read_buffer)

    # Receiving

    def pause_reading(self) -> None:
        """Stop reading: the client's bytes then wait in the kernel, and in the client."""
        self._inbox.pause()

    def resume_reading(self) -> None:
        self._inbox.resume()

    def on_message(self, opcode: int, data: bytes) -> None:
        handler: Any = self.handler  # kept here: it may itself end the connection, and then raise
        try:
            if opcode == frames.TEXT:
                handler.on_text(data)
            elif opcode == frames.BINARY:
                handler.on_binary(data)
            elif opcode == frames.PING:
                self._outbox.send_pong(frames.control_frame(frames.PONG, data))
            elif opcode == frames.CLOSE:
                self._on_close_frame(data)
        except FrameError as error:
            self._fail(error.code, error.reason)
        except Exception:
            handler.log_exception(*sys.exc_info())
            self._fail(frames.INTERNAL_ERROR, "")

    def on_failure(self, error: Exception) -> None:
        if isinstance(error, FrameError):
            self._fail(error.code, error.reason)
        else:
            self.handler.log_exception(type(error), error, error.__traceback__)
            self._fail(frames.INTERNAL_ERROR, "")

    # Sending

    @property
    def buffered(self) -> int:
        """Bytes that the kernel has not accepted yet."""
        return self._outbox.buffered

    def took_some(self) -> None:
        self._inbox.heard = True  # a client that reads is alive as well

    def took_all(self) -> None:
        if self._hanging_up:
            self._shut_down()
        elif self.on_drained is not None and not self.server_terminated:
            self.on_drained()

    def broke(self) -> None:
        self._abort()

    def write_message(self, message: Any, binary: bool = False) -> "asyncio.Future[None]":
        raise NotImplementedError("send() takes ready-made frames")

    def write_ping(self, data: bytes) -> None:
        self.send(frames.control_frame(frames.PING, data))

    # Heartbeat

    def beat(self) -> None:
        """Called once per interval: drop a silent peer, send others a ping."""
        if self._inbox.heard:
            self._inbox.heard = False
            self._silent = 0
        elif not self._inbox.paused:
            self._silent += 1
            if self._silent >= SILENT_INTERVALS:
                self._abort()
                return
        elif self._inbox.has_hung_up():
            self._abort()
            return
        # While bytes wait, their progress is the sign of life.
        if not self.buffered:
            self.send(_PING)

    # Closing

    @property
    def closed(self) -> bool:
        """Whether frames can no longer be sent."""
        return self.server_terminated

    def is_closing(self) -> bool:
        return self.server_terminated or self.client_terminated

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Send a close frame behind the buffered frames, and wait at most 5 s for the peer's."""
        if self.server_terminated:
            return
        self._note_close(code, reason or "")
        try:
            self._send_close(code, reason or "")
        except MemoryError:
            self._abort()

    def _send_close(self, code: int | None, reason: str) -> None:
        self.send(frames.close_frame(code, reason))
        self._outbox.end()
        self.server_terminated = True
        if self._deadline is None and not self._reported:
            self._deadline = self._loop.call_later(CLOSE_TIMEOUT, self._abort)

    def _fail(self, code: int, reason: str) -> None:
        """Close the connection for a fault of the peer, and read no more from it."""
        self.close(code, reason)
        self._hang_up()

    def _on_close_frame(self, payload: bytes) -> None:
        code, reason = frames.close_status(payload)
        self.client_terminated = True
        self._note_close(code, reason)
        if not self.server_terminated:
            self._send_close(code, "")
        self._hang_up()

    def _note_close(self, code: int | None, reason: str) -> None:
        if self.close_code is None:
            self.close_code = code
            self.close_reason = reason

    def _hang_up(self) -> None:
        """Shut down our side, and wait for the peer to end its own.

        Closing a socket at once, with unread bytes of the peer, would reset the connection, and the peer
        might never see the reason.
        """
        if self._reported:
            return
        self._hanging_up = True
        self._inbox.discard()
        self._report()
        if not self.buffered:
            self._shut_down()

    def _shut_down(self) -> None:
        if self._socket is None:
            self._abort()
            return
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._abort()

    def on_connection_close(self) -> None:
        # Called by the handler at its end; while hanging up there is nothing left to do.
        if not self._reported:
            self._abort()

    def _abort(self) -> None:
        """Close the socket at once."""
        self.client_terminated = True
        self.server_terminated = True
        self._inbox.drop()
        self._outbox.drop()
        self.on_drained = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        elif self.stream is not None:
            self.stream.close()
        self._report()

    def _report(self) -> None:
        if self._reported:
            return
        self._reported = True
        if self._slice is not None:
            self._slice.discard(self)
            self._slice = None
        self.handler.on_ws_connection_close(self.close_code, self.close_reason)
        # The handler refers to the transport: without this only the cycle collector would free the two.
        self.handler = cast(Any, None)
