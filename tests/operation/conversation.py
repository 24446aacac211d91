"""People who talk through running servers, and whether they all got every message in order."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from types import TracebackType
from typing import Self

from tests.faults import checker
from tests.faults.client import Client
from tests.faults.history import History
from tests.faults.server import ChatServer
from tests.waiting import until, wait_until


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
        """Return when every message is acknowledged, and has come to every client and to the server asked."""
        await until(lambda: not any(client.unsettled for client in self.clients))
        await until(self._is_level)

    async def _is_level(self) -> bool:
        """Whether clients and server have the same head; a node hears later of what another one acknowledged."""
        head = max(entry.seq or 0 for entry in self.history.operations)
        if any(
            not client.is_live.is_set() or client.positions[self.room] != head
            for client in self.clients
        ):
            return False
        return len(await asyncio.to_thread(self.events)) == head

    def events(self) -> list[dict[str, object]]:
        """The room's log, from the first server that answers."""
        ready: list[Running] = []

        def find() -> list[Running]:
            ready.extend(islice((server for server in self.servers if server.is_ready()), 1))
            return ready

        wait_until(find)  # a store that lost its primary has no server that is ready for a moment
        return ready[0].log(self.room, self.tokens[0])

    def findings(self) -> list[str]:
        """Messages that were lost, doubled or out of order; only after `settle`."""
        heard = {client.name: client.rooms for client in self.clients}
        return checker.check(self.history.operations, {self.room: self.events()}, heard)
