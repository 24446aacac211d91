"""The line for appends on a real replica set: the same outcomes as through the driver, and faults of the server."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import pymongo
import pytest
from pymongo.errors import ProtocolError

from chatserver import Appended, Conflict, MessageEdited, StoreUnavailable
from chatserver.testing.samples import TRICKY_TEXTS, event, joined, posted
from chatserver_plugins.mongo import MongoPlugin, MongoStore, pause
from chatserver_plugins.mongo.wire import NOT_PRIMARY, Answers
from tests.faults.proxy import Network
from tests.servers import PATIENT_MS, Mongod

pytestmark = pytest.mark.long

OWN = {"line": "own"}


@asynccontextmanager
async def opened(uri: str, **settings: Any) -> AsyncIterator[MongoStore]:
    given: Any = {"uri": uri, "database": f"test_{secrets.token_hex(8)}", "timeout_ms": PATIENT_MS}
    store = MongoPlugin(MongoPlugin.Config(**given | settings), Path("/unused")).provide_store()
    assert isinstance(store, MongoStore)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pause, "FIRST_PAUSE_SECONDS", 0.0)


@contextmanager
def failing(server: Mongod, *commands: str, **data: Any) -> Iterator[None]:
    """The next of these commands, by default the next insert, fails in this way."""
    fault = {"configureFailPoint": "failCommand", "mode": {"times": 1}}
    with pymongo.MongoClient[dict[str, Any]](server.uri) as client:
        failed = commands or ("insert",)
        client.admin.command({**fault, "data": {"failCommands": [*failed], **data}})
        try:
            yield
        finally:
            client.admin.command("configureFailPoint", "failCommand", mode="off")


async def without_driver(store: MongoStore, monkeypatch: pytest.MonkeyPatch, seq: int) -> None:
    """An append that fails if it goes through the driver."""

    async def refuse(command: dict[str, Any]) -> None:
        pytest.fail(f"{next(iter(command))} through the driver")

    with monkeypatch.context() as patched:
        patched.setattr(store._database, "command", refuse)
        assert await store.append([posted("r", seq)]) == (1, None)


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_appends_and_their_conflicts_do_not_use_the_driver(
    io_loop: Any, replica_set: Mongod, monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    async with opened(replica_set.uri, driver=driver) as store:
        await without_driver(store, monkeypatch, 1)
        await without_driver(store, monkeypatch, 2)
        repeat = [posted("r", 3), posted("r", 4, client_id=posted("r", 1).client_id)]
        assert await store.append(repeat) == (1, Conflict.CLIENT_ID)
        assert await store.append([posted("r", 3, client_id="x")]) == (0, Conflict.POSITION)
        assert store.line() == OWN
        assert await store.heads(["r"]) == {"r": 3}


def batches(chance: random.Random) -> Iterator[tuple[list[Any], list[int]]]:
    """Batches with numbers and client_ids that are often taken, and edits that erase."""
    heads = {"a": 0, "b": 0}
    for _ in range(40):
        batch: list[Any] = []
        erasing = []
        for _ in range(chance.randint(1, 6)):
            room = chance.choice("ab")
            heads[room] += chance.choices([1, 0, 2], [20, 2, 1])[0]
            seq = max(heads[room], 1)
            client_id = f"{room}{chance.randint(0, 150)}"
            kind = chance.random()
            if kind < 0.7:
                batch.append(
                    posted(room, seq, client_id=client_id, body=chance.choice(TRICKY_TEXTS))
                )
            elif kind < 0.8:
                batch.append(joined(room, seq, f"u{seq}"))
            else:
                message = f"{room}-{chance.randint(1, seq)}"
                batch.append(event(MessageEdited, room, seq, message=message, body="new"))
                if chance.random() < 0.3:
                    erasing.append(len(batch) - 1)
        yield batch, erasing


@pytest.mark.parametrize("seed", range(3))
async def test_both_ways_come_to_the_same(io_loop: Any, replica_set: Mongod, seed: int) -> None:
    chance = random.Random(seed)
    outcomes: list[Appended] = []
    async with (
        opened(replica_set.uri) as own,
        opened(replica_set.uri, line="driver") as driver,
    ):
        assert own.line() == OWN and driver.line()["line"] == "driver"
        for batch, erasing in batches(chance):
            found = await own.append(batch, erasing)
            assert found == await driver.append(batch, erasing)
            outcomes.append(found)
        assert own.line() == OWN
        for room in "ab":
            events = await own.read(room, 0, 1000)
            assert events and events == await driver.read(room, 0, 1000)
    conflicts = [outcome.conflict for outcome in outcomes]
    assert {None, *Conflict} == {*conflicts}, "all kinds of outcomes were compared"


CODES = sorted({*NOT_PRIMARY, 6, 7, 13, 50, 89, 112, 262, 9001} - {10058, 13436})


@pytest.mark.parametrize(
    "fault",
    [
        *({"errorCode": code} for code in CODES),
        {"closeConnection": True},
        {"writeConcernError": {"code": 189, "errmsg": "stepped down"}},
        {"writeConcernError": {"code": 64, "errmsg": "waiting timed out"}},
    ],
    ids=str,
)
async def test_a_fault_is_never_taken_for_success_and_the_line_comes_back(
    io_loop: Any, replica_set: Mongod, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    async with opened(replica_set.uri) as store:
        await without_driver(store, monkeypatch, 1)
        with failing(replica_set, **fault), pytest.raises(StoreUnavailable):
            await store.append([posted("r", 2)])
        assert store.line()["line"] == "driver"
        next_seq = (await store.heads(["r"]))["r"] + 1
        assert await store.append([posted("r", next_seq, client_id="again")]) == (1, None)
        await store._line.open()
        await without_driver(store, monkeypatch, next_seq + 1)


async def test_a_slow_answer_is_given_up_and_meets_nobody(
    io_loop: Any, replica_set: Mongod, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(replica_set.uri, timeout_ms=500) as store:
        block = {"blockConnection": True, "blockTimeMS": 2000}
        with failing(replica_set, **block), pytest.raises(StoreUnavailable):
            await store.append([posted("r", 1, client_id="slow")])
        assert store.line()["line"] == "driver"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_connection_that_is_cut_while_nothing_is_sent_costs_nothing(
    io_loop: Any, replica_set: Mongod, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = network.proxy(replica_set.port)
    async with opened(f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true") as store:
        await without_driver(store, monkeypatch, 1)
        await asyncio.to_thread(proxy.reset)
        await until(lambda: store.line() != OWN)
        seq = 2
        while store.line() != OWN:  # the driver looks for the server again, too
            try:
                seq += (await store.append([posted("r", seq)])).stored
            except StoreUnavailable:
                await asyncio.sleep(0.01)
            await store._line.open()
        await without_driver(store, monkeypatch, seq)


async def test_an_answer_that_is_lost_leaves_one_message(
    io_loop: Any, replica_set: Mongod, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has stored it. Whoever sends again, through the driver now, is told so."""

    class Lost:
        def feed(self, data: bytes) -> None:
            raise ProtocolError("lost on the way")

    async with opened(replica_set.uri) as store:
        await without_driver(store, monkeypatch, 1)
        assert store._line._connection is not None
        store._line._connection._answers = cast(Answers, Lost())
        with pytest.raises(StoreUnavailable):
            await store.append([posted("r", 2)])
        assert (await store.append([posted("r", 2)])).stored == 0
        repeats = await store.repeats([("u1", posted("r", 2).client_id)])
        assert [*repeats.values()] == [posted("r", 2)]
        assert [each.seq for each in await store.read("r", 0, 9)] == [1, 2]


async def test_the_private_mongod_is_reached(io_loop: Any, tmp_path: Path) -> None:
    plugin = MongoPlugin(MongoPlugin.Config(timeout_ms=PATIENT_MS), tmp_path / "mongo")
    (health,) = plugin.register_health_checks()
    assert health.name == "mongo" and await health.check() == {}
    store = plugin.provide_store()
    assert isinstance(store, MongoStore)
    assert await health.check() == {}
    await store.open()
    try:
        assert await store.append([posted("r", 1)]) == (1, None)
        others = [plugin.provide_store() for _ in range(3)]
        for other in others:
            assert await other.plan() == []
        assert await health.check() == OWN
    finally:
        await store.close()
    assert await health.check() == {}
