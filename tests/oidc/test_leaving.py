"""Signing out here and at the provider, which its client begins (OpenID Connect RP-Initiated Logout 1.0)."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest

from chatserver.testing.running import Chat
from tests.oidc.chatting import URL, chatting, sign_in
from tests.oidc.provider import CLIENT, Provider
from tests.oidc.test_logout import is_signed_in

PATH = "/api/v1/logout"


async def left(chat: Chat, token: str) -> str:
    """Where the server sends somebody who has signed out; "" if nowhere. The session has ended."""
    answer = await chat.http("POST", PATH, {}, token)
    assert answer.status == 200
    assert not await is_signed_in(chat, token)
    return str(answer.json.get("redirect", ""))


async def hints(chat: Chat) -> list[str]:
    """The ID tokens that are kept."""
    spaces = [space for space in await chat.service.store.spaces() if "oidc" in space]
    rows = [row for space in spaces for row in await chat.service.store.scan(space, "")]
    return [key for key, _ in rows if "hint" in key]


async def test_whoever_signs_out_goes_on_to_the_provider_with_their_token(
    provider: Provider,
) -> None:
    async with chatting(provider, logout=True) as chat:
        tokens = []
        for sub in ("1001", "1002"):
            provider.person = {"sub": sub, "preferred_username": f"user{sub}"}
            tokens.append((await sign_in(chat, provider)).json["token"])
        address = urlsplit(await left(chat, tokens[0]))
        assert address._replace(query="").geturl() == f"{provider.issuer}/leave"
        given = dict(parse_qsl(address.query))
        hint = given.pop("id_token_hint")
        claims = jwt.decode(hint, options={"verify_signature": False})
        assert (claims["sub"], claims["iss"], claims["aud"]) == ("1001", provider.issuer, CLIENT)
        assert len(given.pop("state")) >= 16
        assert given == {
            "tenant": "1",
            "client_id": CLIENT,
            "post_logout_redirect_uri": f"{URL}/api/v1/oidc/company/left",
        }
        assert await is_signed_in(chat, tokens[1])
        assert len(await hints(chat)) == 1, "that of the other session"


async def test_over_graphql_the_address_is_told_as_well(provider: Provider) -> None:
    query = {"query": "mutation { logout { user { username } redirect } }"}
    async with chatting(provider, "graphql", logout=True) as chat:
        for token, address in (
            ((await sign_in(chat, provider)).json["token"], f"{provider.issuer}/leave?"),
            ((await chat.user("bob")).token, None),
        ):
            answer = await chat.http("POST", "/graphql", query, token)
            found = answer.json["data"]["logout"]["redirect"]
            assert found is None if address is None else found.startswith(address)
            assert not await is_signed_in(chat, token)


async def test_each_sign_out_has_another_state_and_its_own_token(provider: Provider) -> None:
    async with chatting(provider, logout=True) as chat:
        tokens = [(await sign_in(chat, provider)).json["token"] for _ in range(2)]
        found = [dict(parse_qsl(urlsplit(await left(chat, each)).query)) for each in tokens]
        assert found[0]["state"] != found[1]["state"]
        assert found[0]["id_token_hint"] != found[1]["id_token_hint"]
        assert await hints(chat) == []


async def test_whoever_comes_back_is_led_to_the_page(provider: Provider) -> None:
    async with chatting(provider, logout=True) as chat:
        back = await chat.http("GET", "/api/v1/oidc/company/left?state=x")
        assert (back.status, back.headers["location"]) == (303, "/")
        assert (await chat.http("GET", "/api/v1/oidc/nobody/left")).status == 404


@pytest.mark.parametrize("why", ["off", "no address", "away", "another method"])
async def test_signing_out_ends_here_where_nothing_else_is_wanted_or_possible(
    provider: Provider, why: str
) -> None:
    if why == "no address":
        provider.metadata = {"end_session_endpoint": ""}
    async with chatting(provider, logout=None if why == "off" else True) as chat:
        if why == "another method":
            token = (await chat.user("bob")).token
        else:
            token = (await sign_in(chat, provider)).json["token"]
        if why == "away":
            (plugin,) = [each for each in chat._server._plugins.all if each.name == "oidc"]
            kept = plugin.instance._methods["company"]._published._metadata
            kept._value = None
            kept._tried = -float("inf")
            provider.status = {"/.well-known/openid-configuration": 503}
        assert await left(chat, token) == ""
        if why == "off":
            assert await hints(chat) == []


async def test_a_token_that_is_too_long_for_an_address_is_not_sent(provider: Provider) -> None:
    provider.changes = {"groups": ["g" * 100] * 100}
    async with chatting(provider, logout=True) as chat:
        token = (await sign_in(chat, provider)).json["token"]
        given = dict(parse_qsl(urlsplit(await left(chat, token)).query))
        assert "id_token_hint" not in given and given["client_id"] == CLIENT


async def test_an_address_without_tls_is_not_trusted(provider: Provider) -> None:
    provider.metadata = {"end_session_endpoint": "http://leave.example.org/"}
    for logout, status in ((True, 503), (None, 200)):
        async with chatting(provider, logout=logout) as chat:
            body: dict[str, Any] = {"method": "company", "secret": True}
            assert (await chat.http("POST", "/api/v1/login/begin", body)).status == status
