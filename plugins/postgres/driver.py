"""The only module that uses asyncpg: connections, deadlines, and the meaning of errors."""

import asyncio
import contextlib
from typing import Any

import asyncpg
from asyncpg.exceptions import UniqueViolationError

from chatserver import StoreUnavailable
from chatserver_plugins.postgres.config import Config

# Errors of a call, on its way to the server or there.
FAILURES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # for instance, no host accepts writes
    OSError,
    TimeoutError,
)

# Each query has its index. Other plans, which the planner may choose while the statistics of a grown table
# are old, are always worse.
PLANS = {"enable_seqscan": "off", "enable_bitmapscan": "off", "jit": "off"}


async def connect(config: Config) -> Any:
    """A connection without a time limit on statements, to the member that accepts writes.

    Raises one of `FAILURES`, or ValueError for a bad address.
    """
    return await asyncpg.connect(
        config.uri,
        timeout=config.timeout_ms / 1000,
        target_session_attrs="read-write",
        server_settings=_session(config),
    )


def _session(config: Config) -> dict[str, str]:
    return {
        "application_name": "chatserver",
        "search_path": f'"{config.schema}"',
        "synchronous_commit": "on",
        **PLANS,
    }


class Database:
    """A pool of connections. Make it in the event loop that uses it."""

    def __init__(self, config: Config) -> None:
        self._seconds = config.timeout_ms / 1000
        self._pool: Any = asyncpg.create_pool(
            config.uri,
            min_size=0,
            max_size=config.connections,
            timeout=self._seconds,
            target_session_attrs="read-write",
            # The database cancels statements that we gave up, so that they hold no locks for long.
            server_settings=_session(config) | {"statement_timeout": str(config.timeout_ms)},
            reset=_keep,
        )

    async def open(self) -> None:
        """Make the pool; it connects on first use."""
        await self._pool

    def deadline(self) -> float:
        """The loop's time at which a call that begins now must end."""
        return asyncio.get_running_loop().time() + self._seconds

    async def fetch(self, query: str, *values: Any, deadline: float | None = None) -> list[Any]:
        """The rows of one statement, which is its own transaction.

        Raises `UniqueViolationError` or `StoreUnavailable`.
        """
        loop = asyncio.get_running_loop()
        deadline = deadline or self.deadline()
        try:
            connection = await self._pool.acquire(timeout=max(deadline - loop.time(), 0))
            # asyncpg's own timeout makes the database cancel the statement. A commit that waits for a
            # replica would then be visible to others without being on the replica.
            timer = loop.call_at(deadline, _end, connection)
            try:
                rows: list[Any] = await connection.fetch(query, *values)
                return rows
            except UniqueViolationError:
                raise
            except BaseException:  # a new connection may reach another member, or none
                _end(connection)
                raise
            finally:
                timer.cancel()
                await self._pool.release(connection)
        except UniqueViolationError:
            raise
        except FAILURES as error:
            raise StoreUnavailable from error

    def close(self) -> None:
        self._pool.terminate()


def _end(connection: Any) -> None:
    with contextlib.suppress(asyncpg.InterfaceError):  # the connection has ended already
        connection.terminate()


async def _keep(connection: Any) -> None:
    """Replaces asyncpg's reset, which is not needed, as no call changes a connection's session."""
