"""The largest operations that are allowed stop the loop for nobody, whatever they find."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chatserver.app import Server
from chatserver_plugins.graphql.plan import Plan
from tests.effort import bound
from tests.graphql.asker import Asker
from tests.graphql.conftest import SETTINGS, Start
from tests.graphql.speaker import Speaker
from tests.graphql.test_limits import many
from tests.protocol.running import Running

pytestmark = pytest.mark.long

# Of processor time, in one turn of the loop: three times the promise, on any machine. The fuzzer
# (tests/fuzz) measures the promise itself.
STALL_SECONDS = 0.15
TRIES = 3  # a collection of garbage may fall into a turn; what counts is the best try
MESSAGES, EMOJI, USERS = 50, 20, 10
RICH = """id seq at body deleted pinned author { id name username role }
  mentions { id name username role } replyToMessage { id body author { id name username } }
  reactions { emoji count mine users(first: 100) { id name username role at disabled } }"""
LARGE = {
    "a look at the schema": "{ __schema { " + many("a#: types { name fields { name } }", 19) + " } }",
    "chains of types": "{ __schema { types { fields { type" + "{ name ofType" * 60 + "{ name }" + "}" * 64,
    "a timeline with long lists": f'{{ room(id: "ROOM") {{ messages(last: 50) {{ {RICH} }} }} }}',
    "members": '{ room(id: "ROOM") { members(first: 500) { nodes { online role user { id name username at } } } } }',
    "many timelines": "{" + many('a#: room(id: "ROOM") { messages(last: 50) { id body author { username } } }', 25) + "}",
    "one room again and again": "{" + many('a#: room(id: "ROOM") { id name unread }', 45) + "}",
    "all rooms": "{ rooms(first: 100) { nodes { id name unread mentions messages(last: 5) { id body author { username } } } } }",
    "names": "{" + many("a#: __typename", 50) + "}",
}  # fmt: skip

COMPILED = {
    "a timeline with long lists": """{ room(id: "ROOM") { messages(last: 50) { id body author { name }
      mentions { id name role } reactions { emoji count mine users(first: 100) { username } } } } }""",
    "answers": """{ room(id: "ROOM") { messages(last: 50) { mentions { username role }
      replyToMessage { reactions { emoji users(first: 100) { disabled } } } } } }""",
    "all rooms": LARGE["all rooms"],
}  # fmt: skip


class Turns:
    """Measures the processor time that each turn of the server's loop takes."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest = max(self.longest, now - last)
            last = now


@asynccontextmanager
async def watched(server: Running) -> AsyncIterator[Turns]:
    """The objects of this process of tests, which are many, are no work for the collector meanwhile."""
    turns = Turns()
    gc.collect()
    gc.freeze()

    async def begin(_: Server) -> asyncio.Task[None]:
        return asyncio.create_task(turns.watch())

    task = await server.run(begin)
    try:
        yield turns
    finally:
        gc.unfreeze()

        async def end(_: Server) -> None:
            task.cancel()

        await server.run(end)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A room where everybody reacts to everything, and others beside it."""
    free = {"limits.operations_burst": 10**9, "plugin.graphql.operations": 100}
    with Running(tmp_path_factory.mktemp("full"), SETTINGS | free) as running:
        yield running


async def filled(server: Running) -> tuple[Asker, str]:
    people = [Asker(server, await server.person(f"p{number}")) for number in range(USERS)]
    ada = people[0]
    room = await ada.make_room("Full", "PUBLIC", *(each.id for each in people))
    for number in range(20):
        await ada.make_room(f"R{number}", "PUBLIC")

    async def fill(running: Server) -> None:
        service = running.service
        users = [await service.accounts.get(each.id) for each in people]
        last = None
        for number in range(MESSAGES):
            found = await service.rooms.get(room, users[0])
            body = f"hello {number} " + " ".join(f"@{user.username}" for user in users)
            event, _ = await service.messages.post(users[0], found, f"c{number}", body, last)
            last = event.id
            await asyncio.gather(
                *(
                    service.messages.react(user, found, event.id, chr(0x1F600 + emoji))
                    for user in users
                    for emoji in range(EMOJI)
                )
            )

    await server.run(fill)
    return ada, room


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    return {}


async def prepared(server: Running, known: dict[str, Any]) -> tuple[Asker, str]:
    if "filled" not in known:
        known["filled"] = await filled(server)
    found: tuple[Asker, str] = known["filled"]
    return found


@pytest.mark.parametrize("name", LARGE)
async def test_no_operation_stops_the_loop(full: Running, known: dict[str, Any], name: str) -> None:
    ada, room = await prepared(full, known)
    text = LARGE[name].replace("ROOM", room)
    best = 1e9
    for number in range(TRIES):
        async with watched(full) as turns:
            answer = await ada.answer(f"{text} # {number}")
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        assert codes <= {"graphql.cost"}, answer["errors"][0]
        best = min(best, turns.longest)
    assert best < bound(STALL_SECONDS)


@pytest.mark.parametrize("name", COMPILED)
async def test_no_plan_stops_the_loop(
    full: Running, known: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, room = await prepared(full, known)
    text = COMPILED[name].replace("ROOM", room)
    data, done = Plan.data, list[int]()

    async def noted(*given: Any) -> Any:
        found = await data(*given)
        done.append(found[1])
        return found

    monkeypatch.setattr(Plan, "data", noted)
    best = 1e9
    for number in range(TRIES + 1):
        async with watched(full) as turns:
            answer = await ada.answer(text)
        assert "errors" not in answer, answer["errors"][0]
        assert len(done) == number  # a document is compiled when it comes again
        best = min(best, turns.longest) if number else best
    assert done[-1] > 100
    assert best < bound(STALL_SECONDS)


async def test_catching_up_with_an_expensive_selection_does_not_stop_the_loop(
    full: Running, known: dict[str, Any]
) -> None:
    ada, room = await prepared(full, known)
    text = """subscription ($room: ID!) { roomEvents(roomId: $room, after: 0) {
      ... on RoomLogEntry { seq } ... on MessagePosted { message {
        replyToMessage { reactions { emoji users(first: 100) { id name username } } } } } } }"""
    assert ada.person is not None
    best = 1e9
    for _ in range(TRIES):
        async with Speaker(full.port, ada.person.token) as speaker, watched(full) as turns:
            await speaker.init()
            speaker.subscribe("1", text, room=room)
            assert await speaker.seqs("1", 1000) == list(range(1, 1001))
        best = min(best, turns.longest)
    assert best < bound(STALL_SECONDS)


async def test_a_selection_of_events_may_cost_less(start: Start) -> None:
    server = start()
    person = await server.person("ada")
    room = await Asker(server, person).make_room()
    text = """subscription { roomEvents(roomId: "ROOM") { ... on MessagePosted { message {
      room { messages(last: COUNT) { id seq body at clientId deleted pinned author { id name username } } }
      } } } }""".replace("ROOM", room)
    async with Speaker(server.port, person.token) as speaker:
        await speaker.init()
        speaker.subscribe("1", text.replace("COUNT", "100"))
        assert await speaker.error_code("1") == "graphql.cost"
        speaker.subscribe("2", text.replace("COUNT", "10"))
        speaker.subscribe("3", "{ me { id } }")
        assert await speaker.data("3")
        await speaker.silent("2")
