"""A node without connections answers those who look after it, and nobody else."""

from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient

from chatserver import StartupError
from chatserver.app import Server
from tests.core.test_plugins import loaded

FOR_OPERATORS = ("/health", "/health/live", "/health/ready", "/metrics")
FOR_CLIENTS = (
    "/",
    "/static/app.js",
    "/ws",
    "/api/v1/rooms",
    "/api/v1/rooms/a/messages",
    "/graphql",
)


@pytest.mark.parametrize("roles", [["connections"], ["consumers", "jobs"]])
async def test_a_node_serves_the_addresses_of_its_roles(tmp_path: Path, roles: list[str]) -> None:
    enabled = ("memory", "password", "metrics", "graphql")
    async with Server(loaded(tmp_path, *enabled, server__roles=roles)).opened() as server:
        url = f"http://127.0.0.1:{server.listen()}"
        client = AsyncHTTPClient(force_instance=True)

        async def status(path: str) -> int:
            return (await client.fetch(url + path, raise_error=False)).code

        assert [await status(path) for path in FOR_OPERATORS] == [200] * len(FOR_OPERATORS)
        found = [await status(path) != 404 for path in FOR_CLIENTS]
        assert found == [roles == ["connections"]] * len(FOR_CLIENTS)
        client.close()
        await server.drain()


def test_a_node_does_something(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"server\.roles: expected at least one"):
        loaded(tmp_path, "memory", "password", server__roles=[])
