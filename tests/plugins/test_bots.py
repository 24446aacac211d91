"""Bots: made by people, signed in by tokens, stopped with their tokens and with their owners, on all nodes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from chatserver import ChatError, ServerRole, is_staff
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import ANSWER_SECONDS, PASSWORD, Answer, Chat, Person, running
from chatserver_plugins.bots import gatekeeper, tokens
from chatserver_plugins.memory import MemoryStore
from tests.forking import ran

PATH = "/api/v1/bots"
ALL = ["moderate", "read", "rooms", "write"]
MEMBERS = {"plugin.bots.makers": "members"}
REJECTED = 4451  # the close code of a token that is not valid any more


async def made(by: Person, username: str = "robo", **more: object) -> Any:
    answer = await by.http("POST", PATH, {"username": username, **more})
    assert answer.status == 201, answer.body
    return answer.json


async def token_of(by: Person, bot: Any, scopes: list[str] = ALL, **more: object) -> Any:
    given = {"label": "ci", "scopes": scopes, **more}
    answer = await by.http("POST", f"{PATH}/{bot['id']}/tokens", given)
    assert answer.status == 201, answer.body
    return answer.json


async def acting(chat: Chat, by: Person, bot: Any, scopes: list[str] = ALL) -> Person:
    """The bot, with a new token of these scopes."""
    return await holding(chat, (await token_of(by, bot, scopes))["secret"])


async def holding(chat: Chat, secret: str) -> Person:
    return Person(chat, await chat.service.accounts.signed_in(secret), secret)


async def change(by: Person, bot: Any, **changes: object) -> Answer:
    return await by.http("PATCH", f"{PATH}/{bot['id']}", changes)


async def listed(by: Person, whose: str = "own") -> Any:
    answer = await by.http("GET", f"{PATH}?whose={whose}")
    assert answer.status == 200, answer.body
    return answer.json


def error(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


async def is_in(chat: Chat, secret: str) -> bool:
    """Whether the server takes the token."""
    answer = await chat.http("GET", "/api/v1/me", token=secret)
    assert answer.status == 200 or error(answer) == (401, "auth.invalid")
    return answer.status == 200


class Live:
    """A connection that has been signed in by a token."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self._socket = socket

    async def end(self) -> int | None:
        """The code with which the server closes the connection, once it does."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while await self._socket.read_message() is not None:
                pass
        return self._socket.close_code

    async def answers(self) -> bool:
        return await self.asked({"op": "rooms"}) is not None

    async def asked(self, frame: dict[str, Any]) -> Any:
        """The answer to an operation; None if the connection ends."""
        await self._socket.write_message(json.dumps({"id": 7, **frame}))
        async with asyncio.timeout(ANSWER_SECONDS):
            while (message := await self._socket.read_message()) is not None:
                if (answer := json.loads(message)).get("re") == 7:
                    return answer
        return None


@asynccontextmanager
async def live(chat: Chat, secret: str) -> AsyncIterator[Live]:
    request = HTTPRequest(f"ws://127.0.0.1:{chat.port}/ws")
    socket = await websocket_connect(request, subprotocols=["chat.v1"])
    try:
        await socket.write_message(json.dumps({"id": 1, "op": "auth", "token": secret}))
        answer: Any = {}
        async with asyncio.timeout(ANSWER_SECONDS):
            while answer.get("re") != 1:
                answer = json.loads(await socket.read_message() or "null")
        assert answer["ok"]["user"]["scopes"], answer
        yield Live(socket)
    finally:
        socket.close()


@asynccontextmanager
async def two_nodes(
    monkeypatch: pytest.MonkeyPatch, **settings: object
) -> AsyncIterator[tuple[Chat, Chat]]:
    """Two servers on one store."""
    store = MemoryStore()
    monkeypatch.setattr("chatserver_plugins.memory.MemoryStore", lambda: store)
    given = {f"plugin.bots.{name}": value for name, value in settings.items()}
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(running("bots", settings=given))
        yield first, await stack.enter_async_context(running("bots", settings=given))


async def test_a_bot_is_made_put_into_a_room_and_writes_there_by_every_interface() -> None:
    async with running("bots", "graphql") as chat:
        ada = await chat.user("ada")
        lounge = await ada.create_room("Lounge")
        bot = await made(ada, name="Robo", description="says what was built")
        assert (bot["username"], bot["name"], bot["owner"]["id"]) == ("robo", "Robo", ada.id)
        robo = await acting(chat, ada, bot)
        await chat.service.rooms.invite(ada.user, lounge, bot["id"])
        path = f"/api/v1/rooms/{lounge.id}/messages"
        sent = await robo.http("POST", path, {"client_id": "1", "body": "built"})
        assert sent.status == 201, sent.body
        assert (await robo.call("send", room=lounge.id, client_id="2", body="tried"))["seq"]
        send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { repeated } }"
        given = {"roomId": lounge.id, "clientId": "3", "body": "shipped"}
        query = {"query": send, "variables": {"input": given}}
        assert "errors" not in (await robo.http("POST", "/graphql", query)).json
        messages = (await ada.http("GET", path)).json["messages"]
        assert [each["body"] for each in messages[-3:]] == ["built", "tried", "shipped"]
        assert all(each["author"]["bot"] for each in messages[-3:])
        me = (await robo.http("GET", "/api/v1/me")).json
        assert (me["id"], me["bot"], me["scopes"]) == (bot["id"], True, ALL)


async def test_bots_are_kept_by_every_interface_alike() -> None:
    async with running("bots", "graphql") as chat:
        ada = await chat.user("ada")
        bot = await ada.call("bots.make", username="robo")
        token = await ada.call("bots.token", bot=bot["id"], label="a", scopes=["read"], days=1)
        changed = await ada.call("bots.change", bot=bot["id"], description="builds")
        assert changed["tokens"] == [token["token"]]
        query = "{ myBots { id username description ownerName tokens { id label scopes } } }"
        shown = (await ada.http("POST", "/graphql", {"query": query})).json["data"]["myBots"]
        assert shown == [
            {
                "id": bot["id"],
                "username": "robo",
                "description": "builds",
                "ownerName": "ada",
                "tokens": [{"id": token["token"]["id"], "label": "a", "scopes": ["READ"]}],
            }
        ]
        assert (await listed(ada))["bots"] == (await ada.call("bots.list"))["bots"] == [changed]
        assert (await listed(ada, "all"))["bots"] == [changed]
        for field, given in {
            "changeBot": {"name": "Robo", "locked": True},
            "makeBotToken": {"label": "b", "scopes": ["WRITE"], "days": 2},
            "revokeBotToken": {"tokenId": token["token"]["id"]},
            "removeBot": {},
        }.items():
            kind = field[0].upper() + field[1:]
            document = f"mutation($i: {kind}Input!) {{ {field}(input: $i) {{ __typename }} }}"
            variables = {"i": {"botId": bot["id"], **given}}
            body = {"query": document, "variables": variables}
            assert "errors" not in (await ada.http("POST", "/graphql", body)).json, field
        assert (await ada.call("bots.list"))["bots"] == []
        with pytest.raises(ChatError, match="no such user"):
            await ada.call("bots.remove", bot=bot["id"])


async def test_a_token_is_shown_once_and_kept_as_a_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    monkeypatch.setattr("chatserver_plugins.memory.MemoryStore", lambda: store)
    async with running("bots") as chat:
        ada = await chat.user("ada")
        token = await token_of(ada, await made(ada))
        secret = token["secret"]
        assert secret.startswith("chatbot_")
        assert await is_in(chat, secret)
        assert secret not in (await ada.http("GET", PATH)).body.decode()
        assert secret[8:].encode() not in repr(vars(store)).encode()


@pytest.mark.parametrize("wrong", ["truncated", "other letter", "other check", "unknown", "longer"])
async def test_what_is_no_token_is_not_looked_up(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running("bots") as chat:
        ada = await chat.user("ada")
        secret = (await token_of(ada, await made(ada)))["secret"]
        asked: list[str] = []
        real = gatekeeper.Book.holder

        async def holder(book: gatekeeper.Book, digest: str) -> Any:
            asked.append(digest)
            return await real(book, digest)

        monkeypatch.setattr(gatekeeper.Book, "holder", holder)
        swapped = "a" if secret[20] != "a" else "b"
        given = {
            "truncated": secret[:-1],
            "other letter": secret[:20] + swapped + secret[21:],
            "other check": secret[:-1] + ("a" if secret[-1] != "a" else "b"),
            "unknown": tokens.new_token(),
            "longer": secret + "a",
        }[wrong]
        assert not await is_in(chat, given)
        assert len(asked) == (wrong == "unknown")


async def test_wrong_tokens_count_for_their_address() -> None:
    async with running("bots", settings={"limits.anonymous_per_second": 0.01}) as chat:
        answers = [await chat.http("GET", "/api/v1/me", token=tokens.new_token()) for _ in "12345"]
        assert error(answers[-1]) == (429, "limit.rate")


async def test_a_revoked_token_ends_its_connections_and_no_other() -> None:
    async with running("bots") as chat:
        ada = await chat.user("ada")
        bot = await made(ada)
        first, second = await token_of(ada, bot), await token_of(ada, bot)
        async with live(chat, first["secret"]) as one, live(chat, second["secret"]) as two:
            path = f"{PATH}/{bot['id']}/tokens/{first['token']['id']}"
            assert (await ada.http("DELETE", path)).status == 200
            assert await one.end() == REJECTED
            assert not await is_in(chat, first["secret"])
            assert await two.answers()
        assert error(await ada.http("DELETE", path)) == (404, "request.not_found")


@pytest.mark.parametrize("way", ["revoked", "locked", "removed", "by staff", "account deleted"])
async def test_connections_end_on_other_nodes(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_nodes(monkeypatch) as (first, second):
        ada = await first.user("ada")
        bot = await made(ada)
        token = await token_of(ada, bot)
        async with live(second, token["secret"]) as there:
            assert await there.answers()
            match way:
                case "revoked":
                    await ada.http("DELETE", f"{PATH}/{bot['id']}/tokens/{token['token']['id']}")
                case "locked":
                    assert (await change(ada, bot, locked=True)).json["locked"]
                case "removed":
                    assert (await ada.http("DELETE", f"{PATH}/{bot['id']}")).status == 200
                case "by staff":
                    await first.service.accounts.lock("robo", True)
                case _:
                    await first.service.removal.delete("robo")
            assert await there.end() == REJECTED
            assert not await is_in(first, token["secret"])


@pytest.mark.parametrize("what", ["locked", "demoted", "deleted"])
async def test_a_bot_goes_with_its_owner(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_nodes(monkeypatch) as (first, second):
        ada, ben = await first.user("ada"), await first.user("ben")
        accounts = first.service.accounts
        await accounts.set_role("ben", ServerRole.ADMIN)
        bot = await made(ben)
        token = await token_of(ben, bot)
        async with live(second, token["secret"]) as there, live(first, token["secret"]) as here:
            if what == "locked":
                await accounts.lock("ben", True)
            elif what == "demoted":
                await accounts.set_role("ben", ServerRole.MEMBER)
            else:
                await first.service.removal.delete("ben")
            assert await there.end() == await here.end() == REJECTED
            assert not await is_in(first, token["secret"])
        assert [each["id"] for each in (await listed(ada, "all"))["bots"]] == [bot["id"]]
        taken = await change(ada, bot, owner=ada.id)
        assert taken.json["owner"]["id"] == ada.id
        assert await is_in(first, token["secret"])
        assert [each["id"] for each in (await listed(ada))["bots"]] == [bot["id"]]
        del ben


async def test_an_expired_token_ends_its_connections_and_makes_room() -> None:
    clock = FakeClock()
    async with running("bots", clock=clock, settings={"plugin.bots.tokens": 1}) as chat:
        ada = await chat.user("ada")
        bot = await made(ada)
        token = await token_of(ada, bot, days=1)
        assert token["token"]["expires"] > token["token"]["made"]
        full = await ada.http("POST", f"{PATH}/{bot['id']}/tokens", {"label": "x", "scopes": ALL})
        assert error(full) == (409, "limit.count")
        assert full.json["error"]["detail"] == {"field": "tokens", "reason": "count", "most": 1}
        async with live(chat, token["secret"]) as connection:
            await clock.advance(86_399)
            assert await connection.answers()
            await clock.advance(10)
            assert await connection.end() == REJECTED
        assert not await is_in(chat, token["secret"])
        renewed = await token_of(ada, bot)
        assert await is_in(chat, renewed["secret"])
        assert [each["id"] for each in (await listed(ada))["bots"][0]["tokens"]] == [
            renewed["token"]["id"]
        ]


async def test_the_last_use_is_told_by_the_hour() -> None:
    clock = FakeClock(1_800_000_000.0)
    async with running("bots", clock=clock) as chat:
        ada = await chat.user("ada")
        bot = await made(ada)
        token = await token_of(ada, bot)

        async def used() -> Any:
            return (await listed(ada))["bots"][0]["tokens"][0]["used"]

        assert await used() is None
        await clock.advance(90 * 60)
        assert await is_in(chat, token["secret"])
        assert await used() == "2027-01-15T09:00:00.000Z"
        await clock.advance(3600)
        assert await is_in(chat, token["secret"])
        assert await used() == "2027-01-15T10:00:00.000Z"


async def test_only_those_who_may_have_bots_make_some() -> None:
    async with running("bots") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        assert error(await ben.http("POST", PATH, {"username": "x"})) == (403, "user.forbidden")
        assert (await listed(ben)) == {"bots": [], "may_make": False, "after": None}
        assert (await listed(ada))["may_make"]
    async with running("bots", settings=MEMBERS) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        gus = await chat.user("gus")
        await chat.service.accounts.set_role("gus", ServerRole.GUEST)
        assert error(await gus.http("POST", PATH, {"username": "x"})) == (403, "user.forbidden")
        await made(ben)
        del ada


async def test_others_know_nothing_of_a_bot_but_staff_looks_after_it() -> None:
    async with running("bots", settings=MEMBERS) as chat:
        ada, ben, eve = [await chat.user(name) for name in ("ada", "ben", "eve")]
        bot = await made(ben)
        token = await token_of(ben, bot)
        path = f"{PATH}/{bot['id']}"
        for method, place, body in (
            ("PATCH", path, {"locked": True}),
            ("DELETE", path, None),
            ("POST", f"{path}/tokens", {"label": "x", "scopes": ["read"]}),
            ("DELETE", f"{path}/tokens/{token['token']['id']}", None),
        ):
            assert error(await eve.http(method, place, body)) == (404, "user.not_found")
        assert error(await eve.http("GET", f"{PATH}?whose=all")) == (403, "user.forbidden")
        assert (await listed(eve))["bots"] == []
        locked = (await change(ada, bot, locked=True)).json
        assert (locked["locked"], locked["locked_by_staff"]) == (True, True)
        assert not await is_in(chat, token["secret"])
        assert error(await change(ben, bot, locked=False)) == (403, "user.forbidden")
        assert (await change(ada, bot, locked=False)).json["locked"] is False
        assert await is_in(chat, token["secret"])
        own = (await change(ben, bot, locked=True)).json
        assert (own["locked"], own["locked_by_staff"]) == (True, False)
        assert (await change(ada, bot, locked=False)).json["locked"] is False


async def test_a_bot_is_given_only_to_somebody_who_may_have_it() -> None:
    async with running("bots", settings={"plugin.bots.per_user": 1}) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        bot = await made(ada)
        assert error(await change(ada, bot, owner=ben.id)) == (403, "user.forbidden")
        assert error(await change(ada, bot, owner="nobody")) == (404, "user.not_found")
        await chat.service.accounts.set_role("ben", ServerRole.ADMIN)
        other = await made(ben, "other")
        full = await change(ada, bot, owner=ben.id)
        assert error(full) == (409, "limit.count")
        await ben.http("DELETE", f"{PATH}/{other['id']}")
        assert (await change(ada, bot, owner=ben.id)).json["owner"]["id"] == ben.id
        assert (await listed(ada))["bots"] == []


async def test_a_user_has_only_so_many_bots_also_at_once() -> None:
    async with running("bots", settings={"plugin.bots.per_user": 2}) as chat:
        ada = await chat.user("ada")
        wanted = [ada.http("POST", PATH, {"username": f"robo{each}"}) for each in range(6)]
        answers = await asyncio.gather(*wanted)
        kept = [each for each in answers if each.status == 201]
        assert len(kept) <= 2
        assert {error(each) for each in answers if each not in kept} == {(409, "limit.count")}
        assert len((await listed(ada))["bots"]) == len(kept)
        while len((await listed(ada))["bots"]) < 2:
            await made(ada, f"more{len((await listed(ada))['bots'])}")
        assert error(await ada.http("POST", PATH, {"username": "more"})) == (409, "limit.count")


async def test_a_name_that_is_taken_or_wrong_makes_no_bot() -> None:
    async with running("bots") as chat:
        ada = await chat.user("ada")
        assert error(await ada.http("POST", PATH, {"username": "ada"})) == (409, "user.exists")
        assert error(await ada.http("POST", PATH, {"username": "a b"})) == (400, "request.invalid")
        assert (await listed(ada))["bots"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"label": "", "scopes": ["read"]},
        {"label": "x", "scopes": []},
        {"label": "x", "scopes": ["admin"]},
        {"label": "x", "scopes": "read"},
        {"label": "x", "scopes": ["read"], "days": 0},
        {"label": "x", "scopes": ["read"], "days": 1e9},
        {"label": "x" * 101, "scopes": ["read"]},
    ],
)
async def test_a_token_that_makes_no_sense_is_refused(body: dict[str, Any]) -> None:
    async with running("bots") as chat:
        ada = await chat.user("ada")
        bot = await made(ada)
        answer = await ada.http("POST", f"{PATH}/{bot['id']}/tokens", body)
        assert error(answer) == (400, "request.invalid")
        with pytest.raises(ChatError) as refused:
            await ada.call("bots.token", bot=bot["id"], **body)
        assert refused.value.code == "request.invalid"


async def test_a_bot_is_never_of_the_staff() -> None:
    async with running("bots") as chat:
        ada = await chat.user("ada")
        bot = await made(ada)
        robo = await acting(chat, ada, bot)
        await chat.service.accounts.set_role("robo", ServerRole.OWNER)
        async with live(chat, robo.token) as connection:
            assert await connection.answers()
        again = await holding(chat, robo.token)
        assert not is_staff(again.user)
        assert error(await again.http("GET", "/api/v1/admin/users")) == (403, "auth.scope")


async def test_nobody_signs_in_as_a_bot_with_a_password() -> None:
    async with running("bots") as chat:
        ada = await chat.user("ada")
        await made(ada)
        with pytest.raises(ChatError) as refused:
            await chat.service.accounts.login("robo", "anything at all", "127.0.0.1")
        assert refused.value.code == "auth.invalid"


async def test_a_message_of_somebody_else_takes_the_scope_to_moderate() -> None:
    async with running("bots") as chat:
        ada = await chat.user("ada")
        lounge = await ada.create_room("Lounge")
        bot = await made(ada)
        await chat.service.rooms.invite(ada.user, lounge, bot["id"])
        await ada.http("PUT", f"/api/v1/rooms/{lounge.id}/members/{bot['id']}", {"role": "admin"})
        writer = await acting(chat, ada, bot, ["read", "write"])
        message = (await ada.post(lounge, "words")).id
        own = (await writer.post(lounge, "own")).id
        path = f"/api/v1/rooms/{lounge.id}/messages"
        refused = await writer.http("DELETE", f"{path}/{message}")
        assert error(refused) == (403, "auth.scope")
        assert refused.json["error"]["detail"] == {"scope": "moderate"}
        assert (await writer.http("DELETE", f"{path}/{own}")).status == 200
        moderator = await acting(chat, ada, bot, ["read", "write", "moderate"])
        assert (await moderator.http("DELETE", f"{path}/{message}")).status == 200


async def test_what_is_done_with_bots_is_told_to_plugins_and_to_the_owner() -> None:
    async with running("bots") as chat:
        told: list[tuple[str, str, str]] = []
        chat.service.accounts.watch(
            lambda change: told.append((change.what, change.user, change.item))
        )
        ada = await chat.user("ada")
        bot = await made(ada)
        token = await token_of(ada, bot)
        await ada.http("DELETE", f"{PATH}/{bot['id']}/tokens/{token['token']['id']}")
        await change(ada, bot, locked=True, name="Robo Two")
        await change(ada, bot, locked=False)
        await ada.http("DELETE", f"{PATH}/{bot['id']}")
        assert [each[::2] for each in told if each[1] == bot["id"]] == [
            ("added", ""),
            ("token_made", token["token"]["id"]),
            ("token_revoked", token["token"]["id"]),
            ("renamed", ""),
            ("locked", ""),
            ("unlocked", ""),
            ("deleted", ""),
        ]


async def test_making_and_deleting_bots_again_and_again_has_a_rate() -> None:
    async with running("bots") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        await chat.service.accounts.set_role("ben", ServerRole.ADMIN)
        for number in range(20):
            bot = await made(ada, f"robo{number}")
            assert (await ada.http("DELETE", f"{PATH}/{bot['id']}")).status == 200
        refused = await ada.http("POST", PATH, {"username": "another"})
        assert error(refused) == (429, "limit.rate")
        await made(ben, "another")


def test_an_operator_makes_bots_and_tokens_and_revokes_them(tmp_path: Path) -> None:
    settings = ("server.data=data", "plugins.enabled=sqlite,password,bots")
    options = [f"--set={each}" for each in settings]

    def bots(*arguments: str) -> tuple[int, str]:
        done = ran("plugin", "run", *options, "bots", *arguments, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    add = ("user", "add", "--password-file", "-", *options)
    assert ran("migrate", *options, cwd=tmp_path).returncode == 0
    for name in ("boss", "ada"):
        assert ran(*add, name, cwd=tmp_path, input=PASSWORD).returncode == 0
    assert bots("make", "robo", "--owner", "ada")[0] == 1
    assert bots("make", "robo", "--owner", "boss", "--name", "Robo") == (0, "")
    made = ("token", "robo", "--label", "ci", "--scope", "write", "--scope", "read", "--days", "9")
    status, secret = bots(*made)
    assert (status, secret[:8]) == (0, "chatbot_"), secret
    status, said = bots("list")
    assert (status, said.splitlines()[0]) == (0, "robo of boss")
    token, scopes, _, label = said.splitlines()[1].split()
    assert (scopes, label) == ("read,write", "ci")
    assert bots("revoke", "robo", token) == (0, "")
    assert bots("list") == (0, "robo of boss\n")
    assert (
        bots("revoke", "robo", token)[0]
        == bots("token", "boss", "--label", "x", "--scope", "read")[0]
        == 1
    )


async def test_a_change_of_the_account_leaves_a_connection_its_scopes() -> None:
    async with running("bots") as chat:
        ada = await chat.user("ada")
        bot = await made(ada)
        lounge = await ada.create_room("Lounge")
        await chat.service.rooms.invite(ada.user, lounge, bot["id"])
        token = await token_of(ada, bot, ["read"])
        async with live(chat, token["secret"]) as connection:
            assert (await change(ada, bot, name="Another")).status == 200
            send = {"op": "send", "room": lounge.id, "client_id": "1", "body": "escaped"}
            assert (await connection.asked(send))["error"]["code"] == "auth.scope"
            await chat.service.accounts.recheck(bot["id"])
            assert (await connection.asked(send))["error"]["code"] == "auth.scope"


async def test_the_short_way_to_an_answer_asks_for_the_scope_as_well() -> None:
    async with running("bots") as chat:
        ada = await chat.user("ada")
        bot = await made(ada)
        lounge = await ada.create_room("Lounge")
        for scope, status in (("write", b"403"), ("read", b"200")):
            secret = (await token_of(ada, bot, [scope]))["secret"]
            for path in ("/api/v1/rooms", f"/api/v1/rooms/{lounge.id}/messages"):
                # With HTTP/1.1 and these heads alone, the server answers without a handler.
                head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {secret}\r\n\r\n"
                reader, writer = await asyncio.open_connection("127.0.0.1", chat.port)
                writer.write(head.encode())
                async with asyncio.timeout(ANSWER_SECONDS):
                    first = await reader.readline()
                writer.close()
                assert first.split()[1] == status, path
