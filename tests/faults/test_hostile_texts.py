"""Fault 22: texts that break parsers and stores, through the socket and through HTTP."""

import json

import httpx
import pytest

from tests.faults.figures import record
from tests.faults.raw import Guest, frame
from tests.faults.server import ChatServer

DEPTH = 100_000
SEND = b'{"id":1,"op":"send","room":"%s","client_id":"%s","body":%s}'


@pytest.fixture(scope="module")
def room(shared_server: ChatServer, token: str) -> str:
    return shared_server.room(token)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        pytest.param(b'{"op":"ping","x":"\xff\xfe"}', 1007, id="invalid UTF-8"),
        pytest.param(b'{"op":"ping","x":"\xed\xa0\x80"}', 1007, id="a surrogate in UTF-8"),
        pytest.param(b'{"op":"ping","x":"\xc0\x80"}', 1007, id="NUL, overlong"),
        pytest.param(b"[" * 60_000, 4450, id="deep, unfinished"),
        pytest.param(b'{"op":' + b"[" * 30_000 + b"]" * 30_000 + b"}", 4450, id="deep"),
        pytest.param(b'{"a":' * 12_000, 4450, id="deep objects"),
        pytest.param(b"[" * DEPTH, 1009, id="deeper than a frame"),
        pytest.param(b'{"op":"ping","id":NaN}', 4450, id="NaN"),
        pytest.param(b'{"op":"ping","id":-Infinity}', 4450, id="Infinity"),
        pytest.param(b"", 4450, id="nothing"),
        pytest.param(b'"text"', 4450, id="no object"),
        pytest.param(b"\0", 4450, id="NUL"),
        pytest.param(b'{"op":"ping"}{"op":"ping"}', 4450, id="two objects"),
    ],
)
@pytest.mark.parametrize("is_signed_in", [False, True])
async def test_an_unreadable_frame_ends_its_connection(
    server: ChatServer, token: str, payload: bytes, code: int, is_signed_in: bool
) -> None:
    guest = await Guest.enter(server, token if is_signed_in else "")
    await guest.try_send(frame(0x81, payload))
    assert await guest.close_code() == code
    guest.drop()


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b'{"id":1,"op":"send"}', id="fields missing"),
        pytest.param(b'{"id":1,"op":["send"]}', id="op a list"),
        pytest.param(b'{"id":1,"op":"drop table"}', id="unknown op"),
        pytest.param(b'{"id":1,"op":"history","room":"x","limit":1e400}', id="1e400"),
        pytest.param(b'{"id":1,"op":"history","room":"x","before":1e308}', id="1e308"),
        pytest.param(b'{"id":1,"op":"read","room":"x","seq":99999999999999999999}', id="10^20"),
        pytest.param(b'{"id":1,"op":"read","room":{"$gt":""},"seq":1}', id="an operator"),
        pytest.param(SEND % (b"x", b"c", b'{"$ne":null}'), id="an operator as text"),
        pytest.param(SEND % (b"$where", b"c", b'"x"'), id="no room"),
    ],
)
async def test_an_invalid_operation_is_answered_and_the_connection_stays(
    server: ChatServer, token: str, payload: bytes
) -> None:
    guest = await Guest.enter(server, token)
    await guest.send(frame(0x81, payload))
    answer = await guest.answer(1)
    assert answer["error"]["code"] in ("request.invalid", "request.unknown_op", "room.not_found")
    assert (await guest.ask(op="ping"))["ok"] == {}
    guest.drop()


async def test_a_lone_surrogate_is_refused(server: ChatServer, token: str, room: str) -> None:
    guest = await Guest.enter(server, token)
    await guest.send(frame(0x81, SEND % (room.encode(), b"s-1", rb'"\ud800"')))
    assert await guest.close_code() == 4450
    guest.drop()


async def test_an_id_of_1e400_is_no_number(server: ChatServer, token: str) -> None:
    guest = await Guest.enter(server, token)
    await guest.send(frame(0x81, b'{"op":"ping","id":1e400}'))
    assert await guest.close_code() == 4450
    guest.drop()


async def test_one_of_several_duplicate_keys_counts(
    server: ChatServer, token: str, room: str
) -> None:
    guest = await Guest.enter(server, token)
    twice = b'{"id":1,"op":"send","room":"x","room":"%s","client_id":"d-1","body":"a","body":"b"}'
    await guest.send(frame(0x81, twice % room.encode()))
    seq = (await guest.answer(1))["ok"]["seq"]
    assert server.log(room, token)[seq - 1]["body"] == "b"
    guest.drop()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("a\0b", id="NUL"),
        pytest.param("e" + "\u0301" * 7_999, id="combining marks"),
        pytest.param("\u202e\u2066\ufeff\u200d" * 10, id="invisible"),
        pytest.param("\U0010ffff" * 100, id="last code point"),
        pytest.param('"}]{"$gt":""}\r\n<script>', id="quotes"),
    ],
)
async def test_an_odd_text_comes_back_as_it_was(
    server: ChatServer, token: str, room: str, body: str
) -> None:
    guest = await Guest.enter(server, token)
    followed = await guest.ask(op="sub", rooms={room: None})
    assert followed["ok"]["rooms"][room]["state"] == "live"
    client_id = f"odd-{len(body)}-{ord(body[1])}"
    answer = await guest.ask(op="send", room=room, client_id=client_id, body=body)
    assert server.log(room, token)[answer["ok"]["seq"] - 1]["body"] == body
    guest.drop()


async def test_100_000_combining_marks_are_too_many(
    server: ChatServer, token: str, room: str
) -> None:
    guest = await Guest.enter(server, token)
    answer = await guest.ask(op="send", room=room, client_id="m", body="e" + "\u0301" * 8_000)
    assert answer["error"]["code"] == "limit.size"
    await guest.try_send(
        frame(0x81, SEND % (room.encode(), b"m", json.dumps("\u0301" * 100_000).encode()))
    )
    assert await guest.close_code() == 1009
    guest.drop()


@pytest.mark.parametrize(
    "content",
    [
        b'{"username":"\xff","password":"x"}',
        rb'{"username":"\ud800","password":"password"}',
        b"[" * 60_000,
        b'{"username":' * 5_000,
        b'{"username":NaN,"password":1e400}',
        b'{"username":{"$ne":null},"password":{"$ne":null}}',
        b"",
        b"\0",
    ],
    ids=["utf-8", "surrogate", "deep", "deep objects", "NaN", "operators", "nothing", "NUL"],
)
@pytest.mark.parametrize("path", ["login", "register"])
def test_http_says_400(server: ChatServer, path: str, content: bytes) -> None:
    answer = httpx.post(
        f"{server.url}/api/v1/{path}", content=content, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request.invalid")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/rooms/%00",
        "/api/v1/rooms/%ff%fe",
        "/api/v1/rooms/%ED%A0%80/messages",
        "/api/v1/rooms/x/events?after=1e400",
        "/api/v1/rooms/x/messages?limit=%00&before=%ff",
        "/api/v1/rooms/x/messages?before=" + "9" * 5000,
        "/api/v1/users/%00",
        "/static/%00",
        "/static/..%2f..%2fetc%2fpasswd",
    ],
)
def test_an_odd_address_is_no_mistake_of_the_server(
    server: ChatServer, token: str, path: str
) -> None:
    answer = httpx.get(server.url + path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (400, 404)
    record("22 hostile texts", "logged at error level by all of them", "0")
