"""Connections for reads, beside the line for appends: opened as reads need them, and used by one at a time."""

import asyncio
import contextvars
import logging
from collections import deque

from chatserver import StoreUnavailable
from chatserver_plugins.mongo.connection import Connection
from chatserver_plugins.mongo.line import Line
from chatserver_plugins.mongo.pause import Pause

MOST = 8
MOST_LONG = 4  # of them for reads that may take long, so that short ones need not wait for these

logger = logging.getLogger("chatserver.mongo")


class Pool:
    """Leads to the server that the line for appends leads to; as long as that is closed, nowhere."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._address: tuple[str, int] | None = None
        self._open: set[Connection] = set()  # idle or in use
        self._idle: list[Connection] = []
        self._long: set[Connection] = set()  # in use by reads that may take long
        self._long_waiting = 0
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._opening: asyncio.Task[None] | None = None
        self._pause = Pause()

    async def take(self, *, is_long: bool) -> Connection | None:
        """A connection to give back; waits while all are in use. None if the driver should read."""
        if (address := self._line.leads_to()) != self._address:
            self._leave(address)
        if address is None or (is_long and len(self._long) + self._long_waiting >= MOST_LONG):
            return None
        connection = self._take_idle()
        if connection is None:
            self._open_soon()
            if not self._open or (self._opening is None and len(self._open) < MOST):
                return None
            self._long_waiting += is_long
            try:
                connection = await self._wait()
            finally:
                self._long_waiting -= is_long
        if connection is not None and is_long:
            self._long.add(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """Let the next one use it."""
        self._long.discard(connection)
        if connection not in self._open:  # it leads to a server that is no longer primary
            connection.abort()
        elif not connection.is_open:
            self._forget(connection)
        else:
            self._pause.worked()
            self._hand_on(connection)

    def end(self, connection: Connection, reason: str) -> None:
        """Instead of `give_back`, if it failed."""
        connection.abort()
        self._long.discard(connection)
        self._fail(reason)
        self._forget(connection)

    async def close(self) -> None:
        """Release all connections. Never raises."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        connections = self._open
        self._leave(None)
        for connection in connections:
            await connection.close()

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
            self._forget(connection)
        return None

    async def _wait(self) -> Connection | None:
        waiting: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and (given := waiting.result()):
                self.give_back(given)
            raise

    def _hand_on(self, connection: Connection) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(connection)
                return
        self._idle.append(connection)

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        if not self._open:
            self._release()

    def _release(self) -> None:
        """Send all that wait to the driver."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)

    def _leave(self, address: tuple[str, int] | None) -> None:
        """Use connections to this server from now on; those in use end when they are given back."""
        for connection in self._idle:
            connection.abort()
        self._open, self._idle = set(), []
        self._address = address
        self._release()

    def _fail(self, reason: str) -> None:
        logger.info("a connection for reads failed: %s", reason)
        self._pause.failed()

    def _open_soon(self) -> None:
        if self._opening is None and len(self._open) < MOST and self._pause.is_over():
            # Not in the context of the request that needs it, which log lines would name.
            of_nobody = contextvars.Context()
            self._opening = asyncio.create_task(
                self._open_one(), name="mongo reads", context=of_nobody
            )

    async def _open_one(self) -> None:
        try:
            connection = await self._line.another()
        except StoreUnavailable as error:
            self._fail(error.reason)
            self._release()
        else:
            if connection.address == self._address:
                self._open.add(connection)
                self._hand_on(connection)
            else:
                connection.abort()
        finally:
            self._opening = None
        if self._waiting:
            self._open_soon()
