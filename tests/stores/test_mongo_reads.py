"""Reads over connections of the plugin's own: each caller gets its own answer, and a fault costs no read."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import bson
import pytest
from bson.int64 import Int64
from pymongo.read_concern import ReadConcern

from chatserver import StoreUnavailable
from chatserver_plugins.mongo import pause, pool
from chatserver_plugins.mongo.driver import BATCH, Database
from chatserver_plugins.mongo.line import Line
from chatserver_plugins.mongo.reads import Reads
from tests.stores import test_mongo_line as lines
from tests.stores.scripted_mongod import (
    Document,
    Request,
    ScriptedMongod,
    answer,
    scripted,
)

RECORDS: Any = SimpleNamespace(name="records", read_concern=ReadConcern("majority"))
BY_DRIVER: list[Document] = [{"by": "driver"}]
BY_ID = [("_id", 1)]


class Driver(lines.Driver):
    """The driver, whose reads are told from others by their answer."""

    def __init__(self, address: tuple[str, int] | None) -> None:
        super().__init__(address)
        self.read: list[Document] = []

    @property
    def seconds(self) -> float:
        return self.timeout_ms / 1000

    async def find(self, collection: Any, query: Document, *others: Any) -> list[Document]:
        self.read.append(query)
        return BY_DRIVER

    async def aggregate(self, collection: Any, pipeline: Any, index: Any) -> list[Document]:
        self.read.append({"pipeline": pipeline})
        return BY_DRIVER


def batch(request: Request, *found: Document, more: int = 0) -> bytes:
    name = "nextBatch" if "getMore" in request.body else "firstBatch"
    return answer(request.number, {"ok": 1, "cursor": {"id": Int64(more), name: list(found)}})


async def echoes(request: Request, writer: asyncio.StreamWriter) -> None:
    """Answers with what was asked for."""
    asked = request.body.get("filter") or request.body.get("pipeline")
    writer.write(batch(request, {"asked": asked}))


async def is_silent(request: Request, writer: asyncio.StreamWriter) -> None:
    pass


class Held:
    """A script that answers only when it is told to."""

    def __init__(self) -> None:
        self.requests: list[tuple[Request, asyncio.StreamWriter]] = []

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.requests.append((request, writer))

    async def release(self) -> None:
        for request, writer in self.requests:
            await echoes(request, writer)
        self.requests = []


@asynccontextmanager
async def opened(driver: Driver, server: ScriptedMongod) -> AsyncIterator[Reads]:
    """Reads with one open connection."""
    server.script = echoes
    line = Line(cast(Database, driver), "mongodb://unused/")
    await line.open()
    reads = Reads(cast(Database, driver), line)
    try:
        assert await asked(reads, 0) == BY_DRIVER, "nobody waits for the first connection"
        await until(lambda: server.connections == 2 and not reads._pool._opening)
        driver.read.clear()
        yield reads
    finally:
        await reads.close()
        await line.close()


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.001)


async def asked(reads: Reads, n: int, limit: int = 1) -> list[Document]:
    return await reads.find(RECORDS, {"n": n}, [], limit)


def own(n: int) -> list[Document]:
    return [{"asked": {"n": n}}]


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pause, "FIRST_PAUSE_SECONDS", 0.0)


# -- what is sent, and what comes of it -----------------------------------------------------------


async def test_what_is_sent(io_loop: Any) -> None:
    async with scripted() as server, opened(driver := Driver(server.address), server) as reads:
        server.requests.clear()
        index = [("a", 1), ("b", -1)]
        await reads.find(RECORDS, {"n": 1}, BY_ID, 7, index, {"_id": 1, "value": 1})
        await reads.find(RECORDS, {}, [])
        await reads.aggregate(RECORDS, [{"$count": "n"}], index)
        await reads.aggregate(RECORDS, [])
        assert not driver.read
    common = {"readConcern": {"level": "majority"}, "maxTimeMS": 60_000, "$db": "chat"}
    find = {"find": "records", "filter": {}, "projection": {"_id": 0}, "batchSize": BATCH}
    limited = {
        "filter": {"n": 1},
        "projection": {"_id": 1, "value": 1},
        "sort": {"_id": 1},
        "limit": 7,
        "batchSize": 8,  # a cursor of as many as the limit would stay open
        "hint": {"a": 1, "b": -1},
    }
    aggregate = {"aggregate": "records", "cursor": {"batchSize": BATCH}}
    assert [request.body for request in server.requests] == [
        find | limited | common,
        find | common,
        aggregate | {"pipeline": [{"$count": "n"}], "hint": {"a": 1, "b": -1}} | common,
        aggregate | {"pipeline": []} | common,
    ]
    assert [next(iter(request.body)) for request in server.requests] == [
        "find",
        "find",
        "aggregate",
        "aggregate",
    ]


async def test_all_batches_are_read(io_loop: Any) -> None:
    cursor = (1 << 40) + 1

    async def script(request: Request, writer: asyncio.StreamWriter) -> None:
        last = len(server.requests) == 3
        writer.write(batch(request, {"n": len(server.requests)}, more=0 if last else cursor))

    async with scripted() as server, opened(Driver(server.address), server) as reads:
        server.requests.clear()
        server.script = script
        assert await asked(reads, 1, 0) == [{"n": 1}, {"n": 2}, {"n": 3}]
    more = {"getMore": cursor, "collection": "records", "batchSize": BATCH, "$db": "chat"}
    assert [request.body for request in server.requests[1:]] == [more, more]


async def test_a_query_that_is_no_bson_is_refused_and_costs_no_connection(io_loop: Any) -> None:
    async with scripted() as server, opened(Driver(server.address), server) as reads:
        with pytest.raises(ValueError):
            await reads.find(RECORDS, {"n": "\ud800"}, [], 1)
        with pytest.raises(bson.errors.InvalidDocument):
            await reads.find(RECORDS, {"n": object()}, [], 1)
        assert await asked(reads, 1) == own(1)
        assert server.connections == 2


# -- faults ------------------------------------------------------------------------------------


READ_FAULTS = lines.FAULTS | {
    "no cursor": lines.says({"ok": 1}),
    "a cursor without an id": lines.says({"ok": 1, "cursor": {"firstBatch": []}}),
    "a cursor without documents": lines.says({"ok": 1, "cursor": {"id": 0}}),
    "a text for a cursor": lines.says({"ok": 1, "cursor": "none"}),
}
TIME_LIMIT = "too slow"  # its caller has no time left
REFUSALS = {"not ok", "not ok, but a number", "ok as a text", "no right", "an empty document"}


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize("fault", sorted(READ_FAULTS.keys() - {TIME_LIMIT}))
async def test_a_fault_costs_no_read(io_loop: Any, fault: str) -> None:
    async with scripted() as server, opened(driver := Driver(server.address), server) as reads:
        server.script = READ_FAULTS[fault]
        assert await asked(reads, 1) == BY_DRIVER
        assert driver.read == [{"n": 1}]
        server.script = echoes
        if fault not in REFUSALS:
            assert await asked(reads, 2) == BY_DRIVER, "the connection is gone"
            await until(lambda: server.connections == 3 and not reads._pool._opening)
        assert await asked(reads, 3) == own(3)
        assert reads._line.facts() == {"line": "own"}, "appends are not concerned"


async def test_a_fault_between_batches_costs_no_read(io_loop: Any) -> None:
    async def script(request: Request, writer: asyncio.StreamWriter) -> None:
        if "getMore" in request.body:
            writer.transport.abort()
        else:
            writer.write(batch(request, {"n": 1}, more=5))

    async with scripted() as server, opened(Driver(server.address), server) as reads:
        server.script = script
        assert await asked(reads, 1, 0) == BY_DRIVER


async def test_after_a_fault_it_waits_before_it_opens_another(
    io_loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pause, "FIRST_PAUSE_SECONDS", 1000.0)
    monkeypatch.setattr(pause, "LONGEST_PAUSE_SECONDS", 2000.0)
    async with scripted() as server, opened(driver := Driver(server.address), server) as reads:
        server.script = lines.closes
        for n in range(5):
            assert await asked(reads, n) == BY_DRIVER
            await asyncio.sleep(0.01)
        assert server.connections == 2 and len(driver.read) == 5


async def test_a_read_has_one_time_limit(io_loop: Any) -> None:
    async with scripted() as server, opened(driver := Driver(server.address), server) as reads:
        server.script, driver.timeout_ms = lines.FAULTS[TIME_LIMIT], 100
        with pytest.raises(StoreUnavailable) as failed:
            await asked(reads, 1)
        assert "exceeded time limit" in failed.value.reason
        server.script = is_silent
        with pytest.raises(StoreUnavailable) as failed:
            await asked(reads, 2)
        assert failed.value.reason == "no answer in time"
        assert not driver.read


async def test_waiting_for_a_connection_counts(
    io_loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MOST", 1)
    async with scripted() as server, opened(driver := Driver(server.address), server) as reads:
        server.script, driver.timeout_ms = is_silent, 200
        outcomes = await asyncio.gather(
            *(asked(reads, n) for n in range(3)), return_exceptions=True
        )
        assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes), outcomes
        assert not driver.read


# -- reads that are given up -----------------------------------------------------------------------


async def test_a_late_answer_is_nobodys_and_costs_no_connection(io_loop: Any) -> None:
    async with scripted() as server, opened(Driver(server.address), server) as reads:
        server.script = held = Held()
        task = asyncio.create_task(asked(reads, 1))
        await until(lambda: held.requests)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.script = echoes
        await held.release()
        await until(lambda: reads._pool._idle)
        assert await asked(reads, 2) == own(2)
        assert server.connections == 2


async def test_a_connection_without_an_answer_ends(io_loop: Any) -> None:
    async with scripted() as server, opened(driver := Driver(server.address), server) as reads:
        server.script, driver.timeout_ms = is_silent, 100
        with pytest.raises(StoreUnavailable):
            await asked(reads, 1)
        assert reads._pool._open
        await until(lambda: not reads._pool._open)


async def test_who_gives_up_waiting_takes_no_connection_along(
    io_loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MOST", 1)
    async with scripted() as server, opened(driver := Driver(server.address), server) as reads:
        server.script = held = Held()
        first, second, third = (asyncio.create_task(asked(reads, n)) for n in range(3))
        await until(lambda: held.requests and len(reads._pool._waiting) == 2)
        second.cancel()
        await held.release()
        assert await first == own(0)
        await until(lambda: held.requests)
        await held.release()
        assert await third == own(2)

        # Cancelled in the turn in which it is given the connection.
        first, second = (asyncio.create_task(asked(reads, n)) for n in range(2))
        await until(lambda: held.requests and reads._pool._waiting)
        reads._pool._waiting[0].add_done_callback(lambda _: second.cancel())
        await held.release()
        assert await first == own(0)
        with pytest.raises(asyncio.CancelledError):
            await second
        server.script = echoes
        assert await asked(reads, 9) == own(9)
        assert server.connections == 2 and not driver.read


# -- many at once ------------------------------------------------------------------------------


async def test_connections_are_opened_as_they_are_needed(io_loop: Any) -> None:
    async with scripted() as server, opened(driver := Driver(server.address), server) as reads:
        for n in range(10):
            assert await asked(reads, n) == own(n)
        assert server.connections == 2
        many = 20 * pool.MOST
        assert await asyncio.gather(*(asked(reads, n) for n in range(many))) == [
            own(n) for n in range(many)
        ]
        assert 2 < server.connections <= 1 + pool.MOST
        assert not driver.read


async def test_short_reads_need_not_wait_for_long_ones(io_loop: Any) -> None:
    async with scripted() as server, opened(driver := Driver(server.address), server) as reads:
        server.script = held = Held()
        long = [asyncio.create_task(asked(reads, n, 0)) for n in range(pool.MOST_LONG)]
        await until(lambda: len(held.requests) == pool.MOST_LONG)
        assert await asked(reads, 100, 0) == BY_DRIVER
        assert await reads.aggregate(RECORDS, []) == BY_DRIVER
        server.script = echoes
        assert await asked(reads, 101) == own(101)
        await held.release()
        assert await asyncio.gather(*long) == [own(n) for n in range(pool.MOST_LONG)]
        driver.read.clear()
        assert await asked(reads, 102, 0) == own(102)


async def test_nobody_waits_for_a_connection_that_cannot_be_opened(
    io_loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pause, "FIRST_PAUSE_SECONDS", 1000.0)
    async with scripted() as server, opened(driver := Driver(server.address), server) as reads:
        server.script = held = Held()
        first = asyncio.create_task(asked(reads, 1))
        await until(lambda: held.requests)
        server.hello |= {"isWritablePrimary": False}
        assert await asked(reads, 2) == BY_DRIVER, "it waited until that was tried"
        assert await asked(reads, 3) == BY_DRIVER
        await held.release()
        assert await first == own(1)
        server.script = echoes
        assert await asked(reads, 4) == own(4)
        assert driver.read == [{"n": 2}, {"n": 3}]


# -- where they lead ---------------------------------------------------------------------------


async def test_they_go_where_the_driver_says(io_loop: Any) -> None:
    async with (
        scripted() as first,
        scripted() as second,
        opened(driver := Driver(first.address), first) as reads,
    ):
        first.script, second.script = is_silent, echoes
        stuck = [asyncio.create_task(asked(reads, n)) for n in range(pool.MOST + 3)]
        await until(lambda: len(first.requests) == pool.MOST)
        driver.address = second.address
        assert await asked(reads, 100) == BY_DRIVER
        await until(lambda: len(driver.read) == 4)  # the three that waited, too
        assert sum(task.done() for task in stuck) == 3
        await reads._line.open()
        assert await asked(reads, 101) == BY_DRIVER
        await until(lambda: second.connections == 2 and reads._pool._idle)
        assert await asked(reads, 102) == own(102)
        for task in stuck:
            task.cancel()
        await asyncio.wait(stuck)
        driver.address = None
        assert await asked(reads, 103) == BY_DRIVER
        assert not reads._pool._open


async def test_a_connection_comes_back_after_its_server_was_left(io_loop: Any) -> None:
    async with (
        scripted() as first,
        scripted() as second,
        opened(driver := Driver(first.address), first) as reads,
    ):
        first.script = held = Held()
        task = asyncio.create_task(asked(reads, 1))
        await until(lambda: held.requests)
        (connection,) = reads._pool._open
        driver.address = second.address
        await asked(reads, 2)
        await held.release()
        assert await task == own(1), "it was read while that was the primary"
        assert not connection.is_open and not reads._pool._idle


async def test_one_that_opens_too_late_is_not_used(io_loop: Any) -> None:
    async with (
        scripted() as first,
        scripted() as second,
        opened(driver := Driver(first.address), first) as reads,
    ):
        first.script = held = Held()
        first.greets.clear()
        uses = asyncio.create_task(asked(reads, 1))
        await until(lambda: held.requests)
        waits = asyncio.create_task(asked(reads, 2))
        await until(lambda: first.connections == 3)
        driver.address = second.address
        assert await asked(reads, 3) == BY_DRIVER
        assert await waits == BY_DRIVER
        await until(lambda: reads._line.leads_to() == second.address)
        assert await asked(reads, 4) == BY_DRIVER  # the pool leads to the second now
        first.greets.set()
        await until(lambda: not reads._pool._opening)
        assert not reads._pool._open and not reads._pool._idle
        await held.release()
        assert await uses == own(1)


async def test_closing_ends_all(io_loop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MOST", 2)
    async with scripted() as server, opened(Driver(server.address), server) as reads:
        server.script = held = Held()
        tasks = [asyncio.create_task(asked(reads, n)) for n in range(4)]
        await until(lambda: len(held.requests) == 2 and len(reads._pool._waiting) == 2)
        connections = [*reads._pool._open]
        await reads.close()
        assert await asyncio.gather(*tasks) == [BY_DRIVER] * 4
        assert not any(connection.is_open for connection in connections)


async def test_closing_ends_one_that_is_being_opened(io_loop: Any) -> None:
    async with scripted() as server, opened(Driver(server.address), server) as reads:
        server.script = held = Held()
        server.greets.clear()
        tasks = [asyncio.create_task(asked(reads, n)) for n in range(2)]
        await until(lambda: held.requests and server.connections == 3)
        await reads.close()
        assert await asyncio.gather(*tasks) == [BY_DRIVER] * 2
        assert not reads._pool._opening


# -- by chance ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize("seed", range(12))
async def test_each_read_has_its_own_answer_whatever_happens(io_loop: Any, seed: int) -> None:
    """Reads that are long, short, cancelled, answered late, cut off or refused, and other primaries."""
    chance = random.Random(seed)

    async def script(request: Request, writer: asyncio.StreamWriter) -> None:
        kind = chance.random()
        if kind < 0.02:
            writer.transport.abort()
        elif kind < 0.04:
            writer.write(answer(request.number, {"ok": 0, "code": 10107, "errmsg": "not primary"}))
        elif kind < 0.06:
            writer.write(answer(request.number, {"ok": 0, "code": 96, "errmsg": "no"}))
        else:
            await asyncio.sleep(chance.random() / 100)
            await echoes(request, writer)

    async def read(n: int) -> None:
        await asyncio.sleep(chance.random() / 5)
        try:
            if chance.random() < 0.2:
                async with asyncio.timeout(chance.random() / 50):
                    found = await asked(reads, n, chance.randint(0, 1))
            else:
                found = await asked(reads, n, chance.randint(0, 1))
        except TimeoutError:
            return
        assert found in (BY_DRIVER, own(n))
        answers.append(found)

    async def elects() -> None:
        for _ in range(4):
            await asyncio.sleep(0.03)
            driver.address = chance.choice([first, second]).address
            await reads._line.open()

    answers: list[list[Document]] = []
    async with scripted() as first, scripted() as second:
        driver = Driver(first.address)
        async with opened(driver, first) as reads:
            first.script = second.script = script
            await asyncio.gather(elects(), *(read(n) for n in range(500)))
            assert BY_DRIVER in answers and any(found != BY_DRIVER for found in answers)
            open_ones = reads._pool
            await until(lambda: not open_ones._opening)
            await until(lambda: len(open_ones._idle) == len(open_ones._open) <= pool.MOST)
            assert not open_ones._waiting and not open_ones._long
