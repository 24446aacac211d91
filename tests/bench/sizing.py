"""What installations of several sizes need: python -m tests.bench.sizing [--quick] [--write].

So many users are connected at once, in rooms of 25, and each sends a message a minute, which is busy. Measured are the
processor and memory of one server and of MongoDB, and the disk that messages take. The largest size is more than
one machine of this kind holds; its row is computed from what the next smaller one costs for each user.
"""

import asyncio
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import uvloop
from pymongo import MongoClient

from chatserver.app import Server
from chatserver.config import load as load_config
from chatserver.model import AnyEvent, RoomKind
from chatserver.testing.samples import described, joined, posted
from tests.bench import machine
from tests.bench.load import Load
from tests.bench.measure import Plan, percentile, quiet, window
from tests.bench.peers import ROOT, Chatserver
from tests.bench.searching import Talk, at, indexed
from tests.bench.stores import MongoBackend

SIZES = (50, 500, 5_000)
COMPUTED = 50_000
IN_ROOM = 25
PER_USER_SECONDS = 60.0  # between two messages of a user
DAY_MESSAGES = 50  # of a user on average: some write hundreds, most read
WARM, SECONDS = 5.0, 30.0
STORED = 300_000  # messages, of which the disk of one is worked out
BATCH = 5_000
MIB = 1 << 20
PAGE = ROOT / "docs/sizing.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


class Size(NamedTuple):
    """Of one installation; `is_computed` if it was not measured."""

    users: int
    cores: float
    memory: float  # bytes
    database_cores: float
    database_memory: float
    p99: float | None  # seconds, from a message to its receivers
    is_computed: bool = False


async def sized(database: MongoBackend, folder: Path, users: int, seconds: float) -> Size:
    """One server, so many users at once."""
    peer = Chatserver(folder / f"server-{users}", database.settings(f"size{users}"))
    try:
        await peer.wait_until_ready()
        tokens = await peer.users(users)
        rooms = max(1, users // IN_ROOM)
        made = await peer.rooms([tokens[number::rooms] for number in range(rooms)])
        work = Load()
        await work.connect(peer.port, tokens, [made[number % rooms] for number in range(users)])
        pacing = asyncio.ensure_future(
            work.pace(work.clients, users // rooms, users / PER_USER_SECONDS)
        )
        plan = Plan(WARM, seconds, 1, database.cpu_seconds)
        with quiet():
            seen = await window(peer.pid, plan, work.delivered)
        pacing.cancel()
        assert not work.failed
        return Size(
            users,
            seen.cpu / seen.seconds,
            machine.resident_bytes(peer.pid),
            seen.database_cpu / seen.seconds,
            database.memory_bytes(),
            percentile(seen.samples[0], 0.99),
        )
    finally:
        peer.stop()


async def disk_of_a_message(database: MongoBackend, folder: Path, messages: int) -> float:
    """Bytes on disk that one message takes in MongoDB, with all indexes and the search index."""
    settings = {**database.settings("disk"), "server.data": str(folder / "disk")}
    async with Server(load_config(environ={}, overrides=settings)).opened() as server:
        server.service.indexer.pause()
        made: list[AnyEvent] = [described("r", 1, RoomKind.PRIVATE), joined("r", 2, "ada")]
        assert (await server.store.append(made)).conflict is None
        bodies = Talk().bodies()
        for first in range(0, messages, BATCH):
            batch: Sequence[AnyEvent] = [
                posted("r", 3 + number, "ada", at=at(number), body=next(bodies))
                for number in range(first, first + BATCH)
            ]
            assert (await server.store.append(batch)).conflict is None
        await indexed(server)
    with MongoClient(database.uri) as client:
        client.admin.command("fsync")
        return float(client["disk"].command("dbStats")["totalSize"]) / messages


def computed(size: Size, users: int) -> Size:
    """A larger size, as many times the load of a measured one; what does not grow with users is counted once."""
    times = users / size.users
    return Size(
        users,
        size.cores * times,
        size.memory * times,
        size.database_cores * times,
        size.database_memory * times,
        None,
        is_computed=True,
    )


def table(sizes: Sequence[Size], message: float) -> str:
    lines = [
        "| users at once | server: cores | server: memory | MongoDB: cores | MongoDB: memory | ms p99 | disk a year |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for size in sizes:
        year = size.users * DAY_MESSAGES * 365 * message
        p99 = "" if size.p99 is None else f"{size.p99 * 1e3:.0f}"
        about = "about " if size.is_computed else ""
        lines.append(
            f"| {size.users:,} | {about}{size.cores:.2f} | {about}{size.memory / MIB:,.0f} MiB | "
            f"{about}{size.database_cores:.2f} | {about}{size.database_memory / MIB:,.0f} MiB | {p99} | "
            f"{year / (1 << 30):,.1f} GiB |"
        )
    return "\n".join(
        [
            *lines,
            "",
            f"A message takes {message:.0f} bytes of MongoDB's disk, its indexes included.",
        ]
    )


async def run(quick: bool) -> str:
    machine.allow_open_files()
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as name:
        database = MongoBackend(Path(name))
        try:
            seconds = 5.0 if quick else SECONDS
            sizes = [await sized(database, Path(name), users, seconds) for users in SIZES]
            message = await disk_of_a_message(
                database, Path(name), STORED // 10 if quick else STORED
            )
        finally:
            database.stop()
    return table([*sizes, computed(sizes[-1], COMPUTED)], message)


@click.command()
@click.option("--quick", is_flag=True, help="Short windows.")
@click.option("--write", is_flag=True, help="Put the table into docs/sizing.md.")
def main(quick: bool, write: bool) -> None:
    """Measure what installations of several sizes need."""
    machine.use_client_core()
    text = uvloop.run(run(quick))
    click.echo(text)
    if write:
        page = PAGE.read_text(encoding="utf-8")
        between = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
        PAGE.write_text(between.sub(f"{BEGIN}\n\n{text}\n\n{END}", page), encoding="utf-8")


if __name__ == "__main__":
    main()
