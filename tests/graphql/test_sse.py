"""GraphQL over server-sent events: one operation an answer, resumed by the id of the last event."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import pytest

from tests.graphql.asker import PATH, Asker, without_cost
from tests.graphql.conftest import People, Start
from tests.graphql.speaker import EVENTS, Speaker
from tests.graphql.test_subscriptions import remove, token
from tests.protocol.running import PASSWORD, Running


class Event(NamedTuple):
    kind: str
    data: Any
    id: str | None


class Stream:
    """An answer as a browser reads it."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.comments = 0

    async def event(self) -> Event | None:
        """The next event; None at the end of the answer."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(60):
            async for line in self._lines:
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                elif "data" in fields:
                    data = json.loads(fields["data"]) if fields["data"] else None
                    return Event(fields.get("event", "message"), data, fields.get("id"))
        return None

    async def seqs(self, count: int) -> list[int]:
        found = []
        for _ in range(count):
            event = await self.event()
            assert event is not None and event.kind == "next"
            seq: int = event.data["data"]["roomEvents"]["seq"]
            assert event.id == str(seq)
            found.append(seq)
        return found


@asynccontextmanager
async def stream(
    asker: Asker, text: str, *, method: str = "POST", headers: Any = None, **variables: Any
) -> AsyncIterator[Stream]:
    given = {"Accept": "text/event-stream", **(headers or {})}
    if asker.person is not None:
        given["Authorization"] = f"Bearer {token(asker)}"
    body = {"query": text, "variables": variables}
    options: dict[str, Any] = {"json": body}
    if method == "GET":
        options = {"params": {"query": text, "variables": json.dumps(variables)}}
    url = f"http://127.0.0.1:{asker.server.port}"
    async with (
        httpx.AsyncClient(base_url=url, verify=False, timeout=60) as http,
        http.stream(method, PATH, headers=given, **options) as response,
    ):
        yield Stream(response)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_subscription(server: Running, people: People, method: str) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    async with stream(ada, EVENTS, method=method, room=room, after=0) as events:
        assert events.response.status_code == 200
        assert events.response.headers["content-type"] == "text/event-stream"
        assert await events.seqs(2) == [1, 2]
        await ada.post(room, "Two\nlines")
        event = await events.event()
        assert event is not None
        assert event.data["data"]["roomEvents"]["message"] == {"body": "Two\nlines"}
    again = {"Last-Event-ID": "1"}
    async with stream(ada, EVENTS, method=method, headers=again, room=room, after=0) as events:
        assert await events.seqs(2) == [2, 3]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_query_has_one_result(server: Running, people: People, method: str) -> None:
    (ada,) = await people("ada")
    async with stream(ada, "{ me { id } }", method=method) as events:
        event = await events.event()
        assert event is not None
        assert (event.kind, event.id) == ("next", None)
        assert without_cost(event.data) == {"data": {"me": {"id": ada.id}}}
        assert await events.event() == Event("complete", None, None)
        assert await events.event() is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "graphql.parse"),
        ("{ nonsense }", "graphql.invalid"),
        ('subscription { roomEvents(roomId: "x") { __typename } }', "room.not_found"),
    ],
)
async def test_an_operation_that_is_not_executed_has_a_result_too(
    server: Running, people: People, text: str, code: str
) -> None:
    (ada,) = await people("ada")
    async with stream(ada, text) as events:
        assert events.response.status_code == 200
        event = await events.event()
        assert event is not None and event.kind == "next"
        assert event.data["errors"][0]["extensions"]["code"] == code
        assert await events.event() == Event("complete", None, None)
        assert await events.event() is None


async def test_a_request_without_a_session_is_refused(server: Running, nobody: Asker) -> None:
    text = "subscription { userEvents { __typename } }"
    for headers, code in (
        ({}, "auth.required"),
        ({"Authorization": "Bearer nonsense"}, "auth.invalid"),
    ):
        async with stream(nobody, text, headers=headers) as events:
            event = await events.event()
            assert event is not None
            assert event.data["errors"][0]["extensions"]["code"] == code


async def test_a_get_changes_nothing(server: Running, people: People) -> None:
    (ada,) = await people("ada")
    async with stream(ada, "mutation { __typename }", method="GET") as events:
        event = await events.event()
        assert event is not None
        assert event.data["errors"][0]["extensions"]["code"] == "graphql.get"
    assert (await ada.ask("{ me { id } }"))["me"]["id"] == ada.id


async def test_an_invalid_request_is_refused_as_elsewhere(server: Running, people: People) -> None:
    (ada,) = await people("ada")
    assert ada.person is not None
    accept = {"Accept": "text/event-stream"}
    answer = await ada.person.http("POST", PATH, content=b"{", headers=accept)
    assert answer.status_code == 415
    answer = await ada.person.http("POST", PATH, [], headers=accept)
    assert answer.status_code == 400
    given = {**accept, "Last-Event-ID": "x"}
    answer = await ada.person.http("POST", PATH, {"query": "{ epoch }"}, headers=given)
    assert answer.status_code == 400
    foreign = {
        **accept,
        "Cookie": f"chat_session={token(ada)}",
        "Sec-Fetch-Site": "cross-site",
    }
    answer = await server.http("GET", f"{PATH}?query={{epoch}}", headers=foreign)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (
        403,
        "request.origin",
    )


async def test_a_removed_member_is_told(server: Running, people: People) -> None:
    ada, bob = await people("ada", "bob")
    room = await ada.make_room("Attic", "PRIVATE", bob.id)
    async with stream(bob, EVENTS, room=room, after=0) as events:
        await events.seqs(3)
        await remove(ada, room, bob)
        await events.seqs(1)
        event = await events.event()
        assert event is not None
        assert event.data["errors"][0]["extensions"]["code"] == "room.forbidden"
        assert await events.event() == Event("complete", None, None)


async def test_the_end_of_the_session_ends_it(server: Running, people: People) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    async with stream(ada, EVENTS, room=room, after=0) as events:
        await events.seqs(2)
        await server.http(
            "POST", "/api/v1/logout", headers={"Authorization": f"Bearer {token(ada)}"}
        )
        assert await events.event() is None


async def test_a_session_that_makes_room_for_another_ends_its_streams_and_sockets(
    start: Start,
) -> None:
    server = start({"plugin.password.sessions_per_user": 1})
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    login = {"username": ada.username, "password": PASSWORD}
    async with stream(ada, EVENTS, room=room, after=0) as events, Speaker(server.port) as speaker:
        await events.seqs(2)
        await speaker.init(token(ada))
        assert (await server.http("POST", "/api/v1/login", login)).status_code == 200
        assert await events.event() is None
        assert await speaker.closed() == 4403


async def test_silence_is_filled(start: Start) -> None:
    server = start({"plugin.graphql.keep_alive_seconds": 0.05})
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    async with stream(ada, EVENTS, room=room, after=1) as events:
        await events.seqs(1)
        await asyncio.sleep(1)
        await ada.post(room, "Hello")
        assert await events.seqs(1) == [3]
        assert events.comments >= 3
