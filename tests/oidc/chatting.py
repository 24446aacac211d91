"""Servers that sign people in at a provider of the tests."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from chatserver.testing.running import Answer, Chat, running
from tests.oidc.provider import CLIENT, SECRET, Provider

URL = "http://127.0.0.1"


def settings(provider: Provider, name: str = "company", **changes: Any) -> dict[str, object]:
    """The settings of one provider; a change to None leaves one out."""
    given = {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "label": "Company",
    } | changes
    return {
        "server.public_url": URL,
        **{
            f"plugin.oidc.providers.{name}.{key}": value
            for key, value in given.items()
            if value is not None
        },
    }


@asynccontextmanager
async def chatting(
    provider: Provider,
    *plugins: str,
    also: Mapping[str, object] | None = None,
    store: str = "memory",
    **changes: Any,
) -> AsyncIterator[Chat]:
    """A server whose method `company` is this provider."""
    given = settings(provider, **changes) | dict(also or {})
    async with running("oidc", *plugins, store=store, settings=given) as chat:
        yield chat


async def begin(chat: Chat, method: str = "company", token: str = "", **more: Any) -> Any:
    body = {"method": method, "secret": True, **more}
    answer = await chat.http("POST", "/api/v1/login/begin", body, token)
    assert answer.status == 200, answer.body
    return answer.json


async def proceed(chat: Chat, begun: Mapping[str, Any], values: Mapping[str, str]) -> Answer:
    body = {"flow": begun["flow"], "secret": begun["secret"], "answer": dict(values)}
    return await chat.http("POST", "/api/v1/login/proceed", body)


async def sign_in(chat: Chat, provider: Provider, method: str = "company") -> Answer:
    """What the server answers to somebody who comes back from the provider."""
    begun = await begin(chat, method)
    return await proceed(chat, begun, provider.authorize(begun["step"]["url"]))


async def log_out(chat: Chat, token: str, method: str = "company", **fields: str) -> HTTPResponse:
    """What the server answers to a logout token, in a form with further fields."""
    return await AsyncHTTPClient().fetch(
        f"{chat.url}/api/v1/oidc/{method}/logout",
        method="POST",
        body=urlencode({**fields, "logout_token": token}),
        raise_error=False,
    )


def asked(begun: Mapping[str, Any]) -> dict[str, str]:
    """The parameters with which a browser is sent to the provider."""
    return dict(parse_qsl(urlsplit(begun["step"]["url"]).query))


def code_of(answer: Answer) -> str:
    return str(answer.json["error"]["code"])


def reason_of(answer: Answer) -> str:
    detail = answer.json["error"].get("detail") or {}
    return str(detail.get("reason", ""))
