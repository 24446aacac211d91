"""Scans of MongoDB's records that come at the same time: fewer queries, the same answers, and no shared harm."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chatserver import StoreUnavailable
from chatserver.testing.samples import TRICKY_TEXTS
from chatserver_plugins.mongo import MongoStore, scans
from tests.servers import Mongod
from tests.stores.test_mongo import DRIVERS, opened

pytestmark = pytest.mark.long

USERS, ROOMS = 20, 5
Rows = list[tuple[str, bytes]]


class Queries:
    """The store's reads: counts them, and can hold them up or have them fail."""

    def __init__(self, store: MongoStore) -> None:
        self._find = store._reads.find
        store._reads.find = self.find  # type: ignore[method-assign]
        self.count = 0
        self.error: Exception | None = None
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()

    async def find(self, *given: Any, **named: Any) -> Any:
        self.count += 1
        self.begun.set()
        await self.go_on.wait()
        found = await self._find(*given, **named)
        if self.error is not None:
            raise self.error
        return found


@asynccontextmanager
async def filled(server: Mongod, **settings: Any) -> AsyncIterator[tuple[MongoStore, Queries]]:
    async with opened(server, **settings) as store:
        keys = [f"{user:02}/{room}" for user in range(USERS) for room in range(ROOMS)]
        await asyncio.gather(*(store.put("read", key, key.encode()) for key in keys))
        yield store, Queries(store)


def of_user(user: int) -> Rows:
    return [(f"{user:02}/{room}", f"{user:02}/{room}".encode()) for room in range(ROOMS)]


def begun(store: MongoStore, users: range) -> "list[asyncio.Task[Rows]]":
    return [asyncio.ensure_future(store.scan("read", f"{user:02}/")) for user in users]


@DRIVERS
async def test_scans_at_once_are_a_few_queries(
    io_loop: Any, replica_set: Mongod, driver: str
) -> None:
    async with filled(replica_set, driver=driver) as (store, queries):
        found = await asyncio.gather(*begun(store, range(USERS)))
        assert found == [of_user(user) for user in range(USERS)]
        assert queries.count == -(-USERS // scans.MOST_RANGES)
        for user in range(3):
            assert await store.scan("read", f"{user:02}/") == of_user(user)
        assert queries.count == -(-USERS // scans.MOST_RANGES) + 3


async def test_scans_of_other_spaces_are_other_queries(io_loop: Any, replica_set: Mongod) -> None:
    async with filled(replica_set) as (store, queries):
        await store.put("other", "00/x", b"1")
        queries.count = 0
        asked = [store.scan("read", "00/"), store.scan("other", "00/"), store.scan("none", "00/")]
        assert await asyncio.gather(*asked) == [of_user(0), [("00/x", b"1")], []]
        assert queries.count == 3


@pytest.mark.parametrize("most", [1, 7, 40, 4000])
async def test_combined_scans_find_the_same_as_single_ones(
    io_loop: Any, replica_set: Mongod, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(scans, "MOST_RECORDS", most)
    pick = random.Random(most)
    texts = ["", "a", "b", "ab", *TRICKY_TEXTS]
    async with opened(replica_set) as store:
        keys = {pick.choice(texts) + pick.choice(texts) + pick.choice(texts) for _ in range(120)}
        keys.discard("")
        await asyncio.gather(*(store.put("s", key, key.encode()) for key in keys))
        for _ in range(12):
            asked = [
                (pick.choice(texts), pick.choice(["", *sorted(keys)]), pick.choice([1, 2, 10, 999]))
                for _ in range(pick.randint(2, 12))
            ]
            found = await asyncio.gather(*(store.scan("s", *each) for each in asked))
            assert found == [
                [
                    (key, key.encode())
                    for key in sorted(keys)
                    if key.startswith(prefix) and key > after
                ][:limit]
                for prefix, after, limit in asked
            ]


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("cancelled", [0, 1, 4])
async def test_a_scan_that_is_cancelled_takes_no_other_with_it(
    io_loop: Any, replica_set: Mongod, held: bool, cancelled: int
) -> None:
    """Neither before the query, nor while it is under way; the first one makes it for all."""
    async with filled(replica_set) as (store, queries):
        if held:
            queries.go_on.clear()
        tasks = begun(store, range(5))
        if held:
            await queries.begun.wait()
        else:
            await asyncio.sleep(0)
        tasks[cancelled].cancel()
        queries.go_on.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found.pop(cancelled), asyncio.CancelledError)
        assert found == [of_user(user) for user in range(5) if user != cancelled]


async def test_a_query_that_fails_fails_for_all_and_is_made_once(
    io_loop: Any, replica_set: Mongod
) -> None:
    async with filled(replica_set) as (store, queries):
        queries.error = StoreUnavailable(reason="away")
        found = await asyncio.gather(*begun(store, range(5)), return_exceptions=True)
        assert [str(error) for error in found] == [str(queries.error)] * 5
        assert queries.count == 1
        queries.error = None
        assert await asyncio.gather(*begun(store, range(5))) == [of_user(user) for user in range(5)]


@pytest.mark.parametrize("place", [0, 2])
async def test_a_text_that_cannot_be_stored_fails_for_its_caller_alone(
    io_loop: Any, replica_set: Mongod, place: int
) -> None:
    async with filled(replica_set) as (store, _):
        asked = [store.scan("read", f"{user:02}/") for user in range(5)]
        asked.insert(place, store.scan("read", "\ud800"))
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(found.pop(place), ValueError)
        assert found == [of_user(user) for user in range(5)]


async def test_a_space_has_the_next_query_while_one_is_under_way(
    io_loop: Any, replica_set: Mongod
) -> None:
    """A later scan does not wait for the answers to earlier ones."""
    async with filled(replica_set) as (store, queries):
        queries.go_on.clear()
        first = begun(store, range(3))
        await queries.begun.wait()
        later = begun(store, range(3, 6))
        queries.begun.clear()
        await queries.begun.wait()
        assert queries.count == 2
        queries.go_on.set()
        found = await asyncio.gather(*first, *later)
        assert found == [of_user(user) for user in range(6)]


async def test_scans_that_come_while_a_query_is_under_way_share_the_next(
    io_loop: Any, replica_set: Mongod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scans, "WAIT_SECONDS", 60)
    async with filled(replica_set) as (store, queries):
        queries.go_on.clear()
        first = begun(store, range(1))
        await queries.begun.wait()
        later = []
        for user in range(1, 6):  # each in another turn of the loop
            later += begun(store, range(user, user + 1))
            await asyncio.sleep(0.01)
        assert queries.count == 1
        queries.go_on.set()
        found = await asyncio.gather(*first, *later)
        assert found == [of_user(user) for user in range(6)]
        assert queries.count == 2


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_a_query_that_ends_without_an_answer_holds_up_no_later_scan(
    io_loop: Any, replica_set: Mongod, monkeypatch: pytest.MonkeyPatch, is_cancelled: bool
) -> None:
    monkeypatch.setattr(scans, "WAIT_SECONDS", 60)
    async with filled(replica_set) as (store, queries):
        queries.go_on.clear()
        (first,) = begun(store, range(1))
        await queries.begun.wait()
        (later,) = begun(store, range(1, 2))
        await asyncio.sleep(0.01)
        if is_cancelled:
            first.cancel()
            await asyncio.wait([first])
        else:
            queries.error = StoreUnavailable(reason="away")
        queries.go_on.set()
        done = await asyncio.wait_for(asyncio.gather(first, later, return_exceptions=True), 30)
        if is_cancelled:
            assert first.cancelled() and done[1] == of_user(1)
        else:
            assert [type(error) for error in done] == [StoreUnavailable] * 2
