"""The description of a room: a text of several lines, told of one room at a time."""

from tests.protocol.running import Running
from tests.protocol.test_http_rooms import code, room_of

ABOUT = "Tea of all kinds.\n\nNo coffee, please: https://example.org/why"


async def test_a_room_that_is_asked_for_has_it_and_lists_leave_it_out(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as owner, ben.connect() as visitor:
        made = await owner.ok("create", name="Samovar", topic="tea", description=f"  {ABOUT}\n")
        room = made["id"]
        assert made["description"] == ABOUT
        for client in (owner, visitor):
            (listed,) = [each for each in (await client.ok("rooms"))["rooms"] if each["id"] == room]
            assert listed["topic"] == "tea" and "description" not in listed
            assert (await client.ok("room", room=room))["description"] == ABOUT
        (found,) = (await visitor.ok("rooms", text="samovar"))["rooms"]
        assert "description" not in found
        assert (await visitor.ok("join", room=room))["description"] == ABOUT
    told = (await ben.http("GET", f"/api/v1/rooms/{room}")).json()
    assert told["description"] == ABOUT


async def test_a_change_is_told_and_other_changes_keep_it(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, description="Tea")
    await ben.http("POST", f"/api/v1/rooms/{room}/join")
    async with anna.connect() as owner, ben.connect() as member:
        await member.ok("sub", rooms={room: None})
        await owner.ok("change", room=room, description=ABOUT)
        assert (await member.event("room.changed"))["description"] == ABOUT
        await owner.ok("change", room=room, name="Kitchen")
        assert (await member.event("room.changed"))["description"] == ABOUT
        await owner.ok("archive", room=room)
        assert (await member.event("room.changed"))["description"] == ABOUT
        assert await owner.code("change", room=room, description="x") == "room.archived"
        await owner.ok("archive", room=room, archived=False)
        assert await member.code("change", room=room, description="x") == "room.forbidden"
    changed = await anna.http("PATCH", f"/api/v1/rooms/{room}", {"description": ""})
    assert changed.status_code == 200 and "description" not in changed.json()
    log = (await ben.http("GET", f"/api/v1/rooms/{room}/events?after=0")).json()["events"]
    assert log[0]["description"] == "Tea" and "description" not in log[-1]


async def test_what_is_too_long_and_who_may_not_see_it(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, kind="private", description="あ" * 4000)
    view = (await anna.http("GET", f"/api/v1/rooms/{room}")).json()
    assert view["description"] == "あ" * 4000
    for text in ("x" * 4001, 5):
        answer = await anna.http("PATCH", f"/api/v1/rooms/{room}", {"description": text})
        assert code(answer) == (400, "request.invalid")
    async with ben.connect() as other, anna.connect() as owner:
        assert await other.code("room", room=room) == "room.not_found"
        assert await owner.code("room", room="nothing") == "room.not_found"
