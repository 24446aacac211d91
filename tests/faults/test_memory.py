"""Fault 30: one of two nodes gets no more memory for a while, under heavy traffic.

The node may refuse operations and lose connections. Acknowledged messages are kept, the other node does
not notice, and the node recovers when memory is there again.
"""

import asyncio
import resource
from pathlib import Path

import psutil
import pytest

from tests.faults import trial
from tests.faults.figures import record, record_trial
from tests.faults.fleet import Fleet
from tests.faults.scale import IS_LONG, SCALE
from tests.faults.server import ChatServer
from tests.servers import Mongod

FAULT = "30 one node gets no more memory"
SECONDS = 5 if IS_LONG else 2
RATE = 200  # long messages a second
BODY = "x" * 7_000

pytestmark = pytest.mark.parametrize("seed", SCALE.seeds)


def limit(server: ChatServer, size: int) -> None:
    """Limit its address space: beyond it Python raises MemoryError."""
    resource.prlimit(server.process.pid, resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))


async def test_a_node_without_memory_loses_nothing(
    tmp_path: Path, database: Mongod, seed: int
) -> None:
    settings = {
        "plugin__mongo__uri": database.uri,
        "plugin__mongo__database": tmp_path.name[-60:],
    }
    there = ChatServer(tmp_path / "there", **settings)
    with ChatServer(tmp_path / "here", **settings) as here, there:
        async with Fleet(here, SCALE, seed, others=[there]) as fleet:

            async def starve() -> None:
                limit(there, psutil.Process(there.process.pid).memory_info().vms)
                clients = fleet.clients[1::2]  # those that began there
                for number in range(SECONDS * RATE):
                    await asyncio.sleep(1 / RATE)
                    client = clients[number % len(clients)]
                    client.send(min(client.rooms), f"{number} {BODY}")
                limit(there, resource.RLIM_INFINITY)

            outcome = await trial.run(fleet, starve)
        assert outcome.findings == []
        assert here.errors() == []
        errors = there.errors()
        assert {error["error"]["type"] for error in errors} <= {"MemoryError"}
        assert there.is_ready()
    record_trial(outcome.row(FAULT, "MongoDB", seed))
    record(FAULT, "times that it could not do something for want of memory", str(len(errors)))
