"""Slow mode over all doors: how it is set, who is told, and what a member hears who sends too early."""

import pytest

from tests.protocol.running import Running
from tests.protocol.test_http_rooms import code, post, room_of

HOUR = 3600


async def test_a_member_is_told_how_long_to_wait(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna)
    await ben.http("POST", f"/api/v1/rooms/{room}/join")
    async with anna.connect() as owner, ben.connect() as member:
        await member.ok("sub", rooms={room: None})
        seq = (await owner.ok("change", room=room, slow_mode=HOUR))["seq"]
        told = await member.event("room.changed")
        assert (told["seq"], told["slow_mode"]) == (seq, HOUR)
        assert (await member.ok("room", room=room))["slow_mode"] == HOUR
        assert await member.code("change", room=room, slow_mode=0) == "room.forbidden"
        first = await member.ok("send", room=room, client_id="c1", body="one")
        refused = (await member.ask("send", room=room, client_id="c2", body="two"))["error"]
        assert (refused["code"], refused["retry"]) == ("room.slow_mode", "later")
        assert HOUR - 600 < refused["after_ms"] / 1000 <= HOUR
        assert refused["detail"] == {"seconds": HOUR}
        again = await member.ok("send", room=room, client_id="c1", body="one")
        assert again["seq"] == first["seq"]
        shrug = {"room": room, "text": "/shrug tea?", "client_id": "c3"}
        assert await member.code("command", **shrug) == "room.slow_mode"
        for number in range(3):
            await owner.ok("send", room=room, client_id=f"o{number}", body="more")
        answer = await post(ben, room, 9)
        assert code(answer) == (429, "room.slow_mode")
        assert int(answer.headers["Retry-After"]) > HOUR - 600
        await owner.ok("change", room=room, slow_mode=0)
        await member.ok("send", room=room, client_id="c4", body="at last")
        await member.ok("send", room=room, client_id="c5", body="and again")


@pytest.mark.parametrize("pace", [-1, 21_601, 1.5, "fast"])
async def test_what_a_pace_is_not(server: Running, pace: object) -> None:
    (anna,) = await server.people("anna")
    room = await room_of(anna)
    answer = await anna.http("PATCH", f"/api/v1/rooms/{room}", {"slow_mode": pace})
    assert code(answer) == (400, "request.invalid")


async def test_a_direct_room_is_never_slow(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, kind="direct", name=None, members=[ben.id])
    answer = await anna.http("PATCH", f"/api/v1/rooms/{room}", {"slow_mode": 30})
    assert code(answer) == (403, "room.forbidden")


async def test_it_stays_when_the_name_changes(server: Running) -> None:
    (anna,) = await server.people("anna")
    room = await room_of(anna)
    await anna.http("PATCH", f"/api/v1/rooms/{room}", {"slow_mode": 30})
    answer = await anna.http("PATCH", f"/api/v1/rooms/{room}", {"name": "Kitchen"})
    assert answer.json()["slow_mode"] == 30
