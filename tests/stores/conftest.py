"""The real servers that the stores' tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Mongod, Postgres


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
