"""A Tornado server whose handler notes what its transport tells it."""

import asyncio
import socket
import ssl
from collections.abc import Callable

import tornado.httpserver
import tornado.web
from tornado.netutil import bind_sockets
from tornado.websocket import WebSocketHandler

from chatserver.web.websocket.heartbeat import Heartbeat
from chatserver.web.websocket.transport import Limits, Transport


class Recorder(WebSocketHandler):
    """One connection as the server sees it."""

    transport: Transport

    def initialize(self, server: "Server") -> None:
        self.server = server
        server.handlers.append(self)
        self.messages: list[bytes] = []
        self.ends: list[tuple[int | None, str | None]] = []
        self.ended = asyncio.Event()
        self._changed = asyncio.Event()

    def get_websocket_protocol(self) -> Transport:
        self.transport = Transport(self, self.server.limits, self.server.heartbeat)
        return self.transport

    def open(self, *args: str, **kwargs: str) -> None:
        if self.server.on_open is not None:
            self.server.on_open(self)
        self.server.opened.put_nowait(self)

    def on_message(self, message: str | bytes) -> None:
        raise NotImplementedError

    def on_text(self, payload: bytes) -> None:
        self.messages.append(payload)
        self._changed.set()
        if self.server.on_text is not None:
            self.server.on_text(self, payload)

    def on_binary(self, payload: bytes) -> None:
        self.messages.append(payload)

    async def received(self, count: int) -> None:
        """Wait until so many messages have come."""
        async with asyncio.timeout(60):
            while len(self.messages) < count:
                self._changed.clear()
                await self._changed.wait()

    def on_ws_connection_close(
        self, close_code: int | None = None, close_reason: str | None = None
    ) -> None:
        self.ends.append((close_code, close_reason))
        self.ended.set()
        super().on_ws_connection_close(close_code, close_reason)

    def log_exception(self, *args: object) -> None:
        self.server.exceptions.append(args[1])


class Server:
    """Set limits, heartbeat and reactions before a client connects."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.limits = Limits()
        self.heartbeat: Heartbeat | None = None
        self.on_text: Callable[[Recorder, bytes], None] | None = None
        self.on_open: Callable[[Recorder], None] | None = None
        self.opened: asyncio.Queue[Recorder] = asyncio.Queue()
        self.handlers: list[Recorder] = []
        self.exceptions: list[object] = []
        application = tornado.web.Application([("/ws", Recorder, {"server": self})])
        self._http = tornado.httpserver.HTTPServer(application, ssl_options=tls)
        sockets = bind_sockets(0, "127.0.0.1")
        # Inherited by every connection: the kernel soon takes only part of a write.
        sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        self.port: int = sockets[0].getsockname()[1]
        self._http.add_sockets(sockets)

    async def accepted(self) -> Recorder:
        async with asyncio.timeout(60):
            return await self.opened.get()

    def stop(self) -> None:
        self._http.stop()
        if self.heartbeat is not None:
            self.heartbeat.stop()
        for handler in self.handlers:
            handler.transport._abort()
