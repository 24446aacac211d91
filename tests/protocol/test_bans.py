"""Bans: the banned one is out, stays out, and is told why; moderators see and lift them."""

import pytest

from chatserver import ServerRole
from tests.protocol.conftest import Start
from tests.protocol.running import Person, Running
from tests.protocol.test_administration import staffed
from tests.protocol.test_http_rooms import code, post, room_of
from tests.waiting import until


async def joined(owner: Person, *others: Person, **fields: object) -> str:
    room = await room_of(owner, **fields)
    for other in others:
        await other.http("POST", f"/api/v1/rooms/{room}/join")
    return room


async def test_somebody_banned_is_out_and_told_why(server: Running) -> None:
    anna, ben, cora = await server.people("anna", "ben", "cora")
    room = await joined(anna, ben, cora)
    at = {"room": room}
    async with anna.connect() as owner, ben.connect() as banned, cora.connect() as other:
        await banned.ok("sub", rooms={room: None})
        await other.ok("sub", rooms={room: None})
        seq = (await owner.ok("ban", **at, user=ben.id, reason=" spam "))["seq"]
        while "ban" not in (notice := await banned.event()) or notice["ev"] != "room.removed":
            pass
        assert notice == {"ev": "room.removed", "room": room, "ban": {"reason": "spam"}}
        told = await other.event("member.left")
        assert (told["seq"], told["user"]["id"], told["ban"]) == (seq, ben.id, {"reason": "spam"})
        for op, fields in (
            ("join", at),
            ("send", at | {"client_id": "c", "body": "x"}),
            ("history", at),
            ("events", at | {"after": 0}),
            ("members", at),
            ("leave", at),
        ):
            error = await banned.error(op, **fields)
            assert (error["code"], error["detail"]["ban"]) == ("room.banned", {"reason": "spam"}), (
                op
            )
        own = await room_of(ben)
        followed = await banned.ok("sub", rooms={room: None, own: None})
        assert followed["rooms"][own]["state"] == "live"
        assert followed["rooms"][room]["error"]["code"] == "room.banned"
        refused = await other.error("invite", **at, user=ben.id)
        assert refused["detail"] == {"field": "user", "reason": "banned"}
    assert code(await ben.http("GET", f"/api/v1/rooms/{room}")) == (403, "room.banned")
    assert code(await post(ben, room, 1)) == (403, "room.banned")


async def test_bans_are_listed_in_pages_and_lifted_by_moderators_alone(server: Running) -> None:
    anna, ben, *others = await server.people("anna", "ben", "cora", "dora", "emma")
    room = await joined(anna, ben, *others)
    path = f"/api/v1/rooms/{room}/bans"
    for other in others:
        body = {"reason": f"as {other.username}", "seconds": 3600}
        assert (await anna.http("PUT", f"{path}/{other.id}", body)).status_code == 200
    first = (await anna.http("GET", f"{path}?limit=2")).json()
    rest = (await anna.http("GET", f"{path}?limit=2&after={first['after']}")).json()
    bans = [*first["bans"], *rest["bans"]]
    assert [each["user"]["id"] for each in bans] == sorted(other.id for other in others)
    assert (first["more"], "more" in rest) == (True, False)
    names = {other.id: other.username for other in others}
    assert all(each["reason"] == f"as {names[each['user']['id']]}" for each in bans)
    assert all(each["by"]["id"] == anna.id and each["until"] > each["at"] for each in bans)
    assert code(await ben.http("GET", path)) == (403, "room.forbidden")
    lifted = others[0]
    assert code(await ben.http("DELETE", f"{path}/{lifted.id}")) == (403, "room.forbidden")
    assert code(await lifted.http("DELETE", f"{path}/{lifted.id}")) == (403, "room.banned")
    assert (await anna.http("DELETE", f"{path}/{lifted.id}")).status_code == 200
    assert code(await anna.http("DELETE", f"{path}/{lifted.id}")) == (404, "user.not_found")
    assert len((await anna.http("GET", path)).json()["bans"]) == 2
    assert (await lifted.http("POST", f"/api/v1/rooms/{room}/join")).status_code == 200


async def test_a_ban_ends_at_its_time(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await joined(anna, ben)
    path = f"/api/v1/rooms/{room}/bans"
    await anna.http("PUT", f"{path}/{ben.id}", {"seconds": 2})

    async def is_back() -> bool:
        return (await ben.http("POST", f"/api/v1/rooms/{room}/join")).status_code == 200

    await until(is_back)
    log = (await anna.http("GET", f"/api/v1/rooms/{room}/events?after=0")).json()["events"]
    end = next(each["ban"]["until"] for each in log if "ban" in each)
    assert log[-1]["ev"] == "member.joined" and log[-1]["at"] >= end
    assert (await anna.http("GET", path)).json()["bans"] == []


@pytest.mark.parametrize(
    ("who", "whom", "outcome"),
    [
        ("owner", "admin", 200),
        ("admin", "member", 200),
        ("admin", "owner", 403),
        ("admin", "admin", 403),
        ("member", "admin", 403),
        ("owner", "nobody", 404),
        ("owner", "stranger", 200),
        ("member", "stranger", 403),
        ("owner", "staff", 403),
        ("staff", "owner", 200),
    ],
)
async def test_bans_by_rank(start: Start, who: str, whom: str, outcome: int) -> None:
    server = start()
    staff, owner = await staffed(server)
    admin, member, stranger = await server.people("admin", "member", "stranger")
    room = await joined(owner, admin, member)
    await owner.http("PUT", f"/api/v1/rooms/{room}/members/{admin.id}", {"role": "admin"})
    people = {
        "owner": owner,
        "admin": admin,
        "member": member,
        "stranger": stranger,
        "staff": staff,
    }
    target = people[whom].id if whom in people else "nobody"
    answer = await people[who].http("PUT", f"/api/v1/rooms/{room}/bans/{target}", {})
    assert answer.status_code == outcome


async def test_in_a_private_room_only_members_are_banned(server: Running) -> None:
    anna, ben, cora = await server.people("anna", "ben", "cora")
    room = await room_of(anna, kind="private", members=[ben.id])
    path = f"/api/v1/rooms/{room}/bans"
    assert code(await anna.http("PUT", f"{path}/{cora.id}", {})) == (404, "user.not_found")
    assert (await anna.http("PUT", f"{path}/{ben.id}", {"reason": "x" * 500})).status_code == 200
    again = await anna.http("POST", f"/api/v1/rooms/{room}/members", {"user": ben.id})
    assert code(again) == (403, "room.forbidden")
    assert code(await ben.http("GET", f"/api/v1/rooms/{room}")) == (403, "room.banned")
    assert code(await cora.http("GET", f"/api/v1/rooms/{room}")) == (404, "room.not_found")
    for wrong in ({"reason": "x" * 501}, {"seconds": 0}, {"seconds": 10**10}):
        assert code(await anna.http("PUT", f"{path}/{ben.id}", wrong)) == (400, "request.invalid")


async def test_a_ban_is_read_with_the_members_of_a_room(start: Start) -> None:
    server = start()
    anna, ben = await server.people("anna", "ben")
    room = await joined(anna, ben)
    await anna.http("PUT", f"/api/v1/rooms/{room}/bans/{ben.id}", {"reason": "spam"})

    async def forget(running: object) -> None:
        cache = running.service.room_cache  # type: ignore[attr-defined]
        known = await cache.load(room)
        state = await running.service.store.members([room])  # type: ignore[attr-defined]
        known.reset(known.head, known.description, state)

    await server.run(forget)
    assert code(await ben.http("POST", f"/api/v1/rooms/{room}/join")) == (403, "room.banned")


async def test_guests_are_not_let_in_by_a_lost_ban(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await joined(anna, ben)
    await anna.http("PUT", f"/api/v1/rooms/{room}/bans/{ben.id}", {})
    role = ServerRole.GUEST
    await server.run(lambda running: running.service.accounts.set_role(ben.username, role))
    again = await anna.http("POST", f"/api/v1/rooms/{room}/members", {"user": ben.id})
    assert code(again) == (403, "room.forbidden")
