"""Fault 17: many connections at once, then all gone without a word."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.faults.figures import record
from tests.faults.raw import Guest
from tests.faults.scale import SCALE
from tests.faults.server import ChatServer

FAULT = "17 connections gone without FIN"
HEARTBEAT = 1
COUNT = SCALE.connections
MOST_EACH = 24 << 10  # what a connection needs; 16 KB when it is idle for long


@asynccontextmanager
async def crowd(
    server: ChatServer, token: str, room: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process with all the connections open. It is stopped and killed at the end."""
    arguments = [str(server.port), token, room, str(COUNT)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.faults.vanish", *arguments),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(120):
            assert await process.stdout.readline() == b"open %d\n" % COUNT
        yield process
    finally:
        process.kill()
        await process.wait()


async def test_they_are_noticed_and_cost_nobody_else(tmp_path: Path) -> None:
    settings = {
        "limits__heartbeat_seconds": HEARTBEAT,
        "limits__connections_per_user": COUNT + 10,
    }
    with ChatServer(tmp_path, store="memory", **settings) as server:
        token = server.register("crowd")
        room = server.room(token)
        before = server.memory()
        began = time.monotonic()
        async with crowd(server, token, room) as process:
            entered = time.monotonic() - began
            each = (server.memory() - before) / COUNT
            assert server.metric("websocket_connections_active") == COUNT
            process.send_signal(signal.SIGSTOP)
            gone = time.monotonic()
            waits = []
            while server.metric("websocket_connections_active") > 0:
                assert time.monotonic() - gone < 10 * HEARTBEAT
                asked = time.monotonic()
                guest = await Guest.enter(server, token)
                await guest.ask(op="ping")
                waits.append(time.monotonic() - asked)
                guest.drop()
                await asyncio.sleep(0.05)
            noticed = time.monotonic() - gone
            process.send_signal(signal.SIGCONT)
        after = server.memory()
        record(FAULT, f"{COUNT:,} connections: all in after", f"{entered:.1f} s")
        record(FAULT, "memory for each", f"{each / 1024:.1f} KiB")
        record(FAULT, f"heartbeat {HEARTBEAT} s: the last one noticed after", f"{noticed:.1f} s")
        record(
            FAULT, "another's longest wait meanwhile, connecting included", f"{max(waits):.3f} s"
        )
        assert each < MOST_EACH
        assert max(waits) < 1
        assert server.errors() == []
        assert after - before < COUNT * MOST_EACH
