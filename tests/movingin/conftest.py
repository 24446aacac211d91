"""A database for imports into MongoDB."""

from collections.abc import Iterator

import pytest

from tests.servers import Mongod


@pytest.fixture(scope="package")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    mongod = Mongod(tmp_path_factory.mktemp("mongod"))
    mongod.start()
    yield mongod
    mongod.stop()
