"""The page about the Model Context Protocol: its tools are those there are, and its example does what it says."""

import asyncio
import json
import os
import re
import shutil

from chatserver.testing.running import ANSWER_SECONDS, running
from chatserver_plugins.mcp import BODY_BYTES
from chatserver_plugins.mcp.door import BATCH
from chatserver_plugins.mcp.methods import LEGACY, MODERN
from chatserver_plugins.mcp.tools import MOST, Tools
from tests.docs.pages import ROOT, blocks
from tests.tools import lack

PAGE = ROOT / "docs/mcp.md"
TEXT = PAGE.read_text(encoding="utf-8")


async def test_it_lists_all_tools_with_their_scopes_and_arguments() -> None:
    async with running("mcp") as chat:
        there = {
            tool.name: (tool.scope.value, set(tool.arguments.__struct_fields__))
            for tool in Tools(chat.service).all()
        }
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| ([^|]+) \|", TEXT, re.M)
    assert {name: (scope, set(re.findall(r"`(\w+)`", rest))) for name, scope, rest in rows} == there


def test_its_numbers_and_revisions_are_those_of_the_code() -> None:
    assert f"at most {BODY_BYTES:,} bytes" in TEXT
    assert f"batches of at most {BATCH} messages" in TEXT
    assert f"at most {MOST} items" in TEXT
    revisions = re.findall(r"^\| (20[^|]+) \|", TEXT, re.M)
    assert [each for row in revisions for each in row.split(", ")] == [MODERN, *LEGACY]


async def test_its_example_sends_the_message() -> None:
    bash = shutil.which("bash")
    if bash is None or shutil.which("curl") is None:
        lack("bash or curl is missing")
    (example,) = [block for block in blocks(PAGE) if block.info == ["sh"]]
    shown = json.loads([block for block in blocks(PAGE) if block.language == "json"][-1].text)
    async with running("mcp", "bots") as chat:
        anna = await chat.user("anna")
        room = await anna.create_room("Lounge")
        bot = (await anna.http("POST", "/api/v1/bots", {"username": "assistant"})).json
        await chat.service.rooms.invite(anna.user, room, bot["id"])
        given = {"label": "x", "scopes": ["write"]}
        token = (await anna.http("POST", f"/api/v1/bots/{bot['id']}/tokens", given)).json["secret"]
        script = example.text.replace("localhost:4000", f"127.0.0.1:{chat.port}")
        process = await asyncio.create_subprocess_exec(
            bash,
            "-c",
            script,
            env={"PATH": os.environ["PATH"], "TOKEN": token, "ROOM": room.id},
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(ANSWER_SECONDS):
            printed, _ = await process.communicate()
        answer = json.loads(printed)
        sent, expected = answer["result"].pop("structuredContent"), shown["result"]
        assert sent.keys() == expected.pop("structuredContent").keys()
        assert (sent["room"], sent["repeated"]) == (room.id, False)
        assert json.loads(answer["result"].pop("content")[0]["text"]) == sent
        del expected["content"]
        assert answer == shown
        page = await anna.http("GET", f"/api/v1/rooms/{room.id}/messages")
        assert [each["body"] for each in page.json["messages"]] == ["Good morning."]
