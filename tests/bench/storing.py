"""What a store can do, without the network: python -m tests.bench.storing [STORE] [--quick].

500 senders wait for their messages in the server's own log, in this process; then a large room is read.
"""

import asyncio
import itertools
import tempfile
import time
from array import array
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
import uvloop

from chatserver.app import Server, opened
from chatserver.config import load
from chatserver.log import Append, Outcome
from chatserver.model import AnyEvent
from chatserver.rooms import Room
from chatserver.testing.samples import described, posted
from tests.bench.measure import percentile, quiet
from tests.bench.stores import Backend, started

SENDERS = 500
WARM_SECONDS, SECONDS, RUNS = 1.0, 3.0, 3
BODY = "x" * 120
LARGE, QUICK = 1_000_000, 20_000  # events in the room that is read
BATCH = 1000
READS = 300
BIG_ROOM = "a large room"


class Sender:
    """Sends its next message when the last one is durable."""

    def __init__(self, server: Server, number: int, room: Room, seen: "array[float]") -> None:
        self._server, self._room, self._seen = server, room, seen
        self._author = f"user{number}"
        self._numbers = itertools.count()
        self._began = 0.0
        self.stopped = False
        self.send()

    def send(self) -> None:
        client_id = f"{self._author}-{self._room.id}-{next(self._numbers)}"

        def build(seq: int, at: str) -> AnyEvent:
            return posted(self._room.id, seq, self._author, at=at, client_id=client_id, body=BODY)

        self._began = time.perf_counter()
        key = self._author, client_id
        self._server.service.log.submit(
            Append(self._room, build, lambda: None, self._done, key=key)
        )

    def _done(self, outcome: Any) -> None:
        assert isinstance(outcome, Outcome), outcome
        self._seen.append(time.perf_counter() - self._began)
        if not self.stopped:
            self.send()


async def appends(server: Server, database: Backend, rooms: int) -> str:
    cache = server.service.cache
    kept = [cache.keep(Room(f"{rooms}-{number}")) for number in range(rooms)]
    seen = array("d")
    senders = [Sender(server, n, kept[n % rooms], seen) for n in range(SENDERS)]
    rates, costs, theirs = [], [], []
    await asyncio.sleep(WARM_SECONDS)
    latencies = array("d")
    with quiet():
        for _ in range(RUNS):
            del seen[:]
            began, cpu, spent = time.perf_counter(), time.process_time(), database.cpu_seconds()
            await asyncio.sleep(SECONDS)
            rates.append(len(seen) / (time.perf_counter() - began))
            costs.append((time.process_time() - cpu) * 1e6 / len(seen))
            theirs.append((database.cpu_seconds() - spent) * 1e6 / len(seen))
            latencies.extend(seen)
    for sender in senders:
        sender.stopped = True
    await server.service.log.drain()
    middle = RUNS // 2
    return (
        f"{sorted(rates)[middle]:,.0f} durable appends/s, p50 {percentile(latencies, 0.5) * 1e3:.1f} ms,"
        f" p99 {percentile(latencies, 0.99) * 1e3:.1f} ms;"
        f" µs each: {sorted(costs)[middle]:.1f} here, {sorted(theirs)[middle]:.1f} in the database"
    )


async def fill(server: Server, events: int) -> float:
    """Events a second, one batch at a time."""
    await server.store.append([described(BIG_ROOM, 1)])
    began = time.perf_counter()
    for first in range(2, events, BATCH):
        batch = [posted(BIG_ROOM, seq, body=BODY) for seq in range(first, first + BATCH)]
        assert (await server.store.append(batch)).conflict is None
    return events / (time.perf_counter() - began)


async def timed(call: Callable[[], Awaitable[Any]]) -> str:
    seen = array("d")
    for _ in range(READS):
        began = time.perf_counter()
        assert await call()
        seen.append(time.perf_counter() - began)
    return f"p50 {percentile(seen, 0.5) * 1e3:.2f} ms, p99 {percentile(seen, 0.99) * 1e3:.2f} ms"


async def run(database: Backend, folder: Path, events: int) -> None:
    overrides: dict[str, object] = {
        **database.settings("bench"),
        "server.data": str(folder / "data"),
    }
    async with opened(load(environ={}, overrides=overrides)) as server:
        for rooms in (SENDERS, 1):
            print(f"{SENDERS} senders, {rooms} rooms:", await appends(server, database, rooms))
        print(f"batches of {BATCH}: {await fill(server, events):,.0f} events/s")
        store, half = server.store, events // 2
        print("newest page:", await timed(lambda: store.messages(BIG_ROOM, None, 50)))
        print("page in the middle:", await timed(lambda: store.messages(BIG_ROOM, half, 50)))
        print("500 events:", await timed(lambda: store.read(BIG_ROOM, half, 500)))
        print("head:", await timed(lambda: store.heads([BIG_ROOM])))


@click.command()
@click.argument("store", default="mongo")
@click.option("--quick", is_flag=True, help="A smaller room.")
def main(store: str, quick: bool) -> None:
    """Measure the plugin STORE."""
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as name:
        database = started(store, Path(name))
        try:
            uvloop.run(run(database, Path(name), QUICK if quick else LARGE))
        finally:
            database.stop()


if __name__ == "__main__":
    main()
