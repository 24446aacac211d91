"""Faults 8 and 9: the way to the store is slow, or breaks again and again.

Slow means slow answers and nothing else. When connections break, what becomes of a send is often not
known; whoever repeats it has it once, and as a control, under a new client_id, twice.
"""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import trial
from tests.faults.figures import record, record_trial
from tests.faults.fleet import Fleet
from tests.faults.proxy import Network, Proxy
from tests.faults.scale import CONTROL_TRIALS, IS_LONG, SCALE
from tests.faults.server import ChatServer
from tests.servers import Mongod, Postgres

NAMES = {"mongo": "MongoDB", "postgres": "PostgreSQL"}
LATENCY_SECONDS = 0.2  # more for each way
RESET_SECONDS = 0.1
SECONDS = 8 if IS_LONG else 2
CONTROLLED = NAMES if IS_LONG else ["mongo"]
BREAKS = f"9 connections to the store reset each {RESET_SECONDS * 1000:.0f} ms"

pytestmark = pytest.mark.parametrize("seed", SCALE.seeds)


class Way:
    """A database, and the proxy that it is reached through."""

    def __init__(self, store: str, database: Mongod | Postgres, network: Network) -> None:
        self.store, self.proxy = store, network.proxy(database.port)
        self._database = database

    def settings(self, folder: Path) -> dict[str, str]:
        """For a server that has a part of the database to itself."""
        part = re.sub(r"\W", "_", folder.name)[-50:]
        if self.store == "mongo":
            uri = f"mongodb://127.0.0.1:{self.proxy.port}/?directConnection=true"
            return {"plugin__mongo__uri": uri, "plugin__mongo__database": part}
        uri = self._database.uri.replace(str(self._database.port), str(self.proxy.port))
        return {"plugin__postgres__uri": uri, "plugin__postgres__schema": part}


@pytest.fixture(scope="module", params=NAMES)
def shared_way(
    request: pytest.FixtureRequest, network: Network, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Way]:
    store: str = request.param
    kind = Mongod if store == "mongo" else Postgres
    database = kind(tmp_path_factory.mktemp("database"))
    database.start()
    try:
        yield Way(store, database, network)
    finally:
        database.kill()


@pytest.fixture
def way(shared_way: Way) -> Iterator[Way]:
    yield shared_way
    shared_way.proxy.heal()


async def break_again_and_again(proxy: Proxy) -> None:
    for _ in range(int(SECONDS / RESET_SECONDS)):
        await asyncio.sleep(RESET_SECONDS)
        await asyncio.to_thread(proxy.reset)


async def test_a_slow_way_costs_time_and_nothing_else(tmp_path: Path, way: Way, seed: int) -> None:
    with ChatServer(tmp_path, store=way.store, **way.settings(tmp_path)) as server:
        async with Fleet(server, SCALE, seed) as fleet:

            async def slow() -> None:
                await asyncio.to_thread(way.proxy.delay, LATENCY_SECONDS)
                await asyncio.sleep(SECONDS)
                await asyncio.to_thread(way.proxy.heal)

            outcome = await trial.run(fleet, slow)
            waits = fleet.history.waits()
        assert outcome.findings == []
        assert outcome.complaints == [], "no error that a user sees"
        assert max(waits) > 2 * LATENCY_SECONDS, "the way is slow"
        assert server.errors() == []
        name = f"8 {LATENCY_SECONDS * 1000:.0f} ms more to the store, and back"
        record_trial(outcome.row(name, NAMES[way.store], seed))
        record(name, f"longest wait for an answer, {NAMES[way.store]}", f"{max(waits):.2f} s")


async def test_a_way_that_breaks_costs_no_message(tmp_path: Path, way: Way, seed: int) -> None:
    outcome = await break_in_traffic(tmp_path, way, seed)
    assert outcome.findings == []
    assert outcome.connections == 1, "sockets are kept"
    record_trial(outcome.row(BREAKS, NAMES[way.store], seed))


@pytest.mark.parametrize("shared_way", CONTROLLED, indirect=True)
async def test_control_under_a_new_client_id_they_are_doubled(
    tmp_path: Path, way: Way, seed: int
) -> None:
    for number in range(CONTROL_TRIALS):  # a break may come when no answer is on its way
        folder = tmp_path / f"{tmp_path.name}_{number}"
        folder.mkdir()
        outcome = await break_in_traffic(folder, way, seed + 100 * number, forgetful=True)
        if any(re.match(r"stored \d+ times", line) for line in outcome.findings):
            break
    else:
        pytest.fail("a checker that finds no doubles would not notice their loss")
    name = f"{BREAKS}, control: repeats under a new client_id"
    record_trial(outcome.row(name, NAMES[way.store], seed, control=True))


async def break_in_traffic(
    folder: Path, way: Way, seed: int, *, forgetful: bool = False
) -> trial.Outcome:
    with ChatServer(folder, store=way.store, **way.settings(folder)) as server:
        async with Fleet(server, SCALE, seed, forgetful=forgetful) as fleet:
            return await trial.run(fleet, lambda: break_again_and_again(way.proxy))
