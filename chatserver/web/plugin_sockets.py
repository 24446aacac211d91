"""WebSocket connections that plugins serve: bounded, counted and ended like those at /ws."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from tornado.httputil import HTTPServerRequest
from tornado.routing import PathMatches

from chatserver.errors import CLOSE_DRAINING, CLOSE_INTERNAL, CLOSE_SLOW
from chatserver.hooks.door import enter
from chatserver.hooks.types import Request, SocketDoor, SocketEnd
from chatserver.web.gate import Gate
from chatserver.web.plugin_request import PluginRequest
from chatserver.web.websocket.transport import Transport
from chatserver.web.websocket.upgrade import Upgrade


class UpgradesAt(PathMatches):
    """Matches upgrade requests to a path; other requests to it go to another handler."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        if request.method != "GET" or request.headers.get("Upgrade", "").lower() != "websocket":
            return None
        return super().match(request)


class PluginUpgrade(Upgrade):
    """An upgrade request at a plugin's door."""

    plugin: str
    door: SocketDoor

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return next((name for name in self.door.subprotocols if name in subprotocols), None)

    def connected(self) -> None:
        socket = PluginSocket(self.gate, self.transport, self.address, self.plugin)
        # From here on the transport calls the socket, and this handler can be freed.
        self.transport.handler = cast(Any, socket)
        if self.door.subprotocols and self.selected_subprotocol is None:
            spoken = ", ".join(self.door.subprotocols)
            self.transport.close(self.door.no_subprotocol, f"spoken here: {spoken}")
        elif self.is_admitted():
            socket.start(self.door, PluginRequest.of(self))


class PluginSocket:
    """Stands between a transport and a plugin, which gets it as `chatserver.Socket`.

    It bounds the bytes that wait for a client, and contains errors that the plugin raises.
    """

    __slots__ = (
        "_address",
        "_end",
        "_entered",
        "_failed",
        "_gate",
        "_held",
        "_leaving",
        "_outlet",
        "_slow",
        "_transport",
        "on_drained",
        "plugin",
    )

    is_socket = True

    def __init__(self, gate: Gate, transport: Transport, address: str, plugin: str) -> None:
        self.on_drained: Callable[[], None] | None = None
        self._gate, self._transport = gate, transport
        self._outlet = gate.service.connections.outlet
        self._address, self.plugin = address, plugin
        self._end: SocketEnd | None = None
        self._entered = False
        self._failed = CLOSE_INTERNAL
        self._held = False
        self._slow: asyncio.TimerHandle | None = None
        self._leaving: asyncio.Task[None] | None = None

    def start(self, door: SocketDoor, request: Request) -> None:
        """Tell the plugin of the connection."""
        self._failed = door.failed
        self._entered = True
        self._gate.enter(self._address)
        self._gate.service.connections.add(self)
        self._transport.on_drained = self._on_drained
        enter(self.plugin)
        try:
            self._end = door.open(request, self)
        except (Exception, SystemExit) as error:
            self._crashed(error)

    # -- called by the plugin --------------------------------------------------------------------

    @property
    def buffered(self) -> int:
        return self._transport.buffered

    def send(self, frames: bytes) -> int:
        buffered = self._transport.send(frames)
        if buffered > self._outlet.soft:
            self._overflow()
        return buffered

    def close(self, code: int, reason: str) -> None:
        self._transport.close(code, reason)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._held:
            self._transport.resume_reading()

    # -- called by the transport -----------------------------------------------------------------

    def on_text(self, payload: bytes) -> None:
        if self._end is not None and not self._transport.closed:
            enter(self.plugin)
            try:
                self._end.on_text(payload)
            except (Exception, SystemExit) as error:
                self._crashed(error)

    def on_binary(self, payload: bytes) -> None:
        if self._end is not None and not self._transport.closed:
            enter(self.plugin)
            try:
                self._end.on_binary(payload)
            except (Exception, SystemExit) as error:
                self._crashed(error)

    def on_ws_connection_close(self, code: int | None, reason: str | None) -> None:
        self._stop_timing()
        if self._leaving is not None:
            self._leaving.cancel()
        end, self._end = self._end, None
        self.on_drained = None
        if not self._entered:
            return
        self._gate.leave(self._address)
        self._gate.count_close(code)
        self._gate.service.connections.discard(self)
        if end is not None:
            try:
                end.on_close(code, reason)
            except (Exception, SystemExit) as error:
                self._crashed(error)

    def on_connection_close(self) -> None:
        """The transport reports its end by `on_ws_connection_close`."""

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        self._gate.service.hooks.guard.note_crash("register_routes", self.plugin, value)

    def _on_drained(self) -> None:
        self._stop_timing()
        if self.on_drained is not None:
            try:
                self.on_drained()
            except (Exception, SystemExit) as error:
                self._crashed(error)

    # -- called when the server stops -----------------------------------------------------------------------

    @property
    def is_lagging(self) -> bool:
        return self._slow is not None

    def announce_drain(self, after_ms: int) -> None:
        if self._end is not None:
            try:
                self._end.on_drain(after_ms)
            except (Exception, SystemExit) as error:
                self._crashed(error)

    def stop_reading(self) -> None:
        self._held = True
        self._transport.pause_reading()

    def send_away(self) -> None:
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._leave())

    async def _leave(self) -> None:
        try:
            if self._end is not None:
                async with asyncio.timeout(self._gate.config.delivery.append_seconds):
                    await self._end.settle()
        except TimeoutError:
            pass  # the client repeats requests that are not answered by now
        except (Exception, SystemExit) as error:
            self._crashed(error)
        finally:
            self._transport.close(CLOSE_DRAINING, "the server is restarting")
            self._transport.resume_reading()  # to read the client's close frame

    # -- bounds ----------------------------------------------------------------------------------

    def _overflow(self) -> None:
        """Handle too many unread bytes: below the hard bound the client gets some time to read them."""
        if self._transport.closed:
            return
        if self._transport.buffered > self._outlet.hard:
            self._drop()
        elif self._slow is None:
            self._slow = asyncio.get_running_loop().call_later(
                self._outlet.slow_seconds, self._drop
            )

    def _drop(self) -> None:
        self._stop_timing()
        if self._transport.closed:
            return
        self._outlet.dropped.add()
        self._transport.close(CLOSE_SLOW, "slow consumer")

    def _stop_timing(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _crashed(self, error: BaseException) -> None:
        self._gate.service.hooks.guard.note_crash("register_routes", self.plugin, error)
        self._transport.close(self._failed, "a part of the server failed")
