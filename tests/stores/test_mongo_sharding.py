"""What must hold so that rooms can be on several shards (docs/scaling.md): a router finds one shard by the room."""

import secrets
from pathlib import Path
from typing import Any

import pymongo
import pytest

from chatserver import MessageEdited
from chatserver.testing.running import running
from chatserver.testing.samples import event, posted
from chatserver_plugins.mongo import MongoPlugin, MongoStore, documents
from chatserver_plugins.mongo.driver import Database
from chatserver_plugins.mongo.line import ROUTER, Line
from tests.servers import PATIENT_MS, Mongod
from tests.stores.scripted_mongod import scripted

NOTHING = {"_id": ""}  # of `settle`, which has to ask all shards


def test_unique_indexes_over_events_begin_with_the_room() -> None:
    """MongoDB refuses to shard a collection by the room if one does not."""
    unique = [index.document for index in documents.INDEXES if index.document.get("unique")]
    assert unique
    for index in unique:
        assert next(iter(index["key"])) == "room"


@pytest.mark.parametrize("sharded", [False, True])
async def test_events_are_changed_and_removed_by_their_room(
    io_loop: Any, replica_set: Mongod, sharded: bool
) -> None:
    """By another key alone, a router would ask all shards; by `_id` it could hit an event of another room."""
    database = f"test_{secrets.token_hex(8)}"
    store = await opened(replica_set, database, sharded=sharded)
    with pymongo.MongoClient[dict[str, Any]](replica_set.uri) as client:
        try:
            client[database].command("profile", 2)
            await store.append([posted("r", seq) for seq in range(1, 8)])
            edited = event(MessageEdited, "r", 8, message="r-1", body="new")
            await store.append([edited], erasing=[0])
            await store.redact("r", [2])
            await store.clear("r", [3])
            await store.remove("r", [4])
            stored = posted("r", 5)
            assert await store.replace([(stored, posted("r", 5, body="another"))]) == 1
            client[database].command("profile", 0)
            seen = list(client[database]["system.profile"].find({"ns": f"{database}.events"}))
        finally:
            await store.close()
    changes = [each for each in seen if each["op"] in ("update", "remove")]
    assert {each["op"] for each in changes} == {"update", "remove"}
    for change in changes:
        query = change["command"]["q"]
        assert query == NOTHING or query.get("room") == "r", change["command"]


async def test_repeats_are_looked_up_in_their_rooms_by_the_index_over_ids(
    io_loop: Any, replica_set: Mongod
) -> None:
    database = f"test_{secrets.token_hex(8)}"
    store = await opened(replica_set, database, sharded=True)
    with pymongo.MongoClient[dict[str, Any]](replica_set.uri) as client:
        try:
            await store.append([posted("r", seq) for seq in range(1, 50)])
            await store.append([posted("q", seq, client_id=f"c-r-{seq}") for seq in range(1, 50)])
            client[database].command("profile", 2)
            sends = [("r", "u1", "c-r-7"), ("q", "u1", "c-r-8"), ("p", "u1", "c-r-9")]
            found = await store.repeats_in(sends)
            client[database].command("profile", 0)
            (seen,) = client[database]["system.profile"].find({"op": "query"})
        finally:
            await store.close()
    assert [found[send].room for send in sends[:2]] == ["r", "q"] and len(found) == 2
    assert {*seen["command"]["filter"]["room"]["$in"]} == {"r", "q", "p"}
    assert seen["command"]["hint"] == {"_id": 1}, "MongoDB may choose the index over (room, seq)"
    assert seen["docsExamined"] == 2 and "IXSCAN { _id: 1 }" in seen["planSummary"]


async def test_people_use_a_client_id_in_several_rooms(replica_set: Mongod) -> None:
    settings = {
        "plugins.folder": str(Path(__file__).parents[1] / "core" / "commanding"),
        "plugin.mongo.uri": replica_set.uri,
        "plugin.mongo.database": f"test_{secrets.token_hex(8)}",
        "plugin.mongo.timeout_ms": PATIENT_MS,
        "plugin.mongo.sharded": True,
    }
    async with running("tryout", store="mongo", settings=settings) as chat:
        ada = await chat.user("ada")
        rooms = [await ada.create_room(name) for name in ("Lounge", "Kitchen", "Garden")]
        for again in (False, True):
            for room in rooms[:2]:
                sent = await ada.call("send", room=room.id, client_id="same", body="hello")
                assert sent.get("dup", False) is again
                assert sent["id"].startswith(room.id)
        said = await ada.command(rooms[2], "/say hello", "same")
        assert said.message is not None and said.message.startswith(rooms[2].id)
        sent = await ada.call("send", room=rooms[2].id, client_id="same", body="hello")
        assert (sent["id"], sent["dup"]) == (said.message, True)


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
@pytest.mark.parametrize(("said", "kind"), [({"msg": "isdbgrid"}, "Sharded"), ({}, "Single")])
async def test_a_router_is_known_by_its_hello(
    io_loop: Any, driver: Any, said: dict[str, Any], kind: str
) -> None:
    async with scripted() as server:
        server.hello |= said
        uri = f"mongodb://127.0.0.1:{server.port}/?directConnection=true"
        database = Database(uri.partition("?")[0] if said else uri, "chat", driver, PATIENT_MS)
        line = Line(database, uri)
        try:
            await database.command({"ping": 1})
            assert database.topology() == kind
            await line.open()
            expected = {"line": "driver", "reason": ROUTER} if said else {"line": "own"}
            assert line.facts() == expected
        finally:
            await line.close()
            await database.close()


async def opened(server: Mongod, database: str, *, sharded: bool) -> MongoStore:
    config = MongoPlugin.Config(
        uri=server.uri, database=database, timeout_ms=PATIENT_MS, sharded=sharded
    )
    store = MongoPlugin(config, Path("/unused")).provide_store()
    await store.open()
    return store
