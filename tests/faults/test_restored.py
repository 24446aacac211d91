"""Fault 32: the store is restored to an older point behind the clients' backs.

By the time they come back the rooms are as long as they were, with other messages. Each client is told
to load its rooms anew. As a control the database is put back as it was, which the epoch does not
show: clients go on as if nothing had happened, and the checker finds what they miss.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pymongo
import pytest

from tests.faults import checker
from tests.faults.figures import record
from tests.faults.fleet import Fleet
from tests.faults.scale import SCALE
from tests.faults.server import ChatServer
from tests.servers import Mongod

FAULT = "32 restored to an older point"
LOST = "acknowledged and lost"
MORE = 5  # messages in each room, beyond what clients have seen

pytestmark = pytest.mark.parametrize("seed", SCALE.seeds)


async def grow(fleet: Fleet, server: ChatServer) -> None:
    """Somebody else says so much in each room that every position is one of the log again."""
    token = await asyncio.to_thread(server.register, "somebody")
    for room in fleet.rooms:
        seen = max(client.positions.get(room) or 0 for client in fleet.clients)
        await asyncio.to_thread(server.post, f"/api/v1/rooms/{room}/join", token)
        head = (await asyncio.to_thread(server.get, f"/api/v1/rooms/{room}", token)).json()["head"]
        for number in range(head, seen + MORE):
            said = {"client_id": f"{room}-{number}", "body": f"other {room}-{number}"}
            path = f"/api/v1/rooms/{room}/messages"
            await asyncio.to_thread(server.post, path, token, said)


async def go_back(
    folder: Path,
    uri: str,
    seed: int,
    keep: Callable[[ChatServer], None],
    bring_back: Callable[[ChatServer], None],
) -> tuple[list[str], set[str], float]:
    """The checker's findings, the messages that may be lost, and the seconds until clients were live again."""
    settings = {"plugin__mongo__uri": uri, "plugin__mongo__database": folder.name[-50:]}
    with ChatServer(folder, **settings) as server:
        async with Fleet(server, SCALE, seed) as fleet:
            await fleet.talk(SCALE.seconds)
            await fleet.settled()
            kept = {entry.client_id for entry in fleet.history.acknowledged()}
            await asyncio.to_thread(keep, server)
            await fleet.talk(SCALE.seconds)
            await fleet.settled()
            gone = {entry.client_id or "" for entry in fleet.history.acknowledged()} - kept
            await fleet.stop()
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(bring_back, server)
            await asyncio.to_thread(server.start)
            await grow(fleet, server)
            back = fleet.history.now()
            await fleet.start()
            async with asyncio.timeout(30):
                await asyncio.gather(*(client.is_live.wait() for client in fleet.clients))
            seconds = fleet.history.now() - back
            await fleet.talk(SCALE.seconds)
            await fleet.settled()
            logs = await fleet.stored()
        findings = checker.check(fleet.history.operations, logs, fleet.heard())
    return [line for line in findings if "nobody sent" not in line], gone, seconds


async def test_every_client_is_told(tmp_path: Path, database: Mongod, seed: int) -> None:
    def keep(server: ChatServer) -> None:
        server.command("backup", "--to", str(tmp_path / "backups"))

    def bring_back(server: ChatServer) -> None:
        server.change("plugin.mongo.database", f"{tmp_path.name[-50:]}_again")
        server.command("restore", str(tmp_path / "backups"))

    findings, gone, seconds = await go_back(tmp_path, database.uri, seed, keep, bring_back)
    told = [line for line in findings if checker.GAP in line]
    lost = [line for line in findings if LOST in line]
    assert len(told) == 2 * SCALE.clients, "each of both rooms of each client"
    assert len(lost) == len(gone) > 0, "what was said after the backup, and nothing else"
    assert len(told) + len(lost) == len(findings), findings
    record(FAULT, "clients told to load their rooms anew", f"{len(told) // 2} of {SCALE.clients}")
    record(FAULT, "found beside what came after the backup", "0")
    record(FAULT, "all of them live again after", f"{seconds:.1f} s")


async def test_control_the_database_put_back_is_not_noticed(
    tmp_path: Path, database: Mongod, seed: int
) -> None:
    name = tmp_path.name[-50:]

    def keep(server: ChatServer) -> None:
        with pymongo.MongoClient(database.uri) as client:
            for collection in client[name].list_collection_names():
                copy = {"db": f"{name}_again", "coll": collection}
                client[name][collection].aggregate([{"$out": copy}])

    def bring_back(server: ChatServer) -> None:
        server.change("plugin.mongo.database", f"{name}_again")

    findings, _, _ = await go_back(tmp_path, database.uri, seed, keep, bring_back)
    missed = [line for line in findings if "stored otherwise" in line]
    assert missed
    assert not [line for line in findings if checker.GAP in line]
    name = "control, the database put back: found to be received and not stored"
    record(FAULT, name, str(len(missed)))
