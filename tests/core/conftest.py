"""Fixtures that the tests of the core share."""

from collections.abc import Iterator

import pytest

from tests.servers import Mongod, Postgres


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
