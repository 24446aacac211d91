"""Faults 17 and 18: many connections at once, then all gone: without a word, or cut."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.faults.figures import record
from tests.faults.raw import Guest
from tests.faults.scale import IS_LONG, SCALE
from tests.faults.server import ChatServer

FAULT = "17 connections gone without FIN"
CUT = "18 connections cut at once"
MOST_CUT_SECONDS = 10 if IS_LONG else 60  # the machine of a short run may be busy
MOST_WAIT_SECONDS = 1 if IS_LONG else 60
HEARTBEAT = 1 if IS_LONG else 5  # in which those that are there have to answer
COUNT = SCALE.connections
MOST_EACH = 24 << 10  # what a connection needs; 16 KB when it is idle for long


@asynccontextmanager
async def crowd(
    server: ChatServer, token: str, room: str, count: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process with all the connections open. It is stopped and killed at the end."""
    arguments = [str(server.port), token, room, str(count)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.faults.vanish", *arguments),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(120):
            assert await process.stdout.readline() == b"open %d\n" % count
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def watch(server: ChatServer, token: str, is_late: Callable[[], bool]) -> list[float]:
    """Seconds that other clients wait for an answer, until the server has noticed that all are gone."""
    waits: list[float] = []
    while not waits or server.metric("websocket_connections_active") > 0:
        assert not is_late()
        asked = time.monotonic()
        guest = await Guest.enter(server, token)
        await guest.ask(op="ping")
        waits.append(time.monotonic() - asked)
        guest.drop()
        await asyncio.sleep(0.05)
    return waits


async def test_they_are_noticed_and_cost_nobody_else(tmp_path: Path) -> None:
    settings = {
        "limits__heartbeat_seconds": HEARTBEAT,
        "limits__connections_per_user": COUNT + 10,
        "limits__operations_burst": 4 * COUNT,
    }
    with ChatServer(tmp_path, store="memory", **settings) as server:
        token = server.register("crowd")
        room = server.room(token)
        before = server.memory()
        began = time.monotonic()
        async with crowd(server, token, room, COUNT) as process:
            entered = time.monotonic() - began
            each = (server.memory() - before) / COUNT
            assert server.metric("websocket_connections_active") == COUNT
            process.send_signal(signal.SIGSTOP)
            gone = time.monotonic()
            waits = await watch(server, token, lambda: time.monotonic() - gone > MOST_CUT_SECONDS)
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
        assert max(waits) < MOST_WAIT_SECONDS
        assert server.errors() == []
        assert after - before < COUNT * MOST_EACH


async def test_many_that_are_cut_at_once_cost_nobody_else(tmp_path: Path) -> None:
    """Fault 18; and they come back at once."""
    settings = {
        "limits__connections_per_user": SCALE.cut + 10,
        "limits__operations_burst": 4 * SCALE.cut,
    }
    with ChatServer(tmp_path, store="memory", **settings) as server:
        token = server.register("crowd")
        room = server.room(token)
        async with crowd(server, token, room, SCALE.cut) as process:
            process.kill()
            await process.wait()
            gone = time.monotonic()
            waits = await watch(server, token, lambda: time.monotonic() - gone > MOST_CUT_SECONDS)
            noticed = time.monotonic() - gone
        began = time.monotonic()
        async with crowd(server, token, room, SCALE.cut):
            back = time.monotonic() - began
        record(CUT, f"{SCALE.cut:,} connections: the last one noticed after", f"{noticed:.1f} s")
        record(CUT, "another's longest wait meanwhile, connecting included", f"{max(waits):.3f} s")
        record(CUT, "all of them back, in a process that starts for it", f"{back:.1f} s")
        assert max(waits) < MOST_WAIT_SECONDS
        assert server.errors() == []
