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
from tests.servers import Mongod, Postgres

FAULT = "7 the whole store frozen"
MOST_REFUSAL_SECONDS = 3.0
MOST_RETURN_SECONDS = 2.0
MOST_GROWTH = 32 << 20


@pytest.mark.parametrize("seed", SCALE.seeds)
@pytest.mark.parametrize(
    ("store", "kind", "fault"),
    [("mongo", Mongod, FAULT), ("postgres", Postgres, f"{FAULT}, PostgreSQL")],
    ids=["mongo", "postgres"],
)
async def test_a_frozen_store_is_waited_for(
    tmp_path: Path, store: str, kind: type[Mongod | Postgres], fault: str, seed: int
) -> None:
    database = kind(tmp_path / "database")
    await asyncio.to_thread(database.start)
    try:
        address = {f"plugin__{store}__uri": database.uri}
        with ChatServer(tmp_path, store=store, **address) as server:
            await freeze(server, database, fault, seed)
    finally:
        database.kill()


async def freeze(server: ChatServer, database: Mongod | Postgres, fault: str, seed: int) -> None:
    async with Fleet(server, SCALE, seed) as fleet, httpx.AsyncClient(timeout=5) as browser:
        await fleet.talk(SCALE.seconds)
        memory = server.memory()
        traffic = asyncio.create_task(fleet.talk(SCALE.freeze_seconds))
        database.freeze()
        frozen = time.monotonic()
        health = await browser.get(server.url + "/health")
        live = await browser.get(server.url + "/health/live")
        await asyncio.sleep(max(0, SCALE.freeze_seconds - (time.monotonic() - frozen)))
        await traffic
        growth = server.memory() - memory
        refusals = [seconds for client in fleet.clients for seconds in client.refusal_seconds]
        database.thaw()
        thawed = fleet.history.now()
        await fleet.settled()
        after = [entry.t for entry in fleet.history.acknowledged() if entry.t > thawed]
        findings = checker.check(fleet.history.operations, await fleet.logs(), fleet.heard())
        again = await browser.get(server.url + "/health")
        record(fault, "frozen for", f"{SCALE.freeze_seconds:.0f} s")
        record(fault, "sends refused meanwhile", str(len(refusals)))
        record(fault, "longest wait for a refusal", f"{max(refusals):.2f} s")
        record(fault, "from its return to the first acknowledgement", f"{after[0] - thawed:.2f} s")
        acknowledged = len(fleet.history.acknowledged())
        record(fault, "acknowledgements checked, none lost or doubled", str(acknowledged))
        record(fault, "memory grew by", f"{growth / (1 << 20):.1f} MiB")
    assert (health.status_code, live.status_code, again.status_code) == (503, 200, 200)
    assert health.json()["checks"]["database"]["status"] == "error"
    assert all(client.connections == 1 for client in fleet.clients), "sockets are kept"
    assert findings == []
    assert max(refusals) < MOST_REFUSAL_SECONDS
    assert after[0] - thawed < MOST_RETURN_SECONDS
    assert growth < MOST_GROWTH
