"""Every store that waits for something gives up in time, with the limit that it has by default."""

import secrets
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from chatserver import Store
from chatserver.testing.silence import SilenceContract, Silenced
from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.postgres import PostgresPlugin
from chatserver_plugins.sqlite import SqlitePlugin
from tests.servers import Mongod, Postgres

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server that the tests may stop in its tracks."""
    server = Postgres(tmp_path_factory.mktemp("silent_postgres"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def own_mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    server = Mongod(tmp_path_factory.mktemp("silent_mongod"))
    server.start()
    yield server
    server.stop()


class TestSqlite(SilenceContract):
    @pytest.fixture
    def silenced(self, tmp_path: Path) -> Silenced:
        @asynccontextmanager
        async def silenced() -> AsyncIterator[Store]:
            path = tmp_path / f"{secrets.token_hex(8)}.db"
            store = SqlitePlugin(SqlitePlugin.Config(path=str(path)), tmp_path).provide_store()
            await store.open()
            with closing(sqlite3.connect(path, isolation_level=None)) as holder:
                holder.execute("BEGIN IMMEDIATE")
                yield store
            await store.close()

        return silenced


class TestPostgres(SilenceContract):
    @pytest.fixture
    def silenced(self, own_postgres: Postgres) -> Silenced:
        @asynccontextmanager
        async def silenced() -> AsyncIterator[Store]:
            schema = f"test_{secrets.token_hex(8)}"
            store = PostgresPlugin(
                PostgresPlugin.Config(uri=own_postgres.uri, schema=schema)
            ).provide_store()
            await store.open()
            own_postgres.freeze()
            try:
                yield store
            finally:
                own_postgres.thaw()
                await store.close()

        return silenced


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
class TestMongo(SilenceContract):
    @pytest.fixture
    def silenced(self, own_mongod: Mongod, driver: str, tmp_path: Path) -> Silenced:
        @asynccontextmanager
        async def silenced() -> AsyncIterator[Store]:
            config = MongoPlugin.Config(
                uri=own_mongod.uri,
                database=f"test_{secrets.token_hex(8)}",
                driver=driver,  # type: ignore[arg-type]
            )
            store = MongoPlugin(config, tmp_path).provide_store()
            await store.open()
            own_mongod.freeze()
            try:
                yield store
            finally:
                own_mongod.thaw()
                await store.close()

        return silenced
