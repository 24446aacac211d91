"""The queries, and who may read what."""

import asyncio
from types import SimpleNamespace
from unittest import mock

import pytest

from chatserver import ServerRole, body_html
from chatserver_plugins.graphql.loaders import Activity
from chatserver_plugins.graphql.resolvers import messages
from chatserver_plugins.graphql.turns import Pace
from tests.graphql.asker import Asker
from tests.graphql.conftest import People
from tests.graphql.speaker import Speaker

ROOM = "query ($id: ID!) { room(id: $id) { %s } }"


async def test_the_signed_in_user(people: People, nobody: Asker) -> None:
    (ada,) = await people("Ada")
    query = "{ me { id username name role at disabled } }"
    me = (await ada.ask(query))["me"]
    assert me["id"] == ada.id
    assert (me["username"], me["name"], me["disabled"]) == (ada.username, "Ada", False)
    assert me["role"] in ("OWNER", "MEMBER")
    assert await nobody.ask(query) == {"me": None}


async def test_a_bad_token_is_an_error_where_somebody_must_be_known(nobody: Asker) -> None:
    headers = {"Authorization": "Bearer nonsense"}
    answer = await nobody.server.http(
        "POST", "/graphql", {"query": "{ __typename me { id } }"}, headers=headers
    )
    assert answer.json()["data"] == {"__typename": "Query", "me": None}
    assert answer.json()["errors"][0]["extensions"]["code"] == "auth.invalid"


async def test_users_by_id_and_by_name(people: People) -> None:
    ada, bob = await people("Ada", "Bob")
    query = "query ($id: ID!, $name: String!) { user(id: $id) { name } userByName(username: $name) { id } }"
    assert await ada.ask(query, id=bob.id, name=bob.username.upper()) == {
        "user": {"name": "Bob"},
        "userByName": {"id": bob.id},
    }
    assert await ada.ask(query, id="none", name="none") == {"user": None, "userByName": None}


async def test_guests_find_nobody(people: People) -> None:
    ada, guest = await people("Ada", "Guest")
    await ada.server.run(lambda s: s.service.accounts.set_role(guest.username, ServerRole.GUEST))
    assert await guest.code("query ($id: ID!) { user(id: $id) { name } }", id=ada.id) == (
        "user.forbidden"
    )
    assert await guest.code('{ userByName(username: "x") { name } }') == "user.forbidden"
    assert (await guest.ask("query ($id: ID!) { user(id: $id) { name } }", id=guest.id))["user"]


@pytest.mark.parametrize(
    "query", ["{ rooms { nodes { id } } }", '{ room(id: "r") { id } }', '{ search(text: "a") { nodes { id } } }']
)  # fmt: skip
async def test_a_request_without_a_session_reads_nothing(nobody: Asker, query: str) -> None:
    assert await nobody.code(query) == "auth.required"


async def test_a_private_room_is_not_there_for_others(people: People) -> None:
    ada, bob = await people("Ada", "Bob")
    room = await ada.make_room("Secret", "PRIVATE")
    query = ROOM % "name kind joined role head topic"
    assert (await ada.ask(query, id=room))["room"] == {
        "name": "Secret",
        "kind": "PRIVATE",
        "joined": True,
        "role": "OWNER",
        "head": 2,
        "topic": "",
    }
    assert await bob.ask(query, id=room) == {"room": None}
    assert await bob.ask(query, id="none") == {"room": None}
    seen = await bob.ask("{ rooms(first: 100) { nodes { id } } }")
    assert {"id": room} not in seen["rooms"]["nodes"]
    search = 'query ($room: ID!) { search(text: "a", room: $room) { nodes { id } } }'
    assert await bob.code(search, room=room) == "room.not_found"


async def test_read_markers_and_unread(people: People) -> None:
    ada, bob = await people("Ada", "Bob")
    room = await ada.make_room("Lounge", "PUBLIC", bob.id)
    first = await ada.post(room, "one")
    await ada.post(room, f"two @{bob.username}")
    query = ROOM % "read unread mentions"
    before = (await bob.ask(query, id=room))["room"]
    assert (before["unread"], before["mentions"]) == (2, 1)
    listed = "{ rooms(first: 100) { nodes { id read unread mentions } } }"
    assert {"id": room, **before} in (await bob.ask(listed))["rooms"]["nodes"]
    marked = await bob.ask(
        "mutation ($input: MarkReadInput!) { markRead(input: $input) { seq room { unread read } } }",
        input={"roomId": room, "seq": first["seq"]},
    )
    expected = {"unread": 1, "read": first["seq"]}
    assert marked["markRead"] == {"seq": first["seq"], "room": expected}


async def test_pages_of_messages(people: People) -> None:
    (ada,) = await people("Ada")
    room = await ada.make_room()
    seqs = [(await ada.post(room, f"message {number}"))["seq"] for number in range(7)]
    query = "query ($id: ID!, $before: Int) { room(id: $id) { messages(last: 3, before: $before) { seq } } }"
    newest = (await ada.ask(query, id=room))["room"]["messages"]
    assert [message["seq"] for message in newest] == seqs[-3:]
    older = (await ada.ask(query, id=room, before=seqs[-3]))["room"]["messages"]
    assert [message["seq"] for message in older] == seqs[1:4]
    bad = ROOM % "messages(last: 0) { seq }"
    assert await ada.code(bad, id=room) == "request.invalid"
    bad = ROOM % "messages(before: -1) { seq }"
    assert await ada.code(bad, id=room) == "request.invalid"


async def test_every_field_of_a_message(people: People) -> None:
    ada, bob = await people("Ada", "Bob")
    room = await ada.make_room("Lounge", "PUBLIC", bob.id)
    first = await ada.post(room, "first")
    second = await bob.post(room, f"**Hello** @{ada.username}", "my-id", replyTo=first["id"])
    await ada.ask(
        "mutation ($input: ReactionInput!) { addReaction(input: $input) { seq } }",
        input={"roomId": room, "messageId": second["id"], "emoji": "👍"},
    )
    query = """query ($room: ID!, $id: ID!) { room(id: $room) { message(id: $id) {
      id seq roomId room { name } author { id name username } at body bodyHtml clientId replyTo
      replyToMessage { body author { name } } mentions { name } editedAt deleted pinned
      reactions { emoji count mine users(first: 1) { username } } } } }"""
    found = (await ada.ask(query, room=room, id=second["id"]))["room"]["message"]
    assert found == {
        "id": second["id"],
        "seq": second["seq"],
        "roomId": room,
        "room": {"name": "Lounge"},
        "author": {"id": bob.id, "name": "Bob", "username": bob.username},
        "at": second["at"],
        "body": f"**Hello** @{ada.username}",
        "bodyHtml": f"<p><strong>Hello</strong> @{ada.username}</p>",
        "clientId": "my-id",
        "replyTo": first["id"],
        "replyToMessage": {"body": "first", "author": {"name": "Ada"}},
        "mentions": [{"name": "Ada"}],
        "editedAt": None,
        "deleted": False,
        "pinned": False,
        "reactions": [
            {"emoji": "👍", "count": 1, "mine": True, "users": [{"username": ada.username}]}
        ],
    }
    none = await ada.ask(query, room=room, id=f"{room}-9999")
    assert none["room"]["message"] is None


async def test_the_html_of_a_deleted_message_is_empty_and_that_of_a_long_one_is_whole(
    people: People,
) -> None:
    ada, bob = await people("Ada", "Bob")
    room = await ada.make_room("Lounge", "PUBLIC", bob.id)
    long = "*a* _b_ " * 900 + "."
    await ada.post(room, long, "long")
    gone = await ada.post(room, "**secret**")
    await ada.ask(
        "mutation ($input: MessageInput!) { deleteMessage(input: $input) { seq } }",
        input={"roomId": room, "messageId": gone["id"]},
    )
    found = (await ada.ask(ROOM % "messages { bodyHtml }", id=room))["room"]["messages"]
    assert [message["bodyHtml"] for message in found] == [body_html(long), ""]


async def test_no_two_long_texts_are_made_html_in_one_turn_of_the_loop() -> None:
    loop = asyncio.get_running_loop()
    activity = Activity()
    activity.pace = Pace()
    info = SimpleNamespace(context=SimpleNamespace(activity=activity))
    turns = 0

    def count_turn() -> None:
        nonlocal turns
        turns += 1
        counting = loop.call_soon(count_turn)
        if turns > 1000:
            counting.cancel()

    count_turn()
    message = SimpleNamespace(body="*a* " * 1500)
    with mock.patch.object(messages, "body_html", lambda _: turns):
        made = await asyncio.gather(*(messages.html(message, info) for _ in range(5)))
    assert len(set(made)) == 5


async def test_the_log_and_its_kinds(people: People) -> None:
    ada, bob = await people("Ada", "Bob")
    room = await ada.make_room("Lounge", "PUBLIC", bob.id)
    posted = await ada.post(room, "Hello")
    query = """query ($id: ID!, $after: Int!) { room(id: $id) { events(after: $after) {
      __typename ... on RoomLogEntry { seq roomId at author { name } }
      ... on RoomChanged { name kind topic } ... on MemberJoined { user { username } role }
      ... on MessagePosted { message { body } } } } }"""
    events = (await ada.ask(query, id=room, after=0))["room"]["events"]
    kinds = [event["__typename"] for event in events]
    assert kinds == ["RoomChanged", "MemberJoined", "MemberJoined", "MessagePosted"]
    assert [event["seq"] for event in events] == [1, 2, 3, 4]
    assert events[2]["user"]["username"] == bob.username
    assert events[3]["message"] == {"body": "Hello"}
    rest = (await ada.ask(query, id=room, after=posted["seq"]))["room"]["events"]
    assert rest == []


async def test_texts_that_were_replaced_are_shown_to_nobody(people: People) -> None:
    ada, bob = await people("Ada", "Bob")
    room = await ada.make_room("Lounge", "PUBLIC", bob.id)
    one, two = await ada.post(room, f"secret @{bob.username}"), await ada.post(room, "secret")
    edit = "mutation ($input: EditMessageInput!) { editMessage(input: $input) { seq } }"
    given = {"roomId": room, "messageId": one["id"]}
    await ada.ask(edit, input=given | {"body": "secret, too"})
    await ada.ask(edit, input=given | {"body": "shown"})
    delete = "mutation ($input: MessageInput!) { deleteMessage(input: $input) { seq } }"
    await ada.ask(delete, input={"roomId": room, "messageId": two["id"]})
    query = """query ($id: ID!) { room(id: $id) { events(after: 3) {
      ... on MessagePosted { redacted message { body mentions { id } } }
      ... on MessageEdited { redacted body } } } }"""
    events = (await bob.ask(query, id=room))["room"]["events"]
    edited, deleted = (
        {"redacted": True, "message": {"body": body, "mentions": []}} for body in ("shown", "")
    )
    edits = ({"redacted": True, "body": ""}, {"redacted": False, "body": "shown"})
    assert events == [edited, deleted, *edits, {}]


async def test_pages_of_rooms_members_and_search(people: People) -> None:
    ada, bob, cid = await people("Ada", "Bob", "Cid")
    rooms = {await ada.make_room(f"R{number}", "PRIVATE", bob.id, cid.id) for number in range(5)}
    seen: list[str] = []
    query = """query ($after: String) { rooms(first: 2, after: $after) {
      edges { cursor node { id } } nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor startCursor } } }"""
    after = None
    while True:
        page = (await bob.ask(query, after=after))["rooms"]
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        seen += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen))
    assert set(seen) >= rooms
    assert set(seen[:5]) == rooms  # one's own come first

    room = sorted(rooms)[0]
    members = "query ($id: ID!, $after: String) { room(id: $id) { members(first: 2, after: $after)" \
        " { nodes { role user { id username } } pageInfo { hasNextPage endCursor } } } }"  # fmt: skip
    first = (await ada.ask(members, id=room))["room"]["members"]
    cursor = first["pageInfo"]["endCursor"]
    last = (await ada.ask(members, id=room, after=cursor))["room"]["members"]
    assert (await ada.ask(ROOM % "memberCount", id=room))["room"]["memberCount"] == 3
    assert (first["pageInfo"]["hasNextPage"], last["pageInfo"]["hasNextPage"]) == (True, False)
    both = [*first["nodes"], *last["nodes"]]
    assert {member["user"]["username"] for member in both} == {
        *(ada.username, bob.username, cid.username)
    }

    for number in range(3):
        await ada.post(room, f"needle {number}")
    for where in (room, None):
        search = "query ($room: ID, $after: String) { search(text: \"NEEDLE\", room: $room, first: 2, after: $after)" \
            " { nodes { body } pageInfo { hasNextPage endCursor } } }"  # fmt: skip
        first = (await bob.ask(search, room=where))["search"]
        assert [node["body"] for node in first["nodes"]] == ["needle 2", "needle 1"]
        assert first["pageInfo"]["hasNextPage"] is True
        cursor = first["pageInfo"]["endCursor"]
        last = (await bob.ask(search, room=where, after=cursor))["search"]
        assert [node["body"] for node in last["nodes"]] == ["needle 0"]
        assert last["pageInfo"]["hasNextPage"] is False


@pytest.mark.parametrize("cursor", ["", "%", "a" * 500, "é", "eA"])
async def test_nonsense_as_a_cursor(people: People, cursor: str) -> None:
    (ada,) = await people("Ada")
    room = await ada.make_room()
    search = 'query ($r: ID!, $after: String) { search(text: "a", room: $r, after: $after) { nodes { id } } }'
    assert await ada.code(search, r=room, after=cursor) == "request.invalid"


@pytest.mark.parametrize("text", ["", "  ", "x" * 201])
async def test_a_search_needs_a_text(people: People, text: str) -> None:
    (ada,) = await people("Ada")
    search = "query ($text: String!) { search(text: $text) { nodes { id } } }"
    assert await ada.code(search, text=text) == "request.invalid"


async def test_members_with_a_connection_of_any_kind_are_online(people: People) -> None:
    ada, bob, cid = await people("Ada", "Bob", "Cid")
    room = await ada.make_room("Lounge", "PRIVATE", bob.id, cid.id)
    assert bob.person is not None and cid.person is not None
    members = ROOM % "members { nodes { online user { id } } }"
    async with bob.person.connect(), Speaker(ada.server.port) as speaker:
        await speaker.init(cid.person.token)
        found = (await ada.ask(members, id=room))["room"]["members"]["nodes"]
        again = (await speaker.run(members, id=room))["data"]["room"]["members"]["nodes"]
    online = {member["user"]["id"]: member["online"] for member in found}
    assert online == {ada.id: False, bob.id: True, cid.id: True}
    assert again == found


async def test_pages_of_rooms_that_are_known_to_be_empty(people: People) -> None:
    (ada,) = await people("Ada")
    rooms = [await ada.make_room("Empty"), await ada.make_room("Other")]
    text = "{ rooms { nodes { messages(last: 1) { body } } } }"
    for _ in range(2):
        found = (await ada.ask(text))["rooms"]["nodes"]
        assert found.count({"messages": []}) >= len(rooms)
