"""Every store keeps the contract; MongoDB through both drivers, on both kinds of server."""

import secrets
from pathlib import Path

import pytest

from chatserver.testing.durable import DurableContract
from chatserver.testing.stores import MakeStore, StoreContract
from chatserver_plugins.memory import MemoryPlugin
from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.postgres import PostgresPlugin
from chatserver_plugins.sqlite import SqlitePlugin
from tests.servers import PATIENT_MS, Postgres


class TestMemory(StoreContract):
    @pytest.fixture
    def make_store(self) -> MakeStore:
        store = MemoryPlugin(MemoryPlugin.Config()).provide_store()
        return lambda: store


class TestSqlite(StoreContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> MakeStore:
        return SqlitePlugin(SqlitePlugin.Config(timeout_ms=PATIENT_MS), tmp_path).provide_store


class TestSqliteOnDisk(DurableContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> MakeStore:
        return SqlitePlugin(SqlitePlugin.Config(timeout_ms=PATIENT_MS), tmp_path).provide_store

    @pytest.fixture
    def program(self, tmp_path: Path) -> str:
        return f"""
from pathlib import Path
from chatserver_plugins.sqlite import SqlitePlugin
make = SqlitePlugin(SqlitePlugin.Config(), Path({str(tmp_path)!r})).provide_store
"""


@pytest.mark.long
@pytest.mark.parametrize("driver", ["motor", "pymongo"])
class TestMongo(StoreContract):
    server = "replica_set"

    @pytest.fixture
    def make_store(self, request: pytest.FixtureRequest, tmp_path: Path, driver: str) -> MakeStore:
        config = MongoPlugin.Config(
            uri=request.getfixturevalue(self.server).uri,
            database=f"test_{secrets.token_hex(8)}",
            driver=driver,  # type: ignore[arg-type]
            timeout_ms=PATIENT_MS,
        )
        return MongoPlugin(config, tmp_path).provide_store


class TestMongoStandalone(TestMongo):
    server = "standalone"


class TestPostgres(StoreContract):
    @pytest.fixture
    def make_store(self, postgres: Postgres) -> MakeStore:
        config = PostgresPlugin.Config(
            uri=postgres.uri, schema=f"test_{secrets.token_hex(8)}", timeout_ms=PATIENT_MS
        )
        return PostgresPlugin(config).provide_store
