"""The rates of requests over all interfaces: one of a user, one of an address."""

import asyncio
from typing import Any

import pytest

from tests.graphql.asker import Asker
from tests.graphql.conftest import Start
from tests.graphql.speaker import EVENTS, Speaker
from tests.graphql.test_limits import many
from tests.graphql.test_sse import stream
from tests.protocol.running import PASSWORD

SLOW = {"limits.operations_per_second": 0.01, "limits.operations_burst": 5}
ME = "{ me { id } }"
REGISTER = f'a#: register(input: {{username: "made#", password: "{PASSWORD}"}}) {{ user {{ id }} }}'


async def test_requests_count_with_those_of_other_doors(start: Start) -> None:
    server = start(SLOW)
    person = await server.person("ada")
    ada, nobody = Asker(server, person), Asker(server)
    async with person.connect() as client:
        await client.ok("ping")
        for _ in range(4):
            await ada.ask(ME)
        assert await client.code("ping") == "limit.rate"
    answer = await ada.send(ME)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (429, "limit.rate")
    assert 90_000 < error["extensions"]["after_ms"] <= 100_001
    assert 90 < int(answer.headers["Retry-After"]) <= 101
    assert (await nobody.ask("{ __typename }")) == {"__typename": "Query"}


async def test_a_mutation_counts_for_each_of_its_aliases(start: Start) -> None:
    server = start({**SLOW, "limits.operations_burst": 35})
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    send = 'a#: sendMessage(input: {roomId: $r, body: "b#", clientId: "c#"}) { repeated }'
    text = "mutation ($r: ID!) {" + many(send, 20) + "}"
    assert len(await ada.ask(text, r=room)) == 20
    answer = await ada.send(text.replace("b1", "c1"), r=room)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (
        429,
        "limit.rate",
    )
    stored = await server.run(
        lambda s: s.service.room_cache.events(s.service.room_cache._rooms[room], 2, 100)
    )
    assert len(stored) == 20


async def test_a_list_of_operations_is_carried_out_as_a_whole_or_not_at_all(start: Start) -> None:
    server = start({**SLOW, "limits.operations_burst": 12})
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    assert ada.person is not None

    def batch(first: int) -> list[dict[str, Any]]:
        text = 'mutation { sendMessage(input: {roomId: "%s", body: "b", clientId: "%d"}) { repeated } }'
        return [{"query": text % (room, number)} for number in range(first, first + 10)]

    assert len((await ada.person.http("POST", "/graphql", batch(0))).json()) == 10
    refused = await ada.person.http("POST", "/graphql", batch(10))
    assert refused.status_code == 429
    stored = await server.run(
        lambda s: s.service.room_cache.events(s.service.room_cache._rooms[room], 2, 100)
    )
    assert len(stored) == 10


async def test_a_socket_is_told_and_then_closed(start: Start) -> None:
    server = start(SLOW)
    person = await server.person("ada")
    async with Speaker(server.port, person.token) as speaker, person.connect() as client:
        await speaker.init()
        for number in range(5):
            assert await speaker.run(ME), number
        speaker.subscribe("late", ME)
        frame = await speaker.of("late")
        assert (frame["type"], frame["payload"][0]["extensions"]["code"]) == ("error", "limit.rate")
        assert 90_000 < frame["payload"][0]["extensions"]["after_ms"] <= 100_001
        assert await client.code("ping") == "limit.rate"
        with speaker.at_once():
            for number in range(300):
                speaker.subscribe(f"n{number}", ME)
        assert await speaker.closed() == 4429


async def test_pings_count_too(start: Start) -> None:
    server = start(SLOW)
    person = await server.person("ada")
    async with Speaker(server.port, person.token) as speaker:
        await speaker.init()
        with speaker.at_once():
            for _ in range(300):
                speaker.say({"type": "ping"})
        assert await speaker.closed() == 4429


async def test_messages_before_the_session_count_for_the_address(start: Start) -> None:
    server = start({"limits.anonymous_per_second": 0.5})
    async with Speaker(server.port) as speaker:
        with speaker.at_once():
            for _ in range(300):
                speaker.say({"type": "ping"})
        assert await speaker.closed() == 4429


async def test_server_sent_events_count_too(start: Start) -> None:
    server = start({**SLOW, "limits.operations_burst": 3})
    ada = Asker(server, await server.person("ada"))
    for _ in range(3):
        async with stream(ada, ME) as events:
            assert (await events.event()) is not None
    async with stream(ada, ME) as events:
        assert events.response.status_code == 429
        assert int(events.response.headers["Retry-After"]) > 90


async def test_new_documents_cost_more_than_known_ones(start: Start) -> None:
    server = start({**SLOW, "limits.operations_burst": 40})
    ada = Asker(server, await server.person("ada"))
    padding = "#" + "x" * 1990
    for number in range(3):
        assert await ada.code(f"{{ nonsense{number} }} {padding}") == "graphql.invalid"
    assert await ada.code(f"{{ nonsense }} {padding}") == "limit.rate"


async def test_requests_without_a_session_count_by_address(start: Start) -> None:
    server = start({"limits.anonymous_per_second": 0.3})
    ada = Asker(server, await server.person("ada"))  # signing in counts, too
    nobody = Asker(server)
    codes = [(await nobody.send("{ __typename }")).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    assert await ada.ask("{ __typename }") == {"__typename": "Query"}


@pytest.mark.parametrize("introspection", ["__schema { types { name } }", ME[1:-1]])
async def test_an_expensive_operation_counts_for_more(start: Start, introspection: str) -> None:
    server = start()
    ada = Asker(server, await server.person("ada"))
    cost = (await ada.answer("{" + introspection + "}"))["extensions"]["cost"]
    assert cost["operations"] == max(1, -(-cost["requested"] // 100))


async def test_accounts_made_by_aliases_count_one_by_one(start: Start) -> None:
    server = start({"limits.registrations_per_hour": 3})
    nobody = Asker(server)
    answer = await nobody.answer("mutation {" + many(REGISTER, 6) + "}")
    made = [field for field in answer["data"].values() if field is not None]
    assert len(made) == 3
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["limit.rate"] * 3
    assert answer["errors"][0]["path"] == ["a3"]
    again = await server.register("another")
    assert again.status_code == 429  # the other door counts with this one


async def test_many_accounts_in_one_document_are_refused(start: Start) -> None:
    nobody = Asker(start())
    assert await nobody.code("mutation {" + many(REGISTER, 20) + "}") == "graphql.cost"


async def test_streams_count_as_connections_of_their_user(start: Start) -> None:
    server = start({"limits.connections_per_user": 2})
    person = await server.person("ada")
    ada = Asker(server, person)
    room = await ada.make_room()
    async with (
        stream(ada, EVENTS, room=room, after=0) as one,
        Speaker(server.port, person.token) as speaker,
    ):
        await one.seqs(1)
        await speaker.init()
        async with stream(ada, EVENTS, room=room, after=0) as third:
            body = await third.response.aread()
            assert (third.response.status_code, b"limit.count" in body) == (409, True)
    bob = Asker(server, await server.person("bob"))
    async with stream(bob, EVENTS, room=room, after=0) as other:
        assert other.response.status_code == 200


async def test_streams_that_begin_together_count_together(start: Start) -> None:
    server = start({"limits.connections_per_user": 2})
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    done = asyncio.Event()
    outcomes: asyncio.Queue[str] = asyncio.Queue()

    async def open_one() -> None:
        async with stream(ada, EVENTS, room=room, after=0) as events:
            if events.response.status_code != 200:
                outcomes.put_nowait("limit.count")
                return
            event = await events.event()
            refused = event.data.get("errors") if event is not None else None
            is_open = event is not None and not refused
            outcomes.put_nowait(
                "open" if is_open else str(refused and refused[0]["extensions"]["code"])
            )
            await done.wait()

    tasks = [asyncio.create_task(open_one()) for _ in range(8)]
    async with asyncio.timeout(60):
        found = [await outcomes.get() for _ in tasks]
    done.set()
    await asyncio.gather(*tasks)
    assert sorted(found) == ["limit.count"] * 6 + ["open"] * 2
