"""Floods: workers that send as fast as they can, from one address of loopback or from many."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.faults.raw import frame
from tests.faults.server import ChatServer
from tests.transport.ws_client import HANDSHAKE

WORKERS = 40
HELD = 30  # connections that a worker of a flood of lasting ones holds
DRIP_SECONDS = 0.3
READERS = 5  # connections that a worker of slow readers holds
PIPELINED = 50  # requests on each
FRAMES = 500  # in one write
DEEP = (
    "{ rooms(first: 50) { nodes { id name members(first: 50) { nodes { user { id name } } } } } }"
)

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Flood:
    """What the workers of one flood share."""

    server: ChatServer
    addresses: Iterator[str]
    tokens: list[str]  # of users who take part, some at each worker
    room: str
    answers: Counter[int] = field(default_factory=Counter)  # by status; 0: cut off without one
    sent: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def connect(self) -> Line:
        """A connection from the next address, which the end of the flood cuts if nothing else does."""
        source = (next(self.addresses), 0)
        self.sent += 1
        line = await asyncio.open_connection("127.0.0.1", self.server.port, local_addr=source)
        self.open.add(line[1])
        return line

    def cut(self, line: Line) -> None:
        self.open.discard(line[1])
        line[1].transport.abort()

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """A connection for the time of a block."""
        line = await self.connect()
        try:
            yield line
        finally:
            self.cut(line)

    async def ask(self, line: Line, request: bytes) -> int:
        """The status of the answer to a request, which may keep the connection."""
        reader, writer = line
        self.sent += 1
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        self.answers[status] += 1
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or b"0"))
        return status

    def token(self) -> str:
        self.tokens.append(self.tokens.pop(0))
        return self.tokens[-1]


Worker = Callable[[Flood], Awaitable[None]]  # one round; it is called again until the flood is over


@asynccontextmanager
async def flooding(flood: Flood, worker: Worker) -> AsyncIterator[None]:
    """The flood goes on while the block runs."""

    async def work() -> None:
        while True:
            try:
                await worker(flood)
            except (OSError, asyncio.IncompleteReadError):
                flood.answers[0] += 1
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(work()) for _ in range(WORKERS)]
    try:
        yield
        assert not any(task.done() for task in tasks), [task for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in flood.open:
            writer.transport.abort()


def one_address() -> Iterator[str]:
    return itertools.repeat("127.9.0.1")


def many_addresses() -> Iterator[str]:
    """Ten thousand addresses, over and over."""
    return itertools.cycle(f"127.9.{high}.{low}" for high in range(1, 41) for low in range(1, 251))


def get(path: str, token: str = "") -> bytes:
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{bearer}\r\n".encode()


def upgrade(token: str = "") -> bytes:
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"{HANDSHAKE}Sec-WebSocket-Protocol: chat.v1\r\n{bearer}\r\n".encode()


def post(path: str, body: object, token: str = "") -> bytes:
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{bearer}"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


async def _hold(flood: Flood, begin: bytes, drip: bytes = b"") -> None:
    """Hold connections that begin so, with a byte now and then; those that the server ends are replaced."""
    mine: list[Line] = []
    while True:
        while len(mine) < HELD:
            mine.append(await flood.connect())
            mine[-1][1].write(begin)
        await asyncio.sleep(DRIP_SECONDS)
        for line in [*mine]:
            if line[0].at_eof() or line[1].is_closing():
                mine.remove(line)
                flood.cut(line)
            elif drip:
                line[1].write(drip)


async def connects(flood: Flood) -> None:
    """Connections that are cut as soon as they are there."""
    flood.cut(await flood.connect())


async def silent_connections(flood: Flood) -> None:
    await _hold(flood, b"")


async def slow_heads(flood: Flood) -> None:
    await _hold(flood, b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"a")


async def slow_bodies(flood: Flood) -> None:
    await _hold(flood, post("/api/v1/login", {"username": "x" * 5000})[:300], b"a")


async def slow_readers(flood: Flood) -> None:
    """They ask for files far ahead, and read nothing."""
    for _ in range(READERS):
        _, writer = await flood.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        flood.sent += PIPELINED
        writer.write(get("/static/app.js") * PIPELINED)
    await asyncio.Event().wait()


async def _requests(flood: Flood, *requests: bytes) -> None:
    async with flood.line() as line:
        for request in requests:
            await flood.ask(line, request)


async def cheap_requests(flood: Flood) -> None:
    await _requests(flood, *[get("/health/live")] * 20)


async def expensive_requests(flood: Flood) -> None:
    """Checks of the store, long pages, and lists."""
    token, room = flood.token(), f"/api/v1/rooms/{flood.room}"
    paths = (
        "/health",
        f"{room}/messages?limit=200",
        f"{room}/events?limit=1000",
        "/api/v1/rooms",
        "/",
    )
    await _requests(flood, *(get(path, token) for path in paths))


async def bad_requests(flood: Flood) -> None:
    await _requests(flood, b"GET / HTTP/9.9\r\nHost: x\r\n\r\n")


async def sockets(flood: Flood) -> None:
    """WebSockets that never sign in."""
    for _ in range(HELD):
        await flood.ask(await flood.connect(), upgrade())
    await asyncio.Event().wait()


async def wrong_tokens(flood: Flood) -> None:
    """WebSockets that sign in with a token that is none."""
    async with flood.line() as line:
        if await flood.ask(line, upgrade()) == 101:
            line[1].write(frame(0x81, b'{"id":1,"op":"auth","token":"06h1.none"}'))
            await line[0].read(4096)


async def frames(flood: Flood) -> None:
    """Operations of signed-in users, far more than they may, whose answers are not waited for."""
    op = json.dumps({"id": 1, "op": "history", "room": flood.room, "limit": 200}).encode()
    ops = frame(0x81, op) * FRAMES
    async with flood.line() as line:
        if await flood.ask(line, upgrade(flood.token())) != 101:
            return
        while not line[0].at_eof():
            flood.sent += FRAMES
            line[1].write(ops)
            await line[1].drain()
            await line[0].read(1 << 20)


async def graphql_queries(flood: Flood) -> None:
    """Long lists within lists, and documents of strangers, each another one."""
    other = {"query": f"{{ me {{ id n{flood.sent}: name }} }}"}
    requests = (post("/graphql", {"query": DEEP}, flood.token()), post("/graphql", other))
    await _requests(flood, *requests)


async def logins(flood: Flood) -> None:
    """Guesses at passwords, each for another account, half of them for ones that exist."""
    names = (f"flooder{flood.sent % len(flood.tokens)}", f"nobody{flood.sent}")
    guesses = ({"username": name, "password": f"guess {flood.sent}"} for name in names)
    await _requests(flood, *(post("/api/v1/login", guess) for guess in guesses))
