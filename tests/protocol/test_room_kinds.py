"""A public room becomes private, and a private one public: its owners decide, and visitors lose it at once."""

from typing import Any

import pytest

from tests.protocol.conftest import Start
from tests.protocol.running import Person, Running
from tests.protocol.test_administration import staffed
from tests.protocol.test_http_rooms import code, post, room_of


async def make(person: Person, room: str, kind: str) -> Any:
    return await person.http("PATCH", f"/api/v1/rooms/{room}", {"kind": kind})


async def test_visitors_of_a_room_that_becomes_private_lose_it_and_members_stay(
    server: Running,
) -> None:
    anna, ben, cora = await server.people("anna", "ben", "cora")
    room = await room_of(anna, topic="tea", description="All of it")
    await ben.http("POST", f"/api/v1/rooms/{room}/join")
    await post(ben, room, 1)
    at = {"room": room}
    async with ben.connect() as member, cora.connect() as visitor:
        for client in (member, visitor):
            await client.ok("sub", rooms={room: None})
        answer = await make(anna, room, "private")
        assert (answer.status_code, answer.json()["kind"]) == (200, "private")
        for client in (member, visitor):
            event = await client.event("room.changed")
            told = [event[name] for name in ("name", "kind", "topic", "description")]
            assert told == ["Lounge", "private", "tea", "All of it"]
        assert await visitor.event("room.removed") == {"ev": "room.removed", "room": room}
        await post(ben, room, 2)
        assert (await member.event("message.posted"))["body"] == "text 2"
        for op, fields in (
            ("room", at),
            ("join", at),
            ("history", at),
            ("events", at | {"after": 0}),
            ("members", at),
            ("search", at | {"text": "text"}),
            ("sub", {"rooms": {room: None}}),
        ):
            assert await visitor.code(op, **fields) == "room.not_found", op
        for fields in ({}, {"text": "Lounge"}):
            listed = (await visitor.ok("rooms", **fields))["rooms"]
            assert room not in [each["id"] for each in listed]
        await member.ok("invite", **at, user=cora.id)
        assert len((await visitor.ok("history", **at))["messages"]) == 2
        assert visitor.events.qsize() <= 1  # room.added


async def test_a_room_that_becomes_public_is_found_joined_and_read(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, kind="private")
    await post(anna, room, 1)
    assert code(await ben.http("GET", f"/api/v1/rooms/{room}")) == (404, "room.not_found")
    assert (await make(anna, room, "public")).status_code == 200
    async with ben.connect() as client:
        for fields in ({}, {"text": "Lounge"}):
            listed = (await client.ok("rooms", **fields))["rooms"]
            assert room in [each["id"] for each in listed]
        assert len((await client.ok("history", room=room))["messages"]) == 1
        await client.ok("join", room=room)
    assert (await make(anna, room, "public")).status_code == 200  # as it is


async def test_its_owners_alone_decide(start: Start) -> None:
    admin, owner = await staffed(start())
    room = await room_of(owner)
    assert code(await make(admin, room, "private")) == (403, "room.forbidden")
    await admin.http("POST", f"/api/v1/rooms/{room}/join")
    role = {"role": "admin"}
    assert (
        await owner.http("PUT", f"/api/v1/rooms/{room}/members/{admin.id}", role)
    ).status_code == 200
    assert code(await make(admin, room, "private")) == (403, "room.forbidden")
    role = {"role": "owner"}
    await owner.http("PUT", f"/api/v1/rooms/{room}/members/{admin.id}", role)
    assert (await make(admin, room, "private")).status_code == 200


async def test_what_no_room_becomes(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna)
    answer = await make(anna, room, "direct")
    assert code(answer) == (400, "request.invalid")
    assert answer.json()["error"]["detail"] == {"field": "kind", "reason": "direct"}
    assert code(await make(ben, room, "direct")) == (403, "room.forbidden")
    assert code(await make(anna, room, "secret")) == (400, "request.invalid")
    direct = await room_of(anna, kind="direct", name=None, members=[ben.id])
    assert code(await make(anna, direct, "public")) == (403, "room.forbidden")
    await anna.http("PUT", f"/api/v1/rooms/{room}/archived", {"archived": True})
    assert code(await make(anna, room, "private")) == (409, "room.archived")


@pytest.mark.parametrize("kind", ["private", "public"])
async def test_other_changes_keep_the_kind(server: Running, kind: str) -> None:
    anna = await server.person("anna")
    room = await room_of(anna, kind="public")
    await make(anna, room, kind)
    changed = await anna.http("PATCH", f"/api/v1/rooms/{room}", {"name": "Kitchen"})
    assert (changed.json()["name"], changed.json()["kind"]) == ("Kitchen", kind)
