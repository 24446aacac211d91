"""Servers for the protocol's tests: one that all may share, others where a test needs its own."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.protocol.running import Running

Start = Callable[..., Running]


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest.fixture
def server(shared_server: Running) -> Iterator[Running]:
    """A server that other tests use too. Whatever a client does to it is no error of the server."""
    yield shared_server
    errors, shared_server.errors[:] = list(shared_server.errors), []
    assert not errors


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server of the test's own, with other settings."""
    with ExitStack() as stack:

        def start(overrides: Mapping[str, object] | None = None) -> Running:
            return stack.enter_context(Running(tmp_path / "data", overrides))

        yield start
