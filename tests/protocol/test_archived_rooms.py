"""Archived rooms: read by their members, changed by nobody, and restored by their owners."""

import asyncio
from typing import Any

import pytest

from tests.protocol.conftest import Start
from tests.protocol.running import Person, Running
from tests.protocol.test_administration import staffed
from tests.protocol.test_http_rooms import code, post, room_of


async def archive(person: Person, room: str, archived: bool = True) -> dict[str, Any]:
    answer = await person.http("PUT", f"/api/v1/rooms/{room}/archived", {"archived": archived})
    assert answer.status_code == 200, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def test_everything_but_reading_is_refused_in_an_archived_room(server: Running) -> None:
    anna, ben, cora = await server.people("anna", "ben", "cora")
    room = await room_of(anna)
    await ben.http("POST", f"/api/v1/rooms/{room}/join")
    message = (await post(ben, room, 1)).json()["id"]
    assert (await archive(anna, room))["archived"] is True
    at = {"room": room}
    on = at | {"message": message}
    async with anna.connect() as owner, ben.connect() as member, cora.connect() as other:
        for op, fields in (
            ("send", at | {"client_id": "c2", "body": "more"}),
            ("edit", on | {"body": "changed"}),
            ("react", on | {"emoji": "🙂"}),
            ("unreact", on | {"emoji": "🙂"}),
            ("interact", on | {"part": "yes"}),
            ("invite", at | {"user": cora.id}),
        ):
            assert await member.code(op, **fields) == "room.archived", op
        for op, fields in (("pin", on), ("unpin", on), ("change", at | {"topic": "new"})):
            assert await owner.code(op, **fields) == "room.archived", op
        assert await other.code("join", **at) == "room.archived"
        assert await other.code("send", **at, client_id="c3", body="x") == "room.forbidden"
        assert await member.code("archive", **at, archived=False) == "room.forbidden"
        page = await member.ok("history", **at)
        assert [each["body"] for each in page["messages"]] == ["text 1"]
        found = await member.ok("search", **at, text="text")
        assert [each["id"] for each in found["messages"]] == [message]
        await member.ok("read", **at, seq=page["head"])
        await member.ok("delete", **on)
        await member.ok("leave", **at)
    assert code(await post(anna, room, 2)) == (409, "room.archived")


async def test_members_are_told_and_a_restored_room_is_as_before(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, topic="tea")
    await ben.http("POST", f"/api/v1/rooms/{room}/join")
    async with ben.connect() as member, anna.connect() as owner:
        await member.ok("sub", rooms={room: None})
        for archived in (True, False):
            seq = (await owner.ok("archive", room=room, archived=archived))["seq"]
            assert await owner.ok("archive", room=room, archived=archived) == {"seq": seq}
            event = await member.event("room.changed")
            told = event["seq"], event["topic"], event.get("archived", False)
            assert told == (seq, "tea", archived)
            listed = (await member.ok("rooms"))["rooms"]
            mine = next(each for each in listed if each["id"] == room)
            assert mine.get("archived", False) is archived
        await member.ok("send", room=room, client_id="c1", body="again")


async def test_archived_public_rooms_are_listed_only_if_asked_for(start: Start) -> None:
    server = start()
    anna, ben = await server.people("anna", "ben")
    made = sorted([await room_of(anna, name=f"Lounge {n}") for n in range(6)])
    for room in made[1::2]:
        await archive(anna, room)

    async def listed(query: str) -> list[str]:
        found, after = list[str](), ""
        while True:
            answer = (await ben.http("GET", f"/api/v1/rooms?{query}&after={after}")).json()
            found += [each["id"] for each in answer["rooms"]]
            if "after" not in answer:
                return found
            after = answer["after"]

    for query in ("limit=2", "limit=500", "limit=2&text=lounge"):
        assert await listed(query) == made[::2], query
        assert await listed(f"{query}&archived=true") == made, query
    async with ben.connect() as client:
        answer = await client.ok("rooms", archived=True)
        marks = {each["id"]: each.get("archived", False) for each in answer["rooms"]}
        assert marks == {room: room in made[1::2] for room in made}


@pytest.mark.parametrize(("kind", "outcome"), [("public", 200), ("private", 404)])
async def test_staff_archives_public_rooms(start: Start, kind: str, outcome: int) -> None:
    admin, owner = await staffed(start())
    room = await room_of(owner, kind=kind)
    answer = await admin.http("PUT", f"/api/v1/rooms/{room}/archived", {"archived": True})
    assert answer.status_code == outcome


async def test_a_direct_room_is_not_archived(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, kind="direct", name=None, members=[ben.id])
    answer = await anna.http("PUT", f"/api/v1/rooms/{room}/archived", {"archived": True})
    assert code(answer) == (403, "room.forbidden")


async def test_messages_that_race_an_archiving_come_before_it_or_are_refused(
    server: Running,
) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna)
    await ben.http("POST", f"/api/v1/rooms/{room}/join")
    sends = asyncio.gather(*(post(ben, room, number) for number in range(40)))
    answers, _ = await asyncio.gather(sends, archive(anna, room))
    log = (await anna.http("GET", f"/api/v1/rooms/{room}/events?after=0")).json()["events"]
    assert log[-1]["ev"] == "room.changed" and log[-1]["archived"] is True
    accepted = {answer.json()["seq"] for answer in answers if answer.status_code == 201}
    assert accepted == {each["seq"] for each in log if each["ev"] == "message.posted"}
    refused = {code(answer) for answer in answers if answer.status_code != 201}
    assert refused <= {(409, "room.archived")}
