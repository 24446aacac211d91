"""What sends feel while a million messages expire: python -m tests.bench.expiring [STORE]... [--messages N] [--write].

Others send at a steady rate all the time, in rooms of their own, through the same service; each send is timed to its
durable event. All messages of the large room, four fifths of all, expire and leave the log and the index, with pauses in
which nothing else happens. Sends of pauses and of expiry are compared by windows of as many seconds, by the median of
what each has, so that a disk that stands still for a moment decides neither. The space that the store takes is measured
before and after, and once it was compacted.
"""

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click
import uvloop

from chatserver import UserRef
from chatserver.app import THREAD_SECONDS, Server
from chatserver.config import load
from chatserver.model import RoomKind, User
from chatserver.process.collector import THRESHOLDS
from chatserver.roomlog.room import Room
from chatserver.runtime.clock import now_text
from tests.bench import searching, space, tables
from tests.bench.measure import percentile
from tests.bench.stores import started

STORES = ("sqlite", "postgres", "mongo")  # if none is named
MESSAGES = 1_000_000  # in all
RATE, ROOMS = 50.0, 10  # sends a second, of one user in each room
WINDOW_SECONDS = 10.0
PART = 60_000  # events, then there is a pause
HEAD = (
    *(
        "store",
        "messages",
        "removed a second",
        "ms a send in pauses: p50 / p99 / longest",
        "meanwhile",
    ),
    *("bytes a message before", "after", "compacted"),
)
BY = UserRef("retention", "Retention")


class Felt(NamedTuple):
    """Times of sends, in milliseconds: medians of windows, and the longest of all."""

    sends: int
    p50: float
    p99: float
    longest: float


class Figures(NamedTuple):
    """Sends of pauses and while the messages expired, how many of these there were, and how long that took.

    `space` are bytes taken before, after, and once compacted, of the store with this number of `messages`.
    """

    quiet: Felt
    busy: Felt
    expired: int
    seconds: float
    messages: int
    space: tuple[int, ...] = ()


class Sent(NamedTuple):
    """A send: when it was due, by the clock of `time.perf_counter`, and how many milliseconds it took from then on."""

    due: float
    took: float


class Spans:
    """Pieces of time, in which sends are counted by windows."""

    def __init__(self) -> None:
        self._pieces: list[tuple[float, float]] = []

    @contextmanager
    def span(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._pieces.append((began, time.perf_counter()))

    @property
    def seconds(self) -> float:
        return sum(end - began for began, end in self._pieces)

    def felt(self, sent: Sequence[Sent]) -> Felt:
        """Of sends in the order in which they were due."""
        windows = (
            [each.took for each in sent if start <= each.due < start + WINDOW_SECONDS]
            for began, end in self._pieces
            for start in self._starts(began, end)
        )
        took = [each for each in windows if each]
        middles = (median(percentile(each, part) for each in took) for part in (0.5, 0.99))
        return Felt(sum(map(len, took)), *middles, max(map(max, took)))

    @staticmethod
    def _starts(began: float, end: float) -> Iterator[float]:
        """Of the whole windows in a piece, or of what there is if that is shorter."""
        for number in range(max(1, int((end - began) / WINDOW_SECONDS))):
            yield began + number * WINDOW_SECONDS


@asynccontextmanager
async def sending(server: Server, user: User, rooms: list[Room]) -> AsyncIterator[list[Sent]]:
    """Send at RATE until the end; yields the sends so far."""
    sent, tasks = list[Sent](), set[asyncio.Task[None]]()
    loop, began = asyncio.get_running_loop(), time.perf_counter()

    async def send(room: Room, number: int, due: float) -> None:
        await server.service.messages.post(user, room, f"{began}-{number}", "a message of others")
        sent.append(Sent(due, (time.perf_counter() - due) * 1e3))

    async def keep_on() -> None:
        for number in range(sys.maxsize):
            due = began + number / RATE
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            task = loop.create_task(send(rooms[number % ROOMS], number, due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    keeping = loop.create_task(keep_on())
    try:
        yield sent
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
        before, expired, is_done = now_text(), 0, False
        quiet, busy = Spans(), Spans()
        async with sending(server, user, rooms) as sent:
            while not is_done:
                with quiet.span():
                    await asyncio.sleep(WINDOW_SECONDS)
                with busy.span():
                    done = await server.service.expiry.expire(large.id, before, BY, most=PART)
                expired, is_done = expired + done.events, done.is_done
            await server.service.expiry.finish()
        after_it = await asyncio.to_thread(space.taken, overrides, data)
    felt = (quiet.felt(sent), busy.felt(sent))
    return Figures(*felt, expired, busy.seconds, messages, (before_it, after_it))


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
        for name, each in (("in pauses", found.quiet), ("meanwhile", found.busy)):
            print(
                f"  {name}: {each.sends:,} sends, p50 {each.p50:.1f} ms,"
                f" p99 {each.p99:.1f} ms, longest {each.longest:.0f} ms"
            )
        before, after, compacted = (size / found.messages for size in found.space)
        print(f"  bytes a message: {before:.0f}, {after:.0f} after, {compacted:.0f} once compacted")


if __name__ == "__main__":
    main()
