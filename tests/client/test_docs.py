"""The bot of the documentation, as a program of its own."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chatserver.client import Client
from tests.faults.proxy import Proxy
from tests.protocol.running import Running
from tests.protocol.test_http_rooms import room_of
from tests.waiting import until

DOCS = Path(__file__).parents[2] / "docs"
BOT = DOCS / "examples/ping_bot.py"
SECONDS = 60.0


@asynccontextmanager
async def bot(*arguments: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(sys.executable, str(BOT), *arguments)
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


def test_the_page_shows_the_bot_that_is_tested() -> None:
    page = (DOCS / "python-client.md").read_text(encoding="utf-8")
    assert f"```python\n{BOT.read_text(encoding='utf-8')}```\n" in page


async def test_the_bot_answers_once_whatever_was_cut_off(
    server: Running, proxy: Proxy, tmp_path: Path
) -> None:
    anna, other = await server.people("anna", "bot")
    room = await room_of(anna, members=[other.id])
    place = tmp_path / "place.json"
    arguments = f"http://127.0.0.1:{proxy.port}", other.token, str(place)

    def has_come_to(seq: int) -> bool:
        return place.exists() and json.loads(place.read_text())["positions"].get(room) == seq

    async with Client(f"http://127.0.0.1:{server.port}", anna.token) as chat:
        async with bot(*arguments):
            await until(place.exists)
            first = await chat.send(room, "!ping")
            await until(lambda: has_come_to(first.seq + 1))
            await asyncio.to_thread(proxy.reset)
            second = await chat.send(room, "!ping")
            await until(lambda: has_come_to(second.seq + 1))
        await chat.send(room, "!ping")  # while it does not run
        async with bot(*arguments):
            await until(lambda: has_come_to(second.seq + 3))
        said = [message.body for message in (await chat.history(room)).messages]
        assert said == ["!ping", "pong"] * 3
        answers = [message for message in (await chat.history(room)).messages if message.reply_to]
        assert [each.reply_to for each in answers][:2] == [first.id, second.id]
