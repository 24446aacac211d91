"""Direct rooms of several people: made once, named after the others, for ever."""

from chatserver.model import DIRECT_MEMBERS
from tests.protocol.running import Running


async def test_the_same_people_have_one_room_whoever_asks(server: Running) -> None:
    anna, ben, cora = await server.people("anna", "ben", "cora")
    async with anna.connect() as a, ben.connect() as b, cora.connect() as c:
        made = await a.ok("create", kind="direct", members=[ben.id, cora.id])
        again = await c.ok("create", kind="direct", members=[anna.id, ben.id, ben.id, cora.id])
        assert made["id"] == again["id"]
        assert (made["name"], again["name"]) == ("ben, cora", "anna, ben")
        assert made["others"] == [ben.id, cora.id] and "other" not in made
        # Everybody hears of it once all are in, so that nobody sees half of its name.
        for client, name in ((a, "ben, cora"), (b, "anna, cora"), (c, "anna, ben")):
            added = await client.event("room.added")
            assert (added["room"], added["name"], added["kind"]) == (made["id"], name, "direct")
        pair = await a.ok("create", kind="direct", members=[ben.id])
        assert pair["id"] != made["id"] and "others" not in pair


async def test_nobody_leaves_comes_or_rules(server: Running) -> None:
    anna, ben, cora, dan = await server.people("anna", "ben", "cora", "dan")
    async with anna.connect() as a, ben.connect() as b, dan.connect() as d:
        room = (await a.ok("create", kind="direct", members=[ben.id, cora.id]))["id"]
        at = {"room": room}
        for client in (a, b):
            assert await client.code("leave", **at) == "room.forbidden"
            assert await client.code("invite", **at, user=dan.id) == "room.forbidden"
            assert await client.code("kick", **at, user=cora.id) == "room.forbidden"
            assert await client.code("change", **at, name="x") == "room.forbidden"
            assert await client.code("archive", **at, archived=True) == "room.forbidden"
        said = await b.ok("send", **at, client_id="1", body="hello")
        await a.ok("pin", **at, message=said["id"], pinned=True)
        assert await d.code("history", **at) == "room.not_found"


async def test_it_has_at_most_ten_members(server: Running) -> None:
    people = await server.people(*(f"p{number}" for number in range(DIRECT_MEMBERS + 1)))
    ids = [person.id for person in people]
    answer = await people[0].http("POST", "/api/v1/rooms", {"kind": "direct", "members": ids})
    assert answer.status_code == 400
    assert answer.json()["error"]["detail"] == {
        "field": "members",
        "reason": "direct",
        "most": DIRECT_MEMBERS,
    }
    answer = await people[0].http("POST", "/api/v1/rooms", {"kind": "direct", "members": ids[:-1]})
    assert answer.status_code == 201 and len(answer.json()["others"]) == DIRECT_MEMBERS - 1


async def test_who_blocks_somebody_there_does_not_count_what_they_write(server: Running) -> None:
    anna, ben, cora = await server.people("anna", "ben", "cora")
    async with anna.connect() as a, ben.connect() as b, cora.connect() as c:
        room = (await a.ok("create", kind="direct", members=[ben.id, cora.id]))["id"]
        await a.ok("read", room=room, seq=4)
        await a.ok("block", user=ben.id)
        await b.ok("send", room=room, client_id="1", body="to both")
        await c.ok("send", room=room, client_id="2", body="to both, too")
        answer = await anna.http("GET", f"/api/v1/rooms/{room}")
        assert answer.json()["unread"] == 1
        dan = await server.person("dan")
        for client, members, code in (
            (b, [anna.id, dan.id], "user.unreachable"),
            (a, [ben.id, dan.id], "user.blocked"),
        ):
            assert await client.code("create", kind="direct", members=members) == code
