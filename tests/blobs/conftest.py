"""The real server that tests of GridFS share."""

from collections.abc import Iterator

import pytest

from tests.servers import Mongod


@pytest.fixture(scope="session")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    mongod = Mongod(tmp_path_factory.mktemp("replica_set"))
    mongod.start()
    yield mongod
    mongod.stop()
