"""Deleted rooms: they do not exist at any door, and their members see them go at once."""

import asyncio
from typing import Any

import pytest

from tests.protocol.client import Client
from tests.protocol.conftest import Start
from tests.protocol.running import Person, Running
from tests.protocol.test_administration import staffed
from tests.protocol.test_http_rooms import code, post, room_of


async def delete(person: Person, room: str) -> Any:
    return await person.http("DELETE", f"/api/v1/rooms/{room}")


async def gone(client: Client, room: str) -> None:
    """Wait for the notice of the end."""
    assert await client.event("room.removed") == {
        "ev": "room.removed",
        "room": room,
        "deleted": True,
    }


async def test_everything_in_a_deleted_room_is_not_there(server: Running) -> None:
    anna, ben, cora = await server.people("anna", "ben", "cora")
    room = await room_of(anna)
    await ben.http("POST", f"/api/v1/rooms/{room}/join")
    message = (await post(ben, room, 1)).json()["id"]
    async with anna.connect() as owner, ben.connect() as member, cora.connect() as other:
        assert await member.code("delete_room", room=room) == "room.forbidden"
        assert await other.code("delete_room", room=room) == "room.forbidden"
        seq = (await owner.ok("delete_room", room=room))["seq"]
        at = {"room": room}
        on = at | {"message": message}
        for op, fields in (
            ("delete_room", at),
            ("archive", at | {"archived": False}),
            ("change", at | {"name": "again"}),
            ("join", at),
            ("leave", at),
            ("invite", at | {"user": cora.id}),
            ("members", at),
            ("bans", at),
            ("history", at),
            ("events", at | {"after": 0}),
            ("search", at | {"text": "text"}),
            ("send", at | {"client_id": "c2", "body": "more"}),
            ("edit", on | {"body": "changed"}),
            ("delete", on),
            ("react", on | {"emoji": "🙂"}),
            ("pin", on),
            ("read", at | {"seq": seq}),
            ("prefer", at | {"muted": True}),
            ("commands", at),
            ("sub", {"rooms": {room: None}}),
        ):
            for client in (owner, member, other):
                assert await client.code(op, **fields) == "room.not_found", op
        for client in (owner, member, other):
            listed = (await client.ok("rooms", archived=True))["rooms"]
            assert room not in [each["id"] for each in listed]
            assert (await client.ok("search", text="text 1"))["messages"] == []
    assert code(await anna.http("GET", f"/api/v1/rooms/{room}")) == (404, "room.not_found")
    assert code(await delete(anna, room)) == (404, "room.not_found")


async def test_all_devices_see_it_go_and_readers_are_let_go(server: Running) -> None:
    anna, ben, cora = await server.people("anna", "ben", "cora")
    room = await room_of(anna, topic="tea")
    await ben.http("POST", f"/api/v1/rooms/{room}/join")
    async with ben.connect() as reads, ben.connect() as elsewhere, cora.connect() as visitor:
        await reads.ok("sub", rooms={room: None})
        await visitor.ok("sub", rooms={room: None})
        answer = await delete(anna, room)
        assert answer.status_code == 200
        for client in (reads, visitor):
            last = await client.event("room.changed")
            assert (last["seq"], last["deleted"]) == (answer.json()["seq"], True)
            assert (last["name"], last.get("topic", "")) == (None, "")
            await gone(client, room)
        await gone(elsewhere, room)
        await server.run(lambda node: node.service.rooms.deletion.settle())
        for client in (reads, visitor):
            await client.ok("rooms")
            later = [client.events.get_nowait()["ev"] for _ in range(client.events.qsize())]
            assert set(later) <= {"room.removed"}  # nobody is told of members who leave


async def test_an_archived_room_is_deleted(server: Running) -> None:
    (anna,) = await server.people("anna")
    room = await room_of(anna)
    await anna.http("PUT", f"/api/v1/rooms/{room}/archived", {"archived": True})
    assert (await delete(anna, room)).status_code == 200


async def test_a_direct_room_is_not_deleted(server: Running) -> None:
    anna, ben, cora = await server.people("anna", "ben", "cora")
    room = await room_of(anna, kind="direct", name=None, members=[ben.id])
    answer = await delete(anna, room)
    assert code(answer) == (403, "room.forbidden")
    assert answer.json()["error"]["detail"] == {"field": "room", "reason": "direct"}
    assert code(await delete(cora, room)) == (404, "room.not_found")


@pytest.mark.parametrize(("kind", "outcome"), [("public", 200), ("private", 404)])
async def test_staff_deletes_public_rooms(start: Start, kind: str, outcome: int) -> None:
    admin, owner = await staffed(start())
    room = await room_of(owner, kind=kind)
    assert (await delete(admin, room)).status_code == outcome
    listed = (await admin.http("GET", "/api/v1/admin/rooms")).json()["rooms"]
    assert (room in [each["id"] for each in listed]) is (outcome == 404)


async def test_a_job_of_the_server_finishes_deletions(server: Running) -> None:
    runs = await server.run(lambda node: node.jobs.last_runs())
    assert "rooms.erase" in [job.name for job, _ in runs]


async def test_its_name_is_free_again(server: Running) -> None:
    (anna,) = await server.people("anna")
    room = await room_of(anna, name="Only one")
    await delete(anna, room)
    again = await room_of(anna, name="Only one")
    shown = (await anna.http("GET", f"/api/v1/rooms/{again}")).json()
    assert (shown["name"], shown["head"], again == room) == ("Only one", 2, False)


async def test_messages_that_race_a_deletion_come_before_it_or_find_no_room(
    server: Running,
) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna)
    await ben.http("POST", f"/api/v1/rooms/{room}/join")
    sends = asyncio.gather(*(post(ben, room, number) for number in range(40)))
    answers, answer = await asyncio.gather(sends, delete(anna, room))
    end = answer.json()["seq"]
    accepted = [each.json()["seq"] for each in answers if each.status_code == 201]
    assert all(seq < end for seq in accepted)
    refused = {code(each) for each in answers if each.status_code != 201}
    assert refused <= {(404, "room.not_found")}
