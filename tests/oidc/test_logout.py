"""Back-channel logout: a provider ends sessions on all nodes, and nobody else does."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from chatserver import Identity, LoginClient, StoreUnavailable
from chatserver.errors import CLOSE_REJECTED
from chatserver.testing.running import PASSWORD, Chat
from tests.oidc.chatting import begin, chatting, log_out, proceed, settings, sign_in
from tests.oidc.provider import Key, Provider, hmac_signed, providing
from tests.servers import Mongod

SECONDS = 60.0


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    found = Mongod(tmp_path_factory.mktemp("mongod"))
    found.start()
    yield found
    found.stop()


async def session(chat: Chat, provider: Provider, sid: str | None, method: str = "company") -> str:
    """The token of somebody who signed in within this session of the provider."""
    provider.changes = {"sid": sid}
    token: str = (await sign_in(chat, provider, method)).json["token"]
    return token


async def is_signed_in(chat: Chat, token: str) -> bool:
    return (await chat.http("GET", "/api/v1/me", token=token)).status == 200


@asynccontextmanager
async def connected(chat: Chat, token: str) -> AsyncIterator[WebSocketClientConnection]:
    request = HTTPRequest(
        f"ws://127.0.0.1:{chat.port}/ws", headers={"Authorization": f"Bearer {token}"}
    )
    socket = await websocket_connect(request, subprotocols=["chat.v1"])
    try:
        assert await socket.read_message()
        yield socket
    finally:
        socket.close()


async def closed(socket: WebSocketClientConnection) -> int | None:
    """The code with which the server closes the socket."""
    async with asyncio.timeout(SECONDS):
        while await socket.read_message() is not None:
            pass
    return socket.close_code


async def test_the_session_that_is_named_ends_and_its_socket_is_cut(provider: Provider) -> None:
    async with chatting(provider) as chat:
        first = await session(chat, provider, "s1")
        second = await session(chat, provider, "s2")
        given = {"username": "bob", "password": PASSWORD}
        bob = (await chat.http("POST", "/api/v1/register", given)).json["token"]
        async with connected(chat, first) as socket:
            answer = await log_out(chat, provider.logout_token(sid="s1"))
            assert answer.code == 200 and answer.headers["Cache-Control"] == "no-store"
            assert await closed(socket) == CLOSE_REJECTED
        assert not await is_signed_in(chat, first)
        assert await is_signed_in(chat, second) and await is_signed_in(chat, bob)


async def test_a_session_alone_is_enough(provider: Provider) -> None:
    async with chatting(provider) as chat:
        first = await session(chat, provider, "s1")
        second = await session(chat, provider, "s2")
        assert (await log_out(chat, provider.logout_token(sid="s2", sub=None))).code == 200
        assert await is_signed_in(chat, first) and not await is_signed_in(chat, second)


async def test_a_user_without_a_session_ends_all_of_the_method(provider: Provider) -> None:
    async with chatting(provider) as chat:
        tokens = [await session(chat, provider, sid) for sid in ("s1", "s2", None)]
        ada = await chat.service.accounts.session(tokens[0])
        elsewhere = Identity(method="riddle", subject="ada")
        _, other = await chat.service.accounts.open_session(ada, elsewhere, LoginClient())
        assert (await log_out(chat, provider.logout_token())).code == 200
        assert [await is_signed_in(chat, token) for token in tokens] == [False] * 3
        assert await is_signed_in(chat, other), "it was begun in another way"


async def test_a_sign_out_at_one_provider_ends_no_session_of_another(provider: Provider) -> None:
    with providing() as other:
        async with chatting(provider, also=settings(other, "other")) as chat:
            mine = await session(chat, provider, "s1")
            its = await session(chat, other, "s1", "other")
            assert (await log_out(chat, other.logout_token(sid="s1"), "company")).code == 400
            assert (await log_out(chat, other.logout_token(sid="s1"), "other")).code == 200
            assert await is_signed_in(chat, mine) and not await is_signed_in(chat, its)
            assert (await log_out(chat, other.logout_token(), "nobody")).code == 404


async def test_a_sign_out_of_somebody_unknown_is_no_error(provider: Provider) -> None:
    async with chatting(provider) as chat:
        for claims in ({"sub": "nobody"}, {"sub": None, "sid": "none"}):
            assert (await log_out(chat, provider.logout_token(**claims))).code == 200


async def test_a_token_counts_once(provider: Provider) -> None:
    async with chatting(provider) as chat:
        await session(chat, provider, "s1")
        token = provider.logout_token()
        assert (await log_out(chat, token)).code == 200
        again = await session(chat, provider, "s2")
        assert (await log_out(chat, token)).code == 400
        assert await is_signed_in(chat, again)
        assert (await log_out(chat, provider.logout_token())).code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://another.example"},
        {"iss": None},
        {"aud": "another client"},
        {"aud": None},
        {"iat": None},
        {"iat": int(time.time()) - 3600},
        {"iat": int(time.time()) + 3600},
        {"exp": int(time.time()) - 3600},
        {"jti": None},
        {"jti": ""},
        {"events": None},
        {"events": {}},
        {"events": "http://schemas.openid.net/event/backchannel-logout"},
        {"events": {"http://schemas.openid.net/event/backchannel-logout": 1}},
        {"nonce": "n"},
        {"sub": None},
        {"sub": ""},
        {"sub": 1001},
        {"sid": ""},
        {"sid": 5},
        {"sid": ["s1"]},
    ],
)
async def test_a_token_that_is_not_valid_ends_nothing(
    provider: Provider, changes: dict[str, Any]
) -> None:
    async with chatting(provider) as chat:
        token = await session(chat, provider, "s1")
        answer = await log_out(chat, provider.logout_token(**changes))
        assert (answer.code, answer.body) == (400, b'{"error":"invalid_request"}')
        assert await is_signed_in(chat, token)


async def test_a_token_that_somebody_else_signed_ends_nothing(provider: Provider) -> None:
    async with chatting(provider) as chat:
        token = await session(chat, provider, "s1")
        genuine, provider.key = provider.key, Key("first")
        forged = [provider.logout_token(), hmac_signed({}, b"x"), "", "no token", "ä\0"]
        provider.key = genuine
        for each in forged:
            assert (await log_out(chat, each)).code == 400
        assert await is_signed_in(chat, token)


async def test_an_id_token_is_no_logout_token(provider: Provider) -> None:
    tokens: list[str] = []

    def noted(claims: dict[str, Any]) -> str:
        tokens.append(provider.key.sign(claims))
        return tokens[-1]

    async with chatting(provider) as chat:
        provider.sign = noted
        token = await session(chat, provider, "s1")
        assert (await log_out(chat, tokens[0])).code == 400
        assert await is_signed_in(chat, token)


async def test_a_logout_token_is_no_id_token(provider: Provider) -> None:
    async with chatting(provider) as chat:
        provider.sign = lambda claims: provider.logout_token()
        begun = await begin(chat)
        answer = await proceed(chat, begun, provider.authorize(begun["step"]["url"]))
        assert answer.status == 403


async def test_what_the_store_did_not_take_may_come_again(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chatting(provider) as chat:
        first = await session(chat, provider, "s1")
        token = provider.logout_token()

        async def away(*_: object) -> None:
            raise StoreUnavailable

        with monkeypatch.context() as patch:
            patch.setattr(chat.service.accounts, "end_sessions", away)
            assert (await log_out(chat, token)).code == 503
        assert await is_signed_in(chat, first)
        assert (await log_out(chat, token)).code == 200
        assert not await is_signed_in(chat, first)


async def test_a_provider_that_is_away_can_say_it_later(provider: Provider) -> None:
    async with chatting(provider) as chat:
        token = provider.logout_token()
        provider.status = {"/keys": 503}
        assert (await log_out(chat, token)).code == 503


async def test_a_sign_out_reaches_all_nodes(provider: Provider, mongod: Mongod) -> None:
    database = f"test_{secrets.token_hex(8)}"
    also = {
        f"plugin.{name}.{key}": value
        for name in ("mongo", "mongo_bus")
        for key, value in (("uri", mongod.uri), ("database", database))
    }
    async with (
        chatting(provider, "mongo_bus", also=also, store="mongo") as one,
        chatting(provider, "mongo_bus", also=also, store="mongo") as two,
    ):
        token = await session(one, provider, "s1")
        stays = await session(one, provider, "s2")
        async with connected(two, token) as socket:
            assert (await log_out(one, provider.logout_token(sid="s1"))).code == 200
            assert await closed(socket) == CLOSE_REJECTED
        assert not await is_signed_in(two, token)
        assert await is_signed_in(two, stays)
        used = provider.logout_token(sid="s2")
        assert (await log_out(one, used)).code == 200
        assert (await log_out(two, used)).code == 400
