"""Streamed answers of plugins: sent part by part, for as long as the client reads them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from loguru import logger
from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError

from chatserver.errors import ChatError
from chatserver.web.base import BaseHandler
from chatserver.web.connection import Connection

LATE_SECONDS = 0.5  # for a stream that begins while its process leaves


class Gone(Exception):
    """The client is gone, or was cut off because it does not read."""


class Stream:
    """One streamed answer. It is a connection of the node, and ended with the others.

    At most one part waits for the client: the next is asked for when the client has taken it.
    """

    is_socket = False

    def __init__(self, handler: BaseHandler, plugin: str, parts: AsyncIterator[bytes]) -> None:
        self.is_lagging = False
        self._handler, self._gate = handler, handler.gate
        self.plugin, self._parts = plugin, parts
        self._task: asyncio.Task[None] | None = None

    def admit(self) -> None:
        """Raises `ChatError` server.draining, limit.count."""
        if self._gate.draining:
            raise ChatError("server.draining", after_ms=1000)
        if not self._gate.has_room(self._handler.address):
            raise ChatError("limit.count", "A limit of connections is reached.")

    async def run(self) -> None:
        """Send the answer; returns at its end, whichever side ended it."""
        address, connections = self._handler.address, self._gate.service.connections
        serving = cast(Connection, self._handler.request.connection).serving
        serving.step_out()
        self._handler.answered_after = self._handler.request.request_time()
        self._gate.enter(address)
        connections.add(self)
        self._task = asyncio.create_task(self._send())
        if self._gate.leaving:  # too late to be among those that are sent away
            asyncio.get_running_loop().call_later(LATE_SECONDS, self.end)
        try:
            await asyncio.wait([self._task])
        finally:
            connections.discard(self)
            self._gate.leave(address)
            serving.step_in()

    def end(self) -> None:
        """Ask for no further part; the parts sent make a complete answer."""
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """Close the iterator, within a plugin's deadline."""
        aclose = getattr(self._parts, "aclose", None)
        if aclose is None:
            return
        try:
            async with asyncio.timeout(self._gate.config.plugins.deadline_seconds):
                await aclose()
        except (Exception, SystemExit) as error:
            self._gate.service.hooks.guard.note_crash("register_routes", self.plugin, error)

    # -- the server stops ------------------------------------------------------------------------

    def announce_drain(self, after_ms: int) -> None:
        """Does nothing: an HTTP client can be sent only the plugin's own parts."""

    def stop_reading(self) -> None:
        """Does nothing: the request was read before."""

    def send_away(self) -> None:
        self.end()

    # -- sending ---------------------------------------------------------------------------------

    async def _send(self) -> None:
        try:
            await self._flush()  # sends the head, which tells at once that the stream is open
            async for part in self._parts:
                self._handler.write(part)
                await self._flush()
                await asyncio.sleep(0)  # in case neither the iterator nor the client made us wait
        except Gone:
            return
        except ChatError as error:
            logger.debug("plugin {}: {} ended: {}", self.plugin, self._handler.route, error)
            self._cut()
        except asyncio.CancelledError as error:
            if cast(Any, asyncio.current_task()).cancelling():
                raise
            self._crashed(error)
        except (Exception, SystemExit) as error:
            self._crashed(error)
        finally:
            await self.close()

    async def _flush(self) -> None:
        self.is_lagging = True
        try:
            async with asyncio.timeout(self._gate.config.limits.slow_seconds):
                await self._handler.flush()
        except TimeoutError:
            self._gate.service.connections.outlet.dropped.add()
            self._cut()
            raise Gone from None
        except StreamClosedError:
            raise Gone from None
        self.is_lagging = False

    def _crashed(self, error: BaseException) -> None:
        self._gate.service.hooks.guard.note_crash("register_routes", self.plugin, error)
        self._cut()

    def _cut(self) -> None:
        """Break the connection off, so that the client does not take the parts for the whole answer."""
        cast(HTTP1Connection, self._handler.request.connection).close()
