"""Frames reach a client at once or in parts, in order, within the bound."""

import asyncio
import gc
import ssl
from collections.abc import Iterator
from typing import NoReturn

import pytest
import trustme
from tornado.ioloop import IOLoop
from ws_client import Client, SecureClient, close, frame, text
from ws_server import Recorder, Server

from chatserver.web.websocket import frames


def no_memory(*args: object) -> NoReturn:
    raise MemoryError


async def test_a_small_frame_leaves_at_once(server: Server) -> None:
    client = await Client.connect(server.port)
    handler = await server.accepted()
    handler.transport.send(frames.text_frame(b"hello"))
    assert handler.transport.buffered == 0
    assert await client.receive() == (0x81, b"hello")
    client.drop()


async def test_large_frames_arrive_whole_and_in_order(server: Server) -> None:
    client = await Client.connect(server.port, receive_buffer=4096)
    handler = await server.accepted()
    drained = asyncio.Event()
    handler.transport.on_drained = drained.set
    payloads = [bytes((97 + n,)) * (60_000 * n + 1) for n in range(10)]
    for payload in payloads:
        handler.transport.send(frames.text_frame(payload))
        handler.transport.send(frames.text_frame(b"-"))
    assert handler.transport.buffered > 200_000
    for payload in payloads:
        assert await client.receive() == (0x81, payload)
        assert await client.receive() == (0x81, b"-")
    async with asyncio.timeout(60):
        await drained.wait()
    assert handler.transport.buffered == 0
    client.drop()


async def test_a_frame_that_cannot_be_kept_ends_the_connection(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel has taken a part of it: nothing can follow."""
    client = await Client.connect(server.port, receive_buffer=4096)
    handler = await server.accepted()
    data = frames.text_frame(b"x" * 4_000_000)
    monkeypatch.setattr("chatserver.web.websocket.outbox.deque", no_memory)
    handler.transport.send(data)
    assert handler.ended.is_set()
    client.drop()


async def test_a_connection_closes_even_if_the_close_frame_cannot_be_sent(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await Client.connect(server.port)
    handler = await server.accepted()
    monkeypatch.setattr(frames, "close_frame", no_memory)
    handler.transport.close(4400, "no memory")
    assert handler.ends == [(4400, "no memory")]
    client.drop()


async def test_data_that_cannot_be_buffered_ends_the_connection(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No frame of a client may be skipped."""
    client = await Client.connect(server.port)
    handler = await server.accepted()
    monkeypatch.setattr(frames.FrameReader, "feed", no_memory)
    await client.send(text("a"))
    async with asyncio.timeout(60):
        await handler.ended.wait()
    assert handler.messages == []
    client.drop()


async def test_frames_for_a_client_that_never_reads_are_held(server: Server) -> None:
    client = await Client.connect(server.port, receive_buffer=4096)
    handler = await server.accepted()
    sent = 0
    data = frames.text_frame(b"x" * 10_000)
    while handler.transport.buffered < 1 << 20:
        handler.transport.send(data)
        sent += len(data)
        await asyncio.sleep(0)
    assert handler.transport.buffered <= min(sent, (1 << 20) + len(data))
    # The same object waits again and again; nothing is copied.
    assert sum(one is data for one in gc.get_referents(handler.transport._outbox._queue)) > 50
    client.drop()


async def test_pongs_keep_their_place(server: Server) -> None:
    server.on_text = lambda handler, payload: handler.transport.send(frames.text_frame(payload))
    client = await Client.connect(server.port)
    await client.send(text("a") + frame(0x89, b"1") + text("b") + frame(0x89, b"2") + text("c"))
    got = [await client.receive() for _ in range(5)]
    assert got == [(0x81, b"a"), (0x8A, b"1"), (0x81, b"b"), (0x8A, b"2"), (0x81, b"c")]
    client.drop()


async def test_the_latest_ping_is_answered_after_a_jam(server: Server) -> None:
    client = await Client.connect(server.port, receive_buffer=4096)
    handler = await server.accepted()
    large = b"x" * 800_000
    handler.transport.send(frames.text_frame(large))
    await client.send(frame(0x89, b"1") + frame(0x89, b"2") + text("sent"))
    await handler.received(1)
    assert await client.receive() == (0x81, large)
    assert await client.receive() == (0x8A, b"2")
    client.drop()


async def test_sending_to_a_lost_client_closes(server: Server) -> None:
    client = await Client.connect(server.port)
    handler = await server.accepted()
    client.drop()
    async with asyncio.timeout(60):
        while not handler.transport.closed:
            handler.transport.send(frames.text_frame(b"x" * 100_000))
            await asyncio.sleep(0)
    handler.transport.send(frames.text_frame(b"x"))
    handler.transport.close(1000)
    assert handler.transport.buffered == 0
    assert handler.ends == [(None, None)]


async def test_nothing_follows_a_close_frame(server: Server) -> None:
    client = await Client.connect(server.port)
    handler = await server.accepted()
    handler.transport.close(4408, "slow")
    handler.transport.send(frames.text_frame(b"late"))
    handler.transport.write_ping(b"late")
    await client.send(frame(0x89, b"late"))
    assert await client.receive() == (0x88, b"\x11\x38slow")
    await client.send(close(4408))
    await client.ended()
    client.drop()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure_server(io_loop: IOLoop, authority: trustme.CA) -> Iterator[Server]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def start() -> Server:
        return Server(context)

    server = io_loop.run_sync(start)
    yield server
    server.stop()


async def test_tls(secure_server: Server, authority: trustme.CA) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)

    def echo_thrice(handler: Recorder, payload: bytes) -> None:
        for _ in range(3):
            handler.transport.send(frames.text_frame(payload))

    secure_server.on_text = echo_thrice
    client = await SecureClient.connect_securely(secure_server.port, context)
    handler = await secure_server.accepted()
    drained = asyncio.Event()
    handler.transport.on_drained = drained.set
    for payload in ("small", "x" * 60_000):
        await client.send(text(payload) + frame(0x89, b"?"))
        for _ in range(3):
            assert await client.receive() == (0x81, payload.encode())
        assert await client.receive() == (0x8A, b"?")
    large = b"x" * 1_000_000
    handler.transport.send(frames.text_frame(large))
    assert handler.transport.buffered > 0
    assert await client.receive() == (0x81, large)
    async with asyncio.timeout(60):
        await drained.wait()
    assert handler.transport.buffered == 0
    handler.transport.pause_reading()
    await client.send(text("held"))
    await asyncio.sleep(0.1)
    assert b"held" not in handler.messages
    handler.transport.resume_reading()
    for _ in range(3):
        assert await client.receive() == (0x81, b"held")
    await client.send(close(1000))
    assert await client.receive() == (0x88, b"\x03\xe8")
    await client.ended()
    assert handler.ends == [(1000, "")]
    client.drop()


async def test_tls_violation_and_loss(secure_server: Server, authority: trustme.CA) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    client = await SecureClient.connect_securely(secure_server.port, context)
    await client.send(frame(0x81, b"x", masked=False))
    assert (await client.receive())[1][:2] == b"\x03\xea"
    client.drop()
    lost = await SecureClient.connect_securely(secure_server.port, context)
    await secure_server.accepted()
    handler = await secure_server.accepted()
    lost.drop()
    async with asyncio.timeout(60):
        await handler.ended.wait()
    handler.transport.send(frames.text_frame(b"x"))
    assert handler.ends == [(None, None)]
