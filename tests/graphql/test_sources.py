"""Subscriptions of other plugins: each item comes in order, at the client's pace, and ends with its reason."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chatserver import ChatError, GraphQLPart, GraphQLSource, StartupError
from chatserver.app import Server
from chatserver.runtime.measure import Gauge
from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.schema import build
from chatserver_plugins.graphql.sources import Shared
from tests.graphql.asker import Asker
from tests.graphql.conftest import PLUGINS, Start
from tests.graphql.speaker import Speaker
from tests.graphql.test_subscriptions import token
from tests.protocol.running import Running
from tests.waiting import until

LOCAL = Path(__file__).parent / "local"
NUMBERS = """subscription ($upTo: Int!, $way: String) {
  numbers(upTo: $upTo, way: $way) { value doubled } }"""
WORDS = "subscription ($channel: String!) { words(channel: $channel) }"
TEXTS = "subscription ($room: ID!, $after: Int) { texts(roomId: $room, after: $after) }"


def ticking(start: Start, **settings: object) -> Running:
    return start(
        {"plugins.folder": str(LOCAL), "plugins.enabled": [*PLUGINS, "ticker"], **settings}
    )


def plugin(server: Running) -> Any:
    return next(each.instance for each in server.server._plugins.all if each.name == "ticker")


async def say(server: Running, channel: str, *words: object) -> None:
    async def put(_: Server) -> None:
        for word in words:
            plugin(server).channels[channel].put_nowait(word)

    await server.run(put)


async def code(speaker: Speaker, name: str) -> str:
    """The code of the error that ends an operation."""
    frame = await speaker.of(name)
    assert frame["type"] == "error", frame
    found: str = frame["payload"][0]["extensions"]["code"]
    return found


async def test_items_come_in_order_and_their_end_completes(start: Start) -> None:
    server = ticking(start)
    ada = Asker(server, await server.person("ada"))
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", NUMBERS, upTo=3, way="ends")
        for value in (1, 2, 3):
            assert await speaker.data("1") == {"numbers": {"value": value, "doubled": 2 * value}}
        assert (await speaker.of("1"))["type"] == "complete"
        assert plugin(server).log[0] == "opened for ada"
        assert plugin(server).log[-1] == "closed"


async def test_an_error_ends_a_subscription_with_its_code(start: Start) -> None:
    server = ticking(start)
    ada = Asker(server, await server.person("ada"))
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        for name, way, shown in (
            ("1", "refuses", "room.forbidden"),
            ("2", "fails", "plugin.failed"),
        ):
            speaker.subscribe(name, NUMBERS, upTo=1, way=way)
            assert (await speaker.data(name))["numbers"]["value"] == 1
            assert await code(speaker, name) == shown
        (logged,) = server.take_errors()
        assert "GraphQL part ticker: Subscription.numbers failed" in logged


async def test_a_generator_ends_with_its_client(start: Start) -> None:
    server = ticking(start)
    ada = Asker(server, await server.person("ada"))
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        for name in ("1", "2"):
            speaker.subscribe(name, NUMBERS, upTo=1, way="waits")
            assert (await speaker.data(name))["numbers"]["value"] == 1
        speaker.complete("1")
        await until(lambda: plugin(server).log.count("closed") == 1)
    await until(lambda: plugin(server).log.count("closed") == 2)


async def test_no_item_is_asked_for_while_the_client_does_not_read(start: Start) -> None:
    server = ticking(
        start,
        **{
            "limits.buffer_soft_bytes": 2000,
            "limits.slow_seconds": 300.0,
            "limits.buffer_hard_bytes": 1_000_000,
        },
    )
    ada = Asker(server, await server.person("ada"))
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.pause()
        speaker.subscribe("1", NUMBERS, upTo=1_000_000, way="ends")
        made, seen = plugin(server).log, -1
        while len(made) != seen:
            seen = len(made)
            await asyncio.sleep(0.5)
        assert 1 < seen < 500_000
        speaker.resume()
        for value in range(1, seen + 100):
            assert (await speaker.data("1"))["numbers"]["value"] == value


async def test_one_generator_serves_all_with_equal_arguments(start: Start) -> None:
    server = ticking(start)
    ada, bob = [Asker(server, person) for person in await server.people("ada", "bob")]
    log = plugin(server).log
    async with Speaker(server.port) as first, Speaker(server.port) as second:
        await first.init(token(ada))
        await second.init(token(bob))
        first.subscribe("1", WORDS, channel="news")
        await until(lambda: "opened news" in log)
        second.subscribe("1", WORDS, channel="news")
        await until(lambda: "admitted bob" in log)
        second.subscribe("2", WORDS, channel="other")
        await until(lambda: "opened other" in log)
        assert log.count("opened news") == 1
        await until(lambda: subscriptions(server) == 3)
        await say(server, "news", "one", "two")
        for speaker in (first, second):
            assert [await speaker.data("1") for _ in range(2)] == [
                {"words": "one"},
                {"words": "two"},
            ]
        first.complete("1")
        await until(lambda: subscriptions(server) == 2)
        assert "closed news" not in log
        await say(server, "news", "three")
        assert await second.data("1") == {"words": "three"}
        second.complete("1")
        await until(lambda: "closed news" in log)
        second.subscribe("3", WORDS, channel="news")  # opens it again
        await until(lambda: log.count("opened news") == 2)
        await until(lambda: subscriptions(server) == 2)
        await say(server, "news", "four", None)
        assert await second.data("3") == {"words": "four"}
        assert (await second.of("3"))["type"] == "complete"


async def test_who_may_subscribe_is_asked_for_each(start: Start) -> None:
    server = ticking(start)
    ada = Asker(server, await server.person("ada"))
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", WORDS, channel="secret")
        assert await code(speaker, "1") == "room.forbidden"
        speaker.subscribe("2", WORDS, channel="broken")
        assert await code(speaker, "2") == "plugin.failed"
        (logged,) = server.take_errors()
        assert "GraphQL part ticker: Subscription.words failed" in logged
        assert plugin(server).log == []


async def test_a_subscriber_that_is_behind_is_told_and_the_others_go_on() -> None:
    ended: list[str] = []

    async def letters() -> AsyncIterator[str]:
        for letter in "abcdefgh":
            yield letter
        ended.append("letters")

    shared = Shared("part", "field", letters(), 3, lambda: ended.append("shared"))
    reader, other = shared.join(), shared.join()
    assert [letter async for letter in reader] == list("abcdefgh")
    assert ended == ["letters", "shared"]
    with pytest.raises(ChatError) as raised:
        await anext(other)
    assert (raised.value.code, raised.value.meaning.retry) == ("graphql.behind", "refresh")


async def test_what_waits_is_read_before_the_end() -> None:
    async def letters() -> AsyncIterator[str]:
        yield "a"
        yield "b"
        raise ChatError("room.forbidden")

    reader = Shared("part", "field", letters(), 3, lambda: None).join()
    await asyncio.sleep(0.05)
    assert [await anext(reader), await anext(reader)] == ["a", "b"]
    with pytest.raises(ChatError, match="Your role"):
        await anext(reader)


async def test_a_rooms_events_come_from_anywhere_in_it_and_end_with_the_right(start: Start) -> None:
    server = ticking(start)
    ada, bob = [Asker(server, person) for person in await server.people("ada", "bob")]
    assert ada.person and bob.person
    room = (
        await ada.person.http("POST", "/api/v1/rooms", {"name": "Den", "kind": "private"})
    ).json()
    members = f"/api/v1/rooms/{room['id']}/members"
    await ada.person.http("POST", members, {"user": bob.id})
    path = f"/api/v1/rooms/{room['id']}/messages"
    await ada.person.http("POST", path, {"client_id": "1", "body": "before"})
    async with Speaker(server.port) as speaker:
        await speaker.init(token(bob))
        speaker.subscribe("all", TEXTS, room=room["id"], after=0)
        speaker.subscribe("new", TEXTS, room=room["id"])
        assert await speaker.data("all") == {"texts": "before"}
        await until(lambda: subscriptions(server) == 2)
        await ada.person.http("POST", path, {"client_id": "2", "body": "now"})
        assert await speaker.data("all") == {"texts": "now"}
        assert await speaker.data("new") == {"texts": "now"}
        await ada.person.http("DELETE", f"{members}/{bob.id}")
        await ada.person.http("POST", path, {"client_id": "3", "body": "not for bob"})
        for name in ("all", "new"):
            assert await code(speaker, name) == "room.not_found"
        for wanted, shown in ((room["id"], "room.not_found"), ("nowhere", "room.not_found")):
            speaker.subscribe("x", TEXTS, room=wanted)
            assert await code(speaker, "x") == shown
        await until(lambda: plugin(server).log.count("closed texts") == 4)
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("x", TEXTS, room=room["id"], after=1000)
        assert await code(speaker, "x") == "request.invalid"


def subscriptions(server: Running) -> float:
    name = "chatserver_graphql_subscriptions"
    found = next(each for each in server.server.measures if each.name.startswith(name))
    assert isinstance(found, Gauge)
    return found.read()


FIELD = 'extend type Subscription { "A." a: Int! }'


async def nothing(context: Any) -> Any:
    yield 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sdl": FIELD}, "the field Subscription.a has no source"),
        (
            {"sdl": FIELD, "resolvers": {"Subscription.a": len}},
            "the field Subscription.a has no source",
        ),
        (
            {"sdl": FIELD, "sources": {"Subscription.b": GraphQLSource(open=nothing)}},
            "GraphQL part mine: there is no field Subscription.b to feed",
        ),
        (
            {"sdl": FIELD, "sources": {"Query.me": GraphQLSource(open=nothing)}},
            "GraphQL part mine: there is no field Query.me to feed",
        ),
    ],
)
def test_a_field_without_a_source_refuses_to_start(given: dict[str, Any], words: str) -> None:
    with pytest.raises(StartupError) as raised:
        build([own_part(), GraphQLPart(name="mine", **given)])
    assert words in str(raised.value)
