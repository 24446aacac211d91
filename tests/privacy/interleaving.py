"""A run: people write, change and remove texts on two nodes that fail and end, as a script says, and some are erased.

Each text has a word of its own. At the end all jobs run, and the checker decides from the log alone which words may be
left: in what the store has, and in what each node gives to readers. It does not know how anything is removed.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from hashlib import sha256
from itertools import count
from typing import Any

import msgspec
import pytest

from chatserver.errors import ChatError, StoreUnavailable
from chatserver.interfaces import Appended, IndexPage, Store
from chatserver.model import (
    AnyEvent,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PinAdded,
    PinRemoved,
    RoomChanged,
    RoomKind,
    User,
    UserRef,
    message_seq,
)
from chatserver.privacy.erasures import DUE, SPACE
from chatserver.privacy.rewriting import Erased
from chatserver.runtime.clock import Clock, text_of
from chatserver.service.directory import USERS, decode_user
from chatserver.service.history import EventPage
from chatserver.service.service import Service
from tests.core.checker import demand
from tests.core.nodes import FaultyStore, config, make_service

Step = tuple[str, int, int, int]  # what, and three numbers that pick who, where and which
Fault = tuple[str, float]
Look = Callable[[], Awaitable[bytes]]  # all that the store has

NODES, TRIES, LATER_SECONDS = 2, 6, 120.0
LAST = 2  # the room that may be deleted
RETENTION = UserRef("retention", "Retention")
SMALL: dict[str, object] = {"delivery.rooms_loaded": 2, "delivery.repair_seconds": 0.3}


class HandClock(Clock):
    """A clock that is moved on by hand."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


class Way(FaultyStore):
    """A node's way to the store. It ends for good with the node: after so many more calls, once `left` is set."""

    def __init__(self, store: Store) -> None:
        self.left, self.is_dead, self.writes_last = 0, False, False
        super().__init__(store)

    def __getattr__(self, name: str) -> Any:
        call = super().__getattr__(name)

        async def mortal(*given: Any, **named: Any) -> Any:
            if self.is_dead:
                raise StoreUnavailable
            if self.left:
                self.left -= 1
                self.is_dead = not self.left
                if self.is_dead:
                    if self.writes_last:
                        await call(*given, **named)
                    raise StoreUnavailable
            return await call(*given, **named)

        return mortal


class OldWay(Way):
    """The way of a node of a version that removed no text with the edit or deletion that replaced it."""

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        appended: Appended = await self.__getattr__("append")(events)
        return appended

    async def index(self, room: str, upto: int, pages: Sequence[IndexPage]) -> None:
        """Made of texts that may be gone by now."""
        await asyncio.sleep(0.02)
        await self.__getattr__("index")(room, upto, pages)


class Node:
    """A service with its way to the store; a new one takes its place when it has ended."""

    def __init__(self, store: Store, clock: Clock, way: type[Way] = Way) -> None:
        self.way = way(store)
        self.service = make_service(self.way, config(**SMALL), clock=clock)

    async def start(self) -> None:
        await self.service.start()
        await self.service.join()

    async def end(self) -> None:
        """As a crash does: nothing is written any more."""
        self.way.is_dead = True
        await self.service.stop()
        await self.service.hooks.shutdown()


class World:
    """The nodes, the people, and each word that they have written."""

    def __init__(self, store: Store, clock: HandClock, run: int, ways: Sequence[type[Way]]) -> None:
        self.store, self.clock, self.ways = store, clock, ways
        self.nodes: list[Node] = []
        self.people: list[User] = []
        self.rooms: list[str] = []
        self.posts: dict[str, str] = {}  # client_id -> word
        self.edits: defaultdict[str, set[str]] = defaultdict(set)  # message id -> words
        self.known: list[MessagePosted] = []
        self.erased: dict[str, Erased] = {}  # by user id
        self.asked: dict[str, str] = {}  # user id -> when the erasure was asked for first
        self.names: dict[str, str] = {}  # user id -> the word in both names
        self._words = (f"q{sha256(f'{run}/{each}'.encode()).hexdigest()[:16]}" for each in count())
        self._alone: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # as leases do
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        for way in self.ways:
            self.nodes.append(Node(self.store, self.clock, way))
            await self.nodes[-1].start()
        service = self.nodes[0].service
        for _ in range(4):
            name = next(self._words)
            user = await service.accounts.add(name, "a long password")
            user = await service.accounts.rename(name, name=name.title())
            self.people.append(user)
            self.names[user.id] = name
        ids = [user.id for user in self.people]
        for kind in (RoomKind.PRIVATE, RoomKind.PUBLIC, RoomKind.PRIVATE):
            room = await service.rooms.create(self.people[0], kind, "room", members=ids[1:])
            self.rooms.append(room.id)

    # -- what happens ------------------------------------------------------------------------------

    async def play(self, script: Sequence[Step], faults: Sequence[Sequence[Fault]]) -> None:
        for node, some in zip(self.nodes, faults, strict=True):
            node.way.arm(some)
        for what, who, where, which in script:
            if what == "wait":
                await asyncio.sleep((0, 0.001, 0.01, 0.1)[which % 4])
            elif what == "crash":  # in the middle of what it does, or will do
                way = self.nodes[who % NODES].way
                way.left, way.writes_last = 1 + where, bool(which % 2)
            elif what == "restart":
                await self._restart(who % NODES)
            else:
                self._tasks.append(asyncio.create_task(self._act(what, who, where, which)))
                await asyncio.sleep(0)

    async def _restart(self, number: int) -> None:
        await self.nodes[number].end()
        self.nodes[number] = Node(self.store, self.clock, self.ways[number])
        await self.nodes[number].start()

    async def _act(self, what: str, who: int, where: int, which: int) -> None:
        act: Callable[[int, int, int], Awaitable[None]] = getattr(self, f"_{what}")
        try:
            await act(who, where, which)
        except ChatError as error:
            if error.code == "server.internal":
                raise

    async def _retry(self, node: int, act: Callable[[Service], Awaitable[object]]) -> None:
        """The same again where the answer says so, as a client does, also on another node."""
        for attempt in range(TRIES):
            try:
                await act(self.nodes[(node + attempt) % NODES].service)
                return
            except ChatError as error:
                if error.meaning.retry != "later":
                    raise
            await asyncio.sleep(0.02)

    async def _send(self, who: int, where: int, which: int, reply: str | None = None) -> None:
        user, room = self.people[who % 4], self.rooms[where % 3]
        word, client_id = next(self._words), f"c{len(self.posts)}"
        self.posts[client_id] = word
        mentioned = self.people[which % 4].id
        is_mention = which % 3 == 0 and mentioned not in self.erased
        more = f"@{self.names[mentioned]}" if is_mention else "and more " * which
        body = f"{word} {more}"

        async def post(service: Service) -> None:
            found = await service.rooms.get(room)
            event, _ = await service.messages.post(user, found, client_id, body, reply)
            self.known.append(event)

        await self._retry(which, post)

    async def _reply(self, who: int, where: int, which: int) -> None:
        if self.known:
            message = self._one(which)
            await self._send(who, self.rooms.index(message.room), which, message.id)

    def _one(self, which: int) -> MessagePosted:
        return self.known[-1 - which % min(8, len(self.known))]

    async def _change(
        self, who: int, which: int, act: Callable[[Service, User, Any, str], Awaitable[object]]
    ) -> None:
        if self.known:
            message = self._one(which)

            async def change(service: Service) -> None:
                user = await service.accounts.get(
                    message.author.id if who % 5 else self.people[0].id
                )
                found = await service.rooms.get(message.room)
                await act(service, user, found, message.id)

            await self._retry(who, change)

    async def _edit(self, who: int, where: int, which: int) -> None:
        word = next(self._words)

        async def edit(service: Service, user: User, room: Any, message: str) -> None:
            self.edits[message].add(word)
            await service.messages.edit(user, room, message, f"{word} again")

        await self._change(who, which, edit)

    async def _delete(self, who: int, where: int, which: int) -> None:
        await self._change(who, which, lambda s, user, room, id: s.messages.delete(user, room, id))

    async def _react(self, who: int, where: int, which: int) -> None:
        await self._change(
            who, which, lambda s, user, room, id: s.messages.react(user, room, id, "👍")
        )

    async def _pin(self, who: int, where: int, which: int) -> None:
        pinned = bool(where % 3)
        await self._change(
            0, which, lambda s, user, room, id: s.messages.pin(user, room, id, pinned)
        )

    async def _read(self, who: int, where: int, which: int) -> None:
        """Somebody reads, so that nodes have in memory what is removed later."""
        service = self.nodes[who % NODES].service
        await self._given(service, self.rooms[where % 3])

    async def _expire(self, who: int, where: int, which: int) -> None:
        if not self.known:
            return
        message = self._one(which * 3)

        async def expire(service: Service) -> None:
            async with self._alone[message.room]:
                await service.expiry.expire(message.room, message.at, RETENTION, most=20)

        await self._retry(who, expire)

    async def _erase(self, who: int, where: int, which: int) -> None:
        user = self.people[1 + who % 2]
        mode = self.erased.setdefault(user.id, [Erased.REDACT, Erased.ANONYMISE][which % 2])
        self.asked.setdefault(user.id, text_of(self.clock.now()))
        await self._retry(
            where, lambda service: service.removal.delete(self.names[user.id], mode=mode)
        )

    async def _close(self, who: int, where: int, which: int) -> None:
        async def close(service: Service) -> None:
            found = await service.rooms.get(self.rooms[LAST])
            await service.rooms.deletion.delete(self.people[0], found)

        await self._retry(who, close)

    async def _jobs(self, who: int, where: int, which: int) -> None:
        services = self._working()
        service = services[who % len(services)]
        await self.nodes[where % NODES].service.indexer.catch_up()
        async with self._alone["jobs"]:
            await service.replaced_texts.remove()
            await service.rooms.deletion.finish()
            await service.removal.finish()

    def _working(self) -> list[Service]:
        """Those of the nodes that do the jobs: an older one knows nothing of them."""
        return [
            node.service
            for node, way in zip(self.nodes, self.ways, strict=True)
            if way is not OldWay
        ]

    # -- the end -----------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Everything works again, all that was begun ends, and what was asked for and refused is asked for again."""
        for node in self.nodes:
            node.way.heal()
        await asyncio.gather(*self._tasks)
        for number, node in enumerate(self.nodes):
            await node.way.settle()
            if node.way.left or node.way.is_dead:
                await self._restart(number)
        first = self._working()[0]
        for user, mode in self.erased.items():
            record = await self.store.get(USERS, user)
            if record is not None and not decode_user(record).deleted:
                await first.removal.delete(self.names[user], mode=mode)
        for service in self._working():
            await self._finish(service)
        await self._restart(0)  # which forgets what it had read of accounts
        for service in self._working() * 2:
            await self._finish(service)
        for node in self.nodes:
            await node.service.changes.look()

    async def _finish(self, service: Service) -> None:
        """Do all jobs once, some time later."""
        for node in self.nodes:
            await node.service.removal.settle()
            await node.service.rooms.deletion.settle()
        self.clock.ahead += LATER_SECONDS
        await service.removal.finish()
        await service.rooms.deletion.finish()
        async for described in service.expiry.rooms():
            while described.kept_from and not await self._is_expired(service, described.room):
                pass
        await service.indexer.catch_up()
        await service.replaced_texts.remove()

    async def _is_expired(self, service: Service, room: str) -> bool:
        early = "1970-01-01T00:00:00.000Z"
        return (await service.expiry.expire(room, early, RETENTION, most=1000)).is_done

    async def check(self, look: Look) -> None:
        demand(not await self.store.scan(SPACE, DUE), "an erasure is not finished")
        logs = {room: await self.store.read(room, 0, 10_000) for room in self.rooms}
        stays, may_stay = self._left(logs)
        names = {self.names[user] for user in self.erased if not self._is_named_later(user, logs)}
        planted = {*self.posts.values(), *(word for words in self.edits.values() for word in words)}
        gone = (planted | names) - stays - may_stay
        found = (await look()).decode("utf-8", "replace").lower()
        demand(all(word in found for word in stays), "a text is not stored that should be")
        demand(not (left := [word for word in gone if word in found]), f"the store has {left}")
        for node in self.nodes:
            await self._check_read(node.service, stays, gone)

    def _is_named_later(self, user: str, logs: dict[str, list[AnyEvent]]) -> bool:
        """Whether others have written the name when the person was leaving already: it is a word like any other then."""
        return any(
            isinstance(event, MessagePosted)
            and event.at >= self.asked[user]
            and self.names[user] in event.body
            for log in logs.values()
            for event in log
        )

    def _left(self, logs: dict[str, list[AnyEvent]]) -> tuple[set[str], set[str]]:
        """The words that must be there, and those that may: of old messages that were pinned at some time."""
        stays, may_stay = set[str](), set[str]()
        for room, log in logs.items():
            described = [each for each in log if isinstance(each, RoomChanged)][-1]
            texts: defaultdict[str, list[MessagePosted | MessageEdited]] = defaultdict(list)
            deleted, pinned = set[str](), set[str]()
            for event in log:
                if isinstance(event, MessagePosted):
                    texts[event.id].append(event)
                elif isinstance(event, MessageEdited):
                    texts[event.message].append(event)
                elif isinstance(event, MessageDeleted):
                    deleted.add(event.message)
                elif isinstance(event, PinAdded):
                    pinned.add(event.message)
                elif isinstance(event, PinRemoved):
                    pinned.discard(event.message)
            for message, said in texts.items():
                first, newest = said[0], said[-1]
                if not isinstance(first, MessagePosted):  # an edit that is newer than what is kept
                    is_old = (message_seq(room, message) or 0) < described.kept_from
                    demand(is_old, f"{room} {first.seq}: a change without its message")
                    continue
                is_gone = (
                    described.deleted
                    or message in deleted
                    or self.erased.get(first.author.id) is Erased.REDACT
                )
                is_old = first.seq < described.kept_from
                if is_gone or (is_old and message not in pinned):
                    continue
                words = {self.posts[first.client_id], *self.edits[message]}
                word = newest.body.partition(" ")[0]
                if is_old:
                    may_stay.add(word)
                    continue
                demand(word in words, f"{room} {newest.seq}: the text is gone: {newest}")
                stays.add(word)
        return stays, may_stay

    async def _check_read(self, service: Service, stays: set[str], gone: set[str]) -> None:
        given = ""
        for room in self.rooms:
            given += (await self._given(service, room)).decode().lower()
        demand(all(word in given for word in stays), "a text is not given that is there")
        demand(not (left := [word for word in gone if word in given]), f"a node gives {left}")
        reader = self.people[0]
        for word in (*sorted(stays)[:5], *sorted(gone)[:5]):
            answers = (await service.search.find(reader, word)).messages
            demand(bool(answers) == (word in stays), f"the search finds {word}: {bool(answers)}")

    async def _given(self, service: Service, name: str) -> bytes:
        """What a member reads of a room, by every path; nothing of a deleted one."""
        reader = self.people[0]
        try:
            room = await service.rooms.get(name, reader)
            await service.log.refresh([room])
            history = service.history
            return b"\n".join(
                (
                    await history.newest_encoded(reader, room),
                    msgspec.json.encode(await history.page(reader, room, limit=100)),
                    msgspec.json.encode(await history.page(reader, room, after=0, limit=100)),
                    msgspec.json.encode(await history.events(reader, room, 0)),
                    msgspec.json.encode(
                        _pages(await history.event_pages(reader, [(room, 0)], 500))
                    ),
                    msgspec.json.encode(await service.messages.pins.page(reader, room)),
                )
            )
        except ChatError as error:
            if error.code == "room.not_found":
                return b""
            raise


def _pages(found: Sequence[EventPage | ChatError]) -> list[EventPage]:
    """Without those of a room that was deleted at this moment."""
    return [each for each in found if not isinstance(each, ChatError)]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step has many pieces, and no node uses for a while what it has. For whole tests, as runs overlap."""
    for name, value in (
        ("chatserver.roomlog.cache.FRESH_SECONDS", 0.0),
        ("chatserver.service.expiry.EVENTS", 5),
        ("chatserver.service.expiry.PART", 10),
        ("chatserver.service.replaced.EVENTS", 5),
        ("chatserver.service.replaced.PART", 10),
        ("chatserver.privacy.erasing.EVENTS", 5),
        ("chatserver.privacy.erasing.NOTED_ROOMS", 1),
    ):
        monkeypatch.setattr(name, value)


async def run(
    store: Store,
    look: Look,
    script: Sequence[Step],
    faults: Sequence[Sequence[Fault]],
    number: int,
    ways: Sequence[type[Way]] = (Way,) * NODES,
) -> None:
    """One run on an open store. `number` makes its words others than those of other runs; `ways` are those of the nodes.

    Raises `checker.Broken` if something is left that should be gone, or gone that should be left.
    """
    world = World(store, HandClock(), number, ways)
    try:
        await world.begin()
        await world.play(script, faults)
        await world.settle()
        await world.check(look)
    finally:
        for node in world.nodes:
            await node.end()


ACTIONS = (
    *("send",) * 8,
    *("reply",) * 2,
    *("edit",) * 5,
    *("delete",) * 3,
    *("react", "pin", "pin", "wait", "wait", "wait"),
    *("read",) * 3,
    *("expire", "expire", "erase", "erase", "close"),
    *("jobs",) * 3,
    *("crash", "crash", "restart", "restart"),
)
FAULTS = (
    *(("", 0.0),) * 8,
    *(("late", 0.0), ("late", 0.002), ("before", 0.0), ("after", 0.0), ("much later", 0.03)),
)


def drawn(seed: int) -> tuple[list[Step], list[list[Fault]]]:
    """A script, and faults for each node."""
    chance = random.Random(seed)
    script = [
        (chance.choice(ACTIONS), chance.randrange(12), chance.randrange(12), chance.randrange(12))
        for _ in range(60)
    ]
    return script, [[chance.choice(FAULTS) for _ in range(60)] for _ in range(NODES)]
