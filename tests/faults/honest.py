"""Two decent users in a room, one who writes and one who reads, whatever others do to the server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.faults.raw import Guest
from tests.faults.server import ChatServer

PAUSE_SECONDS = 0.02
DEADLINE = 120.0  # for what takes a moment where the machine is idle


class Honest:
    """Their messages, answers and waits. `acknowledged` are bodies by seq, `received` in order of arrival."""

    def __init__(self, server: ChatServer, room: str, tokens: tuple[str, str], name: str) -> None:
        self._server, self._room, self._tokens, self._name = server, room, tokens, name
        self.acknowledged: dict[int, str] = {}
        self.received: list[tuple[int, str]] = []
        self.waits: list[float] = []  # seconds until an acknowledgement
        self.reads: list[int] = []  # status of each request over HTTP

    @asynccontextmanager
    async def talking(self) -> AsyncIterator[None]:
        """They talk while the block runs; at its end all has arrived."""
        writer = await Guest.enter(self._server, self._tokens[0])
        reader = await Guest.enter(self._server, self._tokens[1])
        followed = await reader.ask(op="sub", rooms={self._room: None})
        assert followed["ok"]["rooms"][self._room]["state"] == "live"
        ending = asyncio.Event()
        reading = asyncio.create_task(self._read(reader))
        writing = asyncio.create_task(self._write(writer, ending))
        asking = asyncio.create_task(self._ask(ending))
        try:
            yield
            ending.set()
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(writing, asking)
                while len(self.received) < len(self.acknowledged):
                    assert not reading.done(), reading
                    await asyncio.sleep(0.02)
        finally:
            for task in (reading, writing, asking):
                task.cancel()
            await asyncio.gather(reading, writing, asking, return_exceptions=True)
            writer.drop()
            reader.drop()

    async def _write(self, guest: Guest, ending: asyncio.Event) -> None:
        while not ending.is_set() or not self.acknowledged:
            body = f"{self._name} {len(self.acknowledged)}"
            client_id = f"{self._name}-{len(self.acknowledged)}"
            began = time.monotonic()
            answer = await guest.ask(op="send", room=self._room, client_id=client_id, body=body)
            self.waits.append(time.monotonic() - began)
            self.acknowledged[answer["ok"]["seq"]] = body
            await asyncio.sleep(PAUSE_SECONDS)

    async def _read(self, guest: Guest) -> None:
        while True:
            heard = await guest.heard()
            if heard.get("ev") == "message.posted":
                self.received.append((heard["seq"], heard["body"]))

    async def _ask(self, ending: asyncio.Event) -> None:
        """Requests over HTTP, each on a connection of its own."""
        bearer = {"Authorization": f"Bearer {self._tokens[0]}"}
        path = f"{self._server.url}/api/v1/rooms/{self._room}/messages"
        while not ending.is_set() or not self.reads:
            async with httpx.AsyncClient(verify=False, timeout=DEADLINE) as http:
                self.reads.append((await http.get(path, headers=bearer)).status_code)
            await asyncio.sleep(5 * PAUSE_SECONDS)
