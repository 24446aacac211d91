"""All mutations: their effects, and the users they refuse."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from graphql import GraphQLObjectType, is_non_null_type

from chatserver import Identity, ServerRole
from chatserver.app import Server
from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.schema import build
from tests.graphql.asker import Asker, Json
from tests.graphql.conftest import People
from tests.protocol.running import PASSWORD

CHANGE = "mutation ($input: %s!) { %s(input: $input) { seq room { head } } }"
# Each that changes something in a room, with an input that somebody without rights may try.
IN_A_ROOM = {
    "changeRoom": ("ChangeRoomInput", {"name": "New"}, "room { id }"),
    "setRoomArchived": ("SetRoomArchivedInput", {"archived": True}, "seq"),
    "deleteRoom": ("RoomInput", {}, "roomId seq"),
    "inviteMember": ("MemberInput", {"userId": "USER"}, "room { id }"),
    "removeMember": ("MemberInput", {"userId": "USER"}, "room { id }"),
    "banMember": ("BanMemberInput", {"userId": "USER"}, "seq"),
    "liftBan": ("MemberInput", {"userId": "USER"}, "seq"),
    "setMemberRole": ("SetMemberRoleInput", {"userId": "USER", "role": "OWNER"}, "seq"),
    "markRead": ("MarkReadInput", {"seq": 1}, "seq"),
    "setRoomPreferences": ("SetRoomPreferencesInput", {"muted": True}, "room { id }"),
    "sendMessage": ("SendMessageInput", {"body": "b", "clientId": "c"}, "repeated"),
    "runCommand": ("RunCommandInput", {"text": "/shrug", "clientId": "c"}, "repeated"),
    "editMessage": ("EditMessageInput", {"messageId": "MESSAGE", "body": "b"}, "seq"),
    "deleteMessage": ("MessageInput", {"messageId": "MESSAGE"}, "seq"),
    "addReaction": ("ReactionInput", {"messageId": "MESSAGE", "emoji": "👍"}, "seq"),
    "removeReaction": ("ReactionInput", {"messageId": "MESSAGE", "emoji": "👍"}, "seq"),
    "pinMessage": ("MessageInput", {"messageId": "MESSAGE"}, "seq"),
    "unpinMessage": ("MessageInput", {"messageId": "MESSAGE"}, "seq"),
    "interact": ("InteractInput", {"messageId": "MESSAGE", "part": "yes"}, "note"),
}
ELSEWHERE = {
    *("register", "login", "logout", "setUserDisabled"),
    *("changeProfile", "setUserRole", "unlinkIdentity"),
    *("setStatus", "blockUser", "unblockUser"),  # in test_subscriptions.py
    "endUserSessions",  # in tests/protocol/test_administration.py
    *("addUser", "setUserPassword", "makeResetLink"),  # in tests/protocol/test_passwords.py
    *("setEmail", "confirmEmail", "setUserEmail"),  # in tests/protocol/test_emails.py
    *("endSession", "changePassword"),  # in tests/protocol/test_login_methods.py
    *("beginLogin", "proceedLogin"),  # in test_logins.py
    "setPreferences",  # in test_subscriptions.py
    *("createRoom", "joinRoom", "leaveRoom", "setTyping"),
}


def test_every_mutation_is_tried_here() -> None:
    mutation = build([own_part()]).mutation_type
    assert isinstance(mutation, GraphQLObjectType)
    assert set(mutation.fields) == set(IN_A_ROOM) | ELSEWHERE


def document(name: str, rest: dict[str, object]) -> tuple[str, Json]:
    kind, fields, answer = IN_A_ROOM[name]
    text = f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ {answer} }} }}"
    named = {key: rest.get(str(value), value) for key, value in fields.items()}
    return text, {"roomId": rest["ROOM"], **named}


@pytest.mark.parametrize("name", IN_A_ROOM)
async def test_a_room_one_may_not_see_is_not_there(
    people: People, nobody: Asker, name: str
) -> None:
    ada, bob = await people("Ada", "Bob")
    room = await ada.make_room("Secret", "PRIVATE")
    message = await ada.post(room, "Hello")
    text, given = document(name, {"ROOM": room, "USER": ada.id, "MESSAGE": message["id"]})
    assert await bob.code(text, input=given) == "room.not_found"
    assert await nobody.code(text, input=given) == "auth.required"
    assert await bob.code(text, input={**given, "roomId": ""}) == "request.invalid"


@pytest.mark.parametrize(
    "name", ["changeRoom", "setRoomArchived", "deleteRoom", "removeMember", "banMember", "liftBan", "setMemberRole", "editMessage", "deleteMessage", "pinMessage", "unpinMessage"]
)  # fmt: skip
async def test_changes_that_a_member_may_not_make(people: People, name: str) -> None:
    ada, bob = await people("Ada", "Bob")
    room = await ada.make_room("Team", "PRIVATE", bob.id)
    message = await ada.post(room, "Hello")
    text, given = document(name, {"ROOM": room, "USER": ada.id, "MESSAGE": message["id"]})
    assert await bob.code(text, input=given) == "room.forbidden"


async def test_accounts(nobody: Asker) -> None:
    register = "mutation ($input: RegisterInput!) { register(input: $input) { token user { id username name } } }"
    made = (await nobody.ask(register, input={"username": "Zoe", "password": PASSWORD}))["register"]
    assert (made["user"]["username"], made["user"]["name"]) == ("zoe", "Zoe")
    again = {"username": "ZOE", "password": PASSWORD}
    assert await nobody.code(register, input=again) == "user.exists"
    bad = {"username": "no spaces", "password": PASSWORD}
    assert await nobody.code(register, input=bad) == "request.invalid"

    login = "mutation ($input: LoginInput!) { login(input: $input) { token user { id } } }"
    signed = (await nobody.ask(login, input=again))["login"]
    assert signed["user"]["id"] == made["user"]["id"]
    wrong = {"username": "zoe", "password": "another password"}
    assert await nobody.code(login, input=wrong) == "auth.invalid"

    headers = {"Authorization": f"Bearer {signed['token']}"}
    body = {"query": "mutation { logout { user { username } } }"}
    out = await nobody.server.http("POST", "/graphql", body, headers=headers)
    assert out.json()["data"]["logout"]["user"]["username"] == "zoe"
    again_out = await nobody.server.http("POST", "/graphql", body, headers=headers)
    assert again_out.json()["errors"][0]["extensions"]["code"] == "auth.invalid"


async def test_locking_an_account_out_is_for_staff(people: People) -> None:
    staff, bob, cid = await people("Staff", "Bob", "Cid")
    await staff.server.run(lambda s: s.service.accounts.set_role(staff.username, ServerRole.ADMIN))
    text = "mutation ($input: SetUserDisabledInput!) { setUserDisabled(input: $input) { user { disabled } } }"
    lock = {"username": bob.username, "disabled": True}
    assert await cid.code(text, input=lock) == "user.forbidden"
    done = await staff.ask(text, input=lock)
    assert done["setUserDisabled"] == {"user": {"disabled": True}}
    assert await bob.code("{ rooms { nodes { id } } }") == "auth.invalid"


async def test_one_chooses_another_name_as_over_http(people: People, nobody: Asker) -> None:
    (ada,) = await people("Ada")
    text = (
        "mutation ($input: ChangeProfileInput!) { changeProfile(input: $input) { user { name } } }"
    )
    done = await ada.ask(text, input={"name": "  Ada  L. "})
    assert done["changeProfile"] == {"user": {"name": "Ada L."}}
    assert (await ada.ask("{ me { name } }"))["me"] == {"name": "Ada L."}
    assert await ada.code(text, input={"name": ""}) == "request.invalid"
    assert await nobody.code(text, input={"name": "Nobody"}) == "auth.required"


async def test_staff_gives_roles_below_its_own_after_a_confirmation(people: People) -> None:
    staff, bob, cid = await people("Staff", "Bob", "Cid")
    await staff.server.run(lambda s: s.service.accounts.set_role(staff.username, ServerRole.ADMIN))
    text = "mutation ($input: SetUserRoleInput!) { setUserRole(input: $input) { user { role } } }"
    guest = {"username": bob.username, "role": "GUEST"}
    assert await cid.code(text, input=guest) == "user.forbidden"
    done = await staff.ask(text, input=guest)
    assert done["setUserRole"] == {"user": {"role": "GUEST"}}
    assert await staff.code(text, input=guest | {"role": "ADMIN"}) == "user.forbidden"
    assert await staff.code(text, input=guest | {"username": "nobody-here"}) == "user.not_found"
    assert await bob.code("query ($id: ID!) { user(id: $id) { id } }", id=cid.id) == (
        "user.forbidden"
    )
    async with long_ago(staff):
        assert await staff.code(text, input=guest | {"role": "MEMBER"}) == "auth.confirm"


async def test_a_linked_way_to_sign_in_is_listed_and_removed_by_its_user(people: People) -> None:
    ada, bob = await people("Ada", "Bob")
    identity = Identity(method="directory", subject=f"of {ada.id}", name="ada@directory")

    async def link(server: Server) -> None:
        accounts = server.service.accounts
        await accounts.link(await accounts.get(ada.id), identity)

    await ada.server.run(link)
    query = "{ myIdentities { hasPassword identities { id method name at } } }"
    found = (await ada.ask(query))["myIdentities"]
    (linked,) = found["identities"]
    assert (found["hasPassword"], linked["method"]) == (True, "directory")
    assert (await bob.ask(query))["myIdentities"] == {"hasPassword": True, "identities": []}
    text = (
        "mutation ($input: UnlinkIdentityInput!) { unlinkIdentity(input: $input) { identityId } }"
    )
    given = {"identityId": linked["id"]}
    assert await bob.code(text, input=given) == "request.not_found"
    async with long_ago(ada):
        assert await ada.code(text, input=given) == "auth.confirm"
    assert await ada.ask(text, input=given) == {"unlinkIdentity": given}
    assert (await ada.ask(query))["myIdentities"]["identities"] == []


@asynccontextmanager
async def long_ago(asker: Asker) -> AsyncIterator[None]:
    """A while in which sign-ins and confirmations are no longer recent."""

    async def set_clock(server: Server, ahead: float) -> None:
        server.service.accounts.sessions._clock = lambda: time.time() + ahead

    await asker.server.run(lambda server: set_clock(server, 601))
    try:
        yield
    finally:
        await asker.server.run(lambda server: set_clock(server, 0))


async def test_rooms_are_made_changed_joined_and_left(people: People) -> None:
    ada, bob = await people("Ada", "Bob")
    room = await ada.make_room("Before")
    change = (
        "mutation ($input: ChangeRoomInput!) { changeRoom(input: $input) { room { name topic } } }"
    )
    changed = await ada.ask(change, input={"roomId": room, "name": "After", "topic": "All"})
    assert changed["changeRoom"]["room"] == {"name": "After", "topic": "All"}
    kept = await ada.ask(change, input={"roomId": room, "topic": ""})
    assert kept["changeRoom"]["room"] == {"name": "After", "topic": ""}

    describe = "mutation ($input: ChangeRoomInput!) { changeRoom(input: $input) { room { name description } } }"
    about = "Tea of all kinds.\n\nNo coffee."
    told = await ada.ask(describe, input={"roomId": room, "description": f" {about}\n"})
    assert told["changeRoom"]["room"] == {"name": "After", "description": about}
    named = await ada.ask(describe, input={"roomId": room, "name": "Tea"})
    assert named["changeRoom"]["room"] == {"name": "Tea", "description": about}
    asked = """query ($id: ID!) {
        rooms { nodes { id description } }
        room(id: $id) { description events(after: 0) { ... on RoomChanged { description } } }
    }"""
    seen = await ada.ask(asked, id=room)
    assert {"id": room, "description": about} in seen["rooms"]["nodes"]
    assert seen["room"]["description"] == seen["room"]["events"][-1]["description"] == about
    assert seen["room"]["events"][0] == {"description": ""}

    limit = "mutation ($input: ChangeRoomInput!) { changeRoom(input: $input) { room { topic posting } } }"
    limited = await ada.ask(limit, input={"roomId": room, "topic": "t", "posting": "MODERATORS"})
    assert limited["changeRoom"]["room"] == {"topic": "t", "posting": "MODERATORS"}
    slow = "mutation ($input: ChangeRoomInput!) { changeRoom(input: $input) { room { slowMode } } }"
    slowed = await ada.ask(slow, input={"roomId": room, "slowMode": 30})
    assert slowed["changeRoom"]["room"] == {"slowMode": 30}
    paced = "query ($id: ID!) { room(id: $id) { events(after: 0) { ... on RoomChanged { slowMode } } } }"
    paces = (await ada.ask(paced, id=room))["room"]["events"]
    assert [event["slowMode"] for event in paces if event][-1] == 30
    await ada.ask(slow, input={"roomId": room, "slowMode": 0})
    log = """query ($id: ID!) {
        room(id: $id) { posting events(after: 0) { ... on RoomChanged { posting } } }
    }"""
    told = (await ada.ask(log, id=room))["room"]
    assert told["posting"] == "MODERATORS"
    first, *_, last = [event["posting"] for event in told["events"] if event]
    assert (first, last) == ("EVERYONE", "MODERATORS")

    join = "mutation ($id: ID!) { joinRoom(roomId: $id) { room { joined role } } }"
    leave = "mutation ($id: ID!) { leaveRoom(roomId: $id) { roomId } }"
    joined = await bob.ask(join, id=room)
    assert joined["joinRoom"]["room"] == {"joined": True, "role": "MEMBER"}
    assert await bob.ask(leave, id=room) == {"leaveRoom": {"roomId": room}}
    assert await bob.code(leave, id=room) == "room.forbidden"
    secret = await ada.make_room("Secret", "PRIVATE")
    assert await bob.code(join, id=secret) == "room.not_found"


async def test_a_direct_room_is_made_once(people: People) -> None:
    ada, bob = await people("Ada", "Bob")
    made = "mutation ($input: CreateRoomInput!) { createRoom(input: $input) { room { id name kind } } }"
    first = await ada.ask(made, input={"kind": "DIRECT", "members": [bob.id]})
    again = await bob.ask(made, input={"kind": "DIRECT", "members": [ada.id]})
    assert first["createRoom"]["room"]["id"] == again["createRoom"]["room"]["id"]
    assert (first["createRoom"]["room"]["name"], again["createRoom"]["room"]["name"]) == (
        *("Bob", "Ada"),
    )


async def test_members_come_rise_and_go(people: People) -> None:
    ada, bob = await people("Ada", "Bob")
    room = await ada.make_room("Team", "PRIVATE")
    given = {"roomId": room, "userId": bob.id}
    text = "mutation ($input: MemberInput!) { %s(input: $input) { room { members { nodes { user { id } } } } } }"
    invited = await ada.ask(text % "inviteMember", input=given)
    assert {"user": {"id": bob.id}} in invited["inviteMember"]["room"]["members"]["nodes"]
    risen = await ada.ask(
        CHANGE % ("SetMemberRoleInput", "setMemberRole"), input={**given, "role": "ADMIN"}
    )
    assert risen["setMemberRole"]["seq"] == risen["setMemberRole"]["room"]["head"]
    mine = "query ($id: ID!) { room(id: $id) { role } }"
    assert (await bob.ask(mine, id=room))["room"]["role"] == "ADMIN"
    removed = await ada.ask(text % "removeMember", input=given)
    assert {"user": {"id": bob.id}} not in removed["removeMember"]["room"]["members"]["nodes"]
    assert await bob.ask(mine, id=room) == {"room": None}


async def test_sending_twice_is_sending_once(people: People) -> None:
    (ada,) = await people("Ada")
    room = await ada.make_room()
    text = "mutation ($input: SendMessageInput!) { sendMessage(input: $input) { repeated message { id } } }"
    given = {"roomId": room, "body": "Hello", "clientId": "once"}
    first = (await ada.ask(text, input=given))["sendMessage"]
    again = (await ada.ask(text, input=given))["sendMessage"]
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert first["message"] == again["message"]
    other = {**given, "roomId": await ada.make_room("Another")}
    assert await ada.code(text, input=other) == "message.client_id_reused"


async def test_the_fields_of_one_request_are_carried_out_in_order(people: People) -> None:
    (ada,) = await people("Ada")
    room = await ada.make_room()
    text = "mutation ($r: ID!) {" + "".join(
        f' m{n}: sendMessage(input: {{roomId: $r, body: "{n}", clientId: "{n}"}})'
        " { message { seq room { head } } }"
        for n in range(10)
    ) + "}"  # fmt: skip
    done = await ada.ask(text, r=room)
    seqs = [done[f"m{n}"]["message"]["seq"] for n in range(10)]
    assert seqs == list(range(seqs[0], seqs[0] + 10))
    assert [done[f"m{n}"]["message"]["room"]["head"] for n in range(10)] == seqs


async def test_a_message_lives(people: People) -> None:
    (ada,) = await people("Ada")
    room = await ada.make_room()
    message = await ada.post(room, "one")
    given = {"roomId": room, "messageId": message["id"]}
    query = """query ($room: ID!, $id: ID!) { room(id: $room) { message(id: $id) {
      body editedAt pinned reactions { emoji count } } } }"""

    async def do(name: str, kind: str, **more: str) -> Json:
        done = (await ada.ask(CHANGE % (kind, name), input={**given, **more}))[name]
        assert done["seq"] == done["room"]["head"]
        found: Json = (await ada.ask(query, room=room, id=message["id"]))["room"]["message"]
        return found

    edited = await do("editMessage", "EditMessageInput", body="two")
    assert edited["body"] == "two"
    assert edited["editedAt"] > message["at"]
    assert (await do("pinMessage", "MessageInput"))["pinned"] is True
    assert (await do("unpinMessage", "MessageInput"))["pinned"] is False
    reacted = await do("addReaction", "ReactionInput", emoji="🎉")
    assert reacted["reactions"] == [{"emoji": "🎉", "count": 1}]
    assert (await do("addReaction", "ReactionInput", emoji="🎉"))["reactions"] == reacted[
        "reactions"
    ]
    assert (await do("removeReaction", "ReactionInput", emoji="🎉"))["reactions"] == []
    assert await do("deleteMessage", "MessageInput") is None
    text = CHANGE % ("MessageInput", "deleteMessage")
    assert await ada.code(text, input=given) == "message.not_found"
    listed = "query ($id: ID!) { room(id: $id) { messages { body deleted } } }"
    left = (await ada.ask(listed, id=room))["room"]["messages"]
    assert left == [{"body": "", "deleted": True}]


async def test_pinned_messages_are_listed_the_last_pinned_first(people: People) -> None:
    ada, bob = await people("Ada", "Bob")
    room = await ada.make_room()
    pinned = [(await ada.post(room, f"message {n}"))["id"] for n in range(3)]
    for message in pinned:
        given = {"roomId": room, "messageId": message}
        await ada.ask(CHANGE % ("MessageInput", "pinMessage"), input=given)
    query = """query ($room: ID!, $first: Int, $after: ID) { room(id: $room) {
      pins(first: $first, after: $after) { message { id } by { id } at } } }"""
    found = (await bob.ask(query, room=room, first=2))["room"]["pins"]
    assert [pin["message"]["id"] for pin in found] == [pinned[2], pinned[1]]
    assert found[0]["by"]["id"] == ada.id and found[0]["at"] >= found[1]["at"]
    rest = (await bob.ask(query, room=room, after=pinned[1]))["room"]["pins"]
    assert [pin["message"]["id"] for pin in rest] == [pinned[0]]
    assert (await bob.ask(query, room=room, after=pinned[0]))["room"]["pins"] == []
    assert await bob.code(query, room=room, first=51) == "request.invalid"


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("sendMessage", "clientId", ""),
        ("sendMessage", "clientId", "x" * 65),
        ("sendMessage", "body", " "),
        ("sendMessage", "replyTo", ""),
        ("runCommand", "clientId", ""),
        ("runCommand", "text", " "),
        ("addReaction", "emoji", ""),
        ("addReaction", "emoji", "x" * 33),
        ("changeRoom", "topic", "x" * 1001),
        ("changeRoom", "description", "x" * 4001),
        ("changeRoom", "name", "x" * 201),
        ("markRead", "seq", -1),
    ],
)
async def test_bounds_are_those_of_the_other_doors(
    people: People, name: str, field: str, value: object
) -> None:
    (ada,) = await people("Ada")
    room = await ada.make_room()
    message = await ada.post(room, "Hello")
    text, given = document(name, {"ROOM": room, "USER": ada.id, "MESSAGE": message["id"]})
    assert await ada.code(text, input={**given, field: value}) == "request.invalid"
    long = {"roomId": room, "body": "x" * 8001, "clientId": "long"}
    assert await ada.code(document("sendMessage", {"ROOM": room})[0], input=long) == "limit.size"


SEND = "sendMessage(input: {roomId: $r, body: %r, clientId: %r}) { message { body } }"


async def test_one_failure_leaves_the_others_as_they_are(people: People) -> None:
    (ada,) = await people("Ada")
    room = await ada.make_room()
    fields = [("first", "1", "1"), ("failed", " ", "2"), ("last", "3", "3")]
    text = "mutation ($r: ID!) {" + "".join(
        f" {alias}: {SEND % (body, name)}".replace("'", '"') for alias, body, name in fields
    )
    answer = await ada.answer(text + ' gone: joinRoom(roomId: "nowhere") { room { id } } }', r=room)
    assert answer["data"] == {
        "first": {"message": {"body": "1"}},
        "failed": None,
        "last": {"message": {"body": "3"}},
        "gone": None,
    }
    errors = [(error["path"], error["extensions"]["code"]) for error in answer["errors"]]
    assert errors == [(["failed"], "request.invalid"), (["gone"], "room.not_found")]
    stored = await ada.ask("query ($r: ID!) { room(id: $r) { messages { body } } }", r=room)
    assert [message["body"] for message in stored["room"]["messages"]] == ["1", "3"]


def test_every_root_field_that_can_fail_is_nullable() -> None:
    schema = build([own_part()])
    for root in (schema.query_type, schema.mutation_type):
        assert root is not None
        fixed = {name for name, field in root.fields.items() if is_non_null_type(field.type)}
        assert fixed <= {"epoch"}  # which is known from the start on


async def test_one_failing_query_leaves_the_others_as_they_are(people: People) -> None:
    (ada,) = await people("Ada")
    answer = await ada.answer('{ me { name } search(text: "") { nodes { id } } }')
    assert answer["data"] == {"me": {"name": "Ada"}, "search": None}
    assert [error["path"] for error in answer["errors"]] == [["search"]]


async def test_commands_are_listed_and_run(people: People) -> None:
    ada, bob = await people("Ada", "Bob")
    room = await ada.make_room("Team", "PRIVATE", bob.id)
    listed = "query ($r: ID!) { commands(room: $r) { name usage about who arguments { name kind required choices } } }"
    rows = {each["name"]: each for each in (await ada.ask(listed, r=room))["commands"]}
    assert rows["topic"]["usage"] == "/topic text…" and rows["topic"]["who"] == "room.admin"
    text = {"name": "text", "kind": "REST", "required": True, "choices": []}
    assert rows["topic"]["arguments"] == [text]
    assert "topic" not in [each["name"] for each in (await bob.ask(listed, r=room))["commands"]]
    typed = "query ($r: ID!, $t: String!) { commandSuggestions(room: $r, text: $t) { text label about } }"
    found = (await bob.ask(typed, r=room, t="/sh"))["commandSuggestions"]
    about = "Send a shrug, behind a text if you like."
    assert found == [{"text": "/shrug ", "label": "/shrug [text…]", "about": about}]
    run = """mutation ($input: RunCommandInput!) { runCommand(input: $input) {
        text repeated message { body author { id } } } }"""
    given = {"roomId": room, "text": "/shrug well", "clientId": "shrug"}
    for repeated in (False, True):
        done = (await bob.ask(run, input=given))["runCommand"]
        message = {"body": "well ¯\\_(ツ)_/¯", "author": {"id": bob.id}}
        assert done == {"text": None, "repeated": repeated, "message": message}
    help_ = {"roomId": room, "text": "/help leave", "clientId": "help"}
    done = (await bob.ask(run, input=help_))["runCommand"]
    assert done == {"text": "/leave: Leave this room.", "repeated": False, "message": None}
    topic = {"roomId": room, "text": "/topic Tea", "clientId": "topic"}
    assert await bob.code(run, input=topic) == "command.forbidden"
    unknown = {"roomId": room, "text": "/nothing", "clientId": "none"}
    assert await ada.code(run, input=unknown) == "command.unknown"


async def test_threads_are_answered_listed_and_read_by_page(people: People) -> None:
    ada, bob = await people("Ada", "Bob")
    room = await ada.make_room()
    root = (await ada.post(room, "root"))["id"]
    text = """mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
      message { id thread broadcast threadMessage { id } replies { count } } } }"""
    sent = []
    for n in range(3):
        given = {"roomId": room, "body": f"reply {n}", "clientId": f"r{n}", "thread": root}
        given |= {"broadcast": n == 2}
        sent.append((await ada.ask(text, input=given))["sendMessage"]["message"])
    assert [each["broadcast"] for each in sent] == [False, False, True]
    assert [each["replies"] for each in sent] == [None] * 3
    assert (
        {each["thread"] for each in sent}
        == {each["threadMessage"]["id"] for each in sent}
        == {root}
    )
    query = """query ($room: ID!, $last: Int, $before: Int) { room(id: $room) { messages {
      id replies { count seq at authors { id } messages(last: $last, before: $before) { id seq } } } } }"""
    messages = (await bob.ask(query, room=room, last=2))["room"]["messages"]
    assert [each["replies"] for each in messages[1:]] == [None] * 3
    found = messages[0]["replies"]
    assert found["count"] == 3 and [each["id"] for each in found["authors"]] == [ada.id]
    assert [each["id"] for each in found["messages"]] == [each["id"] for each in sent[1:]]
    assert found["seq"] == found["messages"][-1]["seq"]
    before = found["messages"][0]["seq"]
    older = (await bob.ask(query, room=room, last=2, before=before))["room"]["messages"]
    assert [each["id"] for each in older[0]["replies"]["messages"]] == [sent[0]["id"]]
    nested = {"roomId": room, "body": "reply", "clientId": "n", "thread": sent[0]["id"]}
    assert await ada.code(text, input=nested) == "request.invalid"
    assert await ada.code(query, room=room, last=51) == "request.invalid"
