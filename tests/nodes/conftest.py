"""The real servers that the nodes of these tests share, and a room in a database for each test."""

import secrets
from collections.abc import Iterator

import pytest

from tests.faults.scale import SCALE
from tests.servers import Mongod, Postgres

SMALL = SCALE._replace(clients=20, rooms=5, seconds=0.5)


@pytest.fixture(scope="session")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    mongod = Mongod(tmp_path_factory.mktemp("replica_set"))
    mongod.start()
    yield mongod
    mongod.stop()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()


def sharing(replica_set: Mongod) -> dict[str, object]:
    """Settings of nodes that share a database, which is new, and a bus."""
    database = f"test_{secrets.token_hex(8)}"
    return {
        "plugin__mongo__uri": replica_set.uri,
        "plugin__mongo__database": database,
        "plugin__mongo_bus__uri": replica_set.uri,
        "plugin__mongo_bus__database": database,
        "plugins__enabled": "mongo,mongo_bus,password,metrics",
    }


@pytest.fixture
def on_mongo(replica_set: Mongod) -> dict[str, object]:
    return sharing(replica_set)


@pytest.fixture
def on_postgres(postgres: Postgres) -> dict[str, object]:
    name = f"test_{secrets.token_hex(8)}"
    return {
        "plugin__postgres__uri": postgres.uri,
        "plugin__postgres__schema": name,
        "plugin__postgres_bus__uri": postgres.uri,
        "plugin__postgres_bus__channel": name,
        "plugins__enabled": "postgres,postgres_bus,password,metrics",
    }
