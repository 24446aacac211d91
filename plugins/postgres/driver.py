"""The one place that reaches asyncpg: connections, deadlines, and what errors mean."""

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
    asyncpg.InternalClientError,  # among others: no host takes writes
    OSError,
    TimeoutError,
)

# Each query has its index. What the planner may do instead, when a table has grown and its
# statistics have not, is only ever worse.
PLANS = {"enable_seqscan": "off", "enable_bitmapscan": "off", "jit": "off"}


async def connect(config: Config) -> Any:
    """A connection without a limit on statements, to the member that takes writes.

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
            # The server ends what we have given up, so that it holds no lock for long.
            server_settings=_session(config) | {"statement_timeout": str(config.timeout_ms)},
            reset=_keep,
        )

    async def open(self) -> None:
        """Connects to nothing yet."""
        await self._pool

    def deadline(self) -> float:
        """When a call that begins now has to end, in the loop's time."""
        return asyncio.get_running_loop().time() + self._seconds

    async def fetch(self, query: str, *values: Any, deadline: float | None = None) -> list[Any]:
        """The rows that one statement gives; it is its own transaction.

        Raises `UniqueViolationError` or `StoreUnavailable`.
        """
        loop = asyncio.get_running_loop()
        deadline = deadline or self.deadline()
        try:
            connection = await self._pool.acquire(timeout=max(deadline - loop.time(), 0))
            # The timeout of asyncpg would have the server cancel the statement. A commit that
            # waits for a replica would then be seen by others without being on the replica.
            timer = loop.call_at(deadline, _end, connection)
            try:
                rows: list[Any] = await connection.fetch(query, *values)
                return rows
            except UniqueViolationError:
                raise
            except BaseException:  # a new one may reach another member, or none
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
    with contextlib.suppress(asyncpg.InterfaceError):  # it has ended by itself
        connection.terminate()


async def _keep(connection: Any) -> None:
    """Instead of asyncpg's reset: no call of ours changes a connection's session."""
