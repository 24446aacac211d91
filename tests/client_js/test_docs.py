"""The bot of the documentation, as a program of its own."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from chatserver.client import Client
from tests.client_js.programs import running
from tests.faults.proxy import Proxy
from tests.protocol.running import Running
from tests.protocol.test_http_rooms import room_of
from tests.waiting import until

DOCS = Path(__file__).parents[2] / "docs"
BOT = DOCS / "examples/ping_bot.mjs"


@pytest.mark.parametrize(("language", "name"), [("js", "ping_bot.mjs"), ("ts", "last_words.ts")])
def test_the_page_shows_the_examples_that_are_tested(language: str, name: str) -> None:
    page = (DOCS / "javascript-client.md").read_text(encoding="utf-8")
    code = (DOCS / "examples" / name).read_text(encoding="utf-8")
    assert f"<!-- examples/{name} -->\n\n```{language}\n{code}```\n" in page


async def test_the_bot_answers_once_whatever_was_cut_off(
    server: Running, proxy: Proxy, folder: Path, tmp_path: Path
) -> None:
    anna, other = await server.people("anna", "bot")
    room = await room_of(anna, members=[other.id])
    place = tmp_path / "place.json"
    script = Path(shutil.copy(BOT, folder))
    arguments = f"http://127.0.0.1:{proxy.port}", other.token, str(place)

    def has_come_to(seq: int) -> bool:
        return place.exists() and json.loads(place.read_text())["positions"].get(room) == seq

    async with Client(f"http://127.0.0.1:{server.port}", anna.token) as chat:
        async with running(folder, script, *arguments):
            await until(place.exists)
            first = await chat.send(room, "!ping")
            await until(lambda: has_come_to(first.seq + 1))
            await asyncio.to_thread(proxy.reset)
            second = await chat.send(room, "!ping")
            await until(lambda: has_come_to(second.seq + 1))
        await chat.send(room, "!ping")  # while it does not run
        async with running(folder, script, *arguments):
            await until(lambda: has_come_to(second.seq + 3))
        messages = (await chat.history(room)).messages
        assert [message.body for message in messages] == ["!ping", "pong"] * 3
        answers = [message.reply_to for message in messages if message.reply_to]
        assert answers[:2] == [first.id, second.id]
