"""A run: clients that do things at the same time on several nodes over one store, as a script says."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any
from unittest import mock

import msgspec

from chatserver.errors import ChatError
from chatserver.interfaces import Store
from chatserver.model import AnyEvent, RoomKind, RoomRole, User
from chatserver.service.history import Page
from chatserver.service.service import Service
from tests.core import checker
from tests.core.buses import Wire
from tests.core.checker import Ack
from tests.core.clients import Reader, Span
from tests.core.nodes import FaultyStore, add_user, config, make_service, running
from tests.core.showing import LoopClock, compare_with

Step = tuple[str, int, int, int]  # what, and three numbers that pick who, where and whom
Fault = tuple[str, float]
ReaderKind = Callable[[Service, User], Reader]

TRIES = 6
PATIENCE_SECONDS = 60.0
SMALL: dict[str, object] = {
    # So small that every bound is met within a few steps.
    "delivery.batch_events": 5,
    "delivery.tail_events": 3,
    "delivery.rooms_loaded": 2,
    "delivery.repair_seconds": 0.3,
    "limits.buffer_soft_bytes": 700,
    "limits.buffer_hard_bytes": 4000,
    "limits.slow_seconds": 5.0,
}


class Client:
    """A user, with the node they are connected to and the events they remember."""

    def __init__(self, number: int, reader: Reader) -> None:
        self.number, self.user, self.reader = number, reader.user, reader
        self.sent: list[tuple[str, str]] = []  # (room, client_id)
        self.spans: list[Span] = []
        self.seen: dict[str, int] = {}


class World:
    def __init__(self, services: Sequence[Service], clients: Sequence[Client], rooms: Any) -> None:
        self.services, self.clients = services, clients
        self.rooms: dict[str, RoomKind] = rooms
        self.acks: list[Ack] = []
        self.pages: list[tuple[str, Page]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    # -- what clients do -----------------------------------------------------------------------

    async def play(self, script: Sequence[Step]) -> None:
        for what, who, where, whom in script:
            client = self.clients[who % len(self.clients)]
            if what == "wait":
                await asyncio.sleep((0, 0.001, 0.01, 0.4)[whom % 4])
            elif what == "stall":
                client.reader.pipe.stuck = True
            elif what == "read":
                client.reader.drain()
            elif what == "reconnect":
                await self.reconnect(client, where)
            else:
                self._begin(what, client, where, whom)
                await asyncio.sleep(0)

    def _begin(self, what: str, client: Client, where: int, whom: int) -> None:
        room = list(self.rooms)[where % len(self.rooms)]
        task = asyncio.create_task(self._act(what, client, room, whom))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _act(self, what: str, client: Client, room: str, whom: int) -> None:
        try:
            if what == "send":
                await self.send(client, room, f"{client.number}-{len(client.sent)}", whom)
            elif what == "twice":
                client_id = f"{client.number}-{len(client.sent)}"
                await asyncio.gather(
                    *(self.send(client, room, client_id, node) for node in range(2))
                )
            elif what == "again" and client.sent:
                room, client_id = client.sent[whom % len(client.sent)]
                await self.send(client, room, client_id, whom)
            elif what == "page":
                await self.page(client, room, whom)
            elif what in ("join", "leave", "invite", "kick", "appoint"):
                await self.membership(what, client, room, whom)
            elif what in ("edit", "delete", "react", "unreact", "pin", "unpin"):
                await self.change(what, client, room, whom)
        except ChatError as error:
            if error.code == "server.internal":
                raise

    async def send(self, client: Client, room: str, client_id: str, whom: int) -> None:
        client.sent.append((room, client_id))

        async def post(service: Service) -> None:
            found = await service.rooms.get(room)
            body = f"{client_id} " + "x" * (whom % 4 * 60)
            event, repeated = await service.messages.post(client.user, found, client_id, body)
            self.acks.append(Ack(client.user.id, client_id, room, event, repeated))

        await self._retry(whom, post)

    async def page(self, client: Client, room: str, whom: int) -> None:
        service = self.services[whom % len(self.services)]
        found = await service.rooms.get(room)
        encoded = await service.history.newest_encoded(client.user, found)
        self.pages.append((room, msgspec.json.decode(encoded, type=Page)))

    async def membership(self, what: str, client: Client, room: str, whom: int) -> None:
        other = self.clients[whom % len(self.clients)].user.id

        async def act(service: Service) -> object:
            rooms, found = service.rooms, await service.rooms.get(room)
            if what == "join":
                return await rooms.join(client.user, found)
            if what == "leave":
                return await rooms.leave(client.user, found)
            if what == "invite":
                return await rooms.invite(client.user, found, other)
            if what == "kick":
                return await rooms.kick(client.user, found, other)
            role = list(RoomRole)[whom % 3]
            return await rooms.appoint(client.user, found, other, role)

        await self._retry(client.number, act)

    async def change(self, what: str, client: Client, room: str, whom: int) -> None:
        known = [ack.event.id for ack in self.acks if ack.room == room]
        if not known:
            return
        message = known[-1 - whom % min(3, len(known))]

        async def act(service: Service) -> object:
            messages, found = service.messages, await service.rooms.get(room)
            if what == "edit":
                return await messages.edit(client.user, found, message, f"edited {whom}")
            if what == "delete":
                return await messages.delete(client.user, found, message)
            if what == "react":
                return await messages.react(client.user, found, message, "👍")
            if what == "unreact":
                return await messages.unreact(client.user, found, message, "👍")
            return await messages.pin(client.user, found, message, what == "pin")

        await self._retry(whom, act)

    async def _retry(self, node: int, act: Callable[[Service], Awaitable[object]]) -> None:
        """The same again where the answer says so, as a client does, also on another node."""
        for attempt in range(TRIES):
            try:
                await act(self.services[(node + attempt) % len(self.services)])
                return
            except ChatError as error:
                if error.meaning.retry != "later":
                    raise
            await asyncio.sleep(0.02)

    async def reconnect(self, client: Client, node: int) -> None:
        """Come back, perhaps elsewhere, with the positions that were seen last."""
        old = client.reader
        old.close()
        self._take(client, old)
        service = self.services[node % len(self.services)]
        reader = client.reader = client.reader.again(service)
        for room in self.rooms:
            try:
                await reader.follow(room, client.seen.get(room))
            except ChatError as error:
                if error.code not in ("room.not_found", "store.unavailable"):
                    raise

    def _take(self, client: Client, reader: Reader) -> None:
        for span in reader.spans.values():
            client.spans.append(span)
            client.seen[span.room] = span.last

    # -- the end -------------------------------------------------------------------------------

    async def settle(self, stores: Sequence[FaultyStore], seconds: float) -> None:
        """Everything works again; all that was begun ends, all that is missing comes."""
        for store in stores:
            store.heal()
        while self._tasks:
            done, _ = await asyncio.wait(self._tasks)
            for task in done:
                task.result()
        for store in stores:
            await store.settle()
        for client in self.clients:
            if client.reader.pipe.closed is not None:
                await self.reconnect(client, client.number)
            client.reader.drain()
        await self._catch_up(stores[0], seconds)
        for client in self.clients:
            client.reader.sort_out()
            client.spans += client.reader.spans.values()

    async def _catch_up(self, store: FaultyStore, seconds: float) -> None:
        """Repair, and replays that pause while the store is away; repeated events arrive again."""
        heads: dict[str, int] = await store.heads(list(self.rooms))
        now = asyncio.get_running_loop().time
        deadline = now() + PATIENCE_SECONDS
        await asyncio.sleep(seconds)
        while not all(self._has_all(client, heads) for client in self.clients):
            if now() > deadline:
                return  # the check tells what is missing
            await asyncio.sleep(0.05)

    def _has_all(self, client: Client, heads: Mapping[str, int]) -> bool:
        client.reader.sort_out()
        spans = client.reader.spans.values()
        return all(span.ended or span.last == heads[span.room] for span in spans)

    async def check(self, store: Store) -> None:
        logs = {room: await store.read(room, 0, 100_000) for room in self.rooms}
        checker.check_numbering(logs)
        checker.check_acknowledged(logs, self.acks)
        checker.check_erased(logs)
        said = checker.originals(self.acks)
        for log in logs.values():
            checker.check_rights(log)
        for client in self.clients:
            for span in client.spans:
                room, kind = logs[span.room], self.rooms[span.room]
                checker.check_reader(client.user.id, span, room, kind, said)
        for room, page in self.pages:
            checker.check_page(page, logs[room])
        for service in self.services:
            for room, log in logs.items():
                await self._check_state(service, room, log)

    async def _check_state(self, service: Service, room: str, log: Sequence[AnyEvent]) -> None:
        """A node's state of a room is the fold of the log."""
        found = await service.rooms.get(room)
        await service.log.refresh([found])
        checker.demand(found.head == len(log), f"{room}: a node stands at {found.head}")
        state = {user: member.role for user, member in found.members.items()}
        checker.demand(state == checker.roles(log), f"{room}: a node's members are {state}")
        reader = next(iter(found.members.values()), None)
        if reader is not None:
            user = await service.accounts.get(reader.user.id)
            checker.check_page(await service.history.page(user, found), log)


async def run(
    store: Store,
    script: Sequence[Step],
    faults: Sequence[Sequence[Fault]],
    readers: Sequence[ReaderKind] = (Reader,) * 4,
    rest: float = 1.0,
    bus_faults: Sequence[Sequence[Fault]] | None = None,
    *,
    is_private: bool = False,
) -> None:
    """One node for each list of faults, one user for each kind of reader.

    With `bus_faults`, a list for each node, the nodes have a bus; if it `is_private`, as that of workers is,
    texts are as they are on it, and frames are handed over at once.

    `rest` is how many seconds it goes on at the end; longer, if somebody still misses something.

    Raises `checker.Broken` if a promise is not kept.
    """
    settings = config(**SMALL)
    stores = [FaultyStore(store) for _ in faults]
    wire = Wire(is_private=is_private, is_prompt=is_private)
    buses = [None] * len(stores) if bus_faults is None else [wire.bus(each) for each in bus_faults]
    async with AsyncExitStack() as stack:
        stack.enter_context(mock.patch("chatserver.roomlog.log.READ_EVENTS", 7))
        stack.enter_context(mock.patch("chatserver.roomlog.log.RELOAD_EVENTS", 12))
        stack.enter_context(mock.patch("chatserver.roomlog.cache.FRESH_SECONDS", 0.0))
        stack.enter_context(mock.patch("chatserver.cluster.bus.hints.FETCH_ROOMS", 1))
        stack.enter_context(mock.patch("chatserver.cluster.bus.hints.FETCH_EVENTS", 3))
        stack.enter_context(mock.patch("chatserver.delivery.logpages.PAGE_EVENTS", 4))
        stack.enter_context(mock.patch("chatserver.delivery.subscriber.RETRY_SECONDS", 0.1))
        stack.enter_context(mock.patch("chatserver.delivery.streams.EVENTS_AT_ONCE", 3))
        stack.enter_context(mock.patch("chatserver.delivery.streams.RETRY_SECONDS", 0.1))
        services = [
            await stack.enter_async_context(
                running(make_service(each, settings, bus=bus, clock=LoopClock()))
            )
            for each, bus in zip(stores, buses, strict=True)
        ]
        for service in services:
            stack.enter_context(compare_with(store, service))
        first = services[0]
        people = [await add_user(first, f"user{number}") for number in range(len(readers))]
        ids = [user.id for user in people]
        rooms = {}
        for kind, members in ((RoomKind.PRIVATE, ids[:3]), (RoomKind.PUBLIC, ids[:2])):
            room = await first.rooms.create(people[0], kind, "room", members=members)
            await first.rooms.appoint(people[0], room, ids[1], RoomRole.ADMIN)
            rooms[room.id] = kind
        clients = [
            Client(number, kind(services[number % len(services)], user))
            for number, (user, kind) in enumerate(zip(people, readers, strict=True))
        ]
        world = World(services, clients, rooms)
        for client in clients:
            await world.reconnect(client, client.number)
        for each, some in zip(stores, faults, strict=True):
            each.arm(some)
        try:
            await world.play(script)
            await world.settle(stores, rest)
            await world.check(store)
        finally:
            for client in clients:
                client.reader.close()
