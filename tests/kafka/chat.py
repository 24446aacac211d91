"""A server that writes to Kafka, in the process of the test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chatserver import MessagePosted, Room, RoomKind, User
from chatserver.app import Server
from chatserver.config import load
from chatserver.denial.refusal import Denial
from chatserver.denial.server import DeniedServer, holding
from tests.kafka.broker import Broker
from tests.waiting import until


class Chat:
    """A running server that writes to Kafka, somebody, and their rooms."""

    def __init__(self, server: Server, user: User) -> None:
        self.server, self.user = server, user
        self._sent = 0

    async def room(self, kind: RoomKind = RoomKind.PUBLIC) -> Room:
        return await self.server.service.rooms.create(self.user, kind, "room")

    async def post(self, room: Room, count: int = 1, body: str = "hi") -> int:
        """The seq of the last one."""
        event: MessagePosted
        for _ in range(count):
            self._sent += 1
            text = f"{body} {self._sent}"
            messages = self.server.service.messages
            event, _ = await messages.post(self.user, room, f"c{self._sent}", text)
        return event.seq

    async def is_done(self) -> bool:
        return (await self.server.consumers.states())[0].lag == 0

    def count(self, name: str) -> float:
        measures = {measure.name: measure for measure in self.server.measures}
        return sum(measures[name].values.values())  # type: ignore[union-attr]


@asynccontextmanager
async def chat(
    folder: Path,
    broker: Broker | None,
    *,
    store: str = "memory",
    name: str = "ada",
    **settings: object,
) -> AsyncIterator[Chat]:
    """Without a broker it does not have the plugin."""
    table = {"brokers": [broker.address], "timeout_ms": 3000, **settings} if broker else {}
    loaded = load(
        environ={},
        overrides={
            "server.port": 0,
            "server.data": str(folder),
            "logging.folder": "",
            "plugins.enabled": [store, "password", *(["kafka"] if broker else [])],
            "plugin.password.memory_kib": 8,
            "plugin.password.passes": 1,
            **{f"plugin.kafka.{key}": value for key, value in table.items()},
        },
    )
    denial = Denial(loaded.config)
    with holding(denial):
        async with DeniedServer(loaded, denial).opened() as server, server.working():
            yield Chat(server, await server.service.accounts.add(name, "a long password"))
    await until(all_closed)


def all_closed() -> bool:
    """TLS needs a few more turns of the loop to end, for which aiokafka does not wait."""
    transports = asyncio.get_running_loop()._transports.values()  # type: ignore[attr-defined]
    return all(transport._sock is None for transport in transports)
