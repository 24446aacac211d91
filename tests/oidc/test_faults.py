"""A provider that is dead, slow or wrong: other ways to sign in go on, and people are told."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from loguru import logger

from chatserver.config import load
from chatserver.config.text import render_effective
from chatserver.testing.running import PASSWORD, Answer, Chat
from chatserver_plugins.oidc import published
from tests.oidc.chatting import (
    begin,
    chatting,
    code_of,
    log_out,
    proceed,
    reason_of,
    settings,
    sign_in,
)
from tests.oidc.provider import SECRET, Provider, providing
from tests.servers import free_port
from tests.waiting import until


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """All lines of the log, down to DEBUG."""
    found: list[str] = []
    sink = logger.add(lambda message: found.append(str(message)), level=0)
    yield found
    logger.remove(sink)


async def refused(chat: Chat, method: str = "company") -> Answer:
    return await chat.http("POST", "/api/v1/login/begin", {"method": method, "secret": True})


async def test_a_dead_provider_is_reported_at_once(provider: Provider, lines: list[str]) -> None:
    provider.issuer = f"http://127.0.0.1:{free_port()}"
    async with chatting(provider) as chat:
        answer = await refused(chat)
        assert (answer.status, code_of(answer)) == (503, "auth.unavailable")
        assert any("cannot be reached" in line for line in lines)
        assert "plugin.failed" not in str(lines)


async def test_many_who_wait_for_a_silent_provider_ask_it_once(provider: Provider) -> None:
    provider.answers.clear()
    async with chatting(provider, timeout_seconds=1) as chat:
        answers = await asyncio.gather(*(refused(chat) for _ in range(8)), refused(chat))
        assert {code_of(each) for each in answers} == {"auth.unavailable"}
        assert code_of(await refused(chat)) == "auth.unavailable"
        assert len(provider.asked) == 1, "within the pause nobody asks again"


async def test_a_silent_provider_holds_up_nobody_else(provider: Provider) -> None:
    with providing() as other:
        also = settings(other, "other")
        async with chatting(provider, also=also, timeout_seconds=60) as chat:
            ada = await chat.user("ada")
            provider.answers.clear()
            waiting = [asyncio.create_task(refused(chat)) for _ in range(3)]
            await until(lambda: provider.asked)
            given = {"username": "ada", "password": PASSWORD}
            assert (await chat.http("POST", "/api/v1/login", given)).json["token"]
            assert (await sign_in(chat, other, "other")).json["token"]
            assert await ada.call("ping") is not None
            assert not any(each.done() for each in waiting)
            provider.answers.set()
            assert {(await each).status for each in waiting} == {200}


async def test_a_provider_that_dies_meanwhile_ends_no_sign_in(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chatting(provider) as chat:
        begun = await begin(chat)
        values = provider.authorize(begun["step"]["url"])
        provider.status = {"/token": 502}
        answer = await proceed(chat, begun, values)
        assert (answer.status, code_of(answer)) == (503, "auth.unavailable")
        provider.status = {}
        assert (await proceed(chat, begun, values)).json["token"], "the answer may come again"


async def test_what_was_published_is_used_while_the_provider_is_away(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "PAUSE_SECONDS", 0.0)
    async with chatting(provider) as chat:
        assert (await sign_in(chat, provider)).json["token"]
        monkeypatch.setattr(published, "KEPT_SECONDS", 0.0)
        provider.status = {"/.well-known/openid-configuration": 500, "/keys": 500}
        assert (await sign_in(chat, provider)).json["token"]
        assert provider.asked.count("/keys") > 1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"issuer": "https://another.example"}, "names the issuer 'https://another.example'"),
        ({"token_endpoint": "http://plain.example/token"}, "expected https://"),
        ({"jwks_uri": "ftp://127.0.0.1/keys"}, "expected https://"),
        ({"authorization_endpoint": None}, "authorization_endpoint"),
    ],
)
async def test_a_wrong_description_is_explained_in_the_log(
    provider: Provider, lines: list[str], changes: dict[str, object], text: str
) -> None:
    provider.metadata = changes
    async with chatting(provider) as chat:
        assert code_of(await refused(chat)) == "auth.unavailable"
        assert any(text in line for line in lines), lines


@pytest.mark.parametrize(
    ("status", "path"),
    [(404, "/.well-known/openid-configuration"), (500, "/keys"), (403, "/token"), (500, "/userinfo"),
     (302, "/keys")],
)  # fmt: skip
async def test_errors_of_the_provider_are_its_own(
    provider: Provider, lines: list[str], status: int, path: str
) -> None:
    provider.status = {path: status}
    async with chatting(provider, userinfo=True) as chat:
        answer = await refused(chat)
        if answer.status == 200:
            values = provider.authorize(answer.json["step"]["url"])
            answer = await proceed(chat, answer.json, values)
        assert code_of(answer) == "auth.unavailable"
        assert any(f"answers {status}" in line and path in line for line in lines)


async def test_a_wrong_secret_is_named_in_the_log(provider: Provider, lines: list[str]) -> None:
    async with chatting(provider, client_secret="wrong-client-secret") as chat:
        assert code_of(await sign_in(chat, provider)) == "auth.unavailable"
        assert any("answers 401 invalid_client" in line for line in lines)


@pytest.mark.parametrize(
    ("error", "code"),
    [("temporarily_unavailable", "auth.unavailable"), ("server_error", "auth.unavailable"),
     ("invalid_scope", "auth.refused"), ("<b>\n\x1b[1m", "auth.refused"), ("", "auth.refused")],
)  # fmt: skip
async def test_errors_that_come_with_the_browser(
    provider: Provider, lines: list[str], error: str, code: str
) -> None:
    async with chatting(provider) as chat:
        answer = await proceed(chat, await begin(chat), {"error": error})
        assert code_of(answer) == code
        assert code == "auth.unavailable" or reason_of(answer) == "answer"
        assert "\x1b" not in str(lines) and "<b>" not in str(lines)


async def test_nothing_secret_is_logged(provider: Provider, lines: list[str]) -> None:
    unknown = lambda claims: provider.key.sign(claims, kid="unknown")  # noqa: E731
    async with chatting(provider, userinfo=True) as chat:
        seen = [SECRET, "access-token", "secret-description"]
        for sign, error in ((None, ""), (unknown, ""), (None, "invalid_client")):
            provider.sign, provider.error = sign, error
            begun = await begin(chat)
            turn = await chat.service.logins.look(begun["flow"], begun["secret"])
            values = provider.authorize(begun["step"]["url"])
            await proceed(chat, begun, values)
            kept = turn.pending.kept
            seen += [values["code"], begun["flow"], begun["secret"]]
            seen += [kept["verifier"], kept["nonce"]]
        token = provider.logout_token(aud="another")
        assert (await log_out(chat, token)).code == 400
        written = "".join(lines)
        assert written.count("WARNING") >= 3 and "oidc company" in written
        for secret in [*seen, *token.split("."), "eyJ"]:
            assert secret not in written


async def test_the_secret_is_not_shown_with_the_settings(provider: Provider) -> None:
    loaded = load(overrides=settings(provider), environ={})
    shown = render_effective(loaded, loaded.config.plugin)
    assert json.dumps(provider.issuer) in shown and SECRET not in shown
