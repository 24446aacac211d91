"""Other systems write into a room: with the right token, once for each id, as nobody else."""

import base64
import json
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient

from chatserver import MessagePosted, Room, RoomKind, ServerRole, StartupError, User
from chatserver.app import Server
from chatserver.config import load
from chatserver.config.settings import convert
from chatserver.testing.running import running
from chatserver_plugins.webhooks import WebhooksConfig

TOKEN = "the token of the hook"


class Hooks:
    """A server with a hook into a room, and a client that posts there."""

    def __init__(self, server: Server, port: int, owner: User, room: Room) -> None:
        self.server, self.owner, self.room = server, owner, room
        self._url = f"http://127.0.0.1:{port}/hooks/builds"
        self._client = AsyncHTTPClient(force_instance=True)

    async def post(
        self,
        body: object,
        query: str = "",
        token: str | None = TOKEN,
        given: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        headers |= given or {}
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = await self._client.fetch(
            self._url + query, method="POST", body=raw, headers=headers, raise_error=False
        )
        is_json = answer.headers["Content-Type"].startswith("application/json")
        return answer.code, json.loads(answer.body) if is_json else answer.body

    async def messages(self) -> list[MessagePosted]:
        return await self.server.store.messages(self.room.id, None, 100)

    def close(self) -> None:
        self._client.close()


@asynccontextmanager
async def hooks(folder: Path, kind: RoomKind = RoomKind.PUBLIC, **hook: object) -> Any:
    room_id = "0123456789abcdefghjk"
    table = {
        "room": room_id,
        "name": "Build bot",
        "token_sha256": sha256(TOKEN.encode()).hexdigest(),
    }
    overrides: dict[str, object] = {
        "server.port": 0,
        "server.data": str(folder),
        "logging.folder": "",
        "plugins.enabled": ["memory", "password", "webhooks"],
        "plugin.password.memory_kib": 8,
        "plugin.password.passes": 1,
        **{f"plugin.webhooks.incoming.builds.{key}": each for key, each in (table | hook).items()},
    }
    server = Server(load(environ={}, overrides=overrides))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chatserver.service.rooms.new_id", lambda: room_id)
        async with server.opened():
            owner = await server.service.accounts.add("ada", "a long password")
            room = await server.service.rooms.create(owner, kind, "builds")
            made = Hooks(server, server.listen(), owner, room)
            yield made
            made.close()
            await server.drain()


async def test_a_message_is_posted_as_the_hook(tmp_path: Path) -> None:
    async with hooks(tmp_path) as made:
        assert made.owner.role is ServerRole.OWNER  # the bot came later
        status, answer = await made.post({"body": "build 7 is green"})
        assert (status, answer["id"]) == (201, f"{made.room.id}-{answer['seq']}")
        await made.post({"text": "as others call it"})
        first, second = await made.messages()
        assert (first.body, first.author.name) == ("build 7 is green", "Build bot")
        assert (second.body, second.author) == ("as others call it", first.author)
        users = await made.server.service.accounts.list()
        assert len(users) == 2


async def test_the_same_id_is_one_message(tmp_path: Path) -> None:
    async with hooks(tmp_path) as made:
        status, first = await made.post({"body": "once", "id": "7"})
        again, second = await made.post({"body": "once", "id": "7"})
        assert (status, again, first) == (201, 200, second)
        assert len(await made.messages()) == 1


async def test_a_token_behind_a_question_mark_is_refused_as_logs_would_have_it(
    tmp_path: Path,
) -> None:
    async with hooks(tmp_path) as made:
        query = "?token=the%20token%20of%20the%20hook"
        status, answer = await made.post({"body": "hello"}, query, token=None)
        assert (status, answer["error"]["code"]) == (401, "auth.invalid")
        assert "header" in answer["error"]["message"]
        assert TOKEN not in str(answer)
        assert await made.messages() == []


async def test_the_token_may_be_the_password_of_the_address_where_a_sender_knows_no_headers(
    tmp_path: Path,
) -> None:
    def basic(text: str) -> dict[str, str]:
        return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}

    async with hooks(tmp_path) as made:
        for header, expected in (
            (basic(f"hook:{TOKEN}"), 201),
            (basic(f":{TOKEN}"), 201),
            (basic("hook:wrong"), 401),
            (basic(TOKEN), 401),
            ({"Authorization": "Basic ÿ*"}, 401),
            ({"Authorization": "Basic /w=="}, 401),
            ({"Authorization": "Basic"}, 401),
        ):
            status, _ = await made.post({"body": "hello"}, token=None, given=header)
            assert status == expected, header


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + " ", "日本"])
async def test_another_token_is_refused(tmp_path: Path, token: str | None) -> None:
    async with hooks(tmp_path) as made:
        if token is None or not token.isascii():
            query = "" if token is None else "?token=%E6%97%A5"
            status, answer = await made.post({"body": "x"}, query, token=None)
        else:
            status, answer = await made.post({"body": "x"}, "", f"{token}!")
        assert (status, answer["error"]["code"]) == (401, "auth.invalid")
        assert await made.messages() == []


BAD = [
    (b"", 400, "request.invalid"),
    (b"\xff", 400, "request.invalid"),
    (b"[" * 50_000, 400, "request.invalid"),
    ({"body": 5}, 400, "request.invalid"),
    ({"body": "x", "id": ""}, 400, "request.invalid"),
    ({"body": "x", "id": "x" * 129}, 400, "request.invalid"),
    ({}, 400, "request.invalid"),
    ({"body": "x" * 8001}, 413, "limit.size"),
    (b" " * 70_000, 413, "request.too_large"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD)
async def test_bad_bodies_are_refused(tmp_path: Path, body: object, status: int, code: str) -> None:
    async with hooks(tmp_path) as made:
        answered, answer = await made.post(body)
        assert (answered, answer["error"]["code"]) == (status, code)
        assert await made.messages() == []


async def test_a_hook_has_a_rate(tmp_path: Path) -> None:
    async with hooks(tmp_path, burst=2, per_minute=1.0) as made:
        statuses = [(await made.post({"body": f"{number}"}))[0] for number in range(4)]
        assert statuses == [201, 201, 429, 429]


async def test_a_hook_may_post_to_a_private_room_after_an_invitation(tmp_path: Path) -> None:
    async with hooks(tmp_path, RoomKind.PRIVATE) as made:
        status, answer = await made.post({"body": "let me in"})
        assert (status, answer["error"]["code"]) == (403, "room.forbidden")
        accounts = made.server.service.accounts
        (bot,) = [user for user in await accounts.list() if user.id != made.owner.id]
        assert f"Invite {bot.username} to" in answer["error"]["message"]
        await made.server.service.rooms.invite(made.owner, made.room, bot.id)
        assert (await made.post({"body": "thank you"}))[0] == 201


async def test_a_missing_room_is_named(tmp_path: Path) -> None:
    async with hooks(tmp_path, room="nowhere") as made:
        status, answer = await made.post({"body": "hello"})
        assert (status, answer["error"]["code"]) == (404, "room.not_found")
        assert await made.server.store.get("plugin/webhooks", "bot/builds") is None


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        ("builds", {"token_sha256": "abc"}, "token_sha256: expected 64 of 0-9 a-f"),
        ("builds", {"room": "A room"}, "room: 'A room' is not the id"),
        ("Builds!", {}, "incoming: a name has 1 to 32 of a-z"),
    ],
)
def test_mistakes_are_named(name: str, change: dict[str, object], text: str) -> None:
    hook = {"room": "r", "name": "n", "token_sha256": "0" * 64} | change
    with pytest.raises(StartupError) as caught:
        convert({"incoming": {name: hook}}, WebhooksConfig)
    assert text in str(caught.value)


@pytest.mark.parametrize("public_url", ["", "https://chat.example.org"])
async def test_owners_are_told_at_which_address_hooks_are(public_url: str) -> None:
    async with running("webhooks", settings={"server.public_url": public_url}) as chat:
        ada = await chat.user("ada")
        answer = await ada.http("GET", "/api/v1/admin/plugins/webhooks/settings")
        found = {each["key"]: each for each in answer.json["settings"]}
        assert found["incoming"]["address"] == f"{public_url}/hooks/"
        assert found["outgoing"]["address"] == ""
        fields = {each["key"]: each for each in found["incoming"]["form"]["fields"]}
        assert (fields["room"]["picks"], fields["name"]["picks"]) == ("room", None)
