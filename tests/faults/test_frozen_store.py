"""Fault 7: the whole store stands still (SIGSTOP) and comes back.

Meanwhile sends are refused, not kept waiting until its return; sockets stay, memory does not grow, /health says 503;
then everything works again by itself, and nothing is lost or doubled. Each also with a weak setting, which must be
found out.
"""

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.faults import trial
from tests.faults.figures import record, record_trial
from tests.faults.fleet import Fleet
from tests.faults.scale import CONTROL_TRIALS, IS_LONG, SCALE
from tests.faults.server import SHIPPED, ChatServer
from tests.servers import Mongod, Postgres

FAULT = "7 the whole store frozen"
MOST_RETURN_SECONDS = 2.0 if IS_LONG else 15.0  # the machine of a short run may be busy
MOST_GROWTH = 32 << 20
RATE = 200  # messages a second: all of them wait, and are tried again and again
CONTROL_SECONDS = 4.0  # longer than it takes to refuse
STORED_AGAIN = re.compile(r"stored \d+ times")

pytestmark = pytest.mark.parametrize("seed", SCALE.seeds)


class Outcome(NamedTuple):
    """Observations of the clients and the server."""

    frozen_for: float  # seconds
    statuses: tuple[int, int, int]  # /health and /health/live while it is frozen, /health after
    back: float  # seconds from its return to the first acknowledgement
    growth: int  # bytes
    trial: trial.Outcome

    def problems(self) -> list[str]:
        """The expectations that did not hold."""
        longest = max(self.trial.refusals, default=0)
        held = {
            "/health does not say it": self.statuses == (503, 200, 200),
            f"refused after {longest:.2f} s": 0 < longest < self.frozen_for,
            "it takes long to be back": self.back < MOST_RETURN_SECONDS,
            "memory grows": self.growth < MOST_GROWTH,
            "sockets are cut": self.trial.connections == 1,
        }
        return [problem for problem, well in held.items() if not well] + self.trial.findings


@pytest.fixture
def mongod(tmp_path: Path) -> Iterator[Mongod]:
    mongod = Mongod(tmp_path / "mongod")
    mongod.start()
    yield mongod
    mongod.kill()


async def freeze(
    folder: Path,
    database: Mongod | Postgres,
    seed: int,
    *,
    store: str = "mongo",
    forgetful: bool = False,
    frozen_for: float = CONTROL_SECONDS,
    **settings: object,
) -> Outcome:
    address = {f"plugin__{store}__uri": database.uri}
    with ChatServer(folder, store=store, **SHIPPED | address | settings) as server:
        async with (
            Fleet(server, SCALE._replace(rate=RATE), seed, forgetful=forgetful) as fleet,
            httpx.AsyncClient(timeout=5) as browser,
        ):
            await fleet.talk(SCALE.seconds)
            memory = server.memory()
            traffic = asyncio.create_task(fleet.talk(frozen_for))
            database.freeze()
            frozen = time.monotonic()
            health = await browser.get(server.url + "/health")
            live = await browser.get(server.url + "/health/live")
            await asyncio.sleep(max(0, frozen_for - (time.monotonic() - frozen)))
            await traffic
            growth = server.memory() - memory
            database.thaw()
            thawed = fleet.history.now()
            await fleet.settled()
            back = min(e.t for e in fleet.history.acknowledged() if e.t > thawed) - thawed
            again = await browser.get(server.url + "/health")
            return Outcome(
                frozen_for=frozen_for,
                statuses=(health.status_code, live.status_code, again.status_code),
                back=back,
                growth=growth,
                trial=await trial.outcome(fleet, thawed, fleet.history.now() - thawed),
            )


@pytest.mark.parametrize(
    ("store", "kind", "name"),
    [("mongo", Mongod, "MongoDB"), ("postgres", Postgres, "PostgreSQL")],
    ids=["mongo", "postgres"],
)
async def test_a_frozen_store_is_waited_for(
    tmp_path: Path, store: str, kind: type[Mongod | Postgres], name: str, seed: int
) -> None:
    database = kind(tmp_path / "database")
    await asyncio.to_thread(database.start)
    try:
        frozen_for = SCALE.freeze_seconds
        outcome = await freeze(tmp_path, database, seed, store=store, frozen_for=frozen_for)
    finally:
        database.kill()
    assert outcome.problems() == []
    logs = [(tmp_path / "logs" / name).read_text() for name in ("error.log", "combined.log")]
    assert f"the store {store} does not answer since 20" in logs[0]
    assert f"the store {store} answers again after" in logs[1]
    refusals = outcome.trial.refusals
    record_trial(outcome.trial.row(f"{FAULT} for {frozen_for:.0f} s", name, seed))
    record(FAULT, f"sends refused meanwhile, {name}", str(len(refusals)))
    record(FAULT, f"longest wait for a refusal, {name}", f"{max(refusals):.2f} s")
    record(FAULT, f"from its return to the first acknowledgement, {name}", f"{outcome.back:.2f} s")
    record(FAULT, f"memory grew by, {name}", f"{outcome.growth / (1 << 20):.1f} MiB")


async def test_control_without_a_time_limit_sends_wait(
    tmp_path: Path, mongod: Mongod, seed: int
) -> None:
    weak = {"plugin__mongo__timeout_ms": 60_000, "delivery__append_seconds": 60}
    outcome = await freeze(tmp_path, mongod, seed, **weak)
    assert [line for line in outcome.problems() if line.startswith("refused after")]
    record(
        FAULT, "control, no time limit: sends refused meanwhile", str(len(outcome.trial.refusals))
    )


async def test_control_repeats_under_a_new_client_id_are_doubled(
    tmp_path: Path, mongod: Mongod, seed: int
) -> None:
    """A refused message may still be written when the store is back: its outcome cannot be known."""
    for number in range(CONTROL_TRIALS):  # the store may freeze when nothing is on its way
        folder = tmp_path / f"try_{number}"
        folder.mkdir()
        own = {"plugin__mongo__database": folder.name}
        outcome = await freeze(folder, mongod, seed + 100 * number, forgetful=True, **own)
        if doubled := [line for line in outcome.problems() if STORED_AGAIN.match(line)]:
            break
    else:
        pytest.fail("a checker that finds no doubles would not notice their loss")
    name = "control, repeats under a new client_id: doubles found"
    record(FAULT, name, str(len(doubled)))
