"""Fault 19: many clients that are slow on purpose, with header, body, frame or sign-in.

All are closed in time, however many, whether they send a byte now and then or nothing.
"""

import asyncio
from collections.abc import Iterator

import pytest

from tests.faults.figures import record
from tests.faults.raw import closed_after, frame
from tests.faults.scale import IS_LONG
from tests.faults.server import ChatServer
from tests.transport.ws_client import HANDSHAKE

# In the suite the limits are shortened; a long run has them as they come.
LIMIT = 10 if IS_LONG else 1
MARGIN = 2 if IS_LONG else 8  # the machine of a short run may be busy; unset, limits are 10 s
CLIENTS = 500 if IS_LONG else 50

HEADER = b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nX-Slow: "
BODY = (
    b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: 5000\r\n\r\n"
)
FRAME = frame(0x81, b"x" * 5000)[:10]


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    limits = {f"limits__{what}_seconds": LIMIT for what in ("header", "body", "auth", "frame")}
    with ChatServer(tmp_path_factory.mktemp("server"), store="memory", **limits) as server:
        yield server


async def slow(server: ChatServer, begin: bytes, drip: bytes) -> float:
    """Seconds until this client is rid of; it sends `drip` over and over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(begin)

    async def trickle() -> None:
        while True:
            await asyncio.sleep(LIMIT / 5)
            writer.write(drip)

    trickling = asyncio.create_task(trickle())
    try:
        async with asyncio.timeout(LIMIT + MARGIN):
            return await closed_after(reader)
    finally:
        trickling.cancel()
        writer.transport.abort()


@pytest.mark.parametrize("drip", [b"", b"a"], ids=["silent", "dripping"])
@pytest.mark.parametrize("part", ["header", "body", "frame", "auth"])
async def test_it_is_closed_in_time(server: ChatServer, token: str, part: str, drip: bytes) -> None:
    bearer = f"Authorization: Bearer {token}\r\n"
    begin = {
        "header": HEADER,
        "body": BODY,
        "frame": (HANDSHAKE + bearer + "\r\n").encode() + FRAME,
        "auth": (HANDSHAKE + "\r\n").encode(),
    }[part]
    if part == "auth" and drip:
        drip = frame(0x81, b'{"op":"ping","id":1}')
    seconds = await asyncio.gather(*(slow(server, begin, drip) for _ in range(CLIENTS)))
    how = "dripping" if drip else "silent"
    record(
        f"19 slow {part}, {how}",
        f"{CLIENTS} clients, limit {LIMIT} s: the last one closed after",
        f"{max(seconds):.1f} s",
    )
    assert max(seconds) < LIMIT + MARGIN
