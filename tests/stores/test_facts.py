"""What stores tell operators about themselves, before they are opened."""

import asyncio
from pathlib import Path

import asyncpg

from chatserver import StoreFacts
from chatserver_plugins.postgres import schema
from chatserver_plugins.postgres.config import Config
from chatserver_plugins.postgres.store import PostgresStore
from tests.servers import Postgres
from tests.waiting import until


async def test_postgresql_tells_its_schema_its_size_and_its_standbys(tmp_path: Path) -> None:
    primary = Postgres(tmp_path / "primary")
    await asyncio.to_thread(primary.start)
    standby: Postgres | None = None
    try:
        store = PostgresStore(Config(uri=primary.uri))

        async def facts() -> StoreFacts:
            return await store.facts()

        empty = await facts()
        assert (empty.schema, empty.known, empty.rows) == (0, len(schema.MIGRATIONS), {})
        assert [step.title for step in empty.pending] == schema.planned(0)
        await store.open()
        await store.close()
        full = await facts()
        assert (full.schema, list(full.pending), list(full.warnings)) == (full.known, [], [])
        assert full.software.startswith("PostgreSQL ") and (full.bytes or 0) > 10_000
        assert {"events", "records"} <= full.rows.keys() and list(full.members) == []
        # An older schema: the last step reads all events.
        connection = await asyncpg.connect(primary.uri)
        name = f'"{Config(uri=primary.uri).schema}"'
        await connection.execute(f"UPDATE {name}.installation SET version = version - 1")
        await connection.execute(
            f"INSERT INTO {name}.events (room, seq, body) SELECT 'r', n, '{{}}' FROM generate_series(1, 5000) n"
        )
        await connection.execute(f"ANALYZE {name}.events")
        older = await facts()
        (step,) = older.pending
        assert step.rows == 5000 and step.seconds > 0 and older.bytes_needed > 0
        await connection.execute(f"UPDATE {name}.installation SET version = version + 1")
        await connection.close()
        standby = await asyncio.to_thread(Postgres.standby, tmp_path / "standby", primary)
        await asyncio.to_thread(standby.start)

        async def is_followed() -> bool:
            return [each.role for each in (await facts()).members] == ["primary", "secondary"]

        await until(is_followed)
        assert all(each.healthy for each in (await facts()).members)
    finally:
        if standby is not None:
            standby.stop()
        primary.stop()
