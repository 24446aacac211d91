"""A server leaves, as another process has its port: who is connected notices nothing but the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.protocol.conftest import Start
from tests.protocol.running import Running
from tests.waiting import until

LEAVE_SECONDS = 60.0
Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def leaving(server: Running, *, hurry: bool = False) -> AsyncIterator[None]:
    """The server leaves within the block, and has left at its end."""

    async def begin() -> "asyncio.Task[None]":
        task = asyncio.create_task(server.server.drain(LEAVE_SECONDS, hurry=hurry))
        await asyncio.sleep(0)
        assert server.server._gate is not None
        assert server.server._gate.leaving
        return task

    task = await server.run(lambda node: begin())
    yield
    await server.run(lambda node: asyncio.wait([task]))


async def connection(server: Running) -> Pipe:
    """A connection that the server has accepted."""
    front = server.server._fronts[0]
    before = set(front._connections)
    opened = await asyncio.open_connection("127.0.0.1", server.port)
    await until(lambda: set(front._connections) - before)
    return opened


async def ask(pipe: Pipe, path: str, *headers: str) -> bytes:
    """The head of the answer to a GET."""
    reader, writer = pipe
    head = "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers])
    writer.write(f"{head}\r\n\r\n".encode())
    return await reader.readuntil(b"\r\n\r\n")


async def test_each_connection_is_answered_once_more_and_closed(start: Start) -> None:
    server = start({"server.drain_seconds": 0.0})
    anna = await server.person("anna")
    token = f"Authorization: Bearer {anna.token}"
    fresh, used = await connection(server), await connection(server)
    await ask(used, "/health/live")
    await used[0].readuntil(b"}")
    async with leaving(server):
        with pytest.raises(ConnectionRefusedError):
            await connection(server)
        for pipe, path in ((fresh, "/api/v1/rooms"), (used, "/health/ready")):
            head = await ask(pipe, path, token)
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"\r\nConnection: close\r\n" in head
            await pipe[0].read()  # to its end
            pipe[1].close()


async def test_no_connection_is_taken_while_clients_still_move(start: Start) -> None:
    server = start({"server.drain_seconds": 1.0})
    anna = await server.person("anna")
    async with anna.connect() as client, leaving(server):
        with pytest.raises(ConnectionRefusedError):
            await connection(server)
        assert (await client.notice())["sys"] == "drain"
        assert await client.closed() == 4301


async def test_in_a_hurry_idle_connections_are_closed(start: Start) -> None:
    server = start({"server.drain_seconds": 0.0, "limits.header_seconds": 3600.0})
    reader, writer = await connection(server)
    async with leaving(server, hurry=True):
        assert await reader.read() == b""
    writer.close()


async def test_a_socket_that_opens_late_is_sent_on(start: Start) -> None:
    server = start({"server.drain_seconds": 0.0})
    pipe = await connection(server)
    async with leaving(server):
        upgrade = [
            *("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
            *("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: chat.v1"),
        ]
        assert (await ask(pipe, "/ws", *upgrade)).startswith(b"HTTP/1.1 101 ")
        end = await pipe[0].readexactly(4)
        assert (end[0] & 0x0F, int.from_bytes(end[2:4], "big")) == (8, 4301)
        pipe[1].close()
