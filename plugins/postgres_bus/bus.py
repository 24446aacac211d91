"""The bus through asyncpg, on one connection that listens and notifies."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import asyncpg

from chatserver import BusLink, BusUnavailable
from chatserver_plugins.postgres_bus.config import Config

NO_ADDRESS = (
    "plugin.postgres_bus.uri is not an address: a port is a number, and in a password :/?#[]@% must "
    "be percent-encoded"
)

FAILURES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

# One statement makes all frames one transaction, as each commit that notifies briefly locks the whole
# database.
NOTIFY = "SELECT pg_notify($1, frame) FROM unnest($2::text[]) AS frame"


class PostgresBus(BusLink):
    """Makes no tables. A pooler in between must reserve a connection for the bus."""

    def __init__(self, config: Config) -> None:
        super().__init__("postgres")
        self._uri, self._channel = config.uri, config.channel
        self._seconds = config.timeout_ms / 1000
        self._connection: Any = None  # while connected
        self._lock = asyncio.Lock()  # a connection runs one statement at a time

    async def carry(self) -> None:
        ended = asyncio.Event()
        connection = await self._connect()
        try:
            connection.add_termination_listener(lambda connection: ended.set())
            async with asyncio.timeout(self._seconds):
                await connection.add_listener(self._channel, self._take)
            self._connection = connection
            self.up()
            await self.until_ended(ended, lambda: self._do("SELECT 1"))
        finally:
            self._connection = None
            connection.terminate()

    async def _connect(self) -> Any:
        try:
            return await asyncpg.connect(
                self._uri,
                timeout=self._seconds,
                target_session_attrs="read-write",
                server_settings={"application_name": "chatserver"},
            )
        except FAILURES:
            raise
        except ValueError:  # the error may quote part of a password as the port
            raise BusUnavailable(NO_ADDRESS) from None

    def _take(self, connection: Any, pid: int, channel: str, frame: str) -> None:
        self.receive(frame.encode())

    async def publish(self, frames: Sequence[bytes]) -> None:
        try:
            await self._do(NOTIFY, self._channel, [frame.decode() for frame in frames])
        except FAILURES as error:
            raise BusUnavailable(str(error)) from error

    async def _do(self, statement: str, *values: Any) -> None:
        """Run a statement. A failure ends the connection, since a hanging one would not recover."""
        connection = self._connection
        if connection is None:
            raise TimeoutError("not connected")
        try:
            async with asyncio.timeout(self._seconds), self._lock:
                await connection.execute(statement, *values)
        except BaseException:
            with contextlib.suppress(asyncpg.InterfaceError):  # the connection has ended already
                connection.terminate()
            raise
