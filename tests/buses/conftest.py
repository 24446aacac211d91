"""The real servers that the buses' tests share."""

from collections.abc import Iterator

import pytest

from tests.buses.servers import BusServer, nats_server, redis_server
from tests.servers import Mongod, Postgres


@pytest.fixture(scope="session")
def redis() -> Iterator[BusServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def nats() -> Iterator[BusServer]:
    with nats_server() as server:
        yield server


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
