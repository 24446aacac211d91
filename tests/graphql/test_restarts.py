"""Subscriptions across the death of a server, and across nodes: exactly what was missed, in order."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.server import ForkedServer
from tests.graphql.asker import PATH
from tests.graphql.node import Node
from tests.graphql.speaker import EVENTS, Speaker
from tests.servers import Mongod


@pytest.fixture
def mongod(tmp_path: Path) -> Iterator[Mongod]:
    database = Mongod(tmp_path / "mongod")
    database.start()
    yield database
    database.stop()


def send(server: ForkedServer, token: str, room: str, body: str) -> int:
    path = f"/api/v1/rooms/{room}/messages"
    seq: int = server.post(path, token, {"client_id": body, "body": body})["seq"]
    return seq


async def test_a_client_goes_on_after_kill_9(clients: Path, tmp_path: Path) -> None:
    enabled = "sqlite,password,graphql"
    with ForkedServer(tmp_path / "server", store="sqlite", plugins__enabled=enabled) as server:
        token = server.register("ada")
        room = server.room(token)
        url = f"{server.url}{PATH}"
        async with Node(clients / "graphql-ws.mjs", url, token, room, 0) as node:
            assert "me" in await node.line()
            assert await node.line() == {"sent": 3}
            seen = [await node.line() for _ in range(3)]
            for time in range(3):
                sent = [send(server, token, room, f"{time}-{number}") for number in range(20)]
                # Some of it may have arrived, some not: the client has to find out itself.
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
                sent.append(send(server, token, room, f"{time} after"))
                seen += [await node.line() for _ in sent]
            send(server, token, room, "over")
            seen.append(await node.line())
            assert await node.ended() == 0
    assert [line["seq"] for line in seen] == list(range(1, 68))
    assert seen[-1]["body"] == "over"


async def test_it_moves_between_nodes(mongod: Mongod, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "plugins__enabled": "mongo,password,graphql",
        "plugin__mongo__uri": mongod.uri,
        "delivery__repair_seconds": 0.2,
    }
    with (
        ForkedServer(tmp_path / "one", **settings) as one,
        ForkedServer(tmp_path / "two", **settings) as two,
    ):
        token = one.register("ada")
        room = one.room(token)
        seen: list[int] = []
        number = 0

        async def write(count: int) -> None:
            nonlocal number
            for _ in range(count):
                number += 1
                node = (one, two)[number % 2]
                await asyncio.to_thread(send, node, token, room, f"{number}")

        for turn in range(4):
            async with Speaker((one, two)[turn % 2].port) as speaker:
                await speaker.init(token)
                after = seen[-1] if seen else 0
                speaker.subscribe("1", EVENTS, room=room, after=after)
                writing = asyncio.create_task(write(10))
                seen += await speaker.seqs("1", 8)
                await writing
        async with Speaker(two.port) as speaker:
            await speaker.init(token)
            speaker.subscribe("1", EVENTS, room=room, after=seen[-1])
            seen += await speaker.seqs("1", 42 - len(seen))
            await speaker.silent("1")
        assert seen == list(range(1, 43))
