"""Settings of providers: mistakes are named with their path, and a server that cannot work does not start."""

import sys
from pathlib import Path
from typing import Any

import pytest

from chatserver import StartupError
from chatserver.app import Server
from chatserver.config import load
from chatserver.config.settings import convert
from chatserver.hooks.dependencies import how_to_install
from chatserver_plugins.oidc.config import Config, is_trusted_address

RIGHT: dict[str, Any] = {
    "issuer": "https://login.example.org",
    "client_id": "chat",
    "client_secret": "s",
}


def made(name: str = "company", **changes: Any) -> Config:
    table = {key: value for key, value in (RIGHT | changes).items() if value is not None}
    return convert({"providers": {name: table}}, Config, "plugin.oidc")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"issuer": None}, "issuer: required, expected text"),
        ({"issuer": "http://login.example.org"}, "issuer: expected https://…"),
        ({"issuer": "https://x.example?a=1"}, "issuer: expected https://…"),
        ({"issuer": "https://u:p@x.example"}, "issuer: expected https://…"),
        ({"issuer": "https://["}, "issuer: expected https://…"),
        ({"client_id": ""}, "client_id: expected text"),
        ({"client_secret": None}, "client_secret: required, unless client_auth"),
        ({"client_auth": "none"}, "client_secret: client_auth is none, expected no secret"),
        ({"client_auth": "jwt"}, "client_auth: expected one of secret_basic, secret_post, none"),
        ({"scopes": ["profile"]}, "scopes: expected openid"),
        ({"scopes": ["openid profile"]}, "scopes: expected openid"),
        ({"algorithms": ["HS256"]}, "algorithms: expected some of RS256"),
        ({"algorithms": ["none"]}, "algorithms: expected some of RS256"),
        ({"algorithms": []}, "algorithms: expected some of RS256"),
        ({"roles": {"staff": "owner"}}, "roles: owner cannot be given by a group"),
        ({"roles": {"staff": "boss"}}, "roles: expected a table"),
        ({"timeout_seconds": 0}, "timeout_seconds: expected a number"),
        ({"isuer": "x"}, "isuer: unknown key (did you mean issuer?)"),
    ],
)
def test_a_mistake_is_named_with_its_path(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(StartupError) as caught:
        made(**changes)
    assert f"plugin.oidc.providers.company.{text}" in str(caught.value)
    assert "client_secret: s" not in str(caught.value)


@pytest.mark.parametrize("name", ["password", "Company", "", "a b", "x" * 33])
def test_a_provider_has_the_name_of_a_method(name: str) -> None:
    with pytest.raises(StartupError, match=r"plugin\.oidc\.providers: a name has"):
        made(name)


@pytest.mark.parametrize(
    ("address", "is_trusted"),
    [
        ("https://x.example/a", True),
        ("http://localhost:9000", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:1/x", True),
        ("http://localhost.evil.example", False),
        ("http://10.0.0.1", False),
        ("ftp://localhost", False),
        ("https://", False),
        ("", False),
    ],
)
def test_addresses_are_read_over_tls_or_on_this_machine(address: str, is_trusted: bool) -> None:
    assert is_trusted_address(address) is is_trusted


def start(folder: Path, **changes: Any) -> None:
    given: dict[str, object] = {
        "server.data": str(folder),
        "plugins.enabled": ["memory", "password", "oidc"],
        **{f"plugin.oidc.providers.company.{key}": value for key, value in RIGHT.items()},
    }
    Server(load(environ={}, overrides=given | changes))


def test_without_a_public_address_nobody_could_come_back(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"server\.public_url: required"):
        start(tmp_path)
    start(tmp_path, **{"server.public_url": "https://chat.example.org"})


def test_a_file_of_authorities_that_is_missing_is_named(tmp_path: Path) -> None:
    changes = {
        "server.public_url": "https://chat.example.org",
        "plugin.oidc.providers.company.ca_file": str(tmp_path / "none.pem"),
    }
    with pytest.raises(StartupError, match=r"plugin\.oidc\.providers\.company\.ca_file: "):
        start(tmp_path, **changes)


def test_the_extra_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("method", "logout", "tokens"):
        monkeypatch.delitem(sys.modules, f"chatserver_plugins.oidc.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(StartupError) as caught:
        start(tmp_path, **{"server.public_url": "https://chat.example.org"})
    assert str(caught.value) == f"plugin oidc: jwt is missing: {how_to_install('oidc')}"
