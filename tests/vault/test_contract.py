"""A sealed store keeps the contract of stores, around each of them."""

import secrets
from pathlib import Path

import pytest

from chatserver.testing.durable import DurableContract
from chatserver.testing.repeatscontract import RepeatsContract
from chatserver.testing.stores import MakeStore, OpeningContract, StoreContract
from chatserver_plugins.memory import MemoryPlugin
from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.postgres import PostgresPlugin
from chatserver_plugins.sqlite import SqlitePlugin
from tests.servers import PATIENT_MS, Mongod, Postgres
from tests.vault.sealing import sealed


class TestAroundMemory(StoreContract):
    @pytest.fixture
    def make_store(self) -> MakeStore:
        store = MemoryPlugin(MemoryPlugin.Config()).provide_store()
        return lambda: sealed(store)


class TestAroundSqlite(StoreContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> MakeStore:
        make = SqlitePlugin(SqlitePlugin.Config(timeout_ms=PATIENT_MS), tmp_path).provide_store
        return lambda: sealed(make())


class TestAroundSqliteOnDisk(DurableContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> MakeStore:
        make = SqlitePlugin(SqlitePlugin.Config(timeout_ms=PATIENT_MS), tmp_path).provide_store
        return lambda: sealed(make())

    @pytest.fixture
    def program(self, tmp_path: Path) -> str:
        return f"""
from pathlib import Path
from chatserver_plugins.sqlite import SqlitePlugin
from tests.vault.sealing import sealed
inner = SqlitePlugin(SqlitePlugin.Config(), Path({str(tmp_path)!r})).provide_store
def make(): return sealed(inner())
"""


class TestAroundPostgres(StoreContract):
    @pytest.fixture
    def make_store(self, postgres: Postgres) -> MakeStore:
        config = PostgresPlugin.Config(
            uri=postgres.uri, schema=f"test_{secrets.token_hex(8)}", timeout_ms=PATIENT_MS
        )
        make = PostgresPlugin(config).provide_store
        return lambda: sealed(make())


@pytest.mark.long
class TestAroundMongo(StoreContract):
    @pytest.fixture
    def make_store(self, replica_set: Mongod, tmp_path: Path) -> MakeStore:
        config = MongoPlugin.Config(
            uri=replica_set.uri, database=f"test_{secrets.token_hex(8)}", timeout_ms=PATIENT_MS
        )
        make = MongoPlugin(config, tmp_path).provide_store
        return lambda: sealed(make())


@pytest.mark.long
class TestAroundMongoReadyForShards(OpeningContract, RepeatsContract):
    """The parts of the contract in which its form of the log differs."""

    @pytest.fixture
    def make_store(self, replica_set: Mongod, tmp_path: Path) -> MakeStore:
        config = MongoPlugin.Config(
            uri=replica_set.uri,
            database=f"test_{secrets.token_hex(8)}",
            timeout_ms=PATIENT_MS,
            sharded=True,
        )
        make = MongoPlugin(config, tmp_path).provide_store
        return lambda: sealed(make())
