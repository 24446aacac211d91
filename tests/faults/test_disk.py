"""Faults 10 and 11: the disk is full, or cannot be synced, and is well again later.

Meanwhile sends are refused, to be tried again; nothing acknowledged is lost. As a control, a store that
does not sync goes on to acknowledge.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
import pymongo
import pytest
from pymongo.errors import PyMongoError

from tests.faults import trial
from tests.faults.disk import SmallDisk, failing_syncs
from tests.faults.figures import record, record_trial
from tests.faults.fleet import Fleet
from tests.faults.history import Operation
from tests.faults.scale import IS_LONG, SCALE
from tests.faults.server import PLUGINS, SHIPPED, ChatServer, http
from tests.servers import Postgres
from tests.waiting import until

NAMES = {"sqlite": "SQLite", "mongo": "MongoDB", "postgres": "PostgreSQL"}
STORES = NAMES if IS_LONG else ["sqlite"]
MEGABYTES = {"sqlite": 256, "mongo": 600, "postgres": 160}
FULL_SECONDS = 5 if IS_LONG else 2
TOLD_SECONDS = 60
FAILING_SECONDS = 4 if IS_LONG else 2.5
RATE = 200  # messages a second: all that are refused are tried again and again
FULL = "10 a full disk"
UNSYNCED = "11 syncs fail"

pytestmark = pytest.mark.parametrize("seed", SCALE.seeds)


def checkpoint(server: ChatServer) -> None:
    """Make mongod write a checkpoint. Its journal lasts for minutes; a checkpoint without room ends it."""
    command = server.mongod().cmdline()
    address = f"mongodb://127.0.0.1:{command[command.index('--port') + 1]}/?directConnection=true"
    with (
        pymongo.MongoClient(address, timeoutMS=5000) as client,
        suppress(PyMongoError),
    ):
        client.admin.command("fsync")


async def told_by_health(server: ChatServer) -> None:
    """Wait until /health says 503: in the files that a store has, there may be room for seconds yet."""
    async with asyncio.timeout(TOLD_SECONDS):
        while (await asyncio.to_thread(http.get, server.url + "/health")).status_code != 503:
            await asyncio.sleep(0.1)


@asynccontextmanager
async def database(
    folder: Path, store: str, within: Sequence[str] = ()
) -> AsyncIterator[Postgres | None]:
    """The one that the server does not bring itself; `within` as `Postgres` takes it."""
    if store != "postgres":
        yield None
        return
    postgres = Postgres(folder / "data", within=within)
    await asyncio.to_thread(postgres.start)
    try:
        yield postgres
    finally:
        postgres.stop()


def settings(postgres: Postgres | None) -> dict[str, object]:
    """Settings of a server that uses this database."""
    return SHIPPED | ({"plugin__postgres__uri": postgres.uri} if postgres else {})


@pytest.mark.parametrize("store", STORES)
async def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Path, store: str, seed: int) -> None:
    with SmallDisk(tmp_path / "data", MEGABYTES[store]) as disk:
        outcome = await fill_in_traffic(tmp_path, disk, store, seed)
    assert outcome.findings == []
    assert set(outcome.complaints) == {"store.unavailable"}, "it was full, and no worse"
    assert outcome.connections == 1, "sockets are kept"
    record_trial(outcome.row(FULL, NAMES[store], seed))


async def fill_in_traffic(folder: Path, disk: SmallDisk, store: str, seed: int) -> trial.Outcome:
    """A database that ends on the full disk is started anew, as its operator would."""
    async with database(folder, store, disk.within) as postgres:
        place = folder / "node" if postgres else folder  # a private store is in its server's data
        server = ChatServer(place, store=store, within=disk.within, **settings(postgres))

        async def fill() -> None:
            await asyncio.to_thread(disk.fill)
            if store == "mongo":
                await asyncio.to_thread(checkpoint, server)
            await told_by_health(server)
            await asyncio.sleep(FULL_SECONDS)
            await asyncio.to_thread(disk.free)
            if postgres is not None and not postgres.is_running():
                await asyncio.to_thread(postgres.start)

        with server:
            async with Fleet(server, SCALE._replace(rate=RATE), seed) as fleet:
                return await trial.run(fleet, fill)


def syncing(server: ChatServer, store: str, postgres: Postgres | None) -> list[psutil.Process]:
    """The processes that sync what the store writes."""
    if postgres is not None:
        main = psutil.Process(postgres.pid)
        return [main, *main.children()]
    return [server.mongod() if store == "mongo" else server.process]


async def fail_in_traffic(folder: Path, store: str, seed: int) -> tuple[trial.Outcome, int]:
    """The outcome, and how many messages that were sent while nothing could be synced were acknowledged then.

    A mongod that cannot sync ends; the server starts another one, which can. PostgreSQL cannot
    begin again either, and is started anew, as its operator would.
    """
    async with database(folder, store) as postgres:
        place = folder / "node" if postgres else folder
        given = settings(postgres)
        with ChatServer(place, store=store, plugins__folder=PLUGINS, **given) as server:
            async with Fleet(server, SCALE._replace(rate=RATE), seed) as fleet:
                between = []

                async def fail() -> None:
                    processes = syncing(server, store, postgres)
                    async with failing_syncs(*(process.pid for process in processes)):
                        between.append(fleet.history.now())
                        await asyncio.to_thread(psutil.wait_procs, processes[:1], FAILING_SECONDS)
                        if store == "weak_sqlite":
                            await until(lambda: told_since(fleet, between[0]))
                        between.append(fleet.history.now())
                    if postgres is not None:
                        await asyncio.to_thread(postgres.kill)
                        await asyncio.to_thread(postgres.start)

                outcome = await trial.run(fleet, fail)
                began, ended = between
                told = [e for e in told_since(fleet, began) if e.t < ended]
    return outcome, len(told)


def told_since(fleet: Fleet, began: float) -> list[Operation]:
    """The acknowledgements of messages that were first sent after `began`: others may have been synced before."""
    sent: dict[str | None, float] = {}
    for entry in fleet.history.operations:
        if entry.op == "send" and entry.type == "invoke":
            sent.setdefault(entry.client_id, entry.t)
    return [entry for entry in fleet.history.acknowledged() if sent[entry.client_id] > began]


@pytest.mark.parametrize("store", STORES)
async def test_messages_that_cannot_be_synced_are_not_acknowledged(
    tmp_path: Path, store: str, seed: int
) -> None:
    outcome, told = await fail_in_traffic(tmp_path, store, seed)
    assert outcome.findings == []
    assert told == 0
    assert set(outcome.complaints) == {"store.unavailable"}
    record_trial(outcome.row(UNSYNCED, NAMES[store], seed))
    record(UNSYNCED, f"acknowledged meanwhile, {NAMES[store]}", str(told))


async def test_control_without_syncs_it_is_acknowledged(tmp_path: Path, seed: int) -> None:
    _, told = await fail_in_traffic(tmp_path, "weak_sqlite", seed)
    assert told > 0
    record(UNSYNCED, "control, a store that does not sync: acknowledged meanwhile", str(told))
