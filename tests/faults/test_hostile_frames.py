"""Faults 20 and 21: frames too large, too many, too long, and compressed ones, before and after auth."""

import asyncio
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.figures import record
from tests.faults.raw import Guest, frame
from tests.faults.scale import IS_LONG
from tests.faults.server import ChatServer

FRAMES, BOMBS = "20 hostile frames", "21 compression bombs"
MOST_GROWTH = 16 << 20
MOST_WAIT_SECONDS = 1 if IS_LONG else 60  # the machine of a short run may be busy
OFFER = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
BOMB_SIZE = 64 << 20


@pytest.fixture(params=["before auth", "signed in"])
def credentials(request: pytest.FixtureRequest, token: str) -> str:
    return token if request.param == "signed in" else ""


@pytest.fixture(autouse=True)
def memory_stays(shared_server: ChatServer) -> Iterator[None]:
    before = shared_server.memory()
    yield
    assert shared_server.memory() - before < MOST_GROWTH


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(frame(0x81, b"x" * (1 << 20)), 1009, id="a MiB in one frame"),
        pytest.param(struct.pack("!BBQ", 0x81, 0xFF, 1 << 63), 1002, id="length 2^63"),
        pytest.param(struct.pack("!BBQ", 0x81, 0xFF, (1 << 63) - 1), 1009, id="length 2^63 - 1"),
        pytest.param(frame(0x89, b"x" * 126), 1002, id="a ping too long"),
        pytest.param(frame(0x81, b"{}", masked=False), 1002, id="not masked"),
    ],
)
async def test_such_a_frame_ends_its_connection_alone(
    server: ChatServer, credentials: str, data: bytes, code: int
) -> None:
    guest = await Guest.enter(server, credentials)
    await guest.try_send(data + b"\0" * 4)
    assert await guest.close_code() == code
    guest.drop()


async def test_a_million_empty_fragments_are_too_big(server: ChatServer, credentials: str) -> None:
    guest = await Guest.enter(server, credentials)
    fragments = frame(0x00) * 1000
    await guest.send(frame(0x01))
    for _ in range(1000):
        if not await guest.try_send(fragments):
            break
    assert await guest.close_code() == 1009
    guest.drop()


async def test_100_000_pings_hold_nobody_up(server: ChatServer, token: str) -> None:
    flooder, other = await Guest.enter(server), await Guest.enter(server, token)
    before = server.memory()
    pings = frame(0x89, b"x" * 125) * 1000

    async def flood() -> None:
        for _ in range(100):
            await flooder.try_send(pings)

    flooding = asyncio.create_task(flood())
    waits = []
    while not flooding.done():
        began = time.perf_counter()
        await other.ask(op="ping")
        waits.append(time.perf_counter() - began)
    await flooding
    growth = server.memory() - before
    record(FRAMES, "100,000 pings, never read: another's longest wait", f"{max(waits):.3f} s")
    record(FRAMES, "100,000 pings, never read: memory", f"{growth / (1 << 20):.1f} MiB")
    assert max(waits) < MOST_WAIT_SECONDS
    for client in (flooder, other):
        client.drop()


# -- compression ---------------------------------------------------------------------------------


def deflated(data: bytes) -> bytes:
    """As permessage-deflate has it (RFC 7692, 7.2.1)."""
    packer = zlib.compressobj(9, wbits=-15)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


async def test_compression_that_was_not_agreed_is_refused(
    server: ChatServer, credentials: str
) -> None:
    guest = await Guest.enter(server, credentials, headers=OFFER)
    assert "sec-websocket-extensions" not in guest.response.lower()
    await guest.try_send(frame(0xC1, deflated(b"x" * BOMB_SIZE)))
    assert await guest.close_code() == 1002
    guest.drop()


@pytest.fixture(scope="module")
def compressing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    folder = tmp_path_factory.mktemp("compressing")
    with ChatServer(folder, store="memory", delivery__compression="true") as server:
        yield server


@pytest.mark.parametrize("is_signed_in", [False, True])
async def test_a_bomb_is_not_unpacked(compressing: ChatServer, is_signed_in: bool) -> None:
    bomb = deflated(b"x" * BOMB_SIZE)
    token = compressing.register("bomber") if is_signed_in else ""
    before = compressing.memory()
    for _ in range(20):
        guest = await Guest.enter(compressing, token, headers=OFFER)
        assert "permessage-deflate" in guest.response.lower()
        await guest.try_send(frame(0xC1, bomb[:60000]))
        assert await guest.close_code() == 1009
        guest.drop()
    growth = compressing.memory() - before
    who = "signed in" if is_signed_in else "before auth"
    record(BOMBS, f"20 bombs of 60 MiB, {who}: memory", f"{growth / (1 << 20):.1f} MiB")
    assert growth < MOST_GROWTH
    assert compressing.errors() == []


def test_a_compressed_http_body_is_not_unpacked(server: ChatServer) -> None:
    packer = zlib.compressobj(9, wbits=31)
    body = packer.compress(b'{"username": "' + b"x" * BOMB_SIZE) + packer.flush()
    answer = httpx.post(
        server.url + "/api/v1/login",
        content=body[:60000],
        headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
    )
    assert answer.status_code in (400, 415)


def test_an_http_body_over_the_limit_is_refused(server: ChatServer, tmp_path: Path) -> None:
    headers = {"Content-Type": "application/json"}
    try:
        answer = httpx.post(server.url + "/api/v1/login", content=b"x" * (8 << 20), headers=headers)
    except httpx.TransportError:
        return  # it was cut while it was sent
    assert answer.status_code in (400, 413)
