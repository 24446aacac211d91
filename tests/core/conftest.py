"""What the tests of the core share."""

from collections.abc import Iterator

import pytest
from loguru import logger

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


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """The lines that were logged at warning level and above, instead of on the console."""
    lines: list[str] = []
    logger.remove()
    sink = logger.add(
        lambda text: lines.append(str(text)), level="WARNING", format="{level} {message}"
    )
    yield lines
    logger.remove(sink)
