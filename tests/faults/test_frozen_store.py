"""Fault 7: the whole store stands still (SIGSTOP) and comes back.

Meanwhile sends are refused in time, sockets stay, memory does not grow, /health says 503; then
everything works again by itself, and nothing is lost or doubled.
"""

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from tests.faults import checker
from tests.faults.figures import record
from tests.faults.fleet import Fleet
from tests.faults.scale import SCALE
from tests.faults.server import ChatServer
from tests.servers import Mongod

FAULT = "7 the whole store frozen"
MOST_REFUSAL_SECONDS = 3.0
MOST_RETURN_SECONDS = 2.0
MOST_GROWTH = 32 << 20


@pytest.mark.parametrize("seed", SCALE.seeds)
async def test_a_frozen_store_is_waited_for(tmp_path: Path, seed: int) -> None:
    mongod = Mongod(tmp_path / "mongod")
    await asyncio.to_thread(mongod.start)
    try:
        with ChatServer(tmp_path, plugin__mongo__uri=mongod.uri) as server:
            await freeze(server, mongod, seed)
    finally:
        mongod.kill()


async def freeze(server: ChatServer, mongod: Mongod, seed: int) -> None:
    async with Fleet(server, SCALE, seed) as fleet, httpx.AsyncClient(timeout=5) as browser:
        await fleet.talk(SCALE.seconds)
        memory = server.memory()
        traffic = asyncio.create_task(fleet.talk(SCALE.freeze_seconds))
        mongod.freeze()
        frozen = time.monotonic()
        health = await browser.get(server.url + "/health")
        live = await browser.get(server.url + "/health/live")
        await asyncio.sleep(max(0, SCALE.freeze_seconds - (time.monotonic() - frozen)))
        await traffic
        growth = server.memory() - memory
        refusals = [seconds for client in fleet.clients for seconds in client.refusal_seconds]
        mongod.thaw()
        thawed = fleet.history.now()
        await fleet.settled()
        after = [entry.t for entry in fleet.history.acknowledged() if entry.t > thawed]
        findings = checker.check(fleet.history.operations, await fleet.logs(), fleet.heard())
        again = await browser.get(server.url + "/health")
        record(FAULT, "frozen for", f"{SCALE.freeze_seconds:.0f} s")
        record(FAULT, "sends refused meanwhile", str(len(refusals)))
        record(FAULT, "longest wait for a refusal", f"{max(refusals):.2f} s")
        record(FAULT, "from its return to the first acknowledgement", f"{after[0] - thawed:.2f} s")
        acknowledged = len(fleet.history.acknowledged())
        record(FAULT, "acknowledgements checked, none lost or doubled", str(acknowledged))
        record(FAULT, "memory grew by", f"{growth / (1 << 20):.1f} MiB")
    assert (health.status_code, live.status_code, again.status_code) == (503, 200, 200)
    assert health.json()["checks"]["database"]["status"] == "error"
    assert all(client.connections == 1 for client in fleet.clients), "sockets are kept"
    assert findings == []
    assert max(refusals) < MOST_REFUSAL_SECONDS
    assert after[0] - thawed < MOST_RETURN_SECONDS
    assert growth < MOST_GROWTH
