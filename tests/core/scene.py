"""A room on two nodes with small bounds, and readers of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chatserver.model import AnyEvent, RoomKind, User
from chatserver.roomlog.room import Room
from chatserver.service.service import Service
from chatserver_plugins.memory import MemoryStore
from tests.core.buses import Wire
from tests.core.clients import Reader
from tests.core.nodes import FaultyStore, add_user, config, make_service, running

SOFT, HARD = 2000, 8000
SETTLE_SECONDS = 0.1  # many times the pause between two batches of a log


class Scene:
    """Two nodes on one store, a private room, and readers of it."""

    def __init__(self, first: Service, second: Service, store: FaultyStore) -> None:
        self.first, self.second, self.store = first, second, store
        self.readers: list[Reader] = []
        self.room: Room
        self.owner: User
        self.sent = 0

    async def build(self) -> None:
        self.owner = await add_user(self.first, "owner")
        self.room = await self.first.rooms.create(self.owner, RoomKind.PRIVATE, "room")

    async def reader(self, after: int | None = None, user: User | None = None) -> Reader:
        reader = Reader(self.first, user or self.owner)
        self.readers.append(reader)
        await reader.follow(self.room.id, after)
        return reader

    async def member(self, name: str) -> User:
        user = await add_user(self.first, name)
        await self.first.rooms.invite(self.owner, self.room, user.id)
        return user

    async def post(self, count: int, on: Service | None = None, size: int = 100) -> None:
        """Post messages at the same time."""
        service = on or self.first
        room = await service.rooms.get(self.room.id)
        numbers = range(self.sent, self.sent + count)
        self.sent += count
        body = "x" * size
        await asyncio.gather(
            *(service.messages.post(self.owner, room, f"c{each}", body) for each in numbers)
        )

    async def log(self, after: int = 0) -> list[AnyEvent]:
        return await self.store.behind.read(self.room.id, after, 100_000)

    async def expect(self, reader: Reader, after: int) -> None:
        """The reader gets exactly the log after a position, in order."""
        wanted = [event.seq for event in await self.log(after)]
        await reader.pipe.until(lambda: len(reader.pipe.events(self.room.id)) >= len(wanted))
        await asyncio.sleep(SETTLE_SECONDS)  # nothing more may come
        assert [event["seq"] for event in reader.pipe.events(self.room.id)] == wanted


@asynccontextmanager
async def scene(wire: Wire | None = None, **settings: object) -> AsyncIterator[Scene]:
    """The nodes have a bus if they are given a wire."""
    small: dict[str, object] = {
        "limits.buffer_soft_bytes": SOFT,
        "limits.buffer_hard_bytes": HARD,
        "delivery.tail_events": 5,
        "delivery.repair_seconds": 60.0,
    }
    given = config(**small | {f"limits.{name}": value for name, value in settings.items()})
    shared = MemoryStore()
    store = FaultyStore(shared)
    async with (
        running(make_service(store, given, bus=wire and wire.bus())) as first,
        running(make_service(shared, given, bus=wire and wire.bus())) as second,
    ):
        built = Scene(first, second, store)
        await built.build()
        yield built
        for reader in built.readers:
            reader.close()
