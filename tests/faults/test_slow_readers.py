"""Fault 16: a hundred connections that never read, in rooms where much is said.

Windows without and with them take turns, so that both meet the same noise of the machine. What the
hundred cost, they cost in each of theirs: they are live, fall behind and are dropped in it, at the
same message each time. So the best windows are compared, in the short form part by part, of which
the worst counts. More windows are taken where the machine had something else to do.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.crowd import DROPPED, Crowd, Load, Window, kernel_bytes
from tests.faults.figures import record
from tests.faults.raw import Guest, frame
from tests.faults.scale import IS_LONG, SCALE
from tests.faults.server import ChatServer

FAULT = "16 slow readers"
SLOW_SECONDS = 1
MOST_EACH = int(1.1 * (1 << 20))
MOST_IN_KERNEL = 256 << 10  # without a bound it is 2.6 MB
MOST_SLOWER = 1.5
# Seconds; other tests may share the cores with the short form, and not with the long one.
ALLOWANCE = 0 if IS_LONG else 0.010
LEAST_ROUNDS, MOST_ROUNDS = (3, 8) if IS_LONG else (2, 16)
ONE_ROOM = (
    Load(rooms=1, clients=20, rate=100, size=5000, seconds=8, parts=1)
    if IS_LONG
    else Load(rooms=1, clients=20, rate=100, size=5000, seconds=2, parts=8)
)
# Each of the hundred gets 4 messages a second, of which 400 KB are needed until it is behind.
MANY_ROOMS = Load(rooms=50, clients=200, rate=200, size=20000, seconds=12, parts=1)


def worst_part(windows: Sequence[Window]) -> float:
    """The p99, in seconds, of the worst part, each as the best of the windows had it."""
    return max(map(min, zip(*(window.p99 for window in windows), strict=True)))


class Compared:
    """Windows without and with those who never read."""

    def __init__(self) -> None:
        self.alone: list[Window] = []
        self.beside: list[Window] = []

    async def measure(self, crowd: Crowd) -> None:
        """One more of each."""
        self.alone.append(await crowd.window())
        self.beside.append(await crowd.window_beside_deaf(SCALE.slow_readers))

    def p99(self) -> tuple[float, float]:
        """Seconds without and with them."""
        return worst_part(self.alone), worst_part(self.beside)

    def is_settled(self) -> bool:
        """Whether there are enough rounds to tell that the others are not slowed."""
        if len(self.alone) < LEAST_ROUNDS:
            return False
        alone, beside = self.p99()
        return beside <= alone * MOST_SLOWER + ALLOWANCE

    def memory(self) -> float:
        """Bytes for each of those who never read, at most."""
        return max(window.memory for window in self.beside) / SCALE.slow_readers


@pytest.mark.parametrize("load", [ONE_ROOM, MANY_ROOMS] if IS_LONG else [ONE_ROOM])
async def test_a_client_that_never_reads_costs_little_and_harms_no_other(
    tmp_path: Path, load: Load
) -> None:
    limits = {
        "limits__slow_seconds": SLOW_SECONDS,
        "limits__connections_per_user": 1000,
        "limits__message_chars": load.size,
    }
    compared = Compared()
    with ChatServer(tmp_path, store="memory", **limits) as server:
        async with Crowd(server, load) as crowd:
            while not compared.is_settled():
                assert len(compared.alone) < MOST_ROUNDS, compared.p99()
                await compared.measure(crowd)
            assert all(client.connections == 1 for client in crowd.clients)
        assert server.errors() == []
    alone, beside = (1000 * seconds for seconds in compared.p99())
    where = f"{load.clients} others in {load.rooms} room{'s' if load.rooms > 1 else ''}"
    record(FAULT, f"p99 of {where}, without and with them", f"{alone:.1f} and {beside:.1f} ms")
    each = f"{compared.memory() / 1024:.0f} KiB"
    record(FAULT, f"memory for each of {SCALE.slow_readers}, at most", each)
    assert compared.memory() < MOST_EACH


async def test_the_kernel_buffers_little_unread_data(tmp_path: Path) -> None:
    load = Load(rooms=1, clients=1, rate=1000, size=5000, seconds=0.02, parts=1)
    with ChatServer(tmp_path, store="memory", limits__slow_seconds=SLOW_SECONDS) as server:
        async with Crowd(server, load) as crowd:
            guest, _ = await crowd.enter_deaf(2)
            waiting = 0
            while server.metric("chatserver_connections_fell_behind_total") < 2:
                await crowd.window()
                waiting = max(waiting, *kernel_bytes(server.port), 0)
            record(FAULT, "in the kernel for each, at most", f"{waiting / 1024:.0f} KiB")
            await crowd.until(DROPPED, 2)
            assert await guest.close_code() == 4408
            # The other one never sees its close frame: the server ends it all the same.
            await crowd.until("websocket_connections_active", 1)
    assert 0 < waiting < MOST_IN_KERNEL


@pytest.mark.parametrize("size", [7000])
async def test_a_slow_reader_of_its_own_answers_is_bounded_too(tmp_path: Path, size: int) -> None:
    """It asks and asks, and never reads an answer."""
    with ChatServer(tmp_path, store="memory", limits__slow_seconds=SLOW_SECONDS) as server:
        token = server.register("asker")
        room = server.room(token)
        body = {"client_id": "c", "body": "x" * size}
        server.post(f"/api/v1/rooms/{room}/messages", token, body)
        for number in range(49):
            body["client_id"] = f"c{number}"
            server.post(f"/api/v1/rooms/{room}/messages", token, body)
        guest = await Guest.enter(server, token, receive_buffer=4096)
        before = server.memory()
        question = frame(0x81, b'{"id":1,"op":"history","room":"%s"}' % room.encode())
        try:
            async with asyncio.timeout(SLOW_SECONDS + 1):
                while await guest.try_send(question * 20):
                    pass
        except TimeoutError:
            pass
        growth = server.memory() - before
        assert await guest.close_code() == 4408
        guest.drop()
        record(FAULT, "memory for one that asks and never reads", f"{growth / 1024:.0f} KiB")
        assert growth < 8 << 20
        assert server.errors() == []
