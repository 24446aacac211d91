"""A database server with a full disk keeps acknowledged events, and recovers when there is room.

For SQLite see test_sqlite.py; for whole servers under load tests/faults/test_disk.py.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pymongo
import pytest
from pymongo.errors import PyMongoError

from chatserver import Store, StoreUnavailable
from chatserver.testing.samples import described, posted
from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.postgres import PostgresPlugin
from tests.faults.disk import SmallDisk
from tests.servers import Mongod, Postgres

MEGABYTES = {"postgres": 160, "mongo": 600}
BATCH, BODY = 200, "x" * 2000
LIMIT_SECONDS = 60.0


class Machine(NamedTuple):
    disk: SmallDisk
    server: Postgres | Mongod
    store: Store

    def fill(self) -> None:
        """Leave no room, and make mongod write its memory to the disk now."""
        self.disk.fill()
        if isinstance(self.server, Mongod):
            with (
                pymongo.MongoClient[dict[str, Any]](self.server.uri, timeoutMS=5000) as client,
                contextlib.suppress(PyMongoError),
            ):
                client.admin.command("fsync")

    def look_after(self) -> None:
        """Start the server again once it has ended, which may take a while."""
        if not self.server.is_running():
            self.server.start()


@pytest.fixture(params=MEGABYTES)
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    folder = tmp_path / "server"
    kind = request.param
    place = folder if kind == "postgres" else folder / "db"
    with SmallDisk(place, MEGABYTES[kind]) as disk:
        server: Postgres | Mongod
        if kind == "postgres":
            server = Postgres(folder, within=disk.within)
            server.start()
            settings = PostgresPlugin.Config(uri=server.uri, timeout_ms=1000)
            store: Store = PostgresPlugin(settings).provide_store()
        else:
            server = Mongod(folder, within=disk.within)
            server.start()
            config = MongoPlugin.Config(uri=server.uri, timeout_ms=1000)
            store = MongoPlugin(config, tmp_path / "unused").provide_store()
        yield Machine(disk, server, store)
        server.stop()


async def append_until_refused(store: Store, head: int) -> int:
    """The acknowledged head."""
    end = time.monotonic() + LIMIT_SECONDS
    with contextlib.suppress(StoreUnavailable):
        while time.monotonic() < end:
            seqs = range(head + 1, head + 1 + BATCH)
            done = await store.append([posted("r", seq, body=BODY) for seq in seqs])
            assert done.conflict is None
            head = seqs[-1]
        pytest.fail("it is never full")
    return head


async def append_again(machine: Machine) -> int:
    """Post a message as soon as that is possible; returns its number."""
    store = machine.store
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            await asyncio.to_thread(machine.look_after)
            with contextlib.suppress(StoreUnavailable):
                head = (await store.heads(["r"]))["r"]
                await store.append([posted("r", head + 1, client_id="after")])
                return head + 1
            await asyncio.sleep(0.1)


async def test_a_full_disk_refuses_keeps_acknowledged_events_and_recovers(
    io_loop: Any, machine: Machine
) -> None:
    store = machine.store
    await store.open()
    try:
        await store.append([described("r", 1)])
        await asyncio.to_thread(machine.fill)
        acknowledged = await append_until_refused(store, 1)
        machine.disk.free()
        head = await append_again(machine)
        assert head > acknowledged
        after = 0
        while events := await store.read("r", after, 500):
            assert [event.seq for event in events] == [*range(after + 1, after + 1 + len(events))]
            after = events[-1].seq
        assert after == head
    finally:
        await store.close()
