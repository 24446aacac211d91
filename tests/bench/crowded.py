"""A server with 100,000 rooms and a million users: python -m tests.bench.crowded [--write].

One process fills a store (SQLite), another one begins with it, so that its memory is that of a server that just started.
Rooms have ten members; one user is in 2,000 of them besides, and one room has 100,000 members. Each line is an action of
the service, done many times, with the longest time for which the event loop stood still meanwhile.
"""

import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import msgspec
import uvloop

from chatserver import Store
from chatserver.app import THREAD_SECONDS, Server
from chatserver.config import load
from chatserver.delivery.subscriber import Subscriber
from chatserver.model import (
    AnyEvent,
    MemberJoined,
    RoomChanged,
    RoomKind,
    RoomRole,
    ServerRole,
    User,
    UserRef,
)
from chatserver.process.collector import Collector
from chatserver.runtime.ids import new_id
from chatserver.service.directory import NAMES, USERS
from chatserver.service.service import Service
from chatserver.testing.running import running
from chatserver.testing.samples import posted
from tests.bench import machine, tables
from tests.bench.measure import percentile

ROOMS, USERS_IN_ALL = 100_000, 1_000_000
IN_ROOM = 10
ACTIVE = 20_000  # rooms with a message after the start
MANY = 2_000  # rooms of one user besides
OF_MANY = USERS_IN_ALL - 1  # that user
CROWD = 100_000  # members of one room
BATCH = 5_000  # events or records at once
FOLLOWED = 1_500  # rooms of one connection: limits.subscriptions
TOGETHER = 50
TIMES = 200
BODY = "x" * 120
RARE, WORD = (
    100,
    "Holiday plans",
)  # rooms with a message of these words, of those of the user in many
WATCHED, WATCHERS = 200, 1_000  # members whose state a connection asks for, and such connections
AT = "2026-01-01T00:00:00.000Z"
MIB = 1 << 20
STEP_SECONDS, REST_SECONDS = 0.001, 0.05
HEAD = ("what", "ms p50 / p99", "longest stop of the loop, ms", "MiB afterwards")
SETTINGS: dict[str, object] = {
    "limits.operations_per_second": 100_000.0,
    "limits.operations_burst": 1_000_000,
    "limits.rooms_per_user": 1_000_000,
    "limits.members_per_room": 1_000_000,
    "logging.level": "warning",
}

_encode = msgspec.json.encode


def user_id(number: int) -> str:
    return f"{number:032x}"


def room_id(number: int) -> str:
    return f"0{number:031x}"


def person(number: int) -> UserRef:
    return UserRef(user_id(number), f"User {number}")


def members_of(number: int) -> range:
    """The users (numbers) in a room: each user is in as many rooms on average as there are members in all."""
    first = number * IN_ROOM % USERS_IN_ALL
    return range(first, first + IN_ROOM)


def described(room: str, name: str, by: int) -> RoomChanged:
    return RoomChanged(room=room, seq=1, at=AT, author=person(by), name=name, kind=RoomKind.PUBLIC)


def joined(room: str, seq: int, user: int, *, is_owner: bool = False) -> MemberJoined:
    role, who = RoomRole.OWNER if is_owner else RoomRole.MEMBER, person(user)
    return MemberJoined(room=room, seq=seq, at=AT, author=who, user=who, role=role)


def room_events(number: int) -> list[AnyEvent]:
    members, room = members_of(number), room_id(number)
    made: list[AnyEvent] = [described(room, f"Room {number}", members[0])]
    made += (joined(room, seq, each, is_owner=seq == 2) for seq, each in enumerate(members, 2))
    if number < MANY:
        made.append(joined(room, len(made) + 1, OF_MANY))
    for _ in range(2):
        made.append(posted(room, len(made) + 1, user_id(members[0]), at=AT))
    if number < MANY and number % (MANY // RARE) == 0:
        made.append(posted(room, len(made) + 1, user_id(members[0]), at=AT, body=WORD))
    return made


async def fill(data: Path) -> None:
    given = {"plugins.enabled": ["sqlite", "password"], "server.data": str(data)}
    async with Server(load(environ={}, overrides=given)).opened() as server:
        await _fill(server.store)


async def _fill(store: Store) -> None:
    await _records(store, USERS, _accounts())
    await _records(store, NAMES, ((f"user{n}", user_id(n).encode()) for n in range(USERS_IN_ALL)))
    events: list[AnyEvent] = []
    for number in range(ROOMS):
        events += room_events(number)
        if len(events) >= BATCH:
            assert (await store.append(events)).conflict is None
            events = []
    assert (await store.append(events)).conflict is None
    room = room_id(ROOMS)
    events = [described(room, "Everybody", 0)]
    events += (joined(room, number + 2, number, is_owner=number == 0) for number in range(CROWD))
    for start in range(0, len(events), BATCH):
        assert (await store.append(events[start : start + BATCH])).conflict is None


def _accounts() -> Iterator[tuple[str, bytes]]:
    for number in range(USERS_IN_ALL):
        account = User(
            id=user_id(number),
            username=f"user{number}",
            name=f"User {number}",
            role=ServerRole.MEMBER,
            at=AT,
        )
        yield account.id, _encode(account)


async def _records(store: Store, space: str, values: Iterable[tuple[str, bytes]]) -> None:
    put_many = getattr(store, "put_many")  # noqa: B009 - optional in the contract; this store has it
    rest = iter(values)
    while part := dict(itertools.islice(rest, BATCH)):
        await put_many(space, part)


class Line(NamedTuple):
    """An action: milliseconds each time, the longest stop of the loop in milliseconds, and memory in bytes afterwards."""

    what: str
    times: Sequence[float]
    stopped: float
    memory: int

    def cells(self) -> list[str]:
        p50, p99 = (percentile(self.times, share) for share in (0.5, 0.99))
        return [
            self.what,
            f"{p50:.1f} / {p99:.1f}",
            f"{self.stopped:.0f}",
            f"{self.memory / MIB:.0f}",
        ]


Call = Callable[[], Awaitable[object]]
Lines = Callable[[str, Iterable[Call]], Awaitable[None]]


class Watch:
    """Measures actions, and notes how long the loop stands still."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._longest = 0.0

    async def run(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(STEP_SECONDS)
            self._longest = max(self._longest, time.perf_counter() - before - STEP_SECONDS)

    async def line(self, what: str, calls: Iterable[Call]) -> None:
        times: list[float] = []
        await asyncio.sleep(REST_SECONDS)
        self._longest = 0.0
        for call in calls:
            began = time.perf_counter()
            await call()
            times.append((time.perf_counter() - began) * 1e3)
            await asyncio.sleep(0)
        await asyncio.sleep(REST_SECONDS)
        self.note(what, times, self._longest * 1e3)

    def note(self, what: str, times: Sequence[float], stopped: float) -> None:
        self.lines.append(Line(what, times, stopped, machine.resident_bytes(os.getpid())))
        print(*self.lines[-1].cells(), sep=" | ", flush=True)


class Nowhere:
    """The transport of a connection that nobody reads."""

    buffered = 0

    def send(self, frames: bytes) -> int:
        return 0

    def close(self, code: int, reason: str) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Visit:
    """Users of a server that is crowded, who are known by their numbers."""

    def __init__(self, service: Service) -> None:
        self._service, self._rooms = service, service.rooms

    async def user(self, number: int) -> User:
        return await self._service.accounts.get(user_id(number))

    async def post(self, room: int) -> None:
        author = await self.user(members_of(room)[0])
        found = await self._rooms.get(room_id(room))
        await self._service.messages.post(author, found, new_id(), BODY)

    async def post_together(self, first: int) -> None:
        await asyncio.gather(*(self.post(first + each) for each in range(TOGETHER)))

    async def join(self, user: User, room: int) -> None:
        await self._rooms.join(user, await self._rooms.get(room_id(room), user))

    async def leave(self, user: User, room: int) -> None:
        await self._rooms.leave(user, await self._rooms.get(room_id(room), user))

    async def connected(self, user: User, rooms: Iterable[str], watched: Sequence[str]) -> None:
        """A connection that follows rooms and asks who of the last one's members is online; it stays."""
        service = self._service
        subscriber = Subscriber(service.connections.outlet, Nowhere(), lambda room: None)
        service.connections.add(subscriber)
        service.connections.sign_in(subscriber, user, user.id)
        await service.following.follow(subscriber, dict.fromkeys(rooms), None)
        if watched:
            *_, last = rooms
            await service.presence.watch(subscriber, user, last, watched)

    async def look(self, watch: Watch) -> None:
        """All lines."""
        rooms, line = self._rooms, watch.line
        await line(
            f"a room of {CROWD:,}, when it is first asked for",
            [partial(self._rooms.get, room_id(ROOMS))],
        )
        users = [await self.user(number) for number in range(0, 10 * TIMES, 10)]
        many = await self.user(OF_MANY)
        await line(
            f"{TOGETHER} messages at once, each in a room of its own, {ACTIVE:,} in all",
            (partial(self.post_together, first) for first in range(0, ACTIVE, TOGETHER)),
        )
        await line("the list of rooms of somebody in 2", (partial(rooms.visible, u) for u in users))
        await line(f"of somebody in {MANY:,}", [partial(rooms.visible, many)])
        await line("the same again", [partial(rooms.visible, many)] * 20)
        await line("the first 50 of these", [partial(rooms.visible, many, limit=50)] * 50)
        await self._look_at_joins(line, users, many)
        found = (partial(rooms.visible, u, text=f"Room 99{n}") for n, u in enumerate(users[:50]))
        await line("public rooms with a text, a page", found)
        await self._look_for_words(line, many)
        await self._look_at_crowd(line)
        await self._look_at_presence(line, many)
        await self._look_as_staff(line)

    async def _look_for_words(self, line: Lines, many: User) -> None:
        find = self._service.search.find
        for what, text in (("many", "text"), ("a few", "Holiday"), ("none", "Kyoto")):
            title = f"search in all rooms of somebody in {MANY:,}, a word of {what}"
            await line(title, [partial(find, many, text)] * 20)

    async def _look_at_presence(self, line: Lines, many: User) -> None:
        room, presence = room_id(ROOMS), self._service.presence
        shown = [user_id(number) for number in range(WATCHED)]
        users = [await self.user(number) for number in range(WATCHED, WATCHED + WATCHERS)]
        await line(
            f"presence: connected, following that room, asking for {WATCHED}",
            (partial(self.connected, user, [room], shown) for user in users),
        )
        one = await self.user(0)
        await line(
            f"somebody connects whom {WATCHERS:,} watch", [partial(self.connected, one, [], [])]
        )
        await line("these are told", [presence.tick])
        followed = [room_id(number) for number in range(FOLLOWED)]
        await line(
            f"somebody in {MANY:,} connects, following {len(followed)} rooms",
            [partial(self.connected, many, followed, [])] * 5,
        )

    async def _look_at_joins(self, line: Lines, users: Sequence[User], many: User) -> None:
        public = RoomKind.PUBLIC
        for who, each in (("somebody", users), (f"somebody in {MANY:,}", [many] * 50)):
            first = MANY + 10 if each[0] is many else ROOMS // 2
            joins = (partial(self.join, user, room) for room, user in enumerate(each, first))
            await line(f"a room joined by {who}", joins)
            makes = (partial(self._rooms.create, u, public, f"New {n}") for n, u in enumerate(each))
            await line(f"a room made by {who}", makes)

    async def _look_at_crowd(self, line: Lines) -> None:
        members, post = self._rooms.members, self._service.messages.post
        room = await self._rooms.get(room_id(ROOMS))
        owner, others = await self.user(0), [await self.user(CROWD + n) for n in range(50)]
        await line(
            "a message there", [partial(post, owner, room, new_id(), BODY) for _ in range(50)]
        )
        await line(
            "all of it mentioned",
            [partial(post, owner, room, new_id(), "@room Tea") for _ in range(5)],
        )
        await line("joined there", (partial(self.join, each, ROOMS) for each in others))
        await line(
            "a page of its members",
            [partial(members, owner, room, user_id(n)) for n in range(0, CROWD, 1000)],
        )
        await line("with a text", [partial(members, owner, room, text="User 9")] * 50)
        await line("left there", (partial(self.leave, each, ROOMS) for each in others))

    async def _look_as_staff(self, line: Lines) -> None:
        await self._service.accounts.add("staff", "a long password", role=ServerRole.OWNER)
        look = self._service.inspect(await self._service.accounts.named("staff"), "127.0.0.1")
        await line("staff: a page of users", [partial(look.users, "", 50)] * 20)
        await line(
            "staff: users with a text, a page", [partial(look.find_users, "user 99999")] * 10
        )
        await line("staff: rooms with a text, a page", [partial(look.find_rooms, "room 9999")] * 10)
        await line(
            f"staff: members of the room of {CROWD:,}",
            [partial(look.members, room_id(ROOMS), "", 50)] * 3,
        )


async def look(data: Path) -> list[Line]:
    """Begin with what `fill` left, and look at it."""
    before, watch = time.perf_counter(), Watch()
    async with running(store="sqlite", settings={**SETTINGS, "server.data": str(data)}) as chat:
        watch.note("start, with the page", [(time.perf_counter() - before) * 1e3], 0)
        collector = Collector()
        collector.start()
        watching = asyncio.ensure_future(watch.run())
        try:
            await Visit(chat.service).look(watch)
        finally:
            watching.cancel()
            collector.stop()
    return watch.lines


def write(lines: Sequence[Line]) -> None:
    rows = [f"| {' | '.join(line.cells())} |" for line in lines]
    table = "\n".join([f"| {' | '.join(HEAD)} |", f"|---{'|--:' * (len(HEAD) - 1)}|", *rows])
    page = tables.PAGE.read_text(encoding="utf-8")
    tables.PAGE.write_text(tables.replaced(page, "crowded", table), encoding="utf-8")


@click.command()
@click.option("--filled", type=click.Path(path_type=Path), hidden=True, help="Look at this store.")
@click.option("--write", "writes", is_flag=True, help="Put the figures into docs/benchmarks.md.")
def main(filled: Path | None, writes: bool) -> None:
    """Fill a store, and measure a server that begins with it, in a process of its own."""
    sys.setswitchinterval(THREAD_SECONDS)  # as the server does
    if filled is not None:
        found = uvloop.run(look(filled))
        if writes:
            write(found)
        return
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as folder:
        uvloop.run(fill(Path(folder)))
        again = [sys.executable, "-m", "tests.bench.crowded", "--filled", folder]
        subprocess.run([*again, *(["--write"] if writes else [])], check=True)


if __name__ == "__main__":
    main()
