"""What others feel while 500 sign in at once: python -m tests.bench.signing_in [--write].

50 users in 5 rooms send 50 messages a second all the time. 500 people, each from an address of their own, log in at the
same moment, and later 500 others register. Whoever is refused with limit.rate comes back when the answer says so. The
server (SQLite, passwords at their default cost) has one core, which its hashing threads share with the event loop.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
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
HEAD = (
    "500 at once",
    "ms to a receiver before: p50 / p99 / longest",
    "meanwhile",
    "times p99",
    "s until the last is in",
    "tries refused",
)


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


async def enter(port: int, path: str, status: int, number: int) -> int:
    """Sign in, as often as it takes; returns how many tries were refused."""
    refused = 0
    while True:
        async with Connection.opened(port, address(number)) as connection:
            reply = await connection.request("POST", path, credentials(number))
        if reply.status != 429:
            reply.json(status)
            return refused
        refused += 1
        await asyncio.sleep(reply.json(429)["error"]["after_ms"] / 1e3)


async def rush(load: Load, what: str, port: int, path: str, status: int, people: range) -> Rush:
    await asyncio.sleep(REST_SECONDS)
    del load.delivered[:]
    await asyncio.sleep(CALM_SECONDS)
    before = Felt.of(load.delivered)
    del load.delivered[:]
    began = time.perf_counter()
    refused = await asyncio.gather(*(enter(port, path, status, number) for number in people))
    seconds = time.perf_counter() - began
    return Rush(what, before, Felt.of(load.delivered), seconds, sum(refused))


async def measure(peer: Chatserver, note: Callable[[Rush], None]) -> None:
    await peer.wait_until_ready()
    tokens = (await peer.users(FEW + PEOPLE))[:FEW]
    rooms = await peer.rooms([tokens[number::FEW_ROOMS] for number in range(FEW_ROOMS)])
    load = Load()
    await load.connect(peer.port, tokens, [rooms[number % FEW_ROOMS] for number in range(FEW)])
    pacing = asyncio.ensure_future(load.pace(load.clients, FEW // FEW_ROOMS, FEW))
    known = range(FEW, FEW + PEOPLE)
    others = range(FEW + PEOPLE, FEW + 2 * PEOPLE)
    with quiet():
        note(await rush(load, "logins", peer.port, "/api/v1/login", 200, known))
        note(await rush(load, "registrations", peer.port, "/api/v1/register", 201, others))
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
