"""The line for appends to MongoDB, against a server that does what no mongod does on demand.

Nothing counts as stored unless the server says so for exactly this insert; whatever else happens ends the
connection, and the driver does the work until there is another one.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo import WriteConcern
from pymongo.errors import (
    AutoReconnect,
    NotPrimaryError,
    OperationFailure,
    ProtocolError,
    PyMongoError,
)

from chatserver import StoreUnavailable
from chatserver.testing.samples import posted
from chatserver_plugins.mongo import line, pause, wire
from chatserver_plugins.mongo.connection import connect
from chatserver_plugins.mongo.driver import Database
from chatserver_plugins.mongo.line import Line
from chatserver_plugins.mongo.log import MongoLog
from chatserver_plugins.mongo.login import Way
from tests.stores.scripted_mongod import (
    Document,
    Request,
    Script,
    ScriptedMongod,
    answer,
    parsed,
    scripted,
    stored,
)

T = TypeVar("T")
SAFE = WriteConcern(w="majority", j=True)
ONE: list[Document] = [{"room": "r", "seq": 1}]
STORED_BY_DRIVER = {"ok": 1, "n": -1}


class Driver:
    """What the line needs of the driver: it names the primary, and stores what it is given."""

    name, is_motor = "chat", False

    def __init__(self, address: tuple[str, int] | None) -> None:
        self.address, self.timeout_ms = address, 60_000
        self.inserted: list[Document] = []
        self.kind = "Single"

    def topology(self) -> str:
        return self.kind

    def primary(self) -> tuple[str, int] | None:
        return self.address

    async def run(self, call: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self.timeout_ms / 1000):
                return await call
        except (PyMongoError, TimeoutError) as error:
            raise StoreUnavailable(reason=self.reason(error)) from error

    def reason(self, error: BaseException) -> str:
        return str(error) or "no answer in time"

    async def command(self, command: Document) -> Document:
        self.inserted += command["documents"]
        return STORED_BY_DRIVER


@asynccontextmanager
async def opened(driver: Driver) -> AsyncIterator[Line]:
    made = Line(cast(Database, driver), "mongodb://unused/")
    await made.open()
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pause, "FIRST_PAUSE_SECONDS", 0.0)


# -- faults ------------------------------------------------------------------------------------


async def closes(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def sends_half(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(stored(request)[:-3])
    writer.close()


async def answers_another(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(stored(request._replace(number=request.number + 1)))


def writes(make: Any) -> Script:
    """A script that writes the bytes which `make` returns for a request's number."""

    async def script(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(make(request.number))

    return script


def says(document: Document) -> Script:
    return writes(lambda number: answer(number, document))


GOOD = {"ok": 1, "n": 1}
FAULTS: dict[str, Script] = {
    "closes": closes,
    "half an answer": sends_half,
    "another's answer": answers_another,
    "another kind": writes(lambda number: answer(number, GOOD, kind=1)),
    "more to come": writes(lambda number: answer(number, GOOD, flags=2)),
    "a checksum": writes(lambda number: answer(number, GOOD, flags=1)),
    "no length": writes(lambda number: struct.pack("<iiii", 0, 7, number, 2013)),
    "a huge length": writes(lambda number: struct.pack("<iiii", 1 << 30, 7, number, 2013)),
    "a negative length": writes(lambda number: struct.pack("<iiii", -5, 7, number, 2013)),
    "a section of documents": writes(
        lambda number: answer(number, GOOD)[:20] + b"\1" + answer(number, GOOD)[21:]
    ),
    "no BSON": writes(lambda number: answer(number, GOOD)[:-4] + b"\xff\xff\xff\xff"),
    "HTTP": writes(lambda number: b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "an empty document": says({}),
    "not ok": says({"ok": 0}),
    "not ok, but a number": says({"ok": 0, "n": 1}),
    "ok as a text": says({"ok": "1", "n": 1}),
    "too slow": says({"ok": 0, "code": 50, "errmsg": "operation exceeded time limit"}),
    "no right": says({"ok": 0, "code": 13, "errmsg": "not authorized"}),
    **{
        f"code {code}": says({"ok": 0, "code": code, "errmsg": "not primary"})
        for code in sorted(wire.NOT_PRIMARY)
    },
}


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_costs_one_insert_and_then_the_driver_helps_out(
    io_loop: Any, fault: str
) -> None:
    async with scripted() as server:
        driver = Driver(server.address)
        async with opened(driver) as own:
            server.script = FAULTS[fault]
            with pytest.raises(StoreUnavailable):
                await own.insert("events", ONE, SAFE)
            assert own.facts()["line"] == "driver" and not driver.inserted
            server.script = ScriptedMongod().script
            assert await own.insert("events", ONE, SAFE) == STORED_BY_DRIVER
            assert driver.inserted == ONE
            await own.open()
            assert await own.insert("events", ONE, SAFE) == GOOD
            assert own.facts() == {"line": "own"}
            assert driver.inserted == ONE and server.connections == 2


@pytest.mark.usefixtures("no_pause")
async def test_an_answer_that_comes_late_is_nobodys(io_loop: Any) -> None:
    late: list[tuple[Request, asyncio.StreamWriter]] = []

    async def keeps(request: Request, writer: asyncio.StreamWriter) -> None:
        late.append((request, writer))

    async with scripted() as server:
        driver = Driver(server.address)
        async with opened(driver) as own:
            server.script, driver.timeout_ms = keeps, 100
            with pytest.raises(StoreUnavailable) as failed:
                await own.insert("events", ONE, SAFE)
            assert failed.value.reason == "no answer in time"
            driver.timeout_ms = 60_000
            await own.insert("events", ONE, SAFE)
            await own.open()
            second = asyncio.create_task(own.insert("events", ONE, SAFE))
            while len(late) < 2:
                await asyncio.sleep(0)
            (first, old), (request, new) = late
            old.write(stored(first))
            new.write(answer(request.number, {"ok": 1, "n": 0, "writeErrors": []}))
            assert (await second)["n"] == 0
            assert first.number == request.number, "numbers alone do not tell them apart"


async def test_a_cancelled_insert_ends_the_connection(io_loop: Any) -> None:
    reached = asyncio.Event()

    async def is_silent(request: Request, writer: asyncio.StreamWriter) -> None:
        reached.set()

    async with scripted() as server:
        driver = Driver(server.address)
        async with opened(driver) as own:
            server.script = is_silent
            task = asyncio.create_task(own.insert("events", ONE, SAFE))
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert own.facts()["line"] == "driver"
            assert await own.insert("events", ONE, SAFE) == STORED_BY_DRIVER


async def test_an_answer_before_the_insert_is_none(io_loop: Any) -> None:
    """The numbers of requests can be guessed; an answer counts only while its insert is under way."""

    async def says_it_twice(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(stored(request) + stored(request._replace(number=request.number + 1)))

    async with scripted() as server:
        driver = Driver(server.address)
        async with opened(driver) as own:
            server.script = says_it_twice
            assert await own.insert("events", ONE, SAFE) == GOOD
            assert own.facts()["line"] == "driver"
            assert await own.insert("events", ONE, SAFE) == STORED_BY_DRIVER


async def test_the_same_answer_again_ends_the_connection(io_loop: Any) -> None:
    async def says_it_twice(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(stored(request) * 2)

    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, problem: problems.append(problem))
    async with scripted() as server, opened(Driver(server.address)) as own:
        server.script = says_it_twice
        assert await own.insert("events", ONE, SAFE) == GOOD
        assert own.facts()["line"] == "driver"
    assert not problems


async def test_a_connection_is_over_once_its_command_was_given_up(io_loop: Any) -> None:
    async def is_silent(request: Request, writer: asyncio.StreamWriter) -> None:
        pass

    async with scripted() as server:
        connection = await connect(server.address, Way(None, None))
        server.script = is_silent
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connection.command({"ping": 1, "$db": "admin"})
        assert not connection.is_open and not connection.is_busy
        with pytest.raises(AutoReconnect):
            await connection.command({"ping": 1, "$db": "admin"})
        await connection.close()


async def test_after_a_fault_it_waits_before_it_tries_again(
    io_loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pause, "FIRST_PAUSE_SECONDS", 1000.0)
    async with scripted() as server:
        driver = Driver(server.address)
        async with opened(driver) as own:
            server.script = closes
            with pytest.raises(StoreUnavailable):
                await own.insert("events", ONE, SAFE)
            for _ in range(5):
                assert await own.insert("events", ONE, SAFE) == STORED_BY_DRIVER
                await own.open()
            assert server.connections == 1


async def test_a_write_that_is_not_durable_ends_the_connection(io_loop: Any) -> None:
    async with scripted() as server, opened(Driver(server.address)) as own:
        error = {"ok": 1, "n": 1, "writeConcernError": {"code": 189, "errmsg": "stepped down"}}
        server.script = says(error)
        assert await own.insert("events", ONE, SAFE) == error
        assert own.facts()["line"] == "driver"


# -- which way ---------------------------------------------------------------------------------


async def test_what_is_sent(io_loop: Any) -> None:
    async with scripted() as server, opened(Driver(server.address)) as own:
        batch: list[Document] = [{"seq": n, "body": "あ\0"} for n in range(3)]
        assert await own.insert("events", batch, SAFE) == {"ok": 1, "n": 3}
    ((_, body, documents),) = server.requests
    assert documents == batch
    assert body == {
        "insert": "events",
        "ordered": True,
        "writeConcern": {"w": "majority", "j": True},
        "maxTimeMS": 60_000,
        "$db": "chat",
    }
    assert next(iter(body)) == "insert"


async def test_inserts_at_the_same_time_share_the_two_ways(io_loop: Any) -> None:
    """One at a time on the connection, the others through the driver."""
    go_on = asyncio.Event()

    async def waits(request: Request, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(stored(request))

    async with scripted() as server:
        driver = Driver(server.address)
        async with opened(driver) as own:
            server.script = waits
            first = asyncio.create_task(own.insert("events", ONE, SAFE))
            await asyncio.sleep(0)
            others = [await own.insert("events", [{"n": n}], SAFE) for n in range(3)]
            go_on.set()
            assert await first == GOOD
            assert others == [STORED_BY_DRIVER] * 3
            assert driver.inserted == [{"n": 0}, {"n": 1}, {"n": 2}]
            assert own.facts() == {"line": "own"}


async def test_large_batches_go_through_the_driver(
    io_loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "MOST_BYTES", 1000)
    async with scripted() as server:
        server.hello |= {"maxWriteBatchSize": 3}
        driver = Driver(server.address)
        async with opened(driver) as own:
            large: list[Document] = [{"body": "x" * 400}] * 3
            many: list[Document] = [{"n": n} for n in range(4)]
            for batch in (large, many):
                assert await own.insert("events", batch, SAFE) == STORED_BY_DRIVER
            assert driver.inserted == large + many and not server.requests
            assert (await own.insert("events", many[:3], SAFE))["n"] == 3


async def test_the_server_says_how_much_it_takes(io_loop: Any) -> None:
    async with scripted() as server:
        server.hello |= {"maxMessageSizeBytes": 500}
        async with opened(Driver(server.address)) as own:
            batch: list[Document] = [{"body": "x" * 400}] * 3
            assert await own.insert("events", batch, SAFE) == STORED_BY_DRIVER


async def test_a_document_that_cannot_be_stored_is_not_sent(io_loop: Any) -> None:
    async with scripted() as server, opened(Driver(server.address)) as own:
        with pytest.raises(bson.errors.InvalidDocument):
            await own.insert("events", [{"room": "r"}, {"room": object()}], SAFE)
        assert not server.requests
        assert own.facts() == {"line": "own"}


async def test_it_goes_where_the_driver_says(io_loop: Any) -> None:
    async with scripted() as first, scripted() as second:
        driver = Driver(first.address)
        async with opened(driver) as own:
            await own.insert("events", ONE, SAFE)
            driver.address = second.address
            assert own.facts()["line"] == "driver"
            assert await own.insert("events", ONE, SAFE) == STORED_BY_DRIVER
            await own.open()
            assert await own.insert("events", ONE, SAFE) == GOOD
            assert [len(server.requests) for server in (first, second)] == [1, 1]
            driver.address = None
            assert await own.insert("events", ONE, SAFE) == STORED_BY_DRIVER
            await own.open()
            assert own.facts() == {"line": "driver", "reason": line.NO_PRIMARY}


@pytest.mark.parametrize(
    ("hello", "reason"),
    [
        ({"isWritablePrimary": False}, "it cannot be opened: not primary"),
        ({"maxWireVersion": 8}, "it is older than MongoDB 4.4"),
        ({"msg": "isdbgrid"}, "it is a mongos"),
        ({"ok": 0, "errmsg": "no such command: 'hello'"}, "it cannot be opened: no such command"),
        ({"maxWriteBatchSize": None}, "it cannot be opened: "),
    ],
)
async def test_servers_that_are_left_to_the_driver(
    io_loop: Any, hello: Document, reason: str
) -> None:
    async with scripted() as server:
        server.hello |= hello
        async with opened(Driver(server.address)) as own:
            facts = own.facts()
            assert facts["line"] == "driver" and facts["reason"].startswith(reason)
            assert await own.insert("events", ONE, SAFE) == STORED_BY_DRIVER


async def test_a_router_is_left_to_the_driver(io_loop: Any) -> None:
    """The driver names no primary then; nothing is tried again and again."""
    driver = Driver(None)
    driver.kind = "Sharded"
    async with opened(driver) as own:
        assert own.facts() == {"line": "driver", "reason": line.ROUTER}
        assert await own.insert("events", ONE, SAFE) == STORED_BY_DRIVER
        driver.kind = "Single"
        await own.open()
        assert own.facts() == {"line": "driver", "reason": line.ROUTER}


async def test_nobody_listens(io_loop: Any) -> None:
    async with scripted() as server:
        address = server.address
    async with opened(Driver(address)) as own:
        assert "no server listens at 127.0.0.1:" in own.facts()["reason"]
    async with opened(Driver(("/tmp/mongodb.sock", 0))) as own:
        assert own.facts()["reason"] == "a Unix socket is left to the driver"


async def test_it_can_be_turned_off(io_loop: Any) -> None:
    async with scripted() as server:
        own = Line(cast(Database, Driver(server.address)), "mongodb://unused/", wanted=False)
        await own.open()
        assert own.facts() == {"line": "driver", "reason": line.NOT_WANTED}
        assert await own.insert("events", ONE, SAFE) == STORED_BY_DRIVER
        await own.close()
        assert server.connections == 0


async def test_after_close_nothing_is_opened(io_loop: Any) -> None:
    async with scripted() as server:
        async with opened(Driver(server.address)) as own:
            await own.insert("events", ONE, SAFE)
        await own.open()
        assert server.connections == 1 and own.facts()["line"] == "driver"


# -- what counts as stored ---------------------------------------------------------------------


class Log(MongoLog):
    """Its inserts are answered by a document."""

    def __init__(self, said: Document) -> None:
        self._said = said
        self._line = cast(Line, self)

    async def insert(self, *given: object) -> Document:
        return self._said


@pytest.mark.parametrize(
    "said",
    [
        {"ok": 1, "n": 1},
        {"ok": 1, "n": 3},
        {"ok": 1, "n": 2, "writeConcernError": {"code": 64}},
        {"ok": 1, "n": 1, "writeErrors": [{"index": 1, "code": 121}]},
    ],
)
async def test_all_or_it_is_unknown(io_loop: Any, said: Document) -> None:
    with pytest.raises(StoreUnavailable):
        await Log(said).append([posted("r", 1), posted("r", 2)])


# -- bytes -------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
DOCUMENTS = st.dictionaries(
    KEYS, TEXTS | st.integers(-(1 << 63), (1 << 63) - 1) | st.booleans(), max_size=4
)


@given(st.integers(1, wire.LAST_NUMBER), DOCUMENTS, st.lists(DOCUMENTS, max_size=5))
def test_requests_are_what_the_protocol_says(
    number: int, command: Document, documents: list[Document]
) -> None:
    command = {"insert": "events", **command}
    message = wire.request(number, command, [bson.encode(each) for each in documents])
    assert parsed(message) == (number, command, documents)


@given(st.lists(st.tuples(st.integers(0, 9), DOCUMENTS), max_size=5), st.data())
def test_answers_are_found_wherever_they_are_cut(
    answers: list[tuple[int, Document]], data: st.DataObject
) -> None:
    stream = b"".join(answer(number, document) for number, document in answers)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader = wire.Answers()
    found = [
        each
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for each in reader.feed(stream[start:end])
    ]
    assert found == answers


@pytest.mark.parametrize("length", [-(1 << 31), -5, 0, 16, 21, wire.MOST_ANSWER_BYTES + 1])
def test_an_answer_of_no_possible_length_is_refused_at_once(length: int) -> None:
    with pytest.raises(ProtocolError):
        next(wire.Answers().feed(struct.pack("<iiii", length, 7, 1, 2013)))


@given(st.binary(max_size=100))
def test_whatever_comes_is_an_answer_or_refused(data: bytes) -> None:
    try:
        for _, document in wire.Answers().feed(data):
            assert isinstance(document, dict)
    except ProtocolError:
        pass


@given(st.binary(max_size=60))
def test_whatever_an_answer_holds_is_read_or_refused(content: bytes) -> None:
    message = struct.pack("<iiiiI", 21 + len(content), 7, 1, 2013, 0) + b"\0" + content
    try:
        for _, document in wire.Answers().feed(message):
            assert isinstance(document, dict)
    except ProtocolError:
        pass


def test_a_message_of_the_server_may_be_cut_within_a_character() -> None:
    whole = answer(1, {"ok": 0, "errmsg": "abあ"})
    cut = whole.replace("あ".encode(), b"\xe3\x81z")
    ((_, document),) = wire.Answers().feed(cut)
    assert document["ok"] == 0
    with pytest.raises(OperationFailure):
        wire.checked(document)


def test_errors_are_those_of_the_driver() -> None:
    for code in wire.NOT_PRIMARY:
        with pytest.raises(NotPrimaryError):
            wire.checked({"ok": 0, "code": code})
    with pytest.raises(OperationFailure) as failed:
        wire.checked({"ok": 0, "code": 18, "errmsg": "no"})
    assert failed.value.code == 18
    assert wire.checked({"ok": 1.0, "n": 1}) == {"ok": 1.0, "n": 1}
