"""The examples of the pages about plugins, used in a server."""

import hashlib
import json
from pathlib import Path

import httpx
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from chatserver import ChatError
from chatserver.testing.running import running
from tests.docs.pages import ROOT, write_files

PAGES = ROOT / "docs/plugins"


def written(page: str, folder: Path) -> dict[str, object]:
    """The settings for a server with the page's files."""
    write_files(PAGES / page, folder)
    return {"plugins.folder": str(folder / "local")}


async def test_the_intake_reads_part_by_part(tmp_path: Path) -> None:
    async with running("intake", settings=written("requests.md", tmp_path)) as chat:
        ada = await chat.user("ada")
        body = b"0123456789" * 100_000
        async with httpx.AsyncClient(base_url=chat.url, timeout=60) as http:
            headers = {"Authorization": f"Bearer {ada.token}"}
            answer = await http.put("/intake/a%2Fb.txt", content=body, headers=headers)
            assert answer.json() == {
                "name": "a/b.txt",
                "by": "ada",
                "size": len(body),
                "sha256": hashlib.sha256(body).hexdigest(),
            }
            assert (await http.put("/intake/x", content=b"x")).status_code == 401


async def test_dice_are_thrown(tmp_path: Path) -> None:
    async with running("dice", settings=written("requests.md", tmp_path)) as chat:
        ada = await chat.user("ada")
        thrown = {(await ada.call("dice.throw", sides=2))["thrown"] for _ in range(40)}
        assert thrown == {1, 2}
        with pytest.raises(ChatError, match=r"request\.invalid.*sides"):
            await ada.call("dice.throw", sides=1)


async def test_the_countdown_counts(tmp_path: Path) -> None:
    async with running("graphql", "countdown", settings=written("requests.md", tmp_path)) as chat:
        ada = await chat.user("ada")
        request = HTTPRequest(f"ws://127.0.0.1:{chat.port}/graphql")
        socket = await websocket_connect(request, subprotocols=["graphql-transport-ws"])
        frames = [
            {"type": "connection_init", "payload": {"token": ada.token}},
            {
                "id": "1",
                "type": "subscribe",
                "payload": {"query": "subscription { countdown(from: 2) }"},
            },
        ]
        await socket.write_message(json.dumps(frames[0]))
        assert json.loads(await socket.read_message() or "")["type"] == "connection_ack"
        await socket.write_message(json.dumps(frames[1]))
        got = [json.loads(await socket.read_message() or "") for _ in range(4)]
        assert [each["payload"]["data"]["countdown"] for each in got[:3]] == [2, 1, 0]
        assert got[3]["type"] == "complete"
        socket.close()
