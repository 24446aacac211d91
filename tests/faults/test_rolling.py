"""Fault 3: three nodes are restarted in order, one after the other, under traffic.

Their clients move to others: nothing is lost or doubled, and no user sees an error.
"""

import asyncio
import statistics
import time
from pathlib import Path

import pytest

from tests.faults import trial
from tests.faults.figures import record, record_trial
from tests.faults.fleet import Fleet
from tests.faults.nodes import nodes, patient
from tests.faults.scale import IS_LONG, SCALE
from tests.faults.server import ChatServer
from tests.servers import Mongod

FAULT = "3 rolling restart of three nodes"
CLIENTS = 1000 if IS_LONG else 60
RATE = 200  # messages a second; each goes to 40 clients
DRAIN_SECONDS = 5 if IS_LONG else 1  # over which a node tells its clients to move
# The machine of a short run may be busy.
MOST_DRAIN_SECONDS = 30 if IS_LONG else 90
MOST_RESUME_SECONDS = 2 if IS_LONG else 60  # p99

pytestmark = pytest.mark.parametrize("seed", SCALE.seeds)


async def test_a_rolling_restart_is_not_noticed(
    tmp_path: Path, database: Mongod, seed: int
) -> None:
    drains = []

    def restart(server: ChatServer) -> None:
        began = time.monotonic()
        assert server.stop() == 0
        drains.append(time.monotonic() - began)
        server.start()

    settings = patient(database, tmp_path) | {
        "server__drain_seconds": DRAIN_SECONDS,
    }
    with nodes(tmp_path, 3, **settings) as servers:
        first, *others = servers
        scale = SCALE._replace(clients=CLIENTS, rate=RATE)
        async with Fleet(first, scale, seed, others=others) as fleet:

            async def restart_all() -> None:
                for server in servers:
                    await asyncio.to_thread(restart, server)

            outcome = await trial.run(fleet, restart_all)
        assert outcome.findings == []
        assert outcome.complaints == []
        assert [server.errors() for server in servers] == [[], [], []]
    assert len(outcome.resumes) >= CLIENTS, "all have moved"
    p99 = statistics.quantiles(outcome.resumes, n=100)[98]
    record_trial(outcome.row(f"{FAULT}, {CLIENTS:,} clients", "MongoDB", seed))
    record(FAULT, "longest drain", f"{max(drains):.1f} s")
    record(FAULT, "live again on another node, p99", f"{p99:.2f} s")
    assert max(drains) < MOST_DRAIN_SECONDS
    assert p99 < MOST_RESUME_SECONDS
