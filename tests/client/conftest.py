"""A server, with proxies that cut its clients' connections."""

from collections.abc import Iterator

import pytest

from tests.faults.proxy import Network, Proxy
from tests.protocol.running import Running


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("shared")) as running:
        yield running
        assert not running.take_errors()


@pytest.fixture
def proxy(server: Running) -> Iterator[Proxy]:
    with Network() as network:
        yield network.proxy(server.port)
