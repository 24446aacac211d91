"""No query costs more calls of the store when there are more rows to show."""

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from chatserver import ChatError, Store
from chatserver.app import Server
from chatserver.hooks import door
from chatserver_plugins.graphql.documents import Document, Operation
from chatserver_plugins.graphql.loaders import Activity, Loader
from chatserver_plugins.graphql.plan import Plan, Plans
from tests.graphql import conftest
from tests.graphql.asker import Asker
from tests.protocol.running import Running

METHODS = [name for name, value in vars(Store).items() if callable(value) and name[0] != "_"]
FEW, MANY = 2, 12
SETTINGS = conftest.SETTINGS | {
    "plugin.graphql.cost": 10**6,
    # Else heads are compared meanwhile, and sessions looked up anew.
    "delivery.repair_seconds": 3600.0,
    "plugin.password.cache_seconds": 60.0,
}

NESTED = """query Nested {
  rooms(first: 30) { nodes { name read unread mentions
    older: messages(last: 30, before: 1000) { body author { name } }
    most: messages(last: 100) { body pinned }
    messages(last: 30) {
      body room { name unread }
      author { name username role }
      mentions { username }
      replyToMessage { body author { username } room { name } }
      reactions { emoji count mine users(first: 30) { username } } }
    members(first: 30) { nodes { role user { username at } } }
    events(after: 0, first: 30) { ... on RoomLogEntry { seq author { username } }
      ... on MessagePosted { message { author { disabled } mentions { name } } }
      ... on MemberJoined { user { username } } }
} } }"""
PLANNED = """query Planned {
  rooms(first: 30) { nodes { name read unread mentions memberCount preferences { favourite }
    messages(last: 30) {
      body author { name username role } mentions { username } mentionsRoom
      replyToMessage { body author { username } }
      reactions { emoji count mine users(first: 30) { username } } } } } }"""
SEARCH = """query Found { search(text: "hello", first: 30)
  { nodes { room { name unread } author { username } replyToMessage { author { username } } } } }"""


async def count(server: Running) -> Callable[[], Awaitable[Counter[str]]]:
    """Begin to count; the returned function gives the calls of each method since it was last called.

    What the server does whoever asks, such as its look at claims and changes, comes by no door and does not count.
    """
    calls: Counter[str] = Counter()

    async def wrap(running: Server) -> None:
        for name in METHODS:
            setattr(running.store, name, counted(name, getattr(running.store, name)))

    def counted(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            if door.current() != door.SERVER:
                calls[name] += 1
            return method(*given, **named)

        return call

    async def take() -> Counter[str]:
        taken = calls.copy()
        calls.clear()
        return taken

    await server.run(wrap)
    return take


async def without_index(running: Server) -> None:
    """The indexer calls the store whoever asks; and how far it is says in how many steps search reads."""
    running.service.indexer.pause()
    running.service.accounts.similar._done = True  # it enters names of before, whoever asks


async def as_later(running: Server) -> None:
    """Expires the values that are cached for a second."""
    running.service.accounts._cache.clear()
    running.service.blocks._kept.clear()
    for room in running.service.room_cache._rooms.values():
        room.checked = -math.inf


async def as_after_a_start(running: Server) -> None:
    """Nothing is in memory."""
    running.service.accounts._cache.clear()
    running.service.blocks._kept.clear()
    running.service.room_cache._rooms.clear()
    running.service.rooms._lists._known.clear()
    running.service.rooms._public.forget()


async def populate(server: Running, rooms: int, people: int) -> Asker:
    """So many rooms and members, each of whom writes, answers, mentions and reacts in each room."""
    members = [Asker(server, person) for person in await server.people(*["p"] * people)]
    ada = members[0]
    for number in range(rooms):
        room = await ada.make_room(f"R{number}", "PUBLIC", *(member.id for member in members))
        last = None
        for member in members:
            more = {"replyTo": last} if last else {}
            body = f"hello @{ada.username} @{member.username} {room}"
            last = (await member.post(room, body, **more))["id"]
            await member.ask(
                "mutation ($i: ReactionInput!) { addReaction(input: $i) { seq } }",
                i={"roomId": room, "messageId": last, "emoji": "👍"},
            )
    return ada


@pytest.mark.parametrize("before", [as_later, as_after_a_start])
@pytest.mark.parametrize(
    ("query", "rooms"),
    [(NESTED, (FEW, MANY)), (PLANNED, (FEW, MANY)), (SEARCH, (FEW, FEW))],
    ids=["nested", "planned", "search"],
)
async def test_more_rows_take_no_more_calls(
    tmp_path: Path,
    query: str,
    rooms: tuple[int, int],
    before: Callable[[Server], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Reads are made in one piece here, not in smaller ones: see tests/core/test_history.py.
    monkeypatch.setattr("chatserver.service.history.MANY_AT_ONCE", 10_000)
    # However long it takes, what was looked up once need not be looked up again.
    monkeypatch.setattr("chatserver.roomlog.cache.FRESH_SECONDS", 3600.0)
    monkeypatch.setattr("chatserver.service.directory.CACHE_SECONDS", 3600.0)
    monkeypatch.setattr("chatserver.service.public.KEPT_SECONDS", 3600.0)
    monkeypatch.setattr("chatserver.service.roomlist.KNOWN_SECONDS", 3600.0)
    monkeypatch.setattr("chatserver.service.blocks.KEPT_SECONDS", 3600.0)
    plans: list[Plan | None] = []
    plan_of = Plans.of

    def noted(self: Plans, document: Document, operation: Operation) -> Plan | None:
        plans.append(plan_of(self, document, operation))
        return plans[-1]

    monkeypatch.setattr(Plans, "of", noted)
    found = []
    for size, people in zip(rooms, (FEW, MANY), strict=True):
        with Running(tmp_path / str(people), SETTINGS) as server:
            await server.run(without_index)
            ada = await populate(server, size, people)
            await ada.ask(query)
            await server.run(before)
            take = await count(server)
            answer = await ada.send(query)
            assert "errors" not in answer.json(), answer.text
            assert bool(plans.pop()) is (query is PLANNED)
            found.append((len(answer.content), await take()))
    (few_bytes, few), (many_bytes, many) = found
    assert many_bytes > 3 * few_bytes
    assert many == few


async def test_the_count_finds_calls_one_by_one(tmp_path: Path) -> None:
    """A control: loading row by row is detected, and what the server does by itself is not counted."""

    async def load(running: Server) -> None:
        for _ in range(3):
            await running.service.accounts.by_name("none")

    async def load_for_somebody(running: Server) -> None:
        with door.entered(door.HTTP):
            await load(running)

    with Running(tmp_path, SETTINGS) as server:
        await server.run(without_index)
        take = await count(server)
        await server.run(load)
        await server.run(load_for_somebody)
        assert await take() == Counter(get=3)


async def test_many_keys_at_once_are_fetched_once_and_raise_as_one_does() -> None:
    fetched: list[list[str]] = []

    async def fetch(keys: Sequence[str]) -> dict[str, int | ChatError]:
        fetched.append(list(keys))
        return {key: ChatError("user.not_found") if key == "none" else len(key) for key in keys}

    loader = Loader(fetch, Activity())
    assert await loader.all(["a", "bb", "a"]) == [1, 2, 1]
    with pytest.raises(ChatError):
        await loader.all(["bb", "none"])
    with pytest.raises(ChatError):
        await loader.load("none")
    assert await loader.all(["bb"]) == [2]
    assert fetched == [["a", "bb"], ["none"]]
