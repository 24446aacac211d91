"""Real clients from npm against a running server."""

from pathlib import Path

import pytest

from tests.graphql.asker import PATH
from tests.graphql.conftest import People
from tests.graphql.node import Node
from tests.graphql.test_subscriptions import token
from tests.protocol.running import Running


@pytest.mark.parametrize("client", ["graphql-ws", "apollo", "urql", "graphql-sse"])
async def test_a_client_asks_posts_and_hears(
    server: Running, people: People, clients: Path, client: str
) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    await ada.post(room, "before")
    url = f"http://127.0.0.1:{server.port}{PATH}"
    async with Node(clients / f"{client}.mjs", url, token(ada), room, 1) as node:
        assert await node.line() == {"me": ada.id}
        assert await node.line() == {"sent": 4}
        assert await node.line() == {"seq": 2, "kind": "MemberJoined"}
        assert (await node.line())["body"] == "before"
        assert (await node.line())["body"] == "Hello!"
        await ada.post(room, "live")
        assert await node.line() == {"seq": 5, "kind": "MessagePosted", "body": "live"}
        await ada.post(room, "over")
        assert await node.line() == {"seq": 6, "kind": "MessagePosted", "body": "over"}
        assert await node.ended() == 0
