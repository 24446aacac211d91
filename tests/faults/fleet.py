"""Clients in rooms, and the traffic between them."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from tests.faults.client import Client
from tests.faults.history import History
from tests.faults.scale import Scale
from tests.faults.server import ChatServer

PREPARING = 8  # requests at once that make accounts and rooms


class Fleet:
    """Each client is in a few rooms, and on one of the nodes: `server`, or one of the `others`."""

    def __init__(
        self,
        server: ChatServer,
        scale: Scale,
        seed: int,
        *,
        others: Sequence[ChatServer] = (),
        forgetful: bool = False,
        through: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """With `through`, all clients connect to these addresses in place of the nodes'; see `Client`."""
        self.server, self.scale = server, scale
        self.servers = [server, *others]
        self.history = History()
        self.clients: list[Client] = []
        self._random = random.Random(seed)
        self._forgetful = forgetful
        self._urls = [*through] or [server.url for server in self.servers]
        self._options = options
        self._readers: dict[str, str] = {}  # room -> the token of one who may read it

    @property
    def rooms(self) -> list[str]:
        return list(self._readers)

    async def __aenter__(self) -> "Fleet":
        members = await asyncio.to_thread(self._prepare)
        urls = self._urls
        for name, (token, rooms) in members.items():
            client = Client(
                name,
                urls,
                token,
                rooms,
                self.history,
                forgetful=self._forgetful,
                options=self._options,
            )
            self.clients.append(client)
            urls = urls[1:] + urls[:1]
        async with asyncio.timeout(60):
            await asyncio.gather(*(client.is_live.wait() for client in self.clients))
        return self

    async def start(self) -> None:
        """Go on after `stop`: as new sessions, with the positions of the old ones."""
        with ThreadPoolExecutor(PREPARING) as pool:
            names = [client.name for client in self.clients]
            tokens = await asyncio.to_thread(lambda: list(pool.map(self.server.login, names)))
        new = {client.token: token for client, token in zip(self.clients, tokens, strict=True)}
        self._readers = {room: new[token] for room, token in self._readers.items()}
        for client in self.clients:
            client.token = new[client.token]
            client.start()

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        await asyncio.gather(*(client.stop() for client in self.clients))

    def _prepare(self) -> dict[str, tuple[str, list[str]]]:
        """Accounts and rooms. Client i is in rooms i and i + 1, so that all rooms are alike."""
        names = [f"c{number}" for number in range(self.scale.clients)]
        rooms = [f"room {number}" for number in range(self.scale.rooms)]
        with ThreadPoolExecutor(PREPARING) as pool:
            tokens = list(pool.map(self.server.register, names))
            owners = list(itertools.islice(itertools.cycle(tokens), len(rooms)))
            self._readers = dict(
                zip(pool.map(self.server.room, owners, rooms), owners, strict=True)
            )
            members = {}
            for number, (name, token) in enumerate(zip(names, tokens, strict=True)):
                mine = [self.rooms[(number + step) % len(self.rooms)] for step in (0, 1)]
                members[name] = token, mine
            joins = [
                (f"/api/v1/rooms/{room}/join", token)
                for token, mine in members.values()
                for room in mine
            ]
            list(pool.map(self.server.post, *zip(*joins, strict=True)))
        return members

    async def talk(self, seconds: float) -> None:
        """Send at the scale's rate, whatever the outcome."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        last = seconds * self.scale.rate
        for number in itertools.takewhile(lambda number: number < last, itertools.count()):
            await asyncio.sleep(max(0, began + number / self.scale.rate - loop.time()))
            client = self._random.choice(self.clients)
            client.send(self._random.choice(sorted(client.rooms)))

    @asynccontextmanager
    async def traffic(self) -> AsyncIterator[None]:
        """Send at the scale's rate, for as long as this lasts."""
        talking = asyncio.create_task(self.talk(float("inf")))
        try:
            yield
        finally:
            talking.cancel()
            await asyncio.wait([talking])

    def under_way(self) -> set[str]:
        """The client_ids of all that is sent and not settled."""
        return {client_id for client in self.clients for client_id in client.unsettled}

    async def settled(self, seconds: float = 60) -> None:
        """Wait until every send is answered, and every client has what the server has."""
        async with asyncio.timeout(seconds):
            while any(client.unsettled for client in self.clients):
                await asyncio.sleep(0.02)
            await self.caught_up()

    async def caught_up(self) -> None:
        """Wait until every client has all that was acknowledged to anybody, or seen by anybody."""
        heads: dict[str, int] = {}
        for entry in self.history.operations:
            heads[entry.room] = max(heads.get(entry.room, 0), entry.seq or 0)
        while not all(self._has(client, heads) for client in self.clients):
            await asyncio.sleep(0.01)

    @staticmethod
    def _has(client: Client, heads: dict[str, int]) -> bool:
        return client.is_live.is_set() and all(
            (client.positions[room] or 0) >= heads.get(room, 0) for room in client.rooms
        )

    async def stored(self) -> dict[str, list[dict[str, Any]]]:
        """The store's contents, read through a server that has nothing in memory. Ends the fleet."""
        await self.stop()
        await asyncio.to_thread(self.server.kill)
        await asyncio.to_thread(self.server.start)
        return await self.logs()

    async def logs(self) -> dict[str, list[dict[str, Any]]]:
        """The logs of all rooms as the server serves them."""
        return await asyncio.to_thread(
            lambda: {room: self.server.log(room, token) for room, token in self._readers.items()}
        )

    def heard(self) -> dict[str, frozenset[str]]:
        """The rooms that each client may hear."""
        return {client.name: client.rooms for client in self.clients}
