"""Signing in at oidc-provider-mock without a browser, by each way to prove who the server is."""

import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from chatserver.testing.running import running
from tests.oidc.chatting import URL, begin, code_of, proceed
from tests.oidc.mock import mocking

ADA = {"sub": "ada-1", "name": "Ada Lovelace", "preferred_username": "ada"}


class Stay(urllib.request.HTTPRedirectHandler):
    """Does not follow redirects."""

    def redirect_request(self, *given: object) -> None:
        return None


def authorize(url: str, sub: str) -> dict[str, str]:
    """What somebody comes back with who clicks on a name on the provider's page."""
    body = urllib.parse.urlencode({"sub": sub}).encode()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(Stay).open(url, body, timeout=60)
    location = caught.value.headers["Location"]
    caught.value.close()
    assert location.startswith(f"{URL}/api/v1/login/return?")
    values = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
    assert re.fullmatch(r"[\w-]{43}", values.pop("state"))
    return values


@pytest.mark.parametrize("way", ["secret_basic", "secret_post"])
async def test_a_provider_that_others_wrote_signs_people_in(way: str, tmp_path: Path) -> None:
    with mocking(tmp_path, ADA) as mock:
        client, secret = mock.register(f"{URL}/api/v1/login/return", f"client_{way}")
        settings = {
            "server.public_url": URL,
            "plugin.oidc.providers.mock.issuer": mock.issuer,
            "plugin.oidc.providers.mock.client_id": client,
            "plugin.oidc.providers.mock.client_secret": secret,
            "plugin.oidc.providers.mock.client_auth": way,
            "plugin.oidc.providers.mock.userinfo": True,
        }
        async with running("oidc", settings=settings) as chat:
            begun = await begin(chat, "mock")
            values = authorize(begun["step"]["url"], "ada-1")
            user = (await proceed(chat, begun, values)).json["user"]
            assert (user["username"], user["name"]) == ("ada", "Ada Lovelace")
            begun = await begin(chat, "mock")
            used = await proceed(chat, begun, values)
            assert code_of(used) == "auth.refused", "a code counts once"
