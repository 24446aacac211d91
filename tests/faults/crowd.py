"""Clients that note how long events are on their way, and others that never read, in the same rooms."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.faults.client import Client
from tests.faults.history import History
from tests.faults.raw import Guest
from tests.faults.server import ChatServer

DROPPED = "chatserver_connections_dropped_total"
DEADLINE = 60  # seconds, for what takes one where the machine is idle
LEAST_WAITING = 65536  # bytes in a socket's queue, below which its client reads


class Load(NamedTuple):
    """The size of a crowd and its traffic: `rate` messages a second of `size` characters, over all rooms."""

    rooms: int
    clients: int
    rate: int
    size: int
    seconds: float  # of one window
    parts: int  # that a window is looked at in

    @property
    def events(self) -> int:
        """Number of events that the clients are handed in a window."""
        return int(self.seconds * self.rate) * self.clients // self.rooms


class Window(NamedTuple):
    """Measurements of one window of talk."""

    p99: list[float]  # of the seconds that events were on their way, of each part
    memory: int  # bytes that the server has grown by, at most


class Timed(Client):
    """Notes when events were sent, and how many seconds they were on their way."""

    def __init__(self, *args: Any) -> None:
        self.heard: list[tuple[float, float]] = []
        super().__init__(*args)

    def _event(self, frame: dict[str, Any]) -> None:
        if frame["ev"] == "message.posted":
            sent = float(frame["body"].partition(" ")[0])
            self.heard.append((sent, time.monotonic() - sent))
        super()._event(frame)


class Crowd:
    """The clients of a load, live in their rooms."""

    def __init__(self, server: ChatServer, load: Load) -> None:
        self.server, self.load = server, load
        self.token = server.register("everybody")
        self.rooms = [server.room(self.token, f"room {n}") for n in range(load.rooms)]
        self.clients: list[Timed] = []
        self._sockets = ExitStack()

    async def __aenter__(self) -> Self:
        for number, room in enumerate(islice(cycle(self.rooms), self.load.clients)):
            name = f"client {number}"
            self.clients.append(Timed(name, [self.server.url], self.token, [room], History()))
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(client.is_live.wait() for client in self.clients))
        return self

    async def __aexit__(self, *error: object) -> None:
        self._sockets.close()
        await asyncio.gather(*(client.stop() for client in self.clients))

    async def window(self) -> Window:
        """Talk for a while, until all have heard all of it."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        memory = before = self.server.memory()
        messages = int(self.load.seconds * self.load.rate)
        for number, client in enumerate(islice(cycle(self.clients), messages)):
            await asyncio.sleep(max(0, began + number / self.load.rate - loop.time()))
            (room,) = client.rooms
            client.send(room, f"{time.monotonic()} ".ljust(self.load.size, "x"))
            if number % 10 == 0:
                memory = max(memory, self.server.memory())
        async with asyncio.timeout(DEADLINE):
            while sum(len(client.heard) for client in self.clients) < self.load.events:
                await asyncio.sleep(0.01)
        return Window(self._p99(), memory - before)

    async def window_beside_deaf(self, count: int) -> Window:
        """The same, while as many more are told all of it, fall behind and are dropped."""
        dropped = self.server.metric(DROPPED) + count
        await self.enter_deaf(count)
        window = await self.window()
        await self.until(DROPPED, dropped)
        self._sockets.close()
        await self.until("websocket_connections_active", len(self.clients))
        return window

    def _p99(self) -> list[float]:
        """99th percentile of each part, over the events since the last call, in the order of sending."""
        heard = sorted(event for client in self.clients for event in client.heard)
        for client in self.clients:
            client.heard.clear()
        size = len(heard) // self.load.parts
        parts = [heard[size * part : size * (part + 1)] for part in range(self.load.parts)]
        return [statistics.quantiles((late for _, late in part), n=100)[98] for part in parts]

    async def enter_deaf(self, count: int) -> list[Guest]:
        """Connections in the rooms, in turn, that read nothing from now on."""
        rooms = islice(cycle(self.rooms), count)
        return await asyncio.gather(*(self._enter_deaf(room) for room in rooms))

    async def _enter_deaf(self, room: str) -> Guest:
        guest = await Guest.enter(self.server, self.token, receive_buffer=4096)
        self._sockets.callback(guest.drop)
        await guest.ask(op="sub", rooms={room: None})
        return guest

    async def until(self, metric: str, value: float) -> None:
        async with asyncio.timeout(DEADLINE):
            while self.server.metric(metric) != value:
                await asyncio.sleep(0.1)


def kernel_bytes(port: int) -> Sequence[int]:
    """Bytes that the kernel buffers for each client of this server that does not read."""
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, _, queues, *_ = line.split()
        waiting = int(queues.partition(":")[0], 16)
        if int(local.partition(":")[2], 16) == port and waiting > LEAST_WAITING:
            found.append(waiting)
    return found
