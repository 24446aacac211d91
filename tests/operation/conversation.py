"""People who talk through running servers, and whether they all got every message in order."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.faults import checker
from tests.faults.client import Client
from tests.faults.history import History
from tests.faults.server import ChatServer
from tests.waiting import until


class Running(ChatServer):
    """A server that others start and stop, by its address."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def url(self) -> str:
        return self._url


class Conversation:
    """One account at each address, all in one room. A client whose node is gone goes to the next one."""

    def __init__(self, urls: Sequence[str], prefix: str = "user") -> None:
        self.servers = [Running(url) for url in urls]
        self.history = History()
        self._prefix = prefix

    async def __aenter__(self) -> Self:
        first = self.servers[0]
        names = [f"{self._prefix}{number}" for number in range(len(self.servers))]
        self.tokens = [first.register(name) for name in names]
        self.room = first.room(self.tokens[0], self._prefix, *self.tokens[1:])
        urls = [server.url for server in self.servers]
        self.clients = [
            Client(name, urls[number:] + urls[:number], token, [self.room], self.history)
            for number, (name, token) in enumerate(zip(names, self.tokens, strict=True))
        ]
        await until(lambda: all(client.is_live.is_set() for client in self.clients))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self.clients:
            await client.stop()

    def speak(self, count: int) -> None:
        """Each client sends so many messages, no two of them alike."""
        for _ in range(count):
            for client in self.clients:
                client.send(self.room)

    async def settle(self) -> None:
        """Return when every message is acknowledged, and has come to every client over its WebSocket."""
        await until(lambda: not any(client.unsettled for client in self.clients))
        head = len(await asyncio.to_thread(self.events))
        await until(
            lambda: all(
                client.is_live.is_set() and client.positions[self.room] == head
                for client in self.clients
            )
        )

    def events(self) -> list[dict[str, object]]:
        """The room's log, from the first server that answers."""
        running = next(server for server in self.servers if server.is_ready())
        return running.log(self.room, self.tokens[0])

    def findings(self) -> list[str]:
        """Messages that were lost, doubled or out of order; only after `settle`."""
        heard = {client.name: client.rooms for client in self.clients}
        return checker.check(self.history.operations, {self.room: self.events()}, heard)
