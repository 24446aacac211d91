"""Back-channel logout: a provider ends sessions on all nodes, and nobody else does."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from chatserver import Identity, LoginClient, StoreUnavailable
from chatserver.errors import CLOSE_REJECTED
from chatserver.testing.running import PASSWORD, Answer, Chat
from chatserver_plugins.totp import codes
from tests.oidc.chatting import begin, chatting, log_out, proceed, settings, sign_in
from tests.oidc.provider import Key, Provider, hmac_signed, providing
from tests.servers import Mongod

SECONDS = 60.0
Happening = Callable[[], Awaitable[None]]


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


async def test_a_form_of_many_fields_is_refused_as_no_token_is(provider: Provider) -> None:
    """Anybody may send it, so it is no failure of the server; it is not read for a token either."""
    async with chatting(provider) as chat:
        token = await session(chat, provider, "s1")
        fields = {f"f{number}": "1" for number in range(20)}
        answer = await log_out(chat, provider.logout_token(sid="s1"), **fields)
        assert (answer.code, answer.body) == (400, b'{"error":"invalid_request"}')
        assert await is_signed_in(chat, token)
        fields.popitem()
        assert (await log_out(chat, provider.logout_token(sid="s1"), **fields)).code == 200


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


async def test_what_was_cut_short_may_come_again(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a process that is killed: nothing of its attempt runs any more, not even to tidy up."""
    async with chatting(provider) as chat:
        first = await session(chat, provider, "s1")
        token = provider.logout_token()
        begun, goes_on = asyncio.Event(), asyncio.Event()

        async def stuck(*_: object) -> None:
            begun.set()
            await goes_on.wait()

        with monkeypatch.context() as patch:
            patch.setattr(chat.service.accounts, "end_sessions", stuck)
            cut_short = asyncio.create_task(log_out(chat, token))
            async with asyncio.timeout(SECONDS):
                await begun.wait()
        assert await is_signed_in(chat, first)
        assert (await log_out(chat, token)).code == 200
        assert not await is_signed_in(chat, first)
        goes_on.set()
        await cut_short
        later = await session(chat, provider, "s2")
        assert (await log_out(chat, token)).code == 400
        assert await is_signed_in(chat, later)


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


# -- a sign-out that comes while a sign-in is under way --------------------------------------------


def at_the_code(chat: Chat, happens: Happening, patch: pytest.MonkeyPatch) -> None:
    """The provider has issued the ID token, and nothing is known of it here."""
    (plugin,) = [each for each in chat._server._plugins.all if each.name == "oidc"]
    tokens = plugin.instance._methods["company"].tokens
    identified = tokens.identified

    async def later(token: str, nonce: str) -> Any:
        await happens()
        return await identified(token, nonce)

    patch.setattr(tokens, "identified", later)


def before_the_account(chat: Chat, happens: Happening, patch: pytest.MonkeyPatch) -> None:
    """The last step was right; the account is not looked up, or not made, yet."""
    identities = chat.service.accounts.identities
    holder = identities.holder
    calls: list[None] = []

    async def later(identity: Identity) -> str | None:
        if not calls:
            calls.append(None)
            await happens()
        return await holder(identity)

    patch.setattr(identities, "holder", later)


def before_the_session(chat: Chat, happens: Happening, patch: pytest.MonkeyPatch) -> None:
    authenticator = chat.service.accounts._authenticator
    open_session = authenticator.open_session

    async def later(user: str) -> str:
        await happens()
        return await open_session(user)

    patch.setattr(authenticator, "open_session", later)


def before_its_note(chat: Chat, happens: Happening, patch: pytest.MonkeyPatch) -> None:
    """The session is open, and the server has not noted what it belongs to."""
    sessions = chat.service.accounts.sessions
    note = sessions.note

    async def later(*given: Any) -> None:
        await happens()
        await note(*given)

    patch.setattr(sessions, "note", later)


def after_its_note(chat: Chat, happens: Happening, patch: pytest.MonkeyPatch) -> None:
    sessions = chat.service.accounts.sessions
    note = sessions.note

    async def later(*given: Any) -> None:
        await note(*given)
        await happens()

    patch.setattr(sessions, "note", later)


MOMENTS = [at_the_code, before_the_account, before_the_session, before_its_note, after_its_note]


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("names", [{"sid": "s1", "sub": None}, {"sid": "s1"}, {}], ids=str)
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: str(moment.__name__))
async def test_no_session_survives_a_sign_out_that_came_before_it_was_open(
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
    moment: Callable[..., None],
    names: dict[str, Any],
    is_known: bool,
) -> None:
    async with chatting(provider) as chat:
        if is_known:
            await session(chat, provider, "s0")
        provider.changes = {"sid": "s1"}
        statuses: list[int] = []

        async def signs_out() -> None:
            statuses.append((await log_out(chat, provider.logout_token(**names))).code)

        begun = await begin(chat)
        with monkeypatch.context() as patch:
            moment(chat, signs_out, patch)
            answer = await proceed(chat, begun, provider.authorize(begun["step"]["url"]))
        assert statuses == [200]
        signed_in = answer.status == 200 and await is_signed_in(chat, answer.json["token"])
        assert not signed_in
        ((ada, _),) = await chat.service.store.scan("user", "")
        there = await chat.service.accounts.sessions.ids(ada)
        assert len(there) == (1 if is_known and "sid" in names else 0)
        assert await is_signed_in(chat, await session(chat, provider, "s2")), "anew"


async def test_a_sign_out_concerns_what_the_provider_issued_before_it(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the provider's clock, in another second."""
    async with chatting(provider) as chat:
        provider.changes = {"iat": int(time.time()) - 10}

        async def signs_out() -> None:
            assert (await log_out(chat, provider.logout_token())).code == 200

        with monkeypatch.context() as patch:
            before_the_session(chat, signs_out, patch)
            answer = await sign_in(chat, provider)
        assert (answer.status, answer.json["error"]["code"]) == (401, "auth.flow")


async def test_a_session_that_opens_while_others_are_ended_ends_too(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chatting(provider) as chat:
        await session(chat, provider, "s0")
        provider.changes = {"sid": "s1"}
        begun = await begin(chat)
        accounts, answers = chat.service.accounts, list[Answer]()
        end_sessions = accounts.end_sessions

        async def then_somebody_signs_in(*given: str) -> None:
            await end_sessions(*given)
            answers.append(await proceed(chat, begun, provider.authorize(begun["step"]["url"])))

        monkeypatch.setattr(accounts, "end_sessions", then_somebody_signs_in)
        assert (await log_out(chat, provider.logout_token(sid="s1"))).code == 200
        assert [answer.status for answer in answers] == [401]


async def test_a_sign_out_from_before_ends_no_later_sign_in(provider: Provider) -> None:
    async with chatting(provider) as chat:
        earlier = int(time.time()) - 30
        assert (await log_out(chat, provider.logout_token(iat=earlier))).code == 200
        assert (await log_out(chat, provider.logout_token(sub=None, sid="s0"))).code == 200
        assert (await log_out(chat, provider.logout_token(sub="1002"))).code == 200
        assert await is_signed_in(chat, await session(chat, provider, "s1"))


async def test_a_second_step_is_no_way_around_a_sign_out(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first sign-in of somebody who must enrol: the provider ends its session in between."""
    also = {"plugin.totp.roles": ["owner"]}
    async with chatting(provider, "totp", also=also) as chat:
        provider.changes = {"sid": "s1"}
        begun = await begin(chat)
        step = (await proceed(chat, begun, provider.authorize(begun["step"]["url"]))).json
        assert step["method"] == "totp"
        await log_out(chat, provider.logout_token(sub=None, sid="s1"))
        secret = step["step"]["fields"][0]["value"]
        code = codes.code_at(secret, int(time.time() // codes.PERIOD))
        answer = await proceed(chat, {**begun, "flow": step["flow"]}, {"code": code})
        assert (answer.status, answer.json["error"]["code"]) == (401, "auth.flow")
