"""The random runs of `tests/privacy/test_interleavings.py` on PostgreSQL and MongoDB, in whose rows nothing is left."""

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pymongo
import pytest

from chatserver.service import removal
from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.postgres import PostgresPlugin
from tests.faults.scale import IS_LONG
from tests.privacy.interleaving import Look, drawn, run, small_parts
from tests.servers import PATIENT_MS, Mongod, Postgres
from tests.stores.conftest import postgres

__all__ = ["postgres", "small_parts"]

RUNS, AT_ONCE = 200 if IS_LONG else 20, 5


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """An erasure waits for what another node has accepted: longer than that is on its way here."""
    monkeypatch.setattr(removal, "SETTLED_SECONDS", 1.0)


async def play(make: Callable[[], tuple[Any, Look]]) -> None:
    async def one(seed: int) -> None:
        store, look = make()
        await store.open()
        try:
            await run(store, look, *drawn(seed), seed)
        finally:
            await store.close()

    for first in range(2000, 2000 + RUNS, AT_ONCE):
        await asyncio.gather(*(one(seed) for seed in range(first, first + AT_ONCE)))


def test_each_text_is_gone_or_stays_on_postgresql(postgres: Postgres) -> None:
    def make() -> tuple[Any, Look]:
        schema = f"test_{secrets.token_hex(8)}"
        settings = PostgresPlugin.Config(
            uri=postgres.uri, schema=schema, timeout_ms=PATIENT_MS, connections=4
        )

        async def look() -> bytes:
            connection = await asyncpg.connect(postgres.uri)
            try:
                query = "SELECT tablename FROM pg_tables WHERE schemaname = $1"
                tables = [row[0] for row in await connection.fetch(query, schema)]
                assert tables
                rows = [
                    row
                    for table in tables
                    for row in await connection.fetch(f'SELECT * FROM "{schema}"."{table}"')
                ]
                return repr(rows).encode()
            finally:
                await connection.close()

        return PostgresPlugin(settings).provide_store(), look

    asyncio.run(play(make))


def test_each_text_is_gone_or_stays_on_mongodb(database: Mongod) -> None:
    def make() -> tuple[Any, Look]:
        name = f"test_{secrets.token_hex(8)}"
        settings = MongoPlugin.Config(uri=database.uri, database=name, timeout_ms=PATIENT_MS)

        async def look() -> bytes:
            with pymongo.MongoClient(database.uri) as client:
                found = client[name]
                names = found.list_collection_names()
                assert names
                return repr([list(found[each].find()) for each in names]).encode()

        return MongoPlugin(settings, Path("/unused")).provide_store(), look

    asyncio.run(play(make))
