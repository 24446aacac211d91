"""A server with GraphQL, and people who ask it."""

import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.graphql.asker import Asker
from tests.graphql.npm import installed
from tests.protocol.running import Running

PLUGINS = ["memory", "password", "metrics", "slash_commands", "graphql"]
SETTINGS = {
    "plugins.enabled": PLUGINS,
    "plugin.graphql.seconds": 50.0,
    "plugin.graphql.introspection": "all",  # as on a server for development
}
SCRIPTS = Path(__file__).parent / "clients"
PACKAGES = {
    "@apollo/client": "3.14.0",
    "@urql/core": "5.2.0",
    "@urql/exchange-graphcache": "7.2.4",
    "graphql": "16.11.0",
    "graphql-sse": "2.5.4",
    "graphql-ws": "6.0.6",
    "typescript": "5.6.3",
    "wonka": "6.3.5",
    "ws": "8.18.3",
}
Start = Callable[..., Running]
People = Callable[..., Awaitable[list[Asker]]]


@pytest.fixture(scope="package")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("shared"), SETTINGS) as running:
        yield running


@pytest.fixture
def server(shared_server: Running) -> Iterator[Running]:
    """A server that other tests use too. Whatever a client does to it is no error of the server."""
    shared_server.take_errors()  # those of other servers, which ran beside it
    yield shared_server
    assert not shared_server.take_errors()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server of the test's own, with other settings."""
    with ExitStack() as stack:

        def start(overrides: Mapping[str, object] | None = None) -> Running:
            return stack.enter_context(Running(tmp_path / "data", SETTINGS | (overrides or {})))

        yield start


@pytest.fixture
def people(server: Running) -> People:
    async def people(*names: str) -> list[Asker]:
        return [Asker(server, person) for person in await server.people(*names)]

    return people


@pytest.fixture
def nobody(server: Running) -> Asker:
    return Asker(server)


@pytest.fixture(scope="package")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the clients, and the scripts that use them."""
    folder = installed(tmp_path_factory.mktemp("clients"), PACKAGES)
    shutil.copytree(SCRIPTS, folder, dirs_exist_ok=True)
    return folder
