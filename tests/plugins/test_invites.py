"""Invitations: who makes them, how often they are used, and where those who come with one are."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from dict_records import DictRecords

from chatserver import ChatError, RoomKind, ServerRole
from chatserver.testing.running import PASSWORD, Answer, Chat, Person, running
from chatserver_plugins.invites.book import DAY, Book
from tests.forking import ran

CLOSED = {"server.registration": "closed", "server.public_url": "https://chat.example.org"}


async def staff(chat: Chat) -> Person:
    accounts = chat.service.accounts
    await accounts.add("boss", PASSWORD, role=ServerRole.OWNER)
    user, token = await accounts.login("boss", PASSWORD, "127.0.0.1")
    return Person(chat, user, token)


async def come(
    chat: Chat, code: str, username: str, password: str = PASSWORD, **more: Any
) -> Answer:
    body = {"method": "invite", "secret": True}
    begun = (await chat.http("POST", "/api/v1/login/begin", body)).json
    answer = {"code": code, "username": username, "password": password, **more}
    given = {"flow": begun["flow"], "secret": begun["secret"], "answer": answer}
    return await chat.http("POST", "/api/v1/login/proceed", given)


async def test_whoever_is_invited_makes_an_account_and_is_in_the_rooms() -> None:
    async with running("invites", settings=CLOSED) as chat:
        boss = await staff(chat)
        room = await boss.create_room("Team", kind=RoomKind.PRIVATE)
        made = await boss.http("POST", "/api/v1/invites", {"uses": 2, "rooms": [room.id]})
        assert made.status == 201 and made.json["left"] == 2
        code = made.json["code"]
        assert made.json["link"] == f"https://chat.example.org/#invite={code}"
        account = {"username": "ada", "password": PASSWORD}
        closed = await chat.http("POST", "/api/v1/register", account)
        assert closed.json["error"]["code"] == "auth.closed"

        weak = await come(chat, code, "ada", "12345678")
        assert weak.json["error"]["detail"] == {"field": "password", "reason": "common"}
        ada = await come(chat, code, "ada", name="Ada")
        assert ada.json["user"]["name"] == "Ada" and ada.json["user"]["role"] == "member"
        rooms = await chat.http("GET", "/api/v1/rooms", token=ada.json["token"])
        assert [each["id"] for each in rooms.json["rooms"]] == [room.id]
        taken = await come(chat, code, "ada")
        assert taken.json["error"]["code"] == "user.exists"
        assert (await come(chat, code, "bob")).json["token"]
        third = await come(chat, code, "carol")
        assert third.json["step"]["error"]["en"].startswith("This invitation")
        (listed,) = (await boss.http("GET", "/api/v1/invites")).json["invites"]
        assert listed["made"] < listed["expires"] and listed["expires"].endswith("Z")
        assert listed["left"] == 0 and code not in str(listed)
        account["username"] = "ada"
        assert (await chat.http("POST", "/api/v1/login", account)).status == 200


async def test_one_use_makes_one_account_however_many_come_at_once() -> None:
    async with running("invites", settings=CLOSED) as chat:
        boss = await staff(chat)
        code = (await boss.http("POST", "/api/v1/invites", {})).json["code"]
        found = await asyncio.gather(*(come(chat, code, f"user{number}") for number in range(5)))
        assert sum("token" in each.json for each in found) == 1
        assert len(await chat.service.accounts.list()) == 2


async def test_staff_makes_invitations_and_nobody_else() -> None:
    async with running("invites") as chat:
        boss = await chat.user("boss")
        ada = await chat.user("ada")
        for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/x")):
            refused = await ada.http(method, f"/api/v1/invites{path}")
            assert refused.json["error"]["code"] == "user.forbidden"
            nobody = await chat.http(method, f"/api/v1/invites{path}")
            assert nobody.json["error"]["code"] == "auth.required"
        for body in (
            {"uses": 0},
            {"days": 0},
            {"days": 400},
            {"uses": 1001},
            {"rooms": ["x"] * 51},
        ):
            refused = await boss.http("POST", "/api/v1/invites", body)
            assert refused.json["error"]["code"] == "request.invalid"
        refused = await boss.http("POST", "/api/v1/invites", {"rooms": ["unknown"]})
        assert refused.json["error"]["code"] == "room.not_found"
        made = (await boss.http("POST", "/api/v1/invites", {})).json
        assert (await boss.http("DELETE", f"/api/v1/invites/{made['id']}")).status == 200
        gone = await boss.http("DELETE", f"/api/v1/invites/{made['id']}")
        assert gone.json["error"]["code"] == "request.not_found"
        assert "error" in (await come(chat, made["code"], "bob")).json["step"]


async def test_over_graphql_staff_does_the_same() -> None:
    async with running("invites", "graphql") as chat:
        boss, ada = await chat.user("boss"), await chat.user("ada")
        room = await boss.create_room("Team", kind=RoomKind.PRIVATE)
        listing = "{ invites { id by made expires left rooms } }"
        making = f'''mutation {{ createInvite(input: {{uses: 2, rooms: ["{room.id}"]}}) {{
          code link invite {{ id by made expires left rooms }} }} }}'''
        made = (await asked(boss, making))["createInvite"]
        assert made["link"].endswith(f"/#invite={made['code']}")
        assert (await come(chat, made["code"], "bob")).json["token"]
        (listed,) = (await asked(boss, listing))["invites"]
        assert listed == made["invite"] | {"left": 1}
        assert (listed["by"], listed["rooms"]) == (boss.user.id, [room.id])
        removing = (
            f'mutation {{ removeInvite(input: {{inviteId: "{listed["id"]}"}}) {{ inviteId }} }}'
        )
        for document in (listing, making, removing):
            assert await asked(ada, document) == "user.forbidden"
        assert await asked(boss, removing) == {"removeInvite": {"inviteId": listed["id"]}}
        assert await asked(boss, removing) == "request.not_found"
        assert await asked(boss, making.replace("uses: 2", "uses: 0")) == "request.invalid"


async def asked(person: Person, document: str) -> Any:
    """The data, or the code of the error."""
    answer = (await person.http("POST", "/graphql", {"query": document})).json
    return answer["errors"][0]["extensions"]["code"] if "errors" in answer else answer["data"]


@pytest.mark.parametrize("lost", ["role", "lock"])
async def test_an_invitation_ends_with_the_rights_of_who_made_it(lost: str) -> None:
    async with running("invites", settings=CLOSED) as chat:
        await staff(chat)
        accounts = chat.service.accounts
        await accounts.add("admin", PASSWORD, role=ServerRole.ADMIN)
        user, token = await accounts.login("admin", PASSWORD, "127.0.0.1")
        code = (await Person(chat, user, token).http("POST", "/api/v1/invites", {})).json["code"]
        if lost == "role":
            await accounts.set_role("admin", ServerRole.MEMBER)
        else:
            await accounts.lock("admin", True)
        assert "error" in (await come(chat, code, "ada")).json["step"]


def test_an_operator_makes_lists_and_removes_invitations(tmp_path: Path) -> None:
    settings = ["server.data=data", "plugins.enabled=sqlite,password,invites"]
    settings += ["server.public_url=https://chat.example.org"]
    options = [f"--set={each}" for each in settings]

    def chatserver(*arguments: str, said: str = "") -> tuple[int, str]:
        done = ran(*arguments, cwd=tmp_path, input=said)
        return done.returncode, done.stdout + done.stderr

    def invites(*arguments: str) -> tuple[int, str]:
        return chatserver("plugin", "run", *options, "invites", *arguments)

    add = ("user", "add", "--password-file", "-", *options)
    assert chatserver("migrate", *options)[0] == 0
    assert chatserver(*add, "boss", said=PASSWORD)[0] == 0
    assert chatserver(*add, "ada", said=PASSWORD)[0] == 0
    status, link = invites("make", "--by", "boss", "--uses", "3")
    assert (status, link[:33]) == (0, "https://chat.example.org/#invite="), link
    status, said = invites("list")
    assert status == 0 and said.split()[1] == "3"
    assert invites("make", "--by", "ada")[0] == invites("make", "--by", "nobody")[0] == 1
    assert invites("remove", link.partition("=")[2].strip())[0] == 0
    assert invites("list") == (0, "")
    assert invites("remove", said.split()[0])[0] == 1


async def test_an_invitation_expires_and_its_code_is_not_stored(records: DictRecords) -> None:
    now = [1_000_000.0]
    book = Book(records, lambda: now[0])
    code, _ = await book.make("boss", 3, 2, ())
    assert code not in str(await records.scan(""))
    assert await book.take(code)
    now[0] += 2 * DAY
    assert await book.find(code) is None and not await book.take(code)
    assert await book.all() == [] and await records.scan("") == []


async def test_there_are_not_too_many_invitations(
    records: DictRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatserver_plugins.invites.book.KEPT_MOST", 2)
    book = Book(records)
    for _ in range(2):
        await book.make("boss", 1, 1, ())
    with pytest.raises(ChatError, match=r"limit\.count"):
        await book.make("boss", 1, 1, ())
