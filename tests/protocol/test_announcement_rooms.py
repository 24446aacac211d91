"""Announcement rooms: read by all their members, written in by those who moderate them."""

import asyncio
from typing import Any

import pytest

from tests.protocol.running import Person, Running
from tests.protocol.test_http_rooms import code, post, room_of


async def announce(person: Person, room: str, posting: str = "moderators") -> dict[str, Any]:
    answer = await person.http("PATCH", f"/api/v1/rooms/{room}", {"posting": posting})
    assert answer.status_code == 200, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def test_members_read_and_react_but_do_not_write(server: Running) -> None:
    anna, ben, cora = await server.people("anna", "ben", "cora")
    room = await room_of(anna)
    await ben.http("POST", f"/api/v1/rooms/{room}/join")
    message = (await post(ben, room, 1)).json()["id"]
    assert (await announce(anna, room))["posting"] == "moderators"
    at = {"room": room}
    on = at | {"message": message}
    async with anna.connect() as owner, ben.connect() as member, cora.connect() as other:
        for op, fields in (
            ("send", at | {"client_id": "c2", "body": "more"}),
            ("send", at | {"client_id": "c3", "body": "an answer", "reply_to": message}),
            ("edit", on | {"body": "changed"}),
        ):
            assert await member.code(op, **fields) == "room.moderators_only", op
        shrug = at | {"text": "/shrug tea?", "client_id": "c7"}
        assert await member.code("command", **shrug) == "command.forbidden"
        assert await member.code("change", **at, posting="everyone") == "room.forbidden"
        assert await other.code("send", **at, client_id="c4", body="x") == "room.forbidden"
        await member.ok("react", **on, emoji="🙂")
        found = await member.ok("search", **at, text="text")
        assert [each["id"] for each in found["messages"]] == [message]
        await member.ok("invite", **at, user=cora.id)
        await member.ok("delete", **on)
        await owner.ok("send", **at, client_id="c5", body="news")
        await owner.ok("role", **at, user=ben.id, role="admin")
        await member.ok("send", **at, client_id="c6", body="more news")
    assert code(await post(cora, room, 2)) == (403, "room.moderators_only")


async def test_members_are_told_and_may_write_again(server: Running) -> None:
    anna, ben, cora = await server.people("anna", "ben", "cora")
    room = await room_of(anna, topic="tea")
    await ben.http("POST", f"/api/v1/rooms/{room}/join")
    async with ben.connect() as member, anna.connect() as owner, cora.connect() as other:
        await member.ok("sub", rooms={room: None})
        for posting in ("moderators", "everyone"):
            seq = (await owner.ok("change", room=room, posting=posting))["seq"]
            event = await member.event("room.changed")
            told = event["seq"], event["topic"], event.get("posting", "everyone")
            assert told == (seq, "tea", posting)
            for client in (member, other):  # of the room, and of the list of public ones
                listed = (await client.ok("rooms"))["rooms"]
                mine = next(each for each in listed if each["id"] == room)
                assert mine.get("posting", "everyone") == posting
        await owner.ok("change", room=room, posting="moderators")
        await owner.ok("change", room=room, name="News")
        assert (await member.event("room.changed"))["posting"] == "moderators"
        assert (await member.event("room.changed"))["posting"] == "moderators"  # stays
        await owner.ok("change", room=room, posting="everyone")
        await member.ok("send", room=room, client_id="c1", body="again")


async def test_an_archived_room_says_that_it_is_archived(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna)
    await ben.http("POST", f"/api/v1/rooms/{room}/join")
    await announce(anna, room)
    await anna.http("PUT", f"/api/v1/rooms/{room}/archived", {"archived": True})
    assert code(await post(ben, room, 1)) == (409, "room.archived")
    await anna.http("PUT", f"/api/v1/rooms/{room}/archived", {"archived": False})
    assert code(await post(ben, room, 2)) == (403, "room.moderators_only")


async def test_everyone_writes_in_a_direct_room(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, kind="direct", name=None, members=[ben.id])
    answer = await anna.http("PATCH", f"/api/v1/rooms/{room}", {"posting": "moderators"})
    assert code(answer) == (403, "room.forbidden")


@pytest.mark.parametrize("posting", ["nobody", 5])
async def test_what_posting_is_not(server: Running, posting: object) -> None:
    (anna,) = await server.people("anna")
    room = await room_of(anna)
    answer = await anna.http("PATCH", f"/api/v1/rooms/{room}", {"posting": posting})
    assert code(answer) == (400, "request.invalid")


async def test_messages_that_race_the_change_come_before_it_or_are_refused(
    server: Running,
) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna)
    await ben.http("POST", f"/api/v1/rooms/{room}/join")
    sends = asyncio.gather(*(post(ben, room, number) for number in range(40)))
    answers, _ = await asyncio.gather(sends, announce(anna, room))
    log = (await anna.http("GET", f"/api/v1/rooms/{room}/events?after=0")).json()["events"]
    assert log[-1]["ev"] == "room.changed" and log[-1]["posting"] == "moderators"
    refused = {code(answer) for answer in answers if answer.status_code != 201}
    assert refused <= {(403, "room.moderators_only")}
