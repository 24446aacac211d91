"""What `chatserver status` and `upgrade-check` tell about the database; reads only."""

from typing import Any

from chatserver import StoreFacts, StoreMember
from chatserver_plugins.postgres import schema

OLDEST = 140_000  # PostgreSQL 14, as `server_version_num` counts
SIZES = """
    SELECT c.relname AS name, greatest(c.reltuples, 0)::bigint AS rows,
           pg_total_relation_size(c.oid) AS bytes, pg_indexes_size(c.oid) AS indexes
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relkind = 'r'
"""
STANDBYS = """
    SELECT coalesce(nullif(application_name, ''), host(client_addr), 'standby') AS name, state,
           extract(epoch FROM replay_lag)::float8 AS lag
    FROM pg_stat_replication
"""


async def facts(connection: Any, name: str) -> StoreFacts:
    """The facts of the schema `name`. Raises errors of asyncpg, and `StartupError`."""
    number = int(await connection.fetchval("SHOW server_version_num"))
    version = await connection.fetchval("SHOW server_version")
    done = await schema.version(connection, name)
    schema.check(done, name)
    sizes = await connection.fetch(SIZES, name)
    rows = {row["name"]: row["rows"] for row in sizes}
    pending = schema.pending(done, rows.get("events", 0))
    grows = any(step.rows for step in pending)
    return StoreFacts(
        software=f"PostgreSQL {version.split()[0]}",
        schema=done,
        known=len(schema.MIGRATIONS),
        bytes=sum(row["bytes"] for row in sizes),
        rows=rows,
        members=await _members(connection),
        pending=pending,
        bytes_needed=sum(row["indexes"] for row in sizes) if grows else 0,
        warnings=[
            *([f"PostgreSQL {version} is older than 14"] if number < OLDEST else []),
            *await _not_durable(connection),
        ],
    )


async def _members(connection: Any) -> list[StoreMember]:
    """The primary and its standbys; states are hidden from roles without pg_monitor. Empty if alone."""
    standbys = [
        StoreMember(
            row["name"],
            "secondary",
            healthy=row["state"] in (None, "streaming"),
            lag_seconds=row["lag"],
        )
        for row in await connection.fetch(STANDBYS)
    ]
    return [StoreMember("primary", "primary", healthy=True), *standbys] if standbys else []


async def _not_durable(connection: Any) -> list[str]:
    value = await connection.fetchval("SELECT current_setting('fsync')")
    return [] if value == "on" else [f"fsync = {value}: acknowledged messages may be lost"]
