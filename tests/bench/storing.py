"""Measures stores without the network: python -m tests.bench.storing [STORE]... [--quick].

500 senders wait for their messages in the server's own log, in this process; then a large room is read.
"""

import asyncio
import itertools
import os
import sys
import tempfile
import time
from array import array
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import click
import uvloop

from chatserver.app import THREAD_SECONDS, Server
from chatserver.config import load
from chatserver.model import AnyEvent
from chatserver.roomlog.entries import Append, Outcome
from chatserver.roomlog.room import Room
from chatserver.testing.samples import described, posted
from tests.bench import machine, storetable
from tests.bench.measure import percentile, quiet
from tests.bench.stores import Backend, started
from tests.bench.storetable import Appends, Figures, Reads

SENDERS = 500
WARM_SECONDS, SECONDS, RUNS = 1.0, 3.0, 3
BODY = "x" * 120
LARGE, QUICK = 1_000_000, 20_000  # events in the room that is read
BATCH = 1000
READS = 300
BIG_ROOM = "a large room"
STORES = ("sqlite", "postgres", "mongo")


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


async def appends(server: Server, database: Backend, rooms: int) -> Appends:
    cache = server.service.room_cache
    kept = [cache.keep(Room(f"{rooms}-{number}")) for number in range(rooms)]
    seen = array("d")
    senders = [Sender(server, n, kept[n % rooms], seen) for n in range(SENDERS)]
    found: list[Appends] = []
    await asyncio.sleep(WARM_SECONDS)
    with quiet():
        for _ in range(RUNS):
            del seen[:]
            began, cpu, spent = time.perf_counter(), time.process_time(), database.cpu_seconds()
            await asyncio.sleep(SECONDS)
            seconds = time.perf_counter() - began
            ours, theirs = time.process_time() - cpu, database.cpu_seconds() - spent
            each = 1e6 / len(seen)
            latency = percentile(seen, 0.5) * 1e3
            found.append(Appends(len(seen) / seconds, ours * each, theirs * each, latency))
    for sender in senders:
        sender.stopped = True
    await server.service.log.drain()
    return Appends(*(sorted(values)[RUNS // 2] for values in zip(*found, strict=True)))


async def fill(server: Server, events: int) -> float:
    """Events a second, one batch at a time."""
    await server.store.append([described(BIG_ROOM, 1)])
    began = time.perf_counter()
    for first in range(2, events, BATCH):
        batch = [posted(BIG_ROOM, seq, body=BODY) for seq in range(first, first + BATCH)]
        assert (await server.store.append(batch)).conflict is None
    return events / (time.perf_counter() - began)


async def timed(call: Callable[[], Awaitable[Any]]) -> Reads:
    seen = array("d")
    for _ in range(READS):
        began = time.perf_counter()
        assert await call()
        seen.append((time.perf_counter() - began) * 1e3)
    return Reads(percentile(seen, 0.5), percentile(seen, 0.99))


async def run(database: Backend, folder: Path, events: int) -> Figures:
    overrides: dict[str, object] = {
        **database.settings("bench"),
        "server.data": str(folder / "data"),
    }
    async with Server(load(environ={}, overrides=overrides)).opened() as server:
        many = await appends(server, database, SENDERS)
        one = await appends(server, database, 1)
        filled = await fill(server, events)
        store, half = server.store, events // 2
        return Figures(
            database.title,
            many,
            one,
            filled,
            newest=await timed(lambda: store.messages(BIG_ROOM, None, 50)),
            middle=await timed(lambda: store.messages(BIG_ROOM, half, 50)),
            events=await timed(lambda: store.read(BIG_ROOM, half, 500)),
            here=machine.resident_bytes(os.getpid()),
            there=database.memory_bytes(),
        )


def measure(store: str, *, quick: bool = False) -> Figures:
    """Figures of the plugin `store`, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as name:
        database = started(store, Path(name))
        sys.setswitchinterval(THREAD_SECONDS)  # as the server does
        try:
            return uvloop.run(run(database, Path(name), QUICK if quick else LARGE))
        finally:
            database.stop()


@click.command()
@click.argument("stores", nargs=-1, metavar="[STORE]...")
@click.option("--quick", is_flag=True, help="A smaller room.")
@click.option("--write", is_flag=True, help="Put the figures into docs/benchmarks.md.")
def main(stores: tuple[str, ...], quick: bool, write: bool) -> None:
    """Measure the plugins STORE, each by itself; by default all that keep data."""
    run_all(stores or STORES, quick=quick, write=write)


def run_all(stores: Sequence[str], *, quick: bool, write: bool) -> None:
    """Measure, print, and put the figures into the docs. Raises `click.UsageError`."""
    if write and quick:
        raise click.UsageError("--write is for the figures of the large room")
    for store in stores:
        figures = measure(store, quick=quick)
        storetable.show(figures)
        if write:
            storetable.write(figures)


if __name__ == "__main__":
    main()
