"""Measures one append to MongoDB through each driver and over the plugin's own connection:
python -m tests.bench.inserts.

One after the other, nothing else in this process: what the server pays for a write, however small it is.
"""

import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from rich.console import Console
from rich.table import Table

from chatserver.app import THREAD_SECONDS
from chatserver.testing.samples import posted
from chatserver_plugins.mongo import MongoPlugin, MongoStore
from tests.servers import Mongod

WARM, APPENDS, RUNS = 200, 300, 5
BATCHES = (1, 10, 100)
WAYS = (("motor", "driver"), ("pymongo", "driver"), ("motor", "auto"))
BODY = "x" * 120


class Cost(NamedTuple):
    """Microseconds of one append, medians: of this process, and until it is durable."""

    processor: float
    wall: float


async def measure(server: Mongod, driver: str, line: str, size: int) -> Cost:
    given: dict[str, Any] = {"uri": server.uri, "database": f"bench_{secrets.token_hex(4)}"}
    config = MongoPlugin.Config(**given, driver=driver, line=line)  # type: ignore[arg-type]
    store = MongoPlugin(config, Path("/unused")).provide_store()
    assert isinstance(store, MongoStore)
    await store.open()
    assert (store.line()["line"] == "own") == (line == "auto")
    batches = _batches(size)
    try:
        await _append(store, batches, WARM)
        costs = [await _append(store, batches, APPENDS) for _ in range(RUNS)]
    finally:
        await store.close()
    return Cost(*(sorted(values)[RUNS // 2] for values in zip(*costs, strict=True)))


def _batches(size: int) -> Iterator[list[Any]]:
    for first in range(1, sys.maxsize, size):
        yield [posted("r", seq, body=BODY) for seq in range(first, first + size)]


async def _append(store: MongoStore, batches: Iterator[list[Any]], times: int) -> Cost:
    made = [next(batches) for _ in range(times)]
    began, used = time.perf_counter(), time.process_time()
    for batch in made:
        assert (await store.append(batch)).conflict is None
    return Cost(
        (time.process_time() - used) / times * 1e6, (time.perf_counter() - began) / times * 1e6
    )


def main() -> None:
    sys.setswitchinterval(THREAD_SECONDS)  # as the server does
    table = Table("events", "driver", "line", "µs of the processor", "µs until durable")
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as name:
        server = Mongod(Path(name) / "mongod")
        server.start()
        try:
            for size in BATCHES:
                for driver, line in WAYS:
                    cost = uvloop.run(measure(server, driver, line, size))
                    table.add_row(str(size), driver, line, *(f"{each:,.0f}" for each in cost))
        finally:
            server.stop()
    Console().print(table)


if __name__ == "__main__":
    main()
