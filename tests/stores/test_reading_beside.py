"""A store open for reading, beside a process that writes."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatserver import StartupError, Store, StoreUnavailable
from chatserver.testing.samples import described, posted
from chatserver_plugins.memory import MemoryStore
from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.postgres import PostgresPlugin
from chatserver_plugins.sqlite import SqlitePlugin
from tests.backup.machine import PATIENT
from tests.servers import Mongod, Postgres, mongod_program


async def check(io_loop: Any, writer: Store, reader: Store) -> None:
    await writer.open()
    try:
        await writer.append([described("r", 1)])
        await reader.open_to_read()
        try:
            await writer.append([posted("r", 2)])
            await writer.put("space", "key", b"value")
            assert await reader.heads(["r"]) == {"r": 2}
            assert await reader.read("r", 0, 10) == [described("r", 1), posted("r", 2)]
            assert await reader.get("space", "key") == b"value"
            assert await reader.spaces() == ["space"]
        finally:
            await reader.close()
        assert (await writer.append([posted("r", 3)])).stored == 1
    finally:
        await writer.close()


async def test_sqlite(io_loop: Any, tmp_path: Path) -> None:
    stores = [SqlitePlugin(PATIENT, tmp_path).provide_store() for _ in range(2)]
    await check(io_loop, *stores)


async def test_sqlite_writes_nothing_there(io_loop: Any, tmp_path: Path) -> None:
    writer, reader = (SqlitePlugin(PATIENT, tmp_path).provide_store() for _ in "ab")
    await writer.open()
    try:
        await reader.open_to_read()
        with pytest.raises(StoreUnavailable):
            await reader.put("space", "key", b"value")
        with pytest.raises(StoreUnavailable):
            await reader.ping()
        await reader.close()
        with pytest.raises(StoreUnavailable):
            await reader.get("space", "key")
    finally:
        await writer.close()


async def test_a_private_mongod(io_loop: Any, tmp_path: Path) -> None:
    mongod_program()
    stores = [MongoPlugin(MongoPlugin.Config(), tmp_path).provide_store() for _ in range(2)]
    await check(io_loop, *stores)


async def test_mongodb(io_loop: Any, replica_set: Mongod, tmp_path: Path) -> None:
    config = MongoPlugin.Config(uri=replica_set.uri, database=f"test_{secrets.token_hex(8)}")
    await check(io_loop, *(MongoPlugin(config, tmp_path).provide_store() for _ in range(2)))


async def test_postgresql(io_loop: Any, postgres: Postgres) -> None:
    config = PostgresPlugin.Config(uri=postgres.uri, schema=f"test_{secrets.token_hex(8)}")
    await check(io_loop, *(PostgresPlugin(config).provide_store() for _ in range(2)))


@pytest.fixture
def untouched(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nothing may be made."""
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


async def test_reading_makes_no_store(io_loop: Any, postgres: Postgres, untouched: Path) -> None:
    schema = f"test_{secrets.token_hex(8)}"
    stores = {
        "schema is not up to date": SqlitePlugin(SqlitePlugin.Config(), untouched).provide_store(),
        "plugin.postgres: its schema": PostgresPlugin(
            PostgresPlugin.Config(uri=postgres.uri, schema=schema)
        ).provide_store(),
        "no server runs a mongod": MongoPlugin(MongoPlugin.Config(), untouched).provide_store(),
        "only the server itself can read": MemoryStore(),
    }
    for text, store in stores.items():
        with pytest.raises(StartupError, match=text):
            await store.open_to_read()
        await store.close()
