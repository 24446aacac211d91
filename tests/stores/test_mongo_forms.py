"""Which form the log of a store in MongoDB has: that of the setting, and no log has both."""

from collections.abc import Iterator
from typing import Any

import pytest

from chatserver import Appended, StoreUnavailable
from chatserver.testing.samples import described, posted
from chatserver_plugins.mongo import schema, sharding
from chatserver_plugins.mongo.log import OTHER_FORM
from tests.servers import Mongod
from tests.stores import migrating
from tests.stores.preparing import Document, Place, demand_ready, no_start, place_of, refused

pytestmark = pytest.mark.long


@pytest.fixture
def place(replica_set: Mongod) -> Iterator[Place]:
    with place_of(replica_set) as made:
        yield made


async def test_a_new_store_begins_in_the_form_of_the_setting(io_loop: Any, place: Place) -> None:
    async with place.opened(sharded=True) as store:
        assert await store.append([posted("r", 1)]) == Appended(1)
        with pytest.raises(NotImplementedError):
            await store.repeats([("u1", "c-r-1")])
    assert place.ids() == [["room", "author", "client_id"]]
    assert place.number() == schema.SHARDED + len(schema.MIGRATIONS)
    assert await place.store(sharded=True).plan() == []
    async with place.opened(sharded=True) as store:
        assert await store.read("r", 0, 9) == [posted("r", 1)]


async def test_an_empty_store_takes_the_other_form_and_one_that_runs_on_it_is_stopped(
    io_loop: Any, place: Place
) -> None:
    async with place.opened() as running, place.opened(sharded=True) as store:
        with pytest.raises(StoreUnavailable) as caught:
            await running.append([described("r", 1), posted("r", 2)])
        assert caught.value.reason == OTHER_FORM
        assert await store.append([posted("r", 2)]) == Appended(1)
    assert place.ids() == [["room", "author", "client_id"]]


async def test_a_server_with_the_other_setting_does_not_start(io_loop: Any, place: Place) -> None:
    await place.filled()
    await no_start(place, True, sharding.IS_NOT_READY)
    await place.prepare()
    await no_start(place, False, sharding.IS_READY)
    facts = await place.store(sharded=True).facts()
    assert (facts.schema, facts.known) == (len(schema.MIGRATIONS), len(schema.MIGRATIONS))
    assert not [each for each in facts.warnings if "sharded" in each]


async def test_one_that_was_killed_as_it_began(io_loop: Any, place: Place) -> None:
    """The log refuses the old form then, and the version does not say it yet."""
    async with place.opened() as store:
        await sharding._validate(store._database, "events", sharding.WITH_ROOMS)
        await store.append([described("r", 1)])  # of one form in both
    await refused(place.store().open, sharding.IS_READY)
    async with place.opened(sharded=True) as store:
        await store.append([posted("r", 2)])
    assert place.ids() == [["room", "author", "client_id"]]


async def test_servers_that_make_a_new_store_together(
    io_loop: Any, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_yet(*given: object) -> None:
        return None

    async with place.opened(sharded=True) as first, place.opened(sharded=True) as second:
        with monkeypatch.context() as earlier:
            earlier.setattr(sharding, "_options", not_yet)
            await sharding.create(second._database)
        for seq, store in enumerate((first, second), 1):
            assert await store.append([posted("r", seq)]) == Appended(1)
    assert place.ids() == [["room", "author", "client_id"]] * 2


async def test_an_empty_store_in_which_another_server_has_just_written(
    io_loop: Any, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    validate = sharding._validate
    async with place.opened() as running:

        async def late(database: Any, collection: str, validator: Document) -> None:
            if validator:
                await running.append([posted("r", 1)])
            await validate(database, collection, validator)

        with monkeypatch.context() as raced:
            raced.setattr(sharding, "_validate", late)
            await refused(place.store(sharded=True).open, sharding.IS_NOT_READY)
        assert await running.append([posted("r", 2)]) == Appended(1)
    async with place.opened() as store:
        assert await store.read("r", 0, 9) == [posted("r", 1), posted("r", 2)]


async def test_a_step_of_a_later_version_keeps_the_form(
    io_loop: Any, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place.opened(sharded=True) as store:
        await store.append([posted("r", 1)])
    with monkeypatch.context() as newer:
        newer.setattr(schema, "MIGRATIONS", migrating.with_one_more("mongo"))
        async with place.opened(sharded=True) as store:
            assert await store.read("r", 0, 9) == [posted("r", 1)]
        assert place.number() == schema.SHARDED + len(schema.MIGRATIONS)
    await refused(place.store(sharded=True).open, "start the newer server")


async def test_a_log_that_lacks_steps_gets_them_first(io_loop: Any, place: Place) -> None:
    log = await place.filled()
    place.database.schema.update_one({"_id": "version"}, {"$set": {"number": 5}})
    place.database.events.update_many({}, {"$unset": {"replaces": ""}})
    assert await place.prepare() is True
    assert place.number() == schema.SHARDED + len(schema.MIGRATIONS)
    assert place.database.events.count_documents({"replaces": {"$gt": 0}}) > 0
    await demand_ready(place, log)
