"""What messages said before they were edited: who sees it, from when on, and what is gone."""

from typing import Any

import pytest

from tests.protocol.client import Client
from tests.protocol.running import Person, Running
from tests.protocol.test_http_rooms import code, room_of


async def show_edits(person: Person, room: str, to: str) -> None:
    answer = await person.http("PATCH", f"/api/v1/rooms/{room}", {"edit_history": to})
    assert (answer.status_code, answer.json().get("edit_history", "none")) == (200, to)


async def texts(client: Client, room: str, message: str, **more: object) -> list[str]:
    answer = await client.ok("edits", room=room, message=message, **more)
    return [each["body"] for each in answer["versions"]]


async def said(client: Client, room: str, *bodies: str) -> str:
    """A message that said each of these, one after the other."""
    first, *others = bodies
    fields = {"room": room, "client_id": f"c{len(first)}", "body": first}
    message: str = (await client.ok("send", **fields))["id"]
    for body in others:
        await client.ok("edit", room=room, message=message, body=body)
    return message


class Scene:
    """Anna owns the room, Ben wrote in it, Cora is a member, and Dora no member, of a public room."""

    def __init__(self, room: str, people: list[Person]) -> None:
        self.room = room
        self.anna, self.ben, self.cora, self.dora = people


async def scene_on(server: Running) -> Scene:
    anna, ben, cora, dora = await server.people("anna", "ben", "cora", "dora")
    room = await room_of(anna)
    for person in (ben, cora):
        await person.http("POST", f"/api/v1/rooms/{room}/join")
    return Scene(room, [anna, ben, cora, dora])


async def test_nobody_sees_it_by_default(server: Running) -> None:
    scene = await scene_on(server)
    async with scene.ben.connect() as author, scene.anna.connect() as owner:
        message = await said(author, scene.room, "tea", "coffee")
        for client in (author, owner):
            at = {"room": scene.room, "message": message}
            assert await client.code("edits", **at) == "room.forbidden"


async def test_moderators_see_all_and_authors_their_own(server: Running) -> None:
    scene = await scene_on(server)
    await show_edits(scene.anna, scene.room, "moderators")
    async with (
        scene.ben.connect() as author,
        scene.anna.connect() as owner,
        scene.cora.connect() as member,
    ):
        message = await said(author, scene.room, "tea", "coffee", "milk")
        for client in (author, owner):
            assert await texts(client, scene.room, message) == ["milk", "coffee", "tea"]
        at = {"room": scene.room, "message": message}
        assert await member.code("edits", **at) == "room.forbidden"


async def test_all_who_may_read_see_it_where_members_do(server: Running) -> None:
    scene = await scene_on(server)
    await show_edits(scene.anna, scene.room, "members")
    async with scene.ben.connect() as author:
        message = await said(author, scene.room, "tea", "coffee")
    for person in (scene.cora, scene.dora):  # a public room is read by all
        async with person.connect() as client:
            assert await texts(client, scene.room, message) == ["coffee", "tea"]
    await scene.anna.http("PATCH", f"/api/v1/rooms/{scene.room}", {"kind": "private"})
    path = f"/api/v1/rooms/{scene.room}/messages/{message}/edits"
    assert code(await scene.dora.http("GET", path)) == (404, "room.not_found")
    found = await scene.cora.http("GET", f"{path}?limit=1")
    versions: list[dict[str, Any]] = found.json()["versions"]
    assert [each["body"] for each in versions] == ["coffee"] and found.json()["more"]
    older = await scene.cora.http("GET", f"{path}?before={versions[0]['seq']}")
    assert [each["body"] for each in older.json()["versions"]] == ["tea"]
    assert "more" not in older.json()


async def test_what_was_edited_before_stays_unseen(server: Running) -> None:
    scene = await scene_on(server)
    async with scene.ben.connect() as author, scene.cora.connect() as member:
        message = await said(author, scene.room, "secret", "tea")
        await show_edits(scene.anna, scene.room, "members")
        assert await texts(member, scene.room, message) == ["tea"]
        await author.ok("edit", room=scene.room, message=message, body="coffee")
        assert await texts(member, scene.room, message) == ["coffee", "tea"]
        # Whoever writes for moderators does not write for all.
        await show_edits(scene.anna, scene.room, "moderators")
        await author.ok("edit", room=scene.room, message=message, body="milk")
        await show_edits(scene.anna, scene.room, "members")
        assert await texts(member, scene.room, message) == ["milk"]
        # Another change of the room is no new choice.
        await author.ok("edit", room=scene.room, message=message, body="juice")
        await scene.anna.http("PATCH", f"/api/v1/rooms/{scene.room}", {"topic": "drinks"})
        await scene.anna.http("PATCH", f"/api/v1/rooms/{scene.room}", {"edit_history": "members"})
        assert await texts(member, scene.room, message) == ["juice", "milk"]


async def test_a_deleted_message_shows_nothing(server: Running) -> None:
    scene = await scene_on(server)
    await show_edits(scene.anna, scene.room, "members")
    async with scene.ben.connect() as author, scene.cora.connect() as member:
        message = await said(author, scene.room, "tea", "coffee")
        await author.ok("delete", room=scene.room, message=message)
        at = {"room": scene.room, "message": message}
        assert await member.code("edits", **at) == "message.not_found"
        assert await member.code("edits", room=scene.room, message="x-1") == "message.not_found"


async def test_the_log_still_shows_no_replaced_text(server: Running) -> None:
    scene = await scene_on(server)
    await show_edits(scene.anna, scene.room, "members")
    async with scene.ben.connect() as author:
        await said(author, scene.room, "tea", "coffee")
    log = await scene.cora.http("GET", f"/api/v1/rooms/{scene.room}/events?after=0")
    assert "coffee" in log.text and "tea" not in log.text


@pytest.mark.parametrize("to", ["all", 1])
async def test_what_it_is_not(server: Running, to: object) -> None:
    (anna,) = await server.people("anna")
    room = await room_of(anna)
    answer = await anna.http("PATCH", f"/api/v1/rooms/{room}", {"edit_history": to})
    assert code(answer) == (400, "request.invalid")
