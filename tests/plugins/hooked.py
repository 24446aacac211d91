"""A running server with one outgoing hook, for tests of what it posts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from receiver import SECRET, Receiver

from chatserver import MessagePosted, Room, RoomKind, User
from chatserver.app import Server
from chatserver.config import load
from chatserver.denial.refusal import Denial
from chatserver.denial.server import DeniedServer, holding

LOOPBACK = {"allowed_networks": ["127.0.0.0/8"], "timeout_seconds": 2.0}


class Chat:
    """A running server with one outgoing hook, somebody, and their rooms."""

    def __init__(self, server: Server, user: User) -> None:
        self.server, self.user = server, user
        self._sent = 0

    async def room(self, kind: RoomKind = RoomKind.PUBLIC) -> Room:
        return await self.server.service.rooms.create(self.user, kind, "room")

    async def is_done(self) -> bool:
        return (await self.server.consumers.states())[0].lag == 0

    async def has_dead(self) -> bool:
        return (await self.server.consumers.states())[0].dead > 0

    def failures(self) -> float:
        measures = {measure.name: measure for measure in self.server.measures}
        return sum(measures["chatserver_consumer_failures_total"].values.values())  # type: ignore[union-attr]

    async def post(self, room: Room, count: int = 1) -> int:
        """The seq of the last one."""
        event: MessagePosted
        for _ in range(count):
            self._sent += 1
            messages = self.server.service.messages
            event, _ = await messages.post(self.user, room, f"c{self._sent}", f"hi {self._sent}")
        return event.seq


@asynccontextmanager
async def chat(folder: Path, receiver: Receiver, **hook: object) -> AsyncIterator[Chat]:
    table = {"uri": receiver.uri, "secret": SECRET, **LOOPBACK, **hook}
    loaded = load(
        environ={},
        overrides={
            "server.port": 0,
            "server.data": str(folder),
            "logging.folder": "",
            "plugins.enabled": ["memory", "password", "webhooks"],
            "plugin.password.memory_kib": 8,
            "plugin.password.passes": 1,
            **{f"plugin.webhooks.outgoing.tickets.{key}": value for key, value in table.items()},
        },
    )
    receiver.start()
    try:
        denial = Denial(loaded.config)
        with holding(denial):
            async with DeniedServer(loaded, denial).opened() as server, server.working():
                yield Chat(server, await server.service.accounts.add("ada", "a long password"))
    finally:
        await receiver.stop()
