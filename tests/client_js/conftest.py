"""The packed client in a folder, and a server, with proxies that cut its clients' connections."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client_js.programs import installed
from tests.faults.proxy import Network, Proxy
from tests.protocol.running import Running


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("npm"))


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("shared")) as running:
        yield running
        assert not running.take_errors()


@pytest.fixture
def proxy(server: Running) -> Iterator[Proxy]:
    with Network() as network:
        yield network.proxy(server.port)
