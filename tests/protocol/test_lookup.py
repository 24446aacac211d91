"""Rooms to join and members are found by a part of their name, over the socket and HTTP alike; tests/graphql has GraphQL."""

from tests.protocol.running import Running
from tests.protocol.test_http_rooms import code, room_of


async def test_rooms_and_members_are_found_by_a_part_of_their_name(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    lounge, attic = (
        await room_of(anna, name="Quiet lookup place"),
        await room_of(anna, name="Attic"),
    )
    await ben.http("POST", f"/api/v1/rooms/{attic}/join")

    found = (await ben.http("GET", "/api/v1/rooms?text=LOOKUP%20place")).json()
    assert [(room["id"], room["joined"]) for room in found["rooms"]] == [(lounge, False)]
    members = (await ben.http("GET", f"/api/v1/rooms/{attic}/members?text=ann")).json()
    assert [(each["id"], each["username"]) for each in members["members"]] == [
        (anna.id, anna.username)
    ]
    for path in ("rooms", f"rooms/{attic}/members"):
        answer = await ben.http("GET", f"/api/v1/{path}?text={'t' * 101}")
        assert code(answer) == (400, "request.invalid")

    async with ben.connect() as client:
        assert (await client.ok("rooms", text="lookup place"))["rooms"] == found["rooms"]
        assert await client.ok("members", room=attic, text="ann") == members
        assert await client.code("rooms", text="t" * 101) == "request.invalid"
