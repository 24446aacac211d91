"""Closing handshakes, and peers that take no part in them."""

import asyncio

import pytest
from ws_client import Client, close, frame, text
from ws_server import Recorder, Server

from chatserver.web.websocket import frames, transport
from chatserver.web.websocket.heartbeat import Heartbeat


async def ended(handler: Recorder) -> list[tuple[int | None, str | None]]:
    async with asyncio.timeout(60):
        await handler.ended.wait()
    return handler.ends


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
async def test_the_client_closes(server: Server, code: int) -> None:
    client = await Client.connect(server.port)
    handler = await server.accepted()
    await client.send(close(code, "bye") + text("late"))
    assert await client.receive_close() == code
    assert await ended(handler) == [(code, "bye")]
    assert not handler.messages
    assert handler.transport.closed
    assert handler.transport.handler is None  # no cycle is left behind
    client.drop()


async def test_the_client_closes_without_a_code(server: Server) -> None:
    client = await Client.connect(server.port)
    handler = await server.accepted()
    await client.send(frame(0x88))
    assert await client.receive_close() is None
    assert await ended(handler) == [(None, "")]
    client.drop()


async def test_the_server_closes_behind_waiting_frames(server: Server) -> None:
    client = await Client.connect(server.port, receive_buffer=4096)
    handler = await server.accepted()
    large = b"x" * 800_000
    handler.transport.send(frames.text_frame(large))
    assert handler.transport.buffered
    handler.transport.close(4409, "moved")
    assert handler.transport.closed
    assert await client.receive() == (0x81, large)
    assert await client.receive() == (0x88, b"\x11\x39moved")
    await client.send(close(4409))
    await client.ended()
    assert await ended(handler) == [(4409, "moved")]
    client.drop()


async def test_messages_are_delivered_until_the_peer_closes(server: Server) -> None:
    client = await Client.connect(server.port)
    handler = await server.accepted()
    handler.transport.close(1001)
    await client.send(text("under way") + close(1001))
    await client.ended()
    assert handler.messages == [b"under way"]
    client.drop()


@pytest.mark.parametrize("jammed", [False, True])
async def test_a_peer_that_does_not_answer_is_dropped(
    server: Server, monkeypatch: pytest.MonkeyPatch, jammed: bool
) -> None:
    monkeypatch.setattr(transport, "CLOSE_TIMEOUT", 0.2)
    client = await Client.connect(server.port, receive_buffer=4096)
    handler = await server.accepted()
    if jammed:
        handler.transport.send(frames.text_frame(b"x" * 800_000))
    handler.transport.close(1001)
    assert await ended(handler) == [(1001, "")]
    await client.ended()
    client.drop()


async def test_a_peer_that_never_hangs_up_is_dropped(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "CLOSE_TIMEOUT", 0.2)
    client = await Client.connect(server.port)
    handler = await server.accepted()
    await client.send(frame(0x83))
    assert await client.receive_close() == 1002
    await ended(handler)
    async with asyncio.timeout(60):
        while handler.transport._socket is not None:  # nothing is told when it goes
            await asyncio.sleep(0.01)
    client.drop()


async def test_a_lost_connection_is_told_once(server: Server) -> None:
    client = await Client.connect(server.port)
    handler = await server.accepted()
    client.drop()
    assert await ended(handler) == [(None, None)]


@pytest.mark.parametrize("paused", [False, True])
async def test_closing_in_open(server: Server, paused: bool) -> None:
    def refuse(handler: Recorder) -> None:
        if paused:
            handler.transport.pause_reading()
        handler.transport.send(frames.text_frame(b"no"))
        handler.transport.close(4401, "who")
        handler.transport.resume_reading()

    server.on_open = refuse
    client = await Client.connect(server.port)
    assert await client.receive() == (0x81, b"no")
    assert await client.receive() == (0x88, b"\x11\x31who")
    await client.send(close(4401))
    await client.ended()
    client.drop()


async def test_a_failing_open_closes(server: Server) -> None:
    def fail(handler: Recorder) -> None:
        raise ZeroDivisionError

    server.on_open = fail
    client = await Client.connect(server.port)
    assert await client.receive_close() == 1011
    assert [type(error) for error in server.exceptions] == [ZeroDivisionError]
    client.drop()


async def test_the_heartbeat_drops_the_silent_and_keeps_the_others(server: Server) -> None:
    server.heartbeat = Heartbeat(0.2)
    server.heartbeat.start()
    # It never answers, as one that is gone without a FIN.
    silent, alive = await Client.connect(server.port), await Client.connect(server.port)
    silent_handler, alive_handler = await server.accepted(), await server.accepted()
    while not silent_handler.ended.is_set():
        first, payload = await alive.receive()
        assert first == 0x89
        await alive.send(frame(0x8A, payload))
    assert silent_handler.ends == [(None, None)]
    assert not alive_handler.ended.is_set()
    silent.drop()
    alive.drop()


async def test_the_heartbeat_notices_that_a_paused_peer_has_gone(server: Server) -> None:
    server.heartbeat = Heartbeat(0.1)
    server.heartbeat.start()
    client = await Client.connect(server.port)
    handler = await server.accepted()
    handler.transport.pause_reading()
    await asyncio.sleep(0.5)
    assert not handler.ended.is_set()
    client.drop()
    assert await ended(handler) == [(None, None)]


async def test_a_closed_connection_leaves_the_heartbeat(server: Server) -> None:
    server.heartbeat = Heartbeat(60)
    client = await Client.connect(server.port)
    handler = await server.accepted()
    await client.send(close(1000))
    await ended(handler)
    assert not any(server.heartbeat._slices)
    client.drop()
