"""Rooms over WebSocket: making, joining, inviting, removing, roles, and what others learn of it."""

from typing import Any

import pytest

from chatserver.model import ServerRole
from tests.protocol.client import Client
from tests.protocol.running import Person, Running


async def create(client: Client, **fields: Any) -> str:
    room: str = (await client.ok("create", **{"name": "Lounge", **fields}))["id"]
    return room


async def test_create_describes_the_room_and_tells_its_members(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as a, anna.connect() as a2, ben.connect() as b:
        room = await a.ok("create", name="Lounge", kind="private", topic="tea", members=[ben.id])
        assert room["id"] and room["head"] == 3
        assert (room["name"], room["kind"], room["topic"], room["role"]) == (
            "Lounge",
            "private",
            "tea",
            "owner",
        )
        for client in (a, a2, b):
            added = await client.event("room.added")
            assert set(added) == {"ev", "room", "name", "kind", "head"}
            assert (added["room"], added["name"]) == (room["id"], "Lounge")
        entry = await entry_of(b, room["id"])
        assert (entry["role"], entry["head"], entry["read"], entry["unread"]) == ("member", 3, 3, 0)


async def entry_of(client: Client, room: str) -> dict[str, Any]:
    entries: dict[str, dict[str, Any]] = {
        entry["id"]: entry for entry in (await client.ok("rooms"))["rooms"]
    }
    return entries[room]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 201},
        {"name": "a\u0000b"},
        {"name": "x", "kind": "secret"},
        {"name": "x", "topic": "x" * 1001},
        {"name": "x", "description": "x" * 4001},
    ],
)
async def test_rooms_that_cannot_be_made(server: Running, fields: dict[str, Any]) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        assert await client.code("create", **fields) == "request.invalid"
        await client.quiet()


async def test_a_room_with_somebody_who_is_not_there(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        assert await client.code("create", name="x", members=["nobody"]) == "user.not_found"


async def test_a_direct_room_is_made_once_and_named_after_the_other(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as a, ben.connect() as b:
        first = await a.ok("create", kind="direct", members=[ben.id])
        again = await b.ok("create", kind="direct", members=[anna.id])
        assert first["id"] == again["id"]
        assert (first["name"], again["name"]) == ("ben", "anna")
        assert await a.code("leave", room=first["id"]) == "room.forbidden"
        carl = await server.person("carl")
        assert await a.code("invite", room=first["id"], user=carl.id) == "room.forbidden"
        myself = await a.ok("create", kind="direct", members=[])
        assert myself["id"] != first["id"] and myself["name"] == "anna"


async def test_joining_and_leaving(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as a, ben.connect() as b:
        room = await create(a)
        await a.event()
        await a.ok("sub", rooms={room: None})
        joined = await b.ok("join", room=room)
        assert (joined["id"], joined["role"], joined["head"]) == (room, "member", 3)
        await b.event("room.added")
        event = await a.event("member.joined")
        assert (event["user"], event["role"]) == ({"id": ben.id, "name": "ben"}, "member")
        assert (await b.ok("join", room=room))["head"] == 3  # again: nothing happens
        assert await b.ok("leave", room=room) == {}
        assert await b.event("room.removed") == {"ev": "room.removed", "room": room}
        event = await a.event("member.left")
        assert event["user"] == event["author"] == {"id": ben.id, "name": "ben"}
        assert await b.code("leave", room=room) == "room.forbidden"
        await a.quiet()


async def test_a_removed_member_hears_no_more_at_once(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as a, ben.connect() as b:
        room = await create(a, kind="private", members=[ben.id])
        await b.event("room.added")
        await b.ok("sub", rooms={room: None})
        assert await a.ok("kick", room=room, user=ben.id) == {}
        await a.ok("send", room=room, client_id="1", body="not for ben")
        kinds = [(await b.event())["ev"] for _ in range(2)]
        assert set(kinds) == {"member.left", "room.removed"}
        while not b.events.empty():
            assert b.events.get_nowait()["ev"] == "room.removed"
        assert "not for ben" not in str(b.received)
        assert await b.code("history", room=room) == "room.not_found"
        assert await b.code("sub", rooms={room: 0}) == "room.not_found"


def member(person: Person, role: str) -> dict[str, Any]:
    """Of an answer to `members`, while the person is connected."""
    names = {"name": person.user["name"], "username": person.username}
    return {"id": person.id, **names, "role": role, "online": True}


async def test_inviting_and_members(server: Running) -> None:
    anna, ben, carl = await server.people("anna", "ben", "carl")
    async with anna.connect() as a, ben.connect() as b, carl.connect() as c:
        room = await create(a, kind="private")
        assert await a.ok("invite", room=room, user=ben.id) == {}
        assert (await b.event("room.added"))["room"] == room
        assert await b.ok("invite", room=room, user=carl.id) == {}
        assert await b.ok("invite", room=room, user=carl.id) == {}
        await c.event("room.added")
        members = (await c.ok("members", room=room))["members"]
        assert members == [
            member(anna, "owner"),
            member(ben, "member"),
            member(carl, "member"),
        ]
        assert await a.code("invite", room=room, user="nobody") == "user.not_found"


async def test_roles_and_what_they_allow(server: Running) -> None:
    anna, ben, carl = await server.people("anna", "ben", "carl")
    async with anna.connect() as a, ben.connect() as b, carl.connect() as c:
        room = await create(a, kind="private", members=[ben.id, carl.id])
        sent = await c.ok("send", room=room, client_id="1", body="rude")
        target = {"room": room, "message": sent["id"]}
        assert await b.code("delete", **target) == "room.forbidden"
        assert await b.code("change", room=room, name="Mine") == "room.forbidden"
        assert await b.code("kick", room=room, user=carl.id) == "room.forbidden"
        assert await b.code("role", room=room, user=ben.id, role="owner") == "room.forbidden"
        await a.ok("sub", rooms={room: None})
        assert await a.ok("role", room=room, user=ben.id, role="admin") == {"seq": 6}
        while (event := await a.event())["ev"] != "member.changed":
            pass
        assert (event["user"]["id"], event["role"]) == (ben.id, "admin")
        assert await b.ok("delete", **target) == {"seq": 7}
        assert await b.ok("change", room=room, name="Ours") == {"seq": 8}
        assert await b.code("kick", room=room, user=anna.id) == "room.forbidden"
        assert await b.code("role", room=room, user=carl.id, role="admin") == "room.forbidden"
        assert await b.ok("kick", room=room, user=carl.id) == {}
        assert await c.code("members", room=room) == "room.not_found"
        assert await a.code("kick", room=room, user=carl.id) == "user.not_found"


async def test_a_change_of_the_room_is_an_event(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = await create(client)
        await client.event()
        await client.ok("sub", rooms={room: None})
        await client.ok("change", room=room, topic="tea")
        event = await client.event("room.changed")
        assert (event["name"], event["kind"], event["topic"]) == ("Lounge", "public", "tea")
        assert (await entry_of(client, room))["topic"] == "tea"


OPERATIONS: list[tuple[str, dict[str, Any]]] = [
    ("sub", {}),
    ("send", {"client_id": "x", "body": "x"}),
    ("edit", {"message": "{message}", "body": "x"}),
    ("delete", {"message": "{message}"}),
    ("react", {"message": "{message}", "emoji": "x"}),
    ("unreact", {"message": "{message}", "emoji": "x"}),
    ("pin", {"message": "{message}"}),
    ("unpin", {"message": "{message}"}),
    ("interact", {"message": "{message}", "part": "x"}),
    ("history", {}),
    ("events", {"after": 0}),
    ("read", {"seq": 1}),
    ("change", {"name": "x"}),
    ("join", {}),
    ("leave", {}),
    ("invite", {"user": "{me}"}),
    ("kick", {"user": "{owner}"}),
    ("role", {"user": "{owner}", "role": "member"}),
    ("members", {}),
    ("search", {"text": "x"}),
]


async def test_a_room_one_may_not_see_is_answered_as_one_that_is_not_there(server: Running) -> None:
    """Also to the staff of the server, and to guests for public rooms."""
    anna, ben, admin, guest = await server.people("anna", "ben", "admin", "guest")
    for person, role in ((admin, ServerRole.ADMIN), (guest, ServerRole.GUEST)):
        await set_role(server, person, role)
    async with anna.connect() as a:
        private, public = await create(a, kind="private"), await create(a)
        sent = await a.ok("send", room=private, client_id="1", body="x")
        values = {"{message}": sent["id"], "{owner}": anna.id}
        for person, hidden in ((ben, private), (admin, private), (guest, private), (guest, public)):
            async with person.connect() as client:
                for op, fields in OPERATIONS:
                    filled = {
                        name: {**values, "{me}": person.id}.get(value, value)
                        for name, value in fields.items()
                    }
                    there, nowhere = [
                        await client.error(
                            op,
                            **({"rooms": {room: 0}} if op == "sub" else {"room": room}),
                            **filled,
                        )
                        for room in (hidden, "0" * 20)
                    ]
                    assert there == nowhere, op
                    assert there["code"] == "room.not_found"
                listed = [entry["id"] for entry in (await client.ok("rooms"))["rooms"]]
                assert hidden not in listed
        assert (await a.ok("events", room=private, after=0))["head"] == 3


async def set_role(server: Running, person: Person, role: ServerRole) -> None:
    await server.run(lambda node: node.service.accounts.set_role(person.username, role))


async def test_guests_find_nobody_by_mentioning_them(server: Running) -> None:
    anna, ben, cid = await server.people("anna", "ben", "cid")
    async with anna.connect() as a, ben.connect() as b:
        room = await create(a, members=[ben.id])
        await set_role(server, ben, ServerRole.GUEST)
        body = f"@{anna.username} @{cid.username} @nobody"
        await b.ok("send", room=room, client_id="1", body=body)
        [sent] = (await a.ok("history", room=room))["messages"]
        assert sent["mentions"] == [anna.id]
        await b.ok("edit", room=room, message=sent["id"], body=f"{body} again")
        [edited] = (await a.ok("history", room=room))["messages"]
        assert edited["mentions"] == [anna.id]
        await a.ok("send", room=room, client_id="1", body=body)
        sent = (await a.ok("history", room=room))["messages"][-1]
        assert sent["mentions"] == [anna.id, cid.id]


async def test_a_member_who_becomes_a_guest_may_still_talk_where_they_are(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as a, ben.connect() as b:
        room = await create(a, members=[ben.id])
        await set_role(server, ben, ServerRole.GUEST)
        await b.ok("send", room=room, client_id="1", body="still here")
        assert await b.code("invite", room=room, user=anna.id) == "room.forbidden"
        assert await b.code("create", name="mine") == "user.forbidden"
