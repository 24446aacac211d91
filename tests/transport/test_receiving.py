"""The server's handling of the bytes of its clients."""

import asyncio
import contextlib
import struct
from time import thread_time

import psutil
import pytest
from ws_client import Client, close, frame, text
from ws_server import Recorder, Server

from chatserver.web.websocket import deflate, frames
from chatserver.web.websocket.transport import Limits
from tests.effort import bound, without_collector


def echo(handler: Recorder, payload: bytes) -> None:
    handler.transport.send(frames.text_frame(payload))


async def test_frames_behind_the_handshake_are_not_lost(server: Server) -> None:
    server.on_text = echo
    client = await Client.connect(server.port, early=text("first") + text("second")[:3])
    assert await client.receive() == (0x81, b"first")
    client.drop()


async def test_one_byte_at_a_time(server: Server) -> None:
    server.on_text = echo
    client = await Client.connect(server.port)
    for byte in text("grüße") + frame(0x01, b"a") + frame(0x89, b"p") + frame(0x80, b"b" * 130):
        await client.send(bytes((byte,)))
    assert await client.receive() == (0x81, "grüße".encode())
    assert await client.receive() == (0x8A, b"p")
    assert await client.receive() == (0x81, b"a" + b"b" * 130)
    client.drop()


async def test_a_message_that_does_not_get_complete_is_not_waited_for(server: Server) -> None:
    server.limits = Limits(message_seconds=0.2)
    beginnings = (frame(0x81, b"x" * 9)[:1], frame(0x81, b"x" * 9)[:8], frame(0x01, b"x"))
    for beginning in beginnings:
        client = await Client.connect(server.port)
        await client.send(beginning)
        assert await client.receive_close() == 1008
        client.drop()


async def test_each_message_has_its_own_time(server: Server) -> None:
    """A fast client's reads commonly end in the middle of some message."""
    server.limits = Limits(message_seconds=1.0)
    server.on_text = echo
    client = await Client.connect(server.port)
    rest = b""
    for _ in range(10):
        whole = text("a" * 20)
        await client.send(rest + whole[:10])
        rest = whole[10:]
        await asyncio.sleep(0.15)
    await client.send(rest)
    for _ in range(10):
        assert await client.receive() == (0x81, b"a" * 20)
    await asyncio.sleep(1.1)
    await client.send(text("b"))
    assert await client.receive() == (0x81, b"b")
    client.drop()


async def test_many_frames_in_one_segment_keep_their_order(server: Server) -> None:
    server.on_text = echo
    client = await Client.connect(server.port)
    await client.send(b"".join(text(str(number)) for number in range(1000)))
    for number in range(1000):
        assert await client.receive() == (0x81, str(number).encode())
    client.drop()


VIOLATIONS = {
    "unmasked": (frame(0x81, b"x", masked=False), 1002),
    "reserved bit": (frame(0xC1, b"x"), 1002),
    "reserved opcode": (frame(0x83), 1002),
    "fragmented ping": (frame(0x09), 1002),
    "nothing to continue": (frame(0x80), 1002),
    "2^63 bytes": (struct.pack("!BBQ", 0x82, 0xFF, 1 << 63) + bytes(4), 1002),
    "not UTF-8": (frame(0x81, b"\xc3"), 1007),
    "too big": (frame(0x81, b"x" * 65537), 1009),
    "close code of one byte": (frame(0x88, b"\x03"), 1002),
    "reserved close code": (close(1005), 1002),
    "close reason not UTF-8": (frame(0x88, b"\x03\xe8\xff"), 1007),
    "compressed, not negotiated": (frame(0xC1, deflate.compress(b"hello")), 1002),
}


@pytest.mark.parametrize(("wrong", "code"), VIOLATIONS.values(), ids=VIOLATIONS)
async def test_violations_close_with_their_code(server: Server, wrong: bytes, code: int) -> None:
    client = await Client.connect(server.port)
    handler = await server.accepted()
    # More behind it, unread when the server closes, must not reset the connection.
    await client.send(text("before") + wrong + text("behind") * 100)
    assert await client.receive_close() == code
    assert handler.messages == [b"before"]
    assert handler.ends[0][0] == code
    client.drop()


async def test_a_million_empty_fragments_cost_little(server: Server) -> None:
    client = await Client.connect(server.port)
    process = psutil.Process()
    memory = process.memory_info().rss
    with without_collector():
        began = thread_time()
        with contextlib.suppress(OSError):
            await client.send(frame(0x01) + frame(0x00) * 1_000_000)
        await client.ended()
        spent = thread_time() - began
    assert process.memory_info().rss - memory < 20 << 20
    assert spent < bound(2.0)
    client.drop()


async def test_a_flood_of_pings_waits_as_one_pong(server: Server) -> None:
    client = await Client.connect(server.port, receive_buffer=4096)
    handler = await server.accepted()
    # The peer reads nothing, so after a while the kernel takes no more pongs.
    ping = frame(0x89, b"x" * 125)
    await client.send(ping * 100_000)
    await client.send(text("done"))
    await handler.received(1)
    assert handler.transport.buffered < 256
    client.drop()


async def test_other_connections_get_their_turn(server: Server) -> None:
    turns: list[str] = []
    server.on_text = lambda _, payload: turns.append(payload.decode())
    busy, other = await Client.connect(server.port), await Client.connect(server.port)
    await busy.send(text("busy") * 5000 + text("end"))
    await other.send(text("other"))
    for handler, count in ((await server.accepted(), 5001), (await server.accepted(), 1)):
        await handler.received(count)
    assert turns.index("other") < turns.index("end")
    busy.drop()
    other.drop()


async def test_a_paused_transport_delivers_nothing_and_reads_nothing(server: Server) -> None:
    def pause(handler: Recorder, payload: bytes) -> None:
        if payload == b"stop":
            handler.transport.pause_reading()

    server.on_text = pause
    client = await Client.connect(server.port)
    handler = await server.accepted()
    await client.send(text("stop") + text("held") * 3)
    with pytest.raises(TimeoutError):
        while True:  # until nobody takes it any more
            async with asyncio.timeout(0.5):
                await client.send(text("x" * 60000))
    assert handler.messages == [b"stop"]
    handler.transport.resume_reading()
    await handler.received(10)
    assert handler.messages[:5] == [b"stop", b"held", b"held", b"held", b"x" * 60000]
    client.drop()


async def test_a_failing_handler_closes_its_connection(server: Server) -> None:
    def fail(handler: Recorder, payload: bytes) -> None:
        raise ZeroDivisionError

    server.on_text = fail
    client = await Client.connect(server.port)
    await client.send(text("x"))
    assert await client.receive_close() == 1011
    assert [type(error) for error in server.exceptions] == [ZeroDivisionError]
    client.drop()


OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"


async def test_deflate_is_off_by_default(server: Server) -> None:
    client = await Client.connect(server.port, OFFER)
    assert "permessage-deflate" not in client.response
    client.drop()


async def test_deflate_without_context(server: Server) -> None:
    server.limits = Limits(deflate=True)
    client = await Client.connect(server.port, OFFER)
    handler = await server.accepted()
    assert "server_no_context_takeover; client_no_context_takeover" in client.response
    deflated = deflate.compress(b"hello " * 100)
    await client.send(frame(0xC1, deflated) + frame(0x41, deflated[:5]) + frame(0x80, deflated[5:]))
    await client.send(text("plain") + close(1000))
    handler.transport.send(frames.deflated_frame(frames.TEXT, deflated))
    first, payload = await client.receive()
    assert (first, deflate.inflate(payload, 1000)) == (0xC1, b"hello " * 100)
    assert await client.receive_close() == 1000
    assert handler.messages == [b"hello " * 100, b"hello " * 100, b"plain"]
    client.drop()


async def test_a_bomb_is_not_inflated(server: Server) -> None:
    server.limits = Limits(deflate=True)
    client = await Client.connect(server.port, OFFER)
    handler = await server.accepted()
    bomb = deflate.compress(bytes(50 << 20))
    assert len(bomb) < 65536
    memory = psutil.Process().memory_info().rss
    await client.send(frame(0xC1, bomb))
    assert await client.receive_close() == 1009
    assert psutil.Process().memory_info().rss - memory < 5 << 20
    assert not handler.messages
    client.drop()


async def test_broken_compressed_data(server: Server) -> None:
    server.limits = Limits(deflate=True)
    client = await Client.connect(server.port, OFFER)
    await client.send(frame(0xC1, b"\xff\xff\xff"))
    assert await client.receive_close() == 1007
    client.drop()


@pytest.mark.parametrize(
    ("offer", "bits"),
    [
        ("permessage-deflate", 15),
        ("permessage-deflate; server_max_window_bits=10", 10),
        ('permessage-deflate; server_max_window_bits="9"', 9),
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", 15),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; server_max_window_bits=²", None),
        ("permessage-deflate; client_max_window_bits=7", None),
        ("permessage-deflate; server_no_context_takeover=1", None),
        ("permessage-deflate; what=1", None),
        ("permessage-deflate; client_no_context_takeover; client_no_context_takeover", None),
        ("x-webkit-deflate-frame", None),
        ("", None),
    ],
)
def test_negotiation(offer: str, bits: int | None) -> None:
    agreement = deflate.negotiate(offer)
    assert (agreement.window_bits if agreement else None) == bits
