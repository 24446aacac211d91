"""A log of MongoDB is made ready for shards: every event stays, whatever interrupts it."""

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from click.testing import CliRunner

from chatserver import Appended, Conflict, StoreUnavailable
from chatserver.cli import main
from chatserver.testing.samples import posted
from chatserver_plugins.mongo import MongoPlugin, MongoStore, schema, sharding
from chatserver_plugins.mongo.log import OTHER_FORM
from tests.servers import PATIENT_MS, Mongod
from tests.stores.preparing import (
    Address,
    Document,
    Place,
    Stop,
    demand_ready,
    no_start,
    place_of,
    refused,
    stop_before,
)

pytestmark = pytest.mark.long

STEPS = len(sharding.STEPS)


@pytest.fixture
def place(replica_set: Mongod) -> Iterator[Place]:
    with place_of(replica_set) as made:
        yield made


async def test_every_event_is_written_anew(io_loop: Any, place: Place) -> None:
    log = await place.filled()
    before = place.database.events.index_information()
    assert {*map(tuple, place.ids())} == {("author", "client_id")}
    assert await place.prepare() is True
    assert place.database.events.index_information() == before
    await demand_ready(place, log)
    assert await place.prepare() is False


async def test_what_an_earlier_try_left_is_dropped(io_loop: Any, place: Place) -> None:
    log = await place.filled()
    before = place.database.events.index_information()
    place.database[sharding.COPY].create_index("at", unique=True)
    await place.prepare()
    assert place.database.events.index_information() == before
    await demand_ready(place, log)


@pytest.mark.parametrize("number", range(STEPS + 1))
async def test_it_goes_on_where_it_was_interrupted(
    io_loop: Any, place: Place, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    log = await place.filled()
    async with place.opened() as running:
        with monkeypatch.context() as broken:
            stop_before(broken, number)
            with pytest.raises(Stop):
                await place.prepare()
        for sharded in (False, True):
            await no_start(place, sharded, sharding.IS_UNFINISHED)
        if number:
            with pytest.raises(StoreUnavailable) as caught:
                await running.append([posted("r", 11)])
            assert caught.value.reason == OTHER_FORM
    assert place.number() > len(schema.MIGRATIONS), "a server of the version before would start"
    if number == STEPS:
        stop_before(monkeypatch, 0)  # the new log is not written a second time
    assert await place.prepare() is True
    await demand_ready(place, log)


@pytest.mark.parametrize("number", range(STEPS))
async def test_it_can_be_given_up_before_the_new_log_is_in_its_place(
    io_loop: Any, place: Place, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    log = await place.filled()
    stop_before(monkeypatch, number)
    with pytest.raises(Stop):
        await place.prepare()
    await place.store().cancel_shards()
    assert sharding.COPY not in place.database.list_collection_names()
    async with place.opened() as store:
        assert await place.log(store) == log
        assert await store.append([posted("r", 11)]) == Appended(1)
        assert await store.append([posted("q", 11, client_id="r-3")]) == Appended(
            0, Conflict.CLIENT_ID
        )
    assert place.number() == len(schema.MIGRATIONS)


async def test_what_is_done_or_was_not_begun_is_not_given_up(
    io_loop: Any, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await place.filled()
    await refused(place.store().cancel_shards, "is not being written anew")
    with monkeypatch.context() as broken:
        stop_before(broken, STEPS)
        with pytest.raises(Stop):
            await place.prepare()
    await refused(place.store().cancel_shards, "the new log is in its place already")
    await place.prepare()
    await refused(place.store().cancel_shards, "is not being written anew")
    await demand_ready(place, log)


async def test_a_mongod_that_is_killed_meanwhile(
    io_loop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LEASE_MS", 1000)  # for the lock of the killed command
    own = Mongod(tmp_path / "own")
    own.start()
    try:
        with place_of(own) as place:
            log = await place.filled()

            async def kill(*given: object) -> None:
                own.kill()
                raise Stop

            with monkeypatch.context() as broken:
                broken.setattr(sharding, "STEPS", (*sharding.STEPS[:3], kill))
                with pytest.raises(Stop):
                    await place.store(sharded=True, timeout_ms=1000).prepare_shards()
            await asyncio.to_thread(own.start)
            await place.prepare()
            await demand_ready(place, log)
    finally:
        own.stop()


LOSSES: dict[str, Document] = {
    "an event": {"$match": {"seq": {"$ne": 7}}},
    "a number": {"$set": {"seq": {"$add": ["$seq", 100]}}},
    "a text": {"$set": {"body": {"$cond": [{"$eq": ["$seq", 3]}, "", "$body"]}}},
    "a room": {"$set": {"_id": {"$cond": [{"$eq": ["$room", "r"]}, {"old": "$_id"}, "$_id"]}}},
}


@pytest.mark.parametrize("lost", LOSSES)
async def test_a_copy_that_lacks_something_never_takes_the_place_of_the_log(
    io_loop: Any, place: Place, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    log = await place.filled()
    copy = sharding._aggregate

    async def lossy(
        database: Any, collection: str, pipeline: list[Document], **options: object
    ) -> Any:
        if "$out" in pipeline[-1]:
            pipeline = [*pipeline[:-1], LOSSES[lost], pipeline[-1]]
        return await copy(database, collection, pipeline, **options)

    with monkeypatch.context() as broken:
        broken.setattr(sharding, "_aggregate", lossy)
        await refused(place.prepare, "is not the same")
    assert len(place.ids()) == sum(
        each["ev"] == "message.posted" for each in place.database.events.find()
    )
    assert await place.prepare() is True
    await demand_ready(place, log)


async def test_a_log_that_another_process_has_put_in_its_place_stays(
    io_loop: Any, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that had lost the lock, and goes on: its copy is older than what servers have written since."""
    log = await place.filled()

    async def by_another(database: Any) -> None:
        assert await sharding._is_ready(database) is False
        await database.command({"collMod": "events", "validator": sharding.WITH_ROOMS})

    with monkeypatch.context() as broken:
        broken.setattr(sharding, "STEPS", (*sharding.STEPS[:-1], by_another, sharding.STEPS[-1]))
        await refused(place.prepare, "another process")
    assert {*map(tuple, place.ids())} == {("author", "client_id")}
    place.database.command("collMod", "events", validator={})
    await place.prepare()
    await demand_ready(place, log)


# -- the command -----------------------------------------------------------------------------------------


def run(place: Place, *arguments: str, sharded: bool = True) -> tuple[int, str]:
    settings = [
        "plugins.enabled=mongo,password",
        f"plugin.mongo.uri={place.server.uri}",
        f"plugin.mongo.database={place.name}",
        f"plugin.mongo.timeout_ms={PATIENT_MS}",
        f"plugin.mongo.sharded={str(sharded).lower()}",
    ]
    given = ["plugin", "run", *(f"--set={each}" for each in settings), "mongo", *arguments]
    result = CliRunner().invoke(main, given, prog_name="chatserver")
    return result.exit_code, result.output


def test_the_command_does_it(io_loop: Any, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    log = io_loop.run_sync(place.filled)
    status, told = run(place, "prepare-shards", sharded=False)
    assert status == 1 and "plugin.mongo.sharded: set it to true first" in told
    with monkeypatch.context() as broken:
        stop_before(broken, 3)
        run(place, "prepare-shards")
    assert run(place, "prepare-shards", "--cancel", sharded=False) == (
        0,
        "The log is as it was. Set plugin.mongo.sharded to false.\n",
    )
    assert run(place, "prepare-shards") == (0, "The log is ready for shards.\n")
    assert run(place, "prepare-shards") == (0, "The log was ready for shards before.\n")
    io_loop.run_sync(lambda: demand_ready(place, log))


async def test_the_private_mongod_of_a_server_and_the_rights_of_accounts(
    io_loop: Any, tmp_path: Path
) -> None:
    """The mongod is left to its server. In another one a new log takes the right to write alone, an old one dbAdmin."""

    def store() -> MongoStore:
        return MongoPlugin(MongoPlugin.Config(sharded=True), tmp_path).provide_store()

    running = store()
    await running.open()
    try:
        await refused(store().prepare_shards, "stop it first")
        await running.append([posted("r", 1)])
        with pymongo.MongoClient[Document]((tmp_path / "uri").read_text().strip()) as operator:
            make_user = operator["admin"].command
            host = "{}:{}".format(*(operator.address or ("", 0)))
            for roles in (["readWrite"], ["readWrite", "dbAdmin"]):
                user = secrets.token_hex(4)
                may = [{"role": role, "db": "old"} for role in roles]
                new = {"role": "readWrite", "db": f"new_{user}"}
                make_user("createUser", user, pwd="secret", roles=[*may, new])
                uri = f"mongodb://{user}:secret@{host}/?directConnection=true"
                here = Place(Address(uri), "old", operator["old"])
                there = Place(Address(uri), f"new_{user}", None)
                async with there.opened(sharded=True) as opened:
                    assert await opened.append([posted("r", 1)]) == Appended(1)
                if roles == ["readWrite"]:
                    log = await here.filled()
                    await refused(here.prepare, "the user may not do this: not authorized on old")
                    async with here.opened() as opened:
                        assert await here.log(opened) == log
                else:
                    await here.prepare()
                    await demand_ready(here, log)
    finally:
        await running.close()
    assert await store().prepare_shards() is False
