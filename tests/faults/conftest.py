"""A server for what comes from outside, and the table of figures at the end of a run."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults import figures
from tests.faults.server import ChatServer


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    with ChatServer(tmp_path_factory.mktemp("server"), store="memory") as server:
        yield server


@pytest.fixture
def server(shared_server: ChatServer) -> Iterator[ChatServer]:
    """One for all tests of a module. It must still serve after each, and have logged no error."""
    yield shared_server
    assert shared_server.is_ready()
    assert shared_server.errors() == []


@pytest.fixture(scope="module")
def token(shared_server: ChatServer) -> str:
    """Of a user of that server."""
    return shared_server.register("visitor")


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int) -> None:
    if not figures.rows():
        return
    terminalreporter.section("figures of the faults")
    terminalreporter.write_line(figures.text())
    if exitstatus == 0 and figures.write_page():
        terminalreporter.write_line(f"written to {figures.PAGE}")
