"""Every store keeps the contract; MongoDB through both drivers and both ways of appends, on both kinds of server."""

import secrets
from pathlib import Path

import pytest

from chatserver.testing.durable import DurableContract
from chatserver.testing.logcontract import LogContract
from chatserver.testing.redactioncontract import RedactionContract
from chatserver.testing.repeatscontract import RepeatsContract
from chatserver.testing.stores import MakeStore, OpeningContract, StoreContract
from chatserver_plugins.memory import MemoryPlugin
from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.postgres import PostgresPlugin
from chatserver_plugins.sqlite import SqlitePlugin
from tests.servers import PATIENT_MS, Mongod, Postgres


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
@pytest.mark.parametrize(("driver", "line"), [("motor", "auto"), ("pymongo", "driver")])
class TestMongo(StoreContract):
    @pytest.fixture
    def make_store(self, replica_set: Mongod, tmp_path: Path, driver: str, line: str) -> MakeStore:
        return _mongo(replica_set, tmp_path, driver, line)


@pytest.mark.long
@pytest.mark.parametrize(("driver", "line"), [("motor", "driver"), ("pymongo", "auto")])
class TestMongoStandalone(StoreContract):
    @pytest.fixture
    def make_store(self, standalone: Mongod, tmp_path: Path, driver: str, line: str) -> MakeStore:
        return _mongo(standalone, tmp_path, driver, line)


@pytest.mark.long
class TestMongoReadyForShards(OpeningContract, LogContract, RepeatsContract, RedactionContract):
    """The parts of the contract in which messages are found by their `_id`, or written anew."""

    @pytest.fixture
    def make_store(self, replica_set: Mongod, tmp_path: Path) -> MakeStore:
        return _mongo(replica_set, tmp_path, "motor", "auto", sharded=True)


def _mongo(
    server: Mongod, tmp_path: Path, driver: str, line: str, *, sharded: bool = False
) -> MakeStore:
    config = MongoPlugin.Config(
        uri=server.uri,
        database=f"test_{secrets.token_hex(8)}",
        driver=driver,  # type: ignore[arg-type]
        line=line,  # type: ignore[arg-type]
        timeout_ms=PATIENT_MS,
        sharded=sharded,
    )
    return MongoPlugin(config, tmp_path).provide_store


class TestPostgres(StoreContract):
    @pytest.fixture
    def make_store(self, postgres: Postgres) -> MakeStore:
        config = PostgresPlugin.Config(
            uri=postgres.uri, schema=f"test_{secrets.token_hex(8)}", timeout_ms=PATIENT_MS
        )
        return PostgresPlugin(config).provide_store
