"""The real servers that the stores' tests share."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from chatserver.testing.stores import MakeStore
from chatserver_plugins.memory import MemoryPlugin
from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.postgres import PostgresPlugin
from chatserver_plugins.sqlite import SqlitePlugin
from tests.servers import PATIENT_MS, Mongod, Postgres


@pytest.fixture(scope="session")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    yield from _started(tmp_path_factory.mktemp("replica_set"), replica_set=True)


@pytest.fixture(scope="session")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    yield from _started(tmp_path_factory.mktemp("standalone"), replica_set=False)


def _started(folder: Path, replica_set: bool) -> Iterator[Mongod]:
    mongod = Mongod(folder)
    mongod.start(replica_set)
    yield mongod
    mongod.stop()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["memory", "sqlite", "mongo", "postgres"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Stores of each kind, for tests of behaviour that has to be the same on all."""
    name = f"test_{secrets.token_hex(8)}"
    plugin: Any
    if request.param == "memory":
        plugin = MemoryPlugin(MemoryPlugin.Config())
    elif request.param == "sqlite":
        plugin = SqlitePlugin(SqlitePlugin.Config(timeout_ms=PATIENT_MS), tmp_path)
    elif request.param == "mongo":
        mongod = request.getfixturevalue("replica_set")
        of_mongo = MongoPlugin.Config(uri=mongod.uri, database=name, timeout_ms=PATIENT_MS)
        plugin = MongoPlugin(of_mongo, tmp_path)
    else:
        postgres = request.getfixturevalue("postgres")
        of_postgres = PostgresPlugin.Config(uri=postgres.uri, schema=name, timeout_ms=PATIENT_MS)
        plugin = PostgresPlugin(of_postgres)
    return cast("MakeStore", plugin.provide_store)
