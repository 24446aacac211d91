"""Frames that are not as they should be: an error with its `re`, or an end with its code."""

import json
from typing import Any

import pytest

from chatserver.protocol import OPS
from tests.protocol.client import BINARY, TEXT, Client
from tests.protocol.conftest import Start
from tests.protocol.running import Running

ERROR = {"code", "message", "retry"}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b" ",
        b"{",
        b"}",
        b"nonsense",
        b"{'id': 1}",
        b'{"id": 1, "op": "ping"',
        b'{"id": 1, "op": "ping"} x',
        b'{"id": 1, "op": "ping"}{}',
        b'{"id": 1, "op": "ping",}',
        b"null",
        b"true",
        b"1",
        b'"ping"',
        b"[]",
        b'[{"id": 1, "op": "ping"}]',
        b'{"id": NaN, "op": "ping"}',
        b'{"id": Infinity, "op": "ping"}',
        b'{"id": 1, "op": "auth", "token": "\\ud800"}',
        b'{"id": 1, "op": "ping", "x": ' + b"[" * 50_000,
        b'{"x":' * 12_000,
        b"\xef\xbb\xbf{}",
        b'{"id": 1,\x00 "op": "ping"}',
    ],
)
async def test_a_frame_without_a_json_object_ends_the_connection(
    server: Running, payload: bytes
) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        client.text(payload)
        assert await client.closed() == 4450


async def test_text_that_is_no_utf8_ends_the_connection(server: Running) -> None:
    anna = await server.person("anna")
    for payload in (b"\xff", b'{"op": "ping", "x": "\xed\xa0\x80"}', b'{"op": "\xc3"}'):
        async with anna.connect() as client:
            client.text(payload)
            assert await client.closed() == 1007


async def test_a_binary_frame_ends_the_connection(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        client.frame(BINARY, b'{"id": 1, "op": "ping"}')
        assert await client.closed() == 4450


async def test_an_unmasked_frame_ends_the_connection(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        client.frame(TEXT, b'{"id": 1, "op": "ping"}', mask=False)
        assert await client.closed() == 1002


async def test_a_frame_over_the_limit_ends_the_connection(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        limit: int = client.hello["max_frame"]
        client.text(b'{"id": 1, "op": "ping"}' + b" " * (limit - 23))
        assert (await client.answer())["ok"] == {}
        client.text(b'{"id": 1, "op": "ping"}' + b" " * (limit - 22))
        assert await client.closed() == 1009


async def test_a_length_beyond_all_measure_is_not_waited_for(server: Running) -> None:
    anna = await server.person("anna")
    for length in (2**32, 2**62, 2**63, 2**64 - 1):
        async with anna.connect() as client:
            client.raw(b"\x81\xff" + length.to_bytes(8, "big") + b"\0\0\0\0")
            assert await client.closed() in (1002, 1009)


async def test_a_message_may_come_in_fragments(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        client.frame(TEXT, b'{"id": 1, ', final=False)
        client.frame(9, b"ping between them")
        client.frame(0, b'"op": "ping"}')
        assert await client.answer() == {"re": 1, "ok": {}}


@pytest.mark.parametrize("op", [None, "", "nonsense", "PING", "auth ", 1, True, {}, [], "$where"])
async def test_an_unknown_operation_is_answered(server: Running, op: object) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        client.say({"id": 5, "op": op} if op is not None else {"id": 5})
        answer = await client.answer()
        assert answer["re"] == 5
        assert set(answer["error"]) == ERROR
        assert (answer["error"]["code"], answer["error"]["retry"]) == (
            "request.unknown_op",
            "never",
        )
        await client.ok("ping")


VALID: dict[str, dict[str, Any]] = {
    "auth": {"token": "x"},
    "rooms": {},
    "sub": {"rooms": {"r": 1}},
    "unsub": {"rooms": ["r"]},
    "send": {"room": "r", "client_id": "c", "body": "b", "thread": "r-1", "broadcast": True},
    "edit": {"room": "r", "message": "m", "body": "b"},
    "delete": {"room": "r", "message": "m"},
    "react": {"room": "r", "message": "m", "emoji": "e"},
    "unreact": {"room": "r", "message": "m", "emoji": "e"},
    "pin": {"room": "r", "message": "m"},
    "unpin": {"room": "r", "message": "m"},
    "interact": {"room": "r", "message": "m", "part": "p"},
    "history": {"room": "r", "before": 1, "limit": 1},
    "events": {"room": "r", "after": 1, "limit": 1},
    "read": {"room": "r", "seq": 1},
    "preferences": {"after": "r", "limit": 1},
    "prefer": {
        "room": "r",
        "favourite": True,
        "section": "s",
        "muted": False,
        "unread": True,
        "watched": True,
    },
    "prefer_account": {"values": {"k": "t"}},
    "typing": {"room": "r"},
    "presence": {"room": "r", "users": ["u"]},
    "status": {"emoji": "🍜", "text": "t", "until": "2040-01-01T00:00:00Z"},
    "statuses": {"users": ["u"]},
    "block": {"user": "u"},
    "unblock": {"user": "u"},
    "blocks": {},
    "room": {"room": "r"},
    "create": {"name": "n", "kind": "public", "topic": "t", "description": "d", "members": []},
    "change": {
        "room": "r",
        "name": "n",
        "topic": "t",
        "description": "d",
        "posting": "moderators",
        "slow_mode": 60,
        "edit_history": "members",
        "kind": "private",
    },
    "archive": {"room": "r", "archived": True},
    "delete_room": {"room": "r"},
    "join": {"room": "r"},
    "leave": {"room": "r"},
    "invite": {"room": "r", "user": "u"},
    "kick": {"room": "r", "user": "u"},
    "ban": {"room": "r", "user": "u", "reason": "r", "seconds": 60},
    "unban": {"room": "r", "user": "u"},
    "bans": {"room": "r", "after": "u", "limit": 1},
    "pins": {"room": "r", "after": "r-1", "limit": 1},
    "thread": {"room": "r", "message": "r-1", "before": 9, "limit": 1},
    "edits": {"room": "r", "message": "r-1", "before": 9, "limit": 1},
    "threads": {"room": "r", "messages": ["r-1"]},
    "role": {"room": "r", "user": "u", "role": "admin"},
    "members": {"room": "r"},
    "search": {"text": "t"},
    "commands": {"room": "r"},
    "command": {"room": "r", "text": "/t", "client_id": "c"},
    "complete": {"room": "r", "text": "/t"},
    "ping": {},
}
NULLABLE = {
    ("history", "before"),
    ("send", "thread"),
    ("thread", "before"),
    ("ban", "seconds"),
    ("status", "until"),
    ("create", "name"),
    ("change", "name"),
    ("change", "topic"),
    ("change", "description"),
    ("change", "kind"),
    ("change", "posting"),
    ("change", "slow_mode"),
    ("change", "edit_history"),
    ("edits", "before"),
}
NULLABLE |= {("prefer", name) for name in ("favourite", "section", "muted", "unread", "watched")}


def test_every_operation_is_tried() -> None:
    assert set(VALID) == set(OPS)


@pytest.mark.parametrize("op", [op for op in VALID if VALID[op]])
async def test_a_field_of_the_wrong_type_is_answered(server: Running, op: str) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        for name, right in VALID[op].items():
            for wrong in (None, True, 1, -1, 1.5, "x" * 5000, [1], {"$ne": 1}, [[]], {"a": None}):
                if (wrong is None and (op, name) in NULLABLE) or _fits(op, name, right, wrong):
                    continue
                error = await client.error(op, **{**VALID[op], name: wrong})
                assert error["code"] == "request.invalid", (name, wrong)
                assert set(error) == ERROR


def _fits(op: str, name: str, right: object, wrong: object) -> bool:
    """Whether a value of another type is valid nevertheless."""
    if op == "sub":
        return isinstance(wrong, dict)
    if op == "prefer_account":
        return wrong == {"a": None}
    return (type(wrong) is type(right) and wrong in (1, [])) or (
        (name == "body" or (op != "search" and name == "text")) and isinstance(wrong, str)
    )


@pytest.mark.parametrize(
    "op",
    [
        op
        for op in VALID
        if op not in ("rooms", "preferences", "status", "blocks", "ping", "create")
    ],
)
async def test_a_missing_field_is_answered(server: Running, op: str) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        assert await client.code(op) == "request.invalid"


@pytest.mark.parametrize(
    "number",
    [0, -1, 7, 2**31, 2**53, -(2**53), 1.5, -0.25, 1e300, 2**64, 10**30],
)
async def test_an_id_is_any_number(server: Running, number: float) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        for frame in ({"op": "ping"}, {"op": "nonsense"}, {"op": "read", "room": 1}):
            client.say({"id": number, **frame})
            assert (await client.answer())["re"] == pytest.approx(number)


@pytest.mark.parametrize("number", ["1", True, {}, [], [1]])
async def test_an_id_that_is_no_number_is_answered_without_it(
    server: Running, number: object
) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        client.say({"id": number, "op": "ping"})
        answer = await client.answer()
        assert answer["re"] is None and answer["error"]["code"] == "request.invalid"


async def test_an_operation_without_an_id_is_answered_with_null(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        client.say({"op": "ping"})
        assert await client.answer() == {"re": None, "ok": {}}


async def test_a_number_beyond_all_numbers_hurts_nobody(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        client.text(b'{"id": 1e400, "op": "ping"}')
        assert await client.closed() == 4450


async def test_unknown_fields_are_ignored(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        assert await client.ok("ping", future={"deep": [1, None]}, **{"$where": "1"}) == {}


async def test_the_last_of_two_equal_keys_counts(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        client.text(b'{"id": 1, "id": 2, "op": "ping"}')
        assert await client.answer() == {"re": 2, "ok": {}}


async def test_unknown_frames_before_auth_are_answered_too(server: Running) -> None:
    async with Client(server.port) as client:
        assert await client.code("nonsense") == "request.unknown_op"
        client.text(b"nonsense")
        assert await client.closed() == 4450


async def test_operations_come_too_fast(start: Start) -> None:
    server = start({"limits.operations_per_second": 1, "limits.operations_burst": 3})
    anna = await server.person("anna")
    async with anna.connect() as client:
        for _ in range(3):
            await client.ok("ping")
        error = await client.error("ping")
        assert (error["code"], error["retry"]) == ("limit.rate", "later")
        assert 0 < error["after_ms"] <= 1001
        for _ in range(300):
            client.text(json.dumps({"id": 1, "op": "ping"}).encode())
        assert await client.closed() == 4429
