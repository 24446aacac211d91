"""One message by its id: over HTTP, and as an address that opens the page; tests/graphql has GraphQL."""

from tests.protocol.running import Person, Running
from tests.protocol.test_http_rooms import code, room_of


async def posted(author: Person, room: str, body: str) -> str:
    path = f"/api/v1/rooms/{room}/messages"
    answer = await author.http("POST", path, {"client_id": body[:60], "body": body})
    found: str = answer.json()["id"]
    return found


async def test_a_message_is_given_as_it_stands_to_those_who_may_read_its_room(
    server: Running,
) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, name="Lounge")
    message = await posted(anna, room, "tea")
    await anna.http("PATCH", f"/api/v1/rooms/{room}/messages/{message}", {"body": "coffee"})
    for reader in (anna, ben):  # the room is public
        found = (await reader.http("GET", f"/api/v1/messages/{message}")).json()
        assert (found["room"], found["body"], found["author"]["id"]) == (room, "coffee", anna.id)
    assert code(await server.http("GET", f"/api/v1/messages/{message}")) == (401, "auth.required")


async def test_what_is_gone_and_what_one_may_not_read_look_the_same(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    hidden = await posted(anna, await room_of(anna, kind="private"), "secret")
    lounge, closed = await room_of(anna), await room_of(anna)
    deleted = await posted(anna, lounge, "tea")
    await anna.http("DELETE", f"/api/v1/rooms/{lounge}/messages/{deleted}")
    banned = await posted(anna, closed, "cake")
    await anna.http("PUT", f"/api/v1/rooms/{closed}/bans/{ben.id}", {"reason": "spam"})
    ended = await posted(anna, room := await room_of(anna), "over")
    await anna.http("DELETE", f"/api/v1/rooms/{room}")
    odd = (f"{lounge}-1", f"{lounge}-999", f"{lounge}-{'9' * 30}", f"{lounge}-x", "-", "x", "%00-3")
    unknown = (await ben.http("GET", "/api/v1/messages/nothing-3")).json()
    assert unknown["error"]["code"] == "message.not_found"
    for message in (hidden, deleted, banned, ended, *odd, "x" * 500):
        answer = await ben.http("GET", f"/api/v1/messages/{message}")
        assert (answer.status_code, answer.json()) == (404, unknown), message


async def test_the_address_of_a_message_is_the_page(server: Running) -> None:
    page = await server.http("GET", "/")
    for path in ("/m/room-3", "/m/%C3%A9-1", "/m/nothing"):
        answer = await server.http("GET", path)
        assert (answer.status_code, answer.content) == (200, page.content)
        assert answer.headers["Content-Security-Policy"] == page.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == page.headers["Cache-Control"]
    for path in ("/m", "/m/", "/m/a/b", "/mx"):
        assert (await server.http("GET", path)).status_code == 404
    refused = await server.http("POST", "/m/room-3", {})
    assert refused.status_code == 405
