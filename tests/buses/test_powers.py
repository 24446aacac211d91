"""Stores, buses and places for files get along with the powers that they declare."""

import asyncio
import secrets
from typing import Any

import pytest

from chatserver.testing.running import running
from tests.buses.servers import BusServer
from tests.servers import Mongod, Postgres

FIXTURES = {
    "mongo": "replica_set",
    "mongo_bus": "replica_set",
    "gridfs": "replica_set",
    "postgres": "postgres",
    "postgres_bus": "postgres",
    "redis_bus": "redis",
    "nats_bus": "nats",
}


def address(name: str, request: pytest.FixtureRequest) -> str:
    server: BusServer | Mongod | Postgres = request.getfixturevalue(FIXTURES[name])
    if isinstance(server, BusServer):
        return f"{name.removesuffix('_bus')}://127.0.0.1:{server.port}"
    return server.uri


async def used(name: str, uri: str) -> None:
    """Post a message, and take a file, on a server with this plugin."""
    settings: dict[str, Any] = {f"plugin.{name}.uri": uri}
    if name in ("mongo", "gridfs"):
        settings[f"plugin.{name}.database"] = f"powers_{secrets.token_hex(4)}"
    is_store = name in ("mongo", "postgres")
    others = () if is_store else (name,)
    async with running(*others, store=name if is_store else "memory", settings=settings) as chat:
        ada = await chat.user("ada")
        await ada.post(await ada.create_room("Lounge"), "hello")
        if name == "gridfs":
            await chat.service.blobs.take(ada.id, _bytes())
        elif not is_store:
            exchange = chat.service.exchange
            assert exchange is not None
            async with asyncio.timeout(60):
                while not exchange._bus.is_connected():
                    await asyncio.sleep(0.05)


async def _bytes() -> Any:
    yield b"a file"


@pytest.mark.parametrize("name", FIXTURES)
def test_its_declaration_suffices(name: str, request: pytest.FixtureRequest) -> None:
    asyncio.run(used(name, address(name, request)))
