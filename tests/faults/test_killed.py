"""Faults 1 and 2: kill -9 of the server, of its mongod, of both, in the middle of a burst.

Everything acknowledged is there once, in order, and every client catches up. Each also with a weak
setting, where the checker must find the damage.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import checker, trial
from tests.faults.figures import record, record_trial
from tests.faults.fleet import Fleet
from tests.faults.scale import SCALE
from tests.faults.server import ChatServer
from tests.faults.trial import Outcome
from tests.servers import mongod_program

pytestmark = pytest.mark.parametrize("seed", SCALE.seeds)


@pytest.fixture(autouse=True)
def needs_mongod() -> None:
    mongod_program()


def kill_server(server: ChatServer) -> None:
    server.kill()
    server.start()


def kill_all(server: ChatServer) -> None:
    server.kill_all()
    server.start()


def kill_mongod(server: ChatServer) -> None:
    """The server starts it again by itself."""
    server.mongod().kill()


async def during(fleet: Fleet, fault: Callable[[ChatServer], None]) -> Outcome:
    """Traffic, the fault, traffic; returns the outcome at the end.

    `caught_up` is from the server's return until every client had everything.
    """
    traffic = asyncio.create_task(fleet.talk(SCALE.seconds * 2))
    await asyncio.sleep(SCALE.seconds)
    when = fleet.history.now()
    await asyncio.to_thread(fault, fleet.server)
    over = fleet.history.now()
    async with asyncio.timeout(60):
        await fleet.caught_up()
    caught_up = fleet.history.now() - over
    await traffic
    await fleet.settled()
    return await trial.outcome(fleet, when, caught_up)


@pytest.mark.parametrize(
    ("name", "fault", "store"),
    [
        ("1 kill -9 of the server", kill_server, "mongo"),
        ("1 kill -9 of the server", kill_server, "sqlite"),
        ("2 kill -9 of server and mongod", kill_all, "mongo"),
        ("2 kill -9 of mongod", kill_mongod, "mongo"),
    ],
    ids=["server", "server-sqlite", "all", "mongod"],
)
async def test_nothing_acknowledged_is_lost_and_everybody_catches_up(
    tmp_path: Path, name: str, fault: Callable[[ChatServer], None], store: str, seed: int
) -> None:
    with ChatServer(tmp_path, store=store) as server:
        async with Fleet(server, SCALE, seed) as fleet:
            outcome = await during(fleet, fault)
        if fault is kill_mongod:
            assert outcome.connections == 1, "sockets are kept"
        assert outcome.findings == []
        assert outcome.acknowledged == int(SCALE.seconds * 2 * SCALE.rate)
        record_trial(outcome.row(name, {"mongo": "MongoDB", "sqlite": "SQLite"}[store], seed))
        assert server.stop() == 0


async def test_control_a_store_in_memory_loses_acknowledged_messages(
    tmp_path: Path, seed: int
) -> None:
    with ChatServer(tmp_path, store="memory") as server:
        async with Fleet(server, SCALE, seed) as fleet:
            await fleet.talk(0.5)
            await fleet.settled()
            assert checker.check(fleet.history.operations, await fleet.logs(), fleet.heard()) == []
        server.kill()
        server.start()
        findings = checker.check(fleet.history.operations, await fleet.logs(), fleet.heard())
    lost = [line for line in findings if "acknowledged and lost" in line]
    assert len(lost) == len(fleet.history.acknowledged())
    record("1 kill -9 of the server", "control, memory store: losses found", str(len(lost)))


@pytest.mark.parametrize("forgetful", [False, True])
async def test_a_repeat_is_one_message_but_not_under_a_new_client_id(
    tmp_path: Path, forgetful: bool, seed: int
) -> None:
    """Every connection breaks when its send is on the way; the answer never comes."""
    with ChatServer(tmp_path, store="memory") as server:
        async with Fleet(server, SCALE, seed, forgetful=forgetful) as fleet:
            for client in fleet.clients:
                client.send(min(client.rooms))
                client.cut()
            await fleet.settled()
            findings = checker.check(fleet.history.operations, await fleet.logs(), fleet.heard())
    doubled = [line for line in findings if "stored 2 times" in line]
    if forgetful:
        assert doubled
        name = "control, repeats under a new client_id: doubles found"
        record("1 kill -9 of the server", name, str(len(doubled)))
    else:
        assert findings == []
