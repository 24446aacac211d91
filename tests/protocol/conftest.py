"""Servers for the protocol's tests: one that all may share, others where a test needs its own."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import pytest

from tests.protocol.running import Running
from tests.servers import Mongod

Start = Callable[..., Running]


@pytest.fixture(scope="package")
def fresh_lists() -> Iterator[None]:
    """Lists of public rooms are read for each who asks: where many rooms are made, they are kept for a second."""
    with mock.patch("chatserver.service.public.KEPT_SECONDS", 0.0):
        yield


@pytest.fixture(scope="package")
def shared_server(fresh_lists: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest.fixture(scope="package")
def mongo_server(fresh_lists: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    mongod = Mongod(tmp_path_factory.mktemp("mongod"))
    mongod.start()
    overrides = {
        "plugins.enabled": ["mongo", "password", "metrics", "slash_commands"],
        "plugin.mongo.uri": mongod.uri,
    }
    with Running(tmp_path_factory.mktemp("over-mongo"), overrides) as running:
        yield running
    mongod.stop()


@pytest.fixture(params=["shared_server", "mongo_server"], ids=["memory", "mongo"])
def every_store(request: pytest.FixtureRequest) -> Iterator[Running]:
    """The shared server over memory, then one over MongoDB."""
    running: Running = request.getfixturevalue(request.param)
    yield running
    assert not running.take_errors()


@pytest.fixture
def server(shared_server: Running) -> Iterator[Running]:
    """A server that other tests use too. Whatever a client does to it is no error of the server."""
    yield shared_server
    assert not shared_server.take_errors()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server of the test's own, with other settings."""
    with ExitStack() as stack:

        def start(overrides: Mapping[str, object] | None = None) -> Running:
            return stack.enter_context(Running(tmp_path / "data", overrides))

        yield start
