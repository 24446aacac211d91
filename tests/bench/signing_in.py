"""What others feel while 500 sign in at once: python -m tests.bench.signing_in [--write].

50 users in 5 rooms send 50 messages a second all the time. 500 people, each from an address of their own, log in at the
same moment, and later 500 others register. Whoever is refused with limit.rate comes back when the answer says so. The
server (SQLite, passwords at their default cost) has one core, which its hashing threads share with the event loop.
"""

import asyncio
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import click
import uvloop

from tests.bench import machine, tables
from tests.bench.comparison import SQLITE
from tests.bench.http import Connection
from tests.bench.load import Load
from tests.bench.measure import percentile, quiet
from tests.bench.peers import Chatserver
from tests.bench.rows import FEW, FEW_ROOMS

PEOPLE = 500
CALM_SECONDS = 20.0
REST_SECONDS = 3.0
NICENESS = 10  # of those who rush
HEAD = (
    "500 at once",
    "ms to a receiver before: p50 / p99 / longest",
    "meanwhile",
    "times p99",
    "s until the last is in",
    "tries refused",
)


class Way(NamedTuple):
    """How people come in: the path, and the status of an answer to those who are in."""

    title: str
    path: str
    status: int


LOGIN = Way("logins", "/api/v1/login", 200)
REGISTER = Way("registrations", "/api/v1/register", 201)


class Costly(Chatserver):
    """With passwords that cost what they cost by default."""

    settings = {
        key: value
        for key, value in Chatserver.settings.items()
        if not key.startswith("plugin.password.")
    }


class Felt(NamedTuple):
    """Milliseconds from when a message was due until a receiver had it."""

    p50: float
    p99: float
    longest: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Felt":
        return cls(*(percentile(seconds, share) * 1e3 for share in (0.5, 0.99, 1.0)))

    def __str__(self) -> str:
        return " / ".join(f"{each:.1f}" for each in self)


class Rush(NamedTuple):
    """People who came at once: what others felt before and meanwhile, seconds until all were in, and refused tries."""

    what: str
    before: Felt
    meanwhile: Felt
    seconds: float
    refused: int

    def cells(self) -> list[str]:
        times = self.meanwhile.p99 / self.before.p99
        return [
            self.what,
            str(self.before),
            str(self.meanwhile),
            f"{times:.2f}",
            f"{self.seconds:.1f}",
            f"{self.refused:,}",
        ]


def address(number: int) -> str:
    """The loopback address of a person; all are in networks of their own, as each is counted by itself."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


def credentials(number: int) -> dict[str, str]:
    """As `Chatserver.users` registers them."""
    return {"username": f"user{number}", "password": f"correct horse {number}"}


async def enter(port: int, way: Way, number: int) -> int:
    """Sign in, as often as it takes; returns how many tries were refused."""
    refused = 0
    while True:
        async with Connection.opened(port, address(number)) as connection:
            reply = await connection.request("POST", way.path, credentials(number))
        if reply.status != 429:
            reply.json(way.status)
            return refused
        refused += 1
        await asyncio.sleep(reply.json(429)["error"]["after_ms"] / 1e3)


def enter_all(port: int, way: Way, people: range) -> tuple[float, int]:
    """All sign in at once; returns the seconds until the last is in, and how many tries were refused."""

    async def run() -> tuple[float, int]:
        began = time.perf_counter()
        refused = await asyncio.gather(*(enter(port, way, number) for number in people))
        return time.perf_counter() - began, sum(refused)

    return uvloop.run(run())


class Rushes:
    """Calm, then a rush, again and again, while others talk.

    Those who rush are in a process of their own that gives way, so that this one is never late for what it measures.
    """

    def __init__(self, load: Load, port: int, others: ProcessPoolExecutor) -> None:
        self._load, self._port, self._others = load, port, others

    async def rush(self, way: Way, people: range) -> Rush:
        delivered, loop = self._load.delivered, asyncio.get_running_loop()
        await asyncio.sleep(REST_SECONDS)
        del delivered[:]
        await asyncio.sleep(CALM_SECONDS)
        before = Felt.of(delivered)
        del delivered[:]
        entering = loop.run_in_executor(self._others, enter_all, self._port, way, people)
        seconds, refused = await entering
        return Rush(way.title, before, Felt.of(delivered), seconds, refused)


async def measure(peer: Chatserver, note: Callable[[Rush], None]) -> None:
    await peer.wait_until_ready()
    tokens = (await peer.users(FEW + PEOPLE))[:FEW]
    rooms = await peer.rooms([tokens[number::FEW_ROOMS] for number in range(FEW_ROOMS)])
    load = Load()
    await load.connect(peer.port, tokens, [rooms[number % FEW_ROOMS] for number in range(FEW)])
    pacing = asyncio.ensure_future(load.pace(load.clients, FEW // FEW_ROOMS, FEW))
    known = range(FEW, FEW + PEOPLE)
    others = range(FEW + PEOPLE, FEW + 2 * PEOPLE)
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawned, os.nice, (NICENESS,)) as pool, quiet():
        rushes = Rushes(load, peer.port, pool)
        await asyncio.get_running_loop().run_in_executor(pool, os.getpid)  # it has begun
        note(await rushes.rush(LOGIN, known))
        note(await rushes.rush(REGISTER, others))
    pacing.cancel()
    await asyncio.gather(pacing, return_exceptions=True)
    if (lost := await load.finish()) or load.failed:
        raise RuntimeError(f"{lost} messages lost, {load.failed} errors")
    load.close()


@click.command()
@click.option("--write", is_flag=True, help="Put the figures into docs/benchmarks.md.")
def main(write: bool) -> None:
    """Measure what others feel while 500 people log in, and while 500 register."""

    def note(found: Rush) -> None:
        print(*found.cells(), sep=" | ", flush=True)
        if write:
            tables.put("signing-in", HEAD, found.cells())

    machine.allow_open_files()
    machine.use_client_core()
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as folder:
        peer = Costly(Path(folder), SQLITE)
        try:
            uvloop.run(measure(peer, note))
        finally:
            peer.stop()


if __name__ == "__main__":
    main()
