"""Behaviour particular to MongoDB: query plans, faults of the server, warnings, settings."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pymongo
import pytest

from chatserver import (
    EventRemoved,
    MessageDeleted,
    MessageEdited,
    PinAdded,
    RoomRole,
    StartupError,
    StoreUnavailable,
)
from chatserver.testing.samples import described, event, joined, posted
from chatserver_plugins.mongo import MongoPlugin, MongoStore, documents
from chatserver_plugins.mongo.store import leaks
from chatserver_plugins.mongo_bus import MongoBusPlugin
from tests.servers import PATIENT_MS, Mongod, free_port
from tests.stores.waiting import comes_back

pytestmark = pytest.mark.long

DRIVERS = pytest.mark.parametrize("driver", ["motor", "pymongo"])
WAYS = pytest.mark.parametrize(
    ("driver", "line"), [("motor", "auto"), ("motor", "driver"), ("pymongo", "driver")]
)
LONGEST_SECONDS = 20.0  # without its limit a call would not end


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Mongod]:
    """A replica set that the test may harm."""
    mongod = Mongod(tmp_path / "own")
    mongod.start()
    yield mongod
    mongod.stop()


@asynccontextmanager
async def opened(server: Mongod, **settings: Any) -> AsyncIterator[MongoStore]:
    given = {"uri": server.uri, "database": f"test_{secrets.token_hex(8)}"}
    settings = given | {"timeout_ms": PATIENT_MS} | settings
    store = MongoPlugin(MongoPlugin.Config(**settings), data=Path("/unused")).provide_store()
    assert isinstance(store, MongoStore)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def plan(
    server: Mongod,
    database: str,
    pipeline: list[dict[str, Any]],
    index: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The server's plan of a pipeline: names of stages, keys and documents examined."""
    command: dict[str, Any] = {"aggregate": "events", "pipeline": pipeline, "cursor": {}}
    command |= {"hint": index} if index else {}
    with pymongo.MongoClient[dict[str, Any]](server.uri) as client:
        answer = client[database].command("explain", command, verbosity="executionStats")
    found: dict[str, Any] = {"stages": set()}
    _collect(answer, found)
    return found


def _collect(part: Any, found: dict[str, Any]) -> None:
    if isinstance(part, Mapping):
        if "totalKeysExamined" in part:
            found["keys"] = part["totalKeysExamined"]
            found["documents"] = part["totalDocsExamined"]
        if isinstance(part.get("stage"), str):
            found["stages"].add(part["stage"])
        for value in part.values():
            _collect(value, found)
    elif isinstance(part, list):
        for value in part:
            _collect(value, found)


async def test_newest_events_are_found_by_skipping(io_loop: Any, replica_set: Mongod) -> None:
    database = f"test_{secrets.token_hex(8)}"
    rooms = [f"r{n}" for n in range(10)]
    async with opened(replica_set, database=database) as store:
        for room in rooms:
            batch = [described(room, seq) for seq in range(1, 41)]
            members = [joined(room, seq, f"u{seq % 10}", RoomRole.ADMIN) for seq in range(41, 81)]
            await store.append([*batch, *members, *(posted(room, seq) for seq in range(81, 121))])

        heads = plan(replica_set, database, documents.heads(rooms))
        assert "DISTINCT_SCAN" in heads["stages"]
        assert heads["keys"] <= 20 and heads["documents"] == 0

        match = {"room": "r1", "user.id": documents.ANY}
        members_plan = plan(replica_set, database, documents.newest(match, "room", "user.id"))
        assert "DISTINCT_SCAN" in members_plan["stages"]
        assert members_plan["keys"] <= 20 and members_plan["documents"] <= 10

        rooms_plan = plan(
            replica_set, database, documents.newest({"user.id": "u1"}, "user.id", "room")
        )
        assert "DISTINCT_SCAN" in rooms_plan["stages"]
        assert rooms_plan["keys"] <= 20 and rooms_plan["documents"] <= 10

        match = {"room": {"$in": rooms}, "kind": documents.ANY}
        descriptions = plan(replica_set, database, documents.newest(match, "room"))
        assert descriptions["documents"] <= 10

        unread = plan(replica_set, database, documents.unread("u2", dict.fromkeys(rooms, 110)))
        assert unread["documents"] <= 100


async def test_only_one_text_of_an_often_edited_message_is_read(
    io_loop: Any, replica_set: Mongod
) -> None:
    database = f"test_{secrets.token_hex(8)}"
    async with opened(replica_set, database=database) as store:
        await store.append(
            [event(MessageEdited, "r", n, message="m", body="b") for n in range(1, 301)]
        )
        await store.append([event(PinAdded, "r", n, message="m") for n in range(301, 401)])
        of = {"r": ["m", *(f"none{n}" for n in range(50))]}
        kinds = ("message.edited", "message.deleted", "pin.added")
        match = documents.changed(of, *kinds)
        found = plan(
            replica_set, database, documents.newest_of_kinds(match), dict(documents.BY_KIND)
        )
        assert found["documents"] == 0
        assert found["keys"] < 600
        read: list[int] = []
        find = store._reads.find

        async def counted(*given: Any, **named: Any) -> Any:
            answer = await find(*given, **named)
            read.append(len(answer))
            return answer

        store._reads.find = counted  # type: ignore[method-assign]
        assert [change.seq for change in await store.changes(of)] == [300, 400]
        assert read == [2]


async def test_finding_replaced_texts_reads_only_an_index(
    io_loop: Any, replica_set: Mongod
) -> None:
    database = f"test_{secrets.token_hex(8)}"
    async with opened(replica_set, database=database) as store:
        await store.append([posted("r", n) for n in range(1, 501)])
        await store.append([event(MessageEdited, "r", 501, message="r-7", body="b")])
        await store.append([event(MessageDeleted, "r", 502, message="r-400")])
        match = {"$or": documents.replacing("r", 1, 300, [])}
        pipeline = documents.newest_of_kinds(match)
        found = plan(replica_set, database, pipeline, dict(documents.BY_REPLACED))
        assert found["documents"] == 0
        assert found["keys"] < 10


async def test_texts_that_the_version_before_replaced_are_not_shown(
    io_loop: Any, replica_set: Mongod
) -> None:
    """Neither those before the migration, nor those that a node of that version replaces after it."""
    database = f"test_{secrets.token_hex(8)}"
    changes = [
        event(MessageEdited, "r", 3, message="r-1", body="b"),
        event(MessageDeleted, "r", 4, message="r-2"),
    ]
    with pymongo.MongoClient[dict[str, Any]](replica_set.uri) as client:
        events, schema = client[database].events, client[database].schema
        async with opened(replica_set, database=database) as store:
            await store.append([posted("r", 1), posted("r", 2), *changes])
            events.update_many({}, {"$unset": {"replaces": ""}})
            schema.update_one({"_id": "version"}, {"$set": {"number": 5}})
            (shown,) = await store.shown([("r", 0)], 9)
            assert [getattr(each, "body", None) for each in shown] == ["", "", "b", None]
        async with opened(replica_set, database=database) as store:
            assert [each.get("replaces") for each in events.find(sort=[("seq", 1)])] == [
                *(None, None, 1, 2)
            ]
            assert await store.shown([("r", 0)], 9) == [shown]


@pytest.mark.parametrize("kind", ["replica_set", "standalone"])
async def test_a_place_that_a_killed_server_left_empty_is_filled_again(
    io_loop: Any, request: pytest.FixtureRequest, kind: str
) -> None:
    """A server by itself has no transactions: it may end after the old events are gone, and before their places are there."""
    server, database = request.getfixturevalue(kind), f"test_{secrets.token_hex(8)}"
    log = [described("r", 1), posted("r", 2), posted("r", 3), joined("r", 4, "u2"), posted("r", 5)]
    async with opened(server, database=database) as store:
        await store.append(log)
        with pymongo.MongoClient[dict[str, Any]](server.uri) as client:
            client[database].events.delete_one({"room": "r", "seq": 2})
        assert [each.seq for each in await store.read("r", 0, 9)] == [1, 3, 4, 5]
        for _ in range(2):
            await store.remove("r", [2, 3, 4, 6])
        places = [EventRemoved.of("r", seq) for seq in (2, 3)]
        assert await store.read("r", 0, 9) == [log[0], *places, *log[3:]]


@WAYS
async def test_a_frozen_server_fails_in_time_and_comes_back(
    io_loop: Any, own: Mongod, driver: str, line: str
) -> None:
    async with opened(own, driver=driver, line=line, timeout_ms=1000) as store:
        await store.append([posted("r", 1)])
        own.freeze()
        try:
            calls = [store.append([posted("r", 2, client_id=str(n))]) for n in range(30)]
            started = time.monotonic()
            results = await asyncio.gather(
                *calls, store.ping(), store.heads(["r"]), store.get("s", "k"),
                return_exceptions=True,
            )  # fmt: skip
            assert time.monotonic() - started < LONGEST_SECONDS
            assert all(isinstance(result, StoreUnavailable) for result in results)
        finally:
            own.thaw()
        await comes_back(store)
        assert (await store.heads(["r"]))["r"] in (1, 2)


@WAYS
async def test_a_killed_server_comes_back_with_everything(
    io_loop: Any, own: Mongod, driver: str, line: str
) -> None:
    async with opened(own, driver=driver, line=line, timeout_ms=1000) as store:
        for seq in range(1, 101):
            await store.append([posted("r", seq)])
        own.kill()
        with pytest.raises(StoreUnavailable):
            await store.append([posted("r", 101)])
        with pytest.raises(StoreUnavailable):
            await store.ping()
        await asyncio.to_thread(own.start)
        await comes_back(store)
        assert await store.read("r", 0, 200) == [posted("r", seq) for seq in range(1, 101)]


@WAYS
async def test_a_member_that_is_no_primary_is_not_ready(
    io_loop: Any, own: Mongod, driver: str, line: str
) -> None:
    async with opened(own, driver=driver, line=line, timeout_ms=1000) as store:
        await store.append([posted("r", 1)])
        with pymongo.MongoClient[dict[str, Any]](own.uri) as client:
            client.admin.command("replSetStepDown", 4, force=True)
        with pytest.raises(StoreUnavailable):
            await store.ping()
        with pytest.raises(StoreUnavailable):
            await store.append([posted("r", 2)])
        await comes_back(store)


@WAYS
async def test_an_error_of_the_write_concern_is_no_success(
    io_loop: Any, own: Mongod, driver: str, line: str
) -> None:
    async with opened(own, driver=driver, line=line, timeout_ms=1000) as store:
        fault = {
            "configureFailPoint": "failCommand",
            "mode": "alwaysOn",
            "data": {
                "failCommands": ["insert", "update"],
                "writeConcernError": {"code": 64, "errmsg": "waiting timed out"},
            },
        }
        with pymongo.MongoClient[dict[str, Any]](own.uri) as client:
            client.admin.command(fault)
            for call in (
                lambda: store.append([posted("r", 1)]),
                lambda: store.add("s", "k", b""),
                lambda: store.put("s", "k2", b""),
                lambda: store.ping(),
            ):
                with pytest.raises(StoreUnavailable):
                    await call()
            client.admin.command("configureFailPoint", "failCommand", mode="off")
        await store.ping()


@DRIVERS
async def test_changes_of_the_whole_log_have_no_time_limit(
    io_loop: Any, own: Mongod, driver: str
) -> None:
    """They take as long as the log is large."""
    slow = ["createIndexes", "update", "collMod", "renameCollection", "dropDatabase"]
    fault = {"failCommands": slow, "blockConnection": True, "blockTimeMS": 2500}
    async with opened(own, driver=driver, timeout_ms=1000) as store:
        await store.append([posted("r", 1)])
        database = store._database
        with pymongo.MongoClient[dict[str, Any]](own.uri) as client:
            client[database.name].create_collection("other")
            client.admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=fault)
            with pytest.raises(StoreUnavailable):
                await store.ping()
            await asyncio.gather(
                database.create_indexes("events", documents.INDEXES),
                database.update_all("events", {}, [{"$set": {"changed": 1}}]),
                database.patiently({"collMod": "events", "validator": {}}),
                database.rename("other", "another"),
            )
            names = client[database.name].list_collection_names()
            assert "another" in names and "other" not in names
            assert client[database.name].events.count_documents({"changed": 1}) == 1
            await database.drop()
            client.admin.command("configureFailPoint", "failCommand", mode="off")


@DRIVERS
async def test_a_server_that_is_away_at_start_is_named_and_why(
    io_loop: Any, tmp_path: Path, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatserver_plugins.mongo.driver.GRACE_SECONDS", 60)
    away = Mongod(tmp_path, free_port())
    reason = f"no server listens at 127.0.0.1:{away.port}"
    with pytest.raises(StartupError, match=rf"plugin\.mongo\.uri: {reason}"):
        async with opened(away, driver=driver, timeout_ms=200, start_seconds=0):
            pass


async def test_a_bad_address_is_named(io_loop: Any, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"plugin\.mongo\.uri"):
        async with opened(Mongod(tmp_path), uri="mongodb://host:port:1/"):
            pass


@pytest.mark.parametrize("uri", ["host", "host:27017", "http://host:27017", "mongodb:/host"])
def test_an_invalid_address_is_refused_before_the_start(uri: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="uri: expected mongodb://"):
        msgspec.convert({"uri": uri}, MongoPlugin.Config)


@pytest.mark.parametrize("plugin", [MongoPlugin, MongoBusPlugin])
@pytest.mark.parametrize(
    "asked", ["compressors=snappy,ZLIB", "Compressors=%7Alib", "w=1&compressors=zlib"]
)
def test_zlib_is_never_offered(plugin: type[MongoPlugin | MongoBusPlugin], asked: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="zlib"):
        msgspec.convert({"uri": f"mongodb://host/?{asked}"}, plugin.Config)


@pytest.mark.parametrize(
    ("version", "leaking"),
    [
        ((4, 4, 29), True),
        ((6, 0, 26), True),
        ((6, 0, 27), False),
        ((7, 0, 27), True),
        ((7, 0, 28), False),
        ((8, 0, 16), True),
        ((8, 0, 17), False),
        ((9, 0, 0), False),
    ],
)
def test_versions_of_servers_that_leak(version: tuple[int, ...], leaking: bool) -> None:
    assert leaks(version, {"compression": ["zlib"]}) is leaking
    assert not leaks(version, {})


async def test_a_leaking_server_is_warned_of(
    io_loop: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for compressors, warned in (("snappy,zlib", True), ("snappy,zstd", False)):
        server = Mongod(tmp_path / compressors)
        server.start(replica_set=False, compressors=compressors)
        try:
            caplog.clear()
            with caplog.at_level(logging.WARNING, "chatserver.mongo"):
                async with opened(server):
                    pass
            with pymongo.MongoClient[dict[str, Any]](server.uri) as client:
                build = tuple(client.server_info()["versionArray"][:3])
            expected = warned and leaks(build, {"compression": ["zlib"]})
            assert ("zlib" in caplog.text) is expected
        finally:
            server.stop()
