"""Any JSON in any field of every door: never an error of the server, never a hang, nothing changed."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.protocol.running import Person, Running
from tests.protocol.test_bad_frames import VALID

pytestmark = pytest.mark.long

OPERATORS = ["$ne", "$gt", "$where", "$regex", "$expr", "$function", "__proto__", "a.b", "$", "\0"]
TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(OPERATORS),
    st.sampled_from(
        ["' OR 1=1 --", "{{7*7}}", "<script>", "../../etc/passwd", "%00", "\u202e", "e\u0301" * 9]
    ),
)
NUMBERS = st.one_of(
    st.integers(),
    st.integers(-(10**40), 10**40),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXTS, inner, max_size=3)
        | st.dictionaries(st.sampled_from(OPERATORS), inner, min_size=1, max_size=2)
    ),
    max_leaves=8,
)
HTTP: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/api/v1/register", {"username": "x", "password": "x", "name": "x"}),
    ("POST", "/api/v1/login", {"username": "x", "password": "x"}),
    ("PUT", "/api/v1/users/{text}", {"disabled": True}),
    ("GET", "/api/v1/users/{text}", {}),
    (
        "POST",
        "/api/v1/rooms",
        {"name": "x", "kind": "private", "topic": "x", "description": "x", "members": []},
    ),
    ("GET", "/api/v1/rooms/{text}", {}),
    ("PATCH", "/api/v1/rooms/{room}", {"name": "x", "topic": "x", "description": "x"}),
    ("POST", "/api/v1/rooms/{text}/join", {}),
    ("POST", "/api/v1/rooms/{room}/members", {"user": "x"}),
    ("PUT", "/api/v1/rooms/{room}/members/{text}", {"role": "member"}),
    ("DELETE", "/api/v1/rooms/{room}/members/{text}", {}),
    ("GET", "/api/v1/rooms/{room}/messages?before={text}&limit={text}", {}),
    ("POST", "/api/v1/rooms/{room}/messages", {"client_id": "x", "body": "x", "reply_to": None}),
    ("PATCH", "/api/v1/rooms/{room}/messages/{text}", {"body": "x"}),
    ("PATCH", "/api/v1/rooms/{room}/messages/{message}", {"body": "x"}),
    ("DELETE", "/api/v1/rooms/{room}/messages/{text}", {}),
    ("POST", "/api/v1/rooms/{room}/messages/{message}/reactions", {"emoji": "x"}),
    ("DELETE", "/api/v1/rooms/{room}/messages/{message}/reactions?emoji={text}", {}),
    ("GET", "/api/v1/rooms/{room}/events?after={text}&limit={text}", {}),
    ("POST", "/api/v1/rooms/{room}/commands", {"text": "/shrug x", "client_id": "x"}),
    ("GET", "/api/v1/rooms/{text}/commands", {}),
    ("POST", "/api/v1/rooms/{room}/commands/suggestions", {"text": "/help x"}),
    ("GET", "/api/v1/search?text={text}&room={text}&before={text}", {}),
    ("GET", "/api/v1/search?text={text}&before={text}&limit={text}", {}),
    ("PUT", "/api/v1/rooms/{room}/messages/{text}/pin", {}),
    ("PUT", "/api/v1/rooms/{room}/read", {"seq": 1}),
    ("GET", "/static/{text}", {}),
]
RELAXED = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def server(every_store: Running) -> Running:
    return every_store


class Scene:
    """Somebody with a room and a message in it."""

    def __init__(self, person: Person, room: str, message: str) -> None:
        self.person, self.room, self.message = person, room, message


async def _scene(server: Running) -> Scene:
    person = await server.person()
    async with person.connect() as client:
        room = (await client.ok("create", name="Lounge", kind="private"))["id"]
        message = (await client.ok("send", room=room, client_id="first", body="first"))["id"]
    return Scene(person, room, message)


@pytest.fixture
def scene(server: Running) -> Scene:
    return asyncio.run(_scene(server))


def run(server: Running, action: Coroutine[Any, Any, None]) -> None:
    asyncio.run(action)
    assert not server.take_errors()


@pytest.mark.parametrize("op", list(VALID))
def test_any_value_in_any_field_of_an_operation(server: Running, scene: Scene, op: str) -> None:
    fields = {**VALID[op], "id": 1}

    @RELAXED
    @given(st.data())
    def check(data: st.DataObject) -> None:
        frame = {"op": op, **fields}
        for name in data.draw(st.sets(st.sampled_from(sorted(fields)), min_size=1)):
            frame[name] = data.draw(VALUES)
        real = {"room": scene.room, "message": scene.message}
        frame |= {name: real[name] for name in real if name in fields and data.draw(st.booleans())}
        run(server, exchange(scene.person, frame))

    check()


async def exchange(person: Person, frame: dict[str, Any]) -> None:
    """A frame is answered as an error of the client, if it is one, and so is what follows it."""
    async with person.connect() as client:
        client.say(frame)
        try:
            await client.ok("ping")
        except ConnectionError:
            assert await client.closed() in (4450, 4451)
        while not client.answers.empty():
            answer = client.answers.get_nowait()
            assert answer.get("error", {}).get("code") != "server.internal", answer


@pytest.mark.parametrize(("method", "path", "fields"), HTTP)
def test_any_value_in_any_field_of_a_request(
    server: Running, scene: Scene, method: str, path: str, fields: dict[str, Any]
) -> None:
    @RELAXED
    @given(st.data())
    def check(data: st.DataObject) -> None:
        body = dict(fields)
        for name in (
            data.draw(st.sets(st.sampled_from(sorted(fields)), min_size=1)) if fields else ()
        ):
            body[name] = data.draw(VALUES)
        address = path.replace("{room}", scene.room).replace("{message}", scene.message)
        while "{text}" in address:
            address = address.replace("{text}", quote(data.draw(TEXTS), safe=""), 1)
        run(server, request(server, scene.person, method, address, body if fields else None))

    check()


async def request(
    server: Running, person: Person, method: str, address: str, body: dict[str, Any] | None
) -> None:
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {address} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        "Connection: close\r\n\r\n"
    )
    answer = await server.raw(head.encode() + content)
    status = int(answer.split(b" ", 2)[1])
    assert status < 500, answer
    if status >= 400:
        assert set(json.loads(answer.partition(b"\r\n\r\n")[2])["error"]) >= {"code", "message"}


@RELAXED
@given(body=TEXTS.filter(str.strip), client_id=st.text(min_size=1, max_size=64))
def test_a_text_comes_back_as_it_was_sent(
    server: Running, scene: Scene, body: str, client_id: str
) -> None:
    async def check() -> None:
        async with scene.person.connect() as client:
            await client.ok("sub", rooms={scene.room: None})
            sent = await client.ok("send", room=scene.room, client_id=client_id, body=body)
            if "dup" in sent:
                return
            event = await client.event("message.posted")
            assert (event["body"], event["client_id"]) == (body, client_id)
            page = await client.ok("history", room=scene.room, limit=1)
            (message,) = page["messages"]
            assert (message["body"], message["client_id"]) == (body, client_id)
            events = await client.ok("events", room=scene.room, after=sent["seq"] - 1)
            assert events["events"] == [event]

    run(server, check())


@pytest.mark.parametrize("operator", OPERATORS)
async def test_an_operator_as_a_text_is_a_text(server: Running, operator: str) -> None:
    person = await server.person()
    async with person.connect() as client:
        topic = json.dumps({operator: ""})
        room = await client.ok(
            "create", name=operator.strip("\0") or "x", topic=topic, description=topic
        )
        assert room["topic"] == room["description"] == topic
        sent = await client.ok("send", room=room["id"], client_id=operator, body=topic)
        await client.ok(
            "react", room=room["id"], message=sent["id"], emoji=operator.strip("\0") or "x"
        )
        found = (await client.ok("search", text=topic, room=room["id"]))["messages"]
        assert [message["body"] for message in found] == [topic]
        assert list(found[0]["reactions"]) == [operator.strip("\0") or "x"]
