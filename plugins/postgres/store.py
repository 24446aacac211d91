"""The whole store: connection, preparation and checks at start, health."""

import asyncio
from typing import Any

import asyncpg

from chatserver import Replica, Replication, StartupError, StoreFacts, StoreUnavailable
from chatserver_plugins.postgres import facts, schema
from chatserver_plugins.postgres.config import Config
from chatserver_plugins.postgres.driver import FAILURES, Database, connect
from chatserver_plugins.postgres.index import PostgresIndex
from chatserver_plugins.postgres.log import PostgresLog
from chatserver_plugins.postgres.records import PostgresRecords

RETRY_SECONDS = 0.2
DURABLE = ("on", "remote_apply")

NO_ADDRESS = (
    "not an address: a port is a number, and in a password :/?#[]@% must be percent-encoded"
)

# The first half of a WAL file's name is the timeline, which a promotion changes.
TIMELINE = "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)"
# A standby that says nothing has the lag of its last word, so the silence counts. Another account's rows have no
# figures unless ours has the role pg_read_all_stats or pg_monitor. Of a standby that is gone only its slot is left.
STANDBYS = """
SELECT application_name || '@' || coalesce(host(client_addr), 'local') AS name, true AS up,
    CASE WHEN replay_lsn >= pg_current_wal_lsn() THEN 0
    ELSE extract(epoch FROM greatest(replay_lag, clock_timestamp() - reply_time)) END::float8 AS lag
FROM pg_stat_replication WHERE state IS NULL OR state IN ('streaming', 'catchup')
UNION ALL
SELECT 'slot ' || slot_name, false, NULL FROM pg_replication_slots WHERE slot_type = 'physical' AND NOT active
ORDER BY name
"""

# Errors that waiting does not help: a wrong name or password, or a missing right.
REFUSALS = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ClientConfigurationError,
)


class PostgresStore(PostgresLog, PostgresIndex, PostgresRecords):
    """Keeps the log, its index and the records in one schema; see `chatserver.Store` for the contract."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = schema.lock_number(config.schema)

    def is_private(self) -> bool:
        return False

    async def plan(self) -> list[str]:
        connection = await self._reach()
        try:
            return await schema.plan(connection, self._config.schema)
        except FAILURES as error:
            raise StartupError(f"plugin.postgres: {error}") from error
        finally:
            connection.terminate()

    async def facts(self) -> StoreFacts:
        """See `chatserver.Store`."""
        connection = await self._reach()
        try:
            return await facts.facts(connection, self._config.schema)
        except FAILURES as error:
            raise StartupError(f"plugin.postgres: {error}") from error
        finally:
            connection.terminate()

    async def open(self) -> None:
        connection = await self._reach()
        try:
            await self._check_durable(connection)
            await schema.migrate(connection, self._config.schema)
        except FAILURES as error:
            raise StartupError(f"plugin.postgres: {error}") from error
        finally:
            connection.terminate()
        self._database = Database(self._config)
        await self._database.open()

    async def open_to_read(self) -> None:
        if steps := await self.plan():
            raise StartupError(f"plugin.postgres: its schema is not up to date: {steps[0]}")
        self._database = Database(self._config)
        await self._database.open()

    async def close(self) -> None:
        if hasattr(self, "_database"):
            self._database.close()

    def scratch(self, name: str) -> dict[str, object]:
        return {"plugin.postgres.schema": name}

    async def erase(self) -> None:
        try:
            connection = await connect(self._config)
            try:
                await connection.execute(f'DROP SCHEMA "{self._config.schema}" CASCADE')
            finally:
                connection.terminate()
        except FAILURES as error:
            raise StoreUnavailable from error

    async def ping(self) -> None:
        # A real write, as a server that is full or read-only still answers queries.
        await self._database.fetch("UPDATE installation SET version = version")

    async def replication(self) -> Replication | None:
        (era,) = await self._database.fetch(TIMELINE)
        rows = await self._database.fetch(STANDBYS)
        return Replication([Replica(*row) for row in rows], era=era[0])

    async def _reach(self) -> Any:
        """Wait for a server that accepts writes, as the database may start later than this server."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._config.start_seconds
        while True:
            try:
                return await connect(self._config)
            except REFUSALS as error:
                raise StartupError(f"plugin.postgres.uri: {error}") from error
            except ValueError:  # the error may quote part of a password as the port
                raise StartupError(f"plugin.postgres.uri: {NO_ADDRESS}") from None
            except FAILURES as error:
                if loop.time() > deadline:
                    raise StartupError(f"plugin.postgres.uri: no answer: {error!r}") from error
            await asyncio.sleep(RETRY_SECONDS)

    async def _check_durable(self, connection: Any) -> None:
        """Raises `StartupError` if a loss of power could lose acknowledged events."""
        for name, good in (("synchronous_commit", DURABLE), ("fsync", ("on",))):
            value = await connection.fetchval("SELECT current_setting($1)", name)
            if value not in good:
                raise StartupError(
                    f"plugin.postgres.uri: the database has {name} = {value}, with which it "
                    "may lose acknowledged writes"
                )
