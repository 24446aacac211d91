"""The real servers that the buses' tests share."""

from collections.abc import Iterator

import pytest

from tests.buses.servers import BusServer, redis_server


@pytest.fixture(scope="session")
def redis() -> Iterator[BusServer]:
    with redis_server() as server:
        yield server
