"""What sends feel while a million messages expire: python -m tests.bench.expiring [STORE]... [--messages N] [--write].

Others send at a steady rate all the time, in rooms of their own, through the same service; each send is timed to its
durable event. First nothing else happens, then all messages of the large room, four fifths of all, expire and leave the
log and the index. The space that the store takes is measured before and after, and once it was compacted.
"""

import asyncio
import gc
import sys
import tempfile
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click
import uvloop

from chatserver import UserRef
from chatserver.app import THREAD_SECONDS, Server
from chatserver.config import load
from chatserver.model import RoomKind, User
from chatserver.process.collector import THRESHOLDS
from chatserver.roomlog.room import Room
from tests.bench import searching, space, tables
from tests.bench.measure import percentile
from tests.bench.stores import started

STORES = ("sqlite", "postgres", "mongo")  # if none is named
MESSAGES = 1_000_000  # in all
RATE, ROOMS = 50.0, 10  # sends a second, of one user in each room
QUIET_SECONDS = 20.0
HEAD = (
    *(
        "store",
        "messages",
        "removed a second",
        "ms a send before: p50 / p99 / longest",
        "meanwhile",
    ),
    *("bytes a message before", "after", "compacted"),
)
BY = UserRef("retention", "Retention")


class Felt(NamedTuple):
    """Times of sends, in milliseconds."""

    sends: int
    p50: float
    p99: float
    longest: float


class Figures(NamedTuple):
    """Sends before and while the messages expired, how many these were, and how long that took.

    `space` are bytes taken before, after, and once compacted, of the store with this number of `messages`.
    """

    quiet: Felt
    busy: Felt
    expired: int
    seconds: float
    messages: int
    space: tuple[int, ...] = ()


def felt(times: "array[float]") -> Felt:
    return Felt(len(times), percentile(times, 0.5), percentile(times, 0.99), max(times))


@asynccontextmanager
async def sending(server: Server, user: User, rooms: list[Room]) -> AsyncIterator["array[float]"]:
    """Send at RATE until the end; yields the times so far."""
    times, tasks = array("d"), set[asyncio.Task[None]]()
    loop = asyncio.get_running_loop()
    began, number = loop.time(), len(server.service.room_cache.heads()) * 1_000_000

    async def send(room: Room, number: int, due: float) -> None:
        await server.service.messages.post(user, room, f"{began}-{number}", "a message of others")
        times.append((loop.time() - due) * 1e3)

    async def keep_on() -> None:
        for count in range(sys.maxsize):
            due = began + count / RATE
            await asyncio.sleep(max(due - loop.time(), 0))
            task = loop.create_task(send(rooms[count % ROOMS], number + count, due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    keeping = loop.create_task(keep_on())
    try:
        yield times
    finally:
        keeping.cancel()
        await asyncio.gather(*tasks)


async def run(overrides: dict[str, object], data: Path, messages: int) -> Figures:
    async with Server(load(environ={}, overrides=overrides)).opened() as server:
        server.service.indexer.pause()
        user = await server.service.accounts.add("ada", "a long password")
        large, *_ = await searching.fill(server, user, searching.Talk(), messages)
        await searching.indexed(server)
        rooms = [
            await server.service.rooms.create(user, RoomKind.PUBLIC, f"others {number}")
            for number in range(ROOMS)
        ]
        before_it = await asyncio.to_thread(space.taken, overrides, data)
        gc.collect()
        gc.freeze()
        async with sending(server, user, rooms) as times:
            await asyncio.sleep(QUIET_SECONDS)
            quiet = felt(times)
        before, expired = datetime.now(UTC).isoformat(timespec="milliseconds"), 0
        began = time.perf_counter()
        async with sending(server, user, rooms) as times:
            is_done = False
            while not is_done:
                done = await server.service.expiry.expire(
                    large.id, before.replace("+00:00", "Z"), BY, most=100_000
                )
                expired, is_done = expired + done.events, done.is_done
            await server.service.expiry.finish()
            seconds = time.perf_counter() - began
            busy = felt(times)
        after_it = await asyncio.to_thread(space.taken, overrides, data)
    return Figures(quiet, busy, expired, seconds, messages, (before_it, after_it))


def row(store: str, found: Figures) -> list[str]:
    """The cells of the store's line in the docs, under HEAD."""
    sends = (f"{each.p50:.1f} / {each.p99:.1f} / {each.longest:.0f}" for each in found[:2])
    sizes = (f"{size / found.messages:,.0f}" for size in found.space)
    return [store, f"{found.messages:,}", f"{found.expired / found.seconds:,.0f}", *sends, *sizes]


def measure(store: str, messages: int = MESSAGES) -> Figures:
    """Figures of the plugin `store`, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as name:
        database = started(store, Path(name))
        sys.setswitchinterval(THREAD_SECONDS)  # as the server does
        gc.set_threshold(*THRESHOLDS)
        try:
            data = Path(name) / "data"
            settings = {**database.settings("bench"), "server.data": str(data)}
            found = uvloop.run(run(settings, data, messages))
            space.compact(settings, data)
            return found._replace(space=(*found.space, space.taken(settings, data)))
        finally:
            database.stop()


@click.command()
@click.argument("stores", nargs=-1, metavar="[STORE]...")
@click.option(
    "--messages", default=MESSAGES, help="Number of messages, of which four fifths expire."
)
@click.option("--write", is_flag=True, help="Put the figures into docs/benchmarks.md.")
def main(stores: tuple[str, ...], messages: int, write: bool) -> None:
    """Measure on the plugins STORE, each by itself; by default on all that keep data."""
    for store in stores or STORES:
        found = measure(store, messages)
        if write:
            tables.put("expiring", HEAD, row(store, found))
        print(f"{store}: {found.expired:,} messages expired in {found.seconds:,.0f} s")
        for name, each in (("before", found.quiet), ("meanwhile", found.busy)):
            print(
                f"  {name}: {each.sends:,} sends, p50 {each.p50:.1f} ms,"
                f" p99 {each.p99:.1f} ms, longest {each.longest:.0f} ms"
            )
        before, after, compacted = (size / found.messages for size in found.space)
        print(f"  bytes a message: {before:.0f}, {after:.0f} after, {compacted:.0f} once compacted")


if __name__ == "__main__":
    main()
