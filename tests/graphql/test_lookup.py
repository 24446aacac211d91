"""Rooms to join and members are found by a part of their name."""

from tests.graphql.conftest import People

ASKED = """query ($room: ID!, $text: String) {
  rooms(text: $text) { nodes { id } }
  room(id: $room) { members(text: $text) { nodes { user { username } } pageInfo { hasNextPage } } }
}"""


async def test_rooms_and_members_are_found_by_a_part_of_their_name(people: People) -> None:
    ada, bob = await people("Ada", "Bob")
    lounge, attic = await ada.make_room("Lookup lounge"), await ada.make_room("Lookup attic")
    await bob.ask("mutation ($id: ID!) { joinRoom(roomId: $id) { room { id } } }", id=attic)

    found = await bob.ask(ASKED, room=attic, text="lookup LOUNGE")
    assert found["rooms"]["nodes"] == [{"id": lounge}]
    assert found["room"]["members"]["nodes"] == []

    found = await bob.ask(ASKED, room=attic, text=ada.username[:-1])
    assert {"user": {"username": ada.username}} in found["room"]["members"]["nodes"]
    assert found["room"]["members"]["pageInfo"] == {"hasNextPage": False}
    errors = (await bob.answer(ASKED, room=attic, text="t" * 101))["errors"]
    assert {error["extensions"]["code"] for error in errors} == {"request.invalid"}
