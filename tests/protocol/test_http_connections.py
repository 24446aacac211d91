"""Limits on one HTTP client: connections, time, and work."""

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest
import trustme

from chatserver.app import Server
from chatserver.model import RoomKind
from chatserver.runtime.measure import Measures
from chatserver.web.visitors import Visitors
from tests.protocol.client import ANSWER_SECONDS
from tests.protocol.conftest import Start
from tests.protocol.running import PASSWORD, Running
from tests.protocol.test_plugin_routes import ENABLED
from tests.waiting import until

pytestmark = pytest.mark.long

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close sends a reset


async def visitors(server: Running) -> int:
    async def count(running: Server) -> int:
        assert running._gate is not None
        return running._gate.visitors._count

    return await server.run(count)


async def counts_visitors(server: Running, count: int) -> None:
    """Wait until the server counts so many, as it notices ends a little later."""

    async def is_reached() -> bool:
        return await visitors(server) == count

    await until(is_reached)


async def dropped(server: Running) -> float:
    async def count(running: Server) -> float:
        return sum(running.service.hub.outlet.dropped.values.values())

    return await server.run(count)


@contextmanager
def silent(
    server: Running, request: bytes, tls: ssl.SSLContext | None = None
) -> Iterator[socket.socket]:
    """A client that asks, and reads nothing."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(("127.0.0.1", server.port))
    with closing(tls.wrap_socket(plain, server_hostname="localhost") if tls else plain) as client:
        client.setblocking(True)
        client.sendall(request)
        yield client


async def big_page(server: Running, fields: str = "") -> bytes:
    """A request whose answer has 300 KB."""

    async def write(running: Server) -> str:
        service = running.service
        user, token = await service.accounts.register("anna", PASSWORD, None, "127.0.0.1")
        room = await service.rooms.create(user, RoomKind.PUBLIC, "r", "", [])
        for number in range(40):
            await service.messages.post(user, room, str(number), "x" * 8000, None)
        path = f"/api/v1/rooms/{room.id}/messages"
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"

    return (await server.run(write) + fields + "\r\n").encode()


@pytest.mark.parametrize("way", ["short", "long", "tls", "static"])
async def test_a_client_that_reads_nothing_is_cut_off(
    start: Start, way: str, tmp_path: Path, authority: trustme.CA
) -> None:
    settings: dict[str, object] = {"limits.slow_seconds": 1.0}
    tls = None
    if way == "tls":
        settings |= certificate(tmp_path, authority)
        tls = ssl.create_default_context()
        authority.configure_trust(tls)
    if way == "static":
        (tmp_path / "index.html").write_bytes(b"x" * 20_000_000)
        settings["server.static"] = str(tmp_path)
    server = start(settings)
    if way == "static":
        request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    else:
        request = await big_page(server, "Accept-Charset: x\r\n" if way == "long" else "")
    before = await dropped(server)
    await asyncio.gather(*(is_cut_off(server, request * 60, tls) for _ in range(3)))
    assert await dropped(server) == before + 3
    await counts_visitors(server, 0)


def certificate(folder: Path, authority: trustme.CA) -> dict[str, object]:
    """The settings of a server that speaks TLS."""
    made = authority.issue_cert("localhost")
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    key.write_bytes(made.private_key_pem.bytes())
    return {"server.tls_certificate": str(chain), "server.tls_key": str(key)}


async def is_cut_off(server: Running, request: bytes, tls: ssl.SSLContext | None) -> None:
    """Returns when the server has cut the client off."""

    def wait() -> None:
        with silent(server, request, tls) as client:
            deadline = time.monotonic() + ANSWER_SECONDS
            while not client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                assert time.monotonic() < deadline, "nobody cut it off"
                time.sleep(0.02)

    await asyncio.to_thread(wait)


async def test_a_client_that_reads_slowly_but_steadily_gets_all(start: Start) -> None:
    server = start({"limits.slow_seconds": 1.0})
    request = await big_page(server)
    request = request * 2 + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    def read() -> int:
        received = bytearray()
        with silent(server, request) as client:
            while data := client.recv(32768):
                received += data
                time.sleep(0.02)
        return received.count(b"HTTP/1.1 200 ")

    assert await asyncio.to_thread(read) == 3


LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def asked(server: Running, source: str = "127.0.0.1") -> AsyncIterator[bytes]:
    """The head of an answer, with its connection kept."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, local_addr=(source, 0))
    try:
        writer.write(LIVE)
        yield await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()


def status(head: bytes) -> int:
    return int(head.split()[1])


async def test_an_address_has_so_many_connections_and_others_are_not_touched(start: Start) -> None:
    server = start({"limits.http_connections_per_address": 3, "limits.header_seconds": 60.0})
    async with AsyncExitStack() as stack:
        for _ in range(3):
            assert status(await stack.enter_async_context(asked(server))) == 200
        assert status(await stack.enter_async_context(asked(server))) == 503
        assert status(await stack.enter_async_context(asked(server, "127.0.0.2"))) == 200
    await counts_visitors(server, 0)
    async with asked(server) as head:
        assert status(head) == 200


def test_one_address_gets_half_of_the_descriptors_and_all_together_no_more() -> None:
    visitors = Visitors(1000, 1000, Measures())

    def has_room(address: str, others: int = 0) -> bool:
        return visitors.has_room(address, is_proxy=False, others=others, descriptors=10)

    for _ in range(5):
        assert has_room("192.0.2.1")
        visitors.enter("192.0.2.1")
    assert not has_room("192.0.2.1")
    assert has_room("192.0.2.2", others=4) and not has_room("192.0.2.2", others=5)
    for number in range(5):
        assert has_room(f"2001:db8::{number}")
        visitors.enter(f"2001:db8::{number}")  # one /64 counts as one address
    assert not has_room("192.0.2.2")
    for number in range(5):
        visitors.leave(f"2001:db8::{number}")
        visitors.leave("192.0.2.1")
    assert visitors._from == {} and has_room("192.0.2.1", others=9)


async def test_a_trusted_proxy_speaks_for_many_up_to_the_sum(start: Start) -> None:
    server = start(
        {
            "limits.http_connections_per_address": 1,
            "limits.http_connections": 4,
            "server.trusted_proxies": ["127.0.0.1"],
        }
    )
    async with AsyncExitStack() as stack:
        heads = [await stack.enter_async_context(asked(server)) for _ in range(6)]
    assert [status(head) for head in heads] == [200] * 4 + [503] * 2
    assert b"Retry-After: 1\r\n" in heads[-1] and b"Connection: close\r\n" in heads[-1]


async def test_sockets_are_not_counted_as_requests(start: Start) -> None:
    server = start({"limits.http_connections_per_address": 2})
    anna = await server.person("anna")
    async with anna.connect() as a, anna.connect() as b, anna.connect() as c:
        for client in (a, b, c):
            await client.ok("ping")
        assert await visitors(server) == 0


async def test_a_stream_is_counted_once_and_its_connection_again_behind_it(start: Start) -> None:
    server = start(ENABLED)
    for way, end, counted in (("waits", b"two\n", 0), ("ends", b"\r\n0\r\n\r\n", 1)):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"GET /door/stream?way={way} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reader.readuntil(end)
        await counts_visitors(server, counted)
        writer.close()
        await counts_visitors(server, 0)


@pytest.mark.parametrize(
    "request_line, wanted, code",
    [
        ("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n", 414, "request.uri_too_long"),
        ("GET / HTTP/1.1\r\nHost: x\r\nX-A: {long}\r\n\r\n", 431, "request.header_too_large"),
        (
            "GET / HTTP/1.1\r\nHost: x\r\n" + "A: b\r\n" * 200 + "\r\n",
            431,
            "request.header_too_large",
        ),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: ²\r\n\r\n", 400, "request.invalid"),
        ("GET /?" + "a=1&" * 2000 + " HTTP/1.1\r\nHost: x\r\n\r\n", 400, "request.invalid"),
        (
            "POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0x5\r\n",
            400,
            "request.invalid",
        ),
        ("GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505, "request.version"),
    ],
)
async def test_a_head_that_is_refused_is_told_why(
    server: Running, request_line: str, wanted: int, code: str
) -> None:
    answer = await server.raw(request_line.replace("{long}", "x" * 20_000).encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status(head) == wanted
    assert f'"code":"{code}"'.encode() in body
    assert b"\r\nConnection: close" in head and b"\r\nX-Content-Type-Options: nosniff" in head


@pytest.mark.parametrize(
    "key", ["abc", "", "x" * 24, "AAAAAAAAAAAAAAAAAAAAAB==", "AAAAAAAAAAAAAAAAAAAAAA="]
)
async def test_an_upgrade_needs_a_key_of_16_bytes(server: Running, key: str) -> None:
    answer = await server.raw(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key.encode() + b"\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 400 "), answer


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()


async def test_an_upgrade_that_is_cut_off_is_no_error(start: Start) -> None:
    server = start()
    anna = await server.person("anna")
    head = (
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Authorization: Bearer {anna.token}\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()

    async def slow(running: Server) -> None:
        authenticator = running.service.accounts._authenticator
        session = authenticator.session

        async def look(token: str) -> str | None:
            await asyncio.sleep(0.05)
            return await session(token)

        authenticator.session = look  # type: ignore[method-assign]

    await server.run(slow)
    for _ in range(10):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(head)
        reset(client)
    async with anna.connect() as there:
        await there.ok("ping")
    await counts_visitors(server, 0)
    assert server.take_errors() == []


async def test_requests_of_a_client_that_is_gone_are_not_done(start: Start) -> None:
    server = start()
    anna = await server.person("anna")
    room = (await anna.http("POST", "/api/v1/rooms", {"name": "r"})).json()["id"]

    def post(number: int) -> bytes:
        body = f'{{"client_id":"{number}","body":"x"}}'
        return (
            f"POST /api/v1/rooms/{room}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {anna.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    client = socket.create_connection(("127.0.0.1", server.port))
    client.sendall(b"".join(post(number) for number in range(90)))
    reset(client)
    await counts_visitors(server, 0)
    head = (await anna.http("GET", f"/api/v1/rooms/{room}")).json()["head"]
    assert head < 45, "a client that is gone still sends messages"


async def test_so_many_requests_come_in_a_row_at_most(server: Running) -> None:
    answer = await server.raw(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 250)
    assert answer.count(b"HTTP/1.1 200 ") == 100
    assert answer.count(b"Connection: close") == 1


async def test_a_server_that_stops_does_not_do_all_that_was_sent_ahead(tmp_path: Path) -> None:
    server = Running(tmp_path, {"server.drain_seconds": 0.0}).__enter__()
    anna = await server.person("anna")
    asked: list[str] = []
    first = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def slow(running: Server) -> None:
        authenticator = running.service.accounts._authenticator
        session = authenticator.session

        async def look(token: str) -> str | None:
            asked.append(token)
            loop.call_soon_threadsafe(first.set)
            await asyncio.sleep(0.5)
            return await session(token)

        authenticator.session = look  # type: ignore[method-assign]

    await server.run(slow)
    request = f"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {anna.token}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request.encode() * 90)
    await first.wait()
    await asyncio.to_thread(server.__exit__, None, None, None)
    answers = await reader.read()
    writer.close()
    assert len(asked) <= 2
    assert answers.startswith(b"HTTP/1.1 200 "), "what was begun is answered"
    assert answers.count(b"HTTP/1.1 ") < 90
