"""Measures what sealing adds to an append to SQLite: python -m tests.bench.sealing.

Two stores in one process get the same events in turn, one of them through the vault, so that what else the machine does
falls on both alike. What is counted is the time of the processor, of all threads, also for what SQLite does at rest.
"""

import asyncio
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from chatserver import AnyEvent, Store
from chatserver.app import THREAD_SECONDS
from chatserver.testing.samples import posted
from chatserver_plugins.sqlite import SqlitePlugin
from chatserver_plugins.vault.keyring import Keyring
from chatserver_plugins.vault.masters import LocalMaster, Masters
from chatserver_plugins.vault.store import SealedStore

USERS = 500  # each with a key of their own
EVENTS, ROUNDS = 2_000, 80
BATCHES = (10, 100, 500)
BODY = "Has anybody looked at the numbers of last week yet"
REST_SECONDS = 0.02


def store(folder: Path) -> Store:
    return SqlitePlugin(SqlitePlugin.Config(), folder).provide_store()


def rounds() -> Iterator[list[AnyEvent]]:
    for first in range(1, EVENTS * ROUNDS + 1, EVENTS):
        seqs = range(first, first + EVENTS)
        yield [
            posted("r", n, author=f"{n % USERS:032x}", client_id=f"c{n}", body=BODY) for n in seqs
        ]


async def cost(store: Store, events: Sequence[AnyEvent], size: int) -> float:
    """Microseconds of the processor an event."""
    used = time.process_time()
    for start in range(0, len(events), size):
        assert (await store.append(events[start : start + size])).conflict is None
    await asyncio.sleep(REST_SECONDS)
    return (time.process_time() - used) / len(events) * 1e6


async def sealing(store: SealedStore, events: Sequence[AnyEvent], size: int) -> float:
    """Of that, what the sealing takes."""
    used = time.thread_time()
    for start in range(0, len(events), size):
        await store.sealed(events[start : start + size])
    return (time.thread_time() - used) / len(events) * 1e6


async def measure(folder: Path, size: int) -> tuple[float, float, float]:
    """Microseconds an event, medians: without the vault, what it adds, and what of that is the sealing."""
    plain, inner = store(folder / "plain"), store(folder / "sealed")
    masters = Masters(LocalMaster(secrets.token_bytes(32), "bench"), ())
    sealed = SealedStore(inner, Keyring(inner, masters, 2 * USERS))
    await plain.open()
    await sealed.open()
    without, added, parts = [], [], []
    try:
        for number, events in enumerate(rounds()):
            order = (plain, sealed) if number % 2 else (sealed, plain)
            costs = {each: await cost(each, events, size) for each in order}
            without.append(costs[plain])
            added.append(costs[sealed] - costs[plain])
            parts.append(await sealing(sealed, events, size))
    finally:
        await sealed.close()
        await plain.close()
    return statistics.median(without), statistics.median(added), statistics.median(parts)


def main() -> None:
    sys.setswitchinterval(THREAD_SECONDS)  # as the server does
    table = Table("events at once", "µs without", "µs more with the vault", "of them sealing")
    for size in BATCHES:
        with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as name:
            found = uvloop.run(measure(Path(name), size))
        table.add_row(str(size), *(f"{each:.1f}" for each in found))
    Console().print(table)


if __name__ == "__main__":
    main()
