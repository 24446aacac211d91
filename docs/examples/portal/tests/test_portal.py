"""Signing in at a portal: the suite of the server, and what is this plugin's own."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from chatserver_portal import signature

from chatserver.testing.loginmethods import LoginMethodContract
from chatserver.testing.running import Answer, Chat, running

SECRET = "a secret that both sites know, and nobody else"  # noqa: S105
SETTINGS = {
    "server.public_url": "http://127.0.0.1",
    "plugin.portal.address": "https://portal.example/sign-in",
    "plugin.portal.secret": SECRET,
}


def answer_to(step: Mapping[str, Any], user: str, secret: str = SECRET) -> dict[str, str]:
    """What the portal sends the browser back with."""
    (ticket,) = parse_qs(urlsplit(step["url"]).query)["ticket"]
    return {"user": user, "signature": signature(secret, ticket, user)}


class TestPortal(LoginMethodContract):
    plugin = method = "portal"
    settings = SETTINGS

    async def right(self, chat: Chat, step: Mapping[str, Any]) -> Mapping[str, str]:
        return answer_to(step, "ada")

    async def wrong(self, chat: Chat, step: Mapping[str, Any]) -> Mapping[str, str]:
        return answer_to(step, "ada", "another secret")


async def begin(chat: Chat) -> Any:
    body = {"method": "portal", "secret": True}
    return (await chat.http("POST", "/api/v1/login/begin", body)).json


async def proceed(chat: Chat, begun: Mapping[str, Any], answer: Mapping[str, str]) -> Answer:
    body = {"flow": begun["flow"], "secret": begun["secret"], "answer": dict(answer)}
    return await chat.http("POST", "/api/v1/login/proceed", body)


async def test_an_answer_is_good_for_its_own_sign_in_alone() -> None:
    async with running("portal", settings=SETTINGS) as chat:
        first, second = await begin(chat), await begin(chat)
        stolen = answer_to(first["step"], "ada")
        assert (await proceed(chat, second, stolen)).status == 401
        assert (await proceed(chat, first, stolen)).json["user"]["username"] == "ada"


@pytest.mark.parametrize("change", [{"user": "bob"}, {"user": ""}, {"signature": ""}])
async def test_a_changed_answer_signs_nobody_in(change: dict[str, str]) -> None:
    async with running("portal", settings=SETTINGS) as chat:
        begun = await begin(chat)
        answer = await proceed(chat, begun, answer_to(begun["step"], "ada") | change)
        assert (answer.status, answer.json["error"]["code"]) == (401, "auth.invalid")


async def test_whoever_cancels_is_told_so() -> None:
    async with running("portal", settings=SETTINGS) as chat:
        answer = await proceed(chat, await begin(chat), {"cancelled": "1"})
        assert answer.json["error"]["code"] == "auth.refused"
        assert "cancelled" in answer.json["error"]["message"]
