"""Presence over two real nodes and a real bus."""

import asyncio
from pathlib import Path

from tests.faults.nodes import nodes
from tests.faults.server import ChatServer
from tests.protocol.client import Client, Frame

SOON_SECONDS = 60.0


async def presence(client: Client) -> dict[str, bool]:
    """The next event that tells who is online."""
    async with asyncio.timeout(SOON_SECONDS):
        while (event := await client.events.get())["ev"] != "presence":
            pass
    users: dict[str, bool] = event["users"]
    return users


async def ok(client: Client, op: str, **fields: object) -> Frame:
    async with asyncio.timeout(SOON_SECONDS):
        return await client.ok(op, **fields)


def me(server: ChatServer, token: str) -> str:
    user: str = server.get("/api/v1/me", token).json()["id"]
    return user


async def test_it_is_known_on_the_other_node(tmp_path: Path, on_mongo: dict[str, object]) -> None:
    with nodes(tmp_path, 2, **on_mongo) as (one, two):
        anna, ben = one.register("anna"), one.register("ben")
        room = one.room(anna, "room", ben)
        anna_id, ben_id = me(one, anna), me(one, ben)
        async with Client(one.port, anna) as reader:
            await ok(reader, "sub", rooms={room: None})
            asked = await ok(reader, "presence", room=room, users=[anna_id, ben_id])
            assert asked == {"users": {anna_id: True, ben_id: False}}
            async with Client(two.port, ben):
                assert await presence(reader) == {ben_id: True}
            assert await presence(reader) == {ben_id: False}
            async with Client(two.port, ben):
                assert await presence(reader) == {ben_id: True}
                # It says so as it stops, and sends its clients away.
                assert await asyncio.to_thread(two.stop) == 0
            assert await presence(reader) == {ben_id: False}
