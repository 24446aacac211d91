"""What must hold so that rooms can be on several shards (docs/scaling.md): a router finds one shard by the room."""

import secrets
from pathlib import Path
from typing import Any

import pymongo
import pytest

from chatserver import MessageEdited
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


async def test_events_are_changed_and_removed_by_their_room(
    io_loop: Any, replica_set: Mongod
) -> None:
    """By another key alone, a router would ask all shards; by `_id` it could hit an event of another room."""
    database = f"test_{secrets.token_hex(8)}"
    config = MongoPlugin.Config(uri=replica_set.uri, database=database, timeout_ms=PATIENT_MS)
    store = MongoPlugin(config, Path("/unused")).provide_store()
    assert isinstance(store, MongoStore)
    await store.open()
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
