"""A server for what comes from outside, and the table of figures at the end of a run."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults import figures
from tests.faults.members import Members
from tests.faults.proxy import Network
from tests.faults.scale import SCALE
from tests.faults.server import ChatServer
from tests.servers import Mongod

FIGURES = "figures of the faults"


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    with ChatServer(tmp_path_factory.mktemp("server"), store="memory") as server:
        yield server


@pytest.fixture
def server(shared_server: ChatServer) -> Iterator[ChatServer]:
    """A server for all tests of a module. It must still serve after each, and have logged no error."""
    yield shared_server
    assert shared_server.is_ready()
    assert shared_server.errors() == []


@pytest.fixture(scope="module")
def token(shared_server: ChatServer) -> str:
    """The session token of a user of that server."""
    return shared_server.register("visitor")


@pytest.fixture(scope="package")
def network() -> Iterator[Network]:
    """The network in which the proxies of all tests run."""
    with Network() as network:
        yield network


@pytest.fixture(scope="package")
def started_members(
    network: Network, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Members]:
    members = Members(tmp_path_factory.mktemp("members"), network)
    try:
        members.start()
        yield members
    finally:
        members.kill()


@pytest.fixture
def members(started_members: Members) -> Iterator[Members]:
    """Three mongods, the same for all tests, who leave them as they like. Each has its database."""
    yield started_members
    started_members.heal()


@pytest.fixture(scope="package")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """One mongod, for tests that leave it alone; each has a database of its own."""
    mongod = Mongod(tmp_path_factory.mktemp("database"))
    mongod.start()
    yield mongod
    mongod.kill()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Controls are there for the checker's sake, and one seed shows that it works."""
    more = [
        item
        for item in items
        if isinstance(item, pytest.Function)
        and item.originalname.startswith("test_control_")
        and hasattr(item, "callspec")
        and item.callspec.params.get("seed", SCALE.seeds[0]) != SCALE.seeds[0]
    ]
    if more:
        config.hook.pytest_deselected(items=more)
        items[:] = [item for item in items if item not in more]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """If several processes share the tests, each passes its figures to the one that prints them."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[FIGURES] = figures.sheet().decode()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    if measured := getattr(node, "workeroutput", {}).get(FIGURES):
        figures.add(measured.encode())


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int) -> None:
    if not figures.rows() and not figures.trials():
        return
    if exitstatus == 0:
        figures.collect()
    terminalreporter.section(FIGURES)
    terminalreporter.write_line(figures.text())
    if exitstatus == 0 and figures.write_page():
        terminalreporter.write_line(f"written to {figures.PAGE}")
