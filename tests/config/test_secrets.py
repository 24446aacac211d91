"""Secrets are hidden when settings are shown."""

from pathlib import Path

import pytest

from chatserver.config import Config, Loaded
from chatserver.config.settings import describe, hide, is_secret
from chatserver.config.text import render_effective, sections


@pytest.mark.parametrize("name", ["password", "smtp_password", "secret", "api_key", "token", "uri"])
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["monkey", "passwords", "tokens_kept", "port"])
def test_other_names(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("mongodb://u:p@db:27017/chat", "mongodb://***@db:27017/chat"),
        ("mongodb://u:p/@w@db/chat", "mongodb://***@db/chat"),
        ("mongodb://db/?tls=true&tlsKeyPassword=x&w=1", "mongodb://db/?tls=true&tlsKeyPassword=***&w=1"),
        ("mongodb://db", "mongodb://db"),
        ("", ""),
    ],
)  # fmt: skip
def test_only_the_secret_parts_of_an_address_are_hidden(value: str, shown: str) -> None:
    assert hide("uri", value) == shown


def test_the_effective_configuration_hides_secrets_at_any_depth() -> None:
    table = {"uri": "mongodb://u:hunter2@db", "smtp": {"password": "hunter2"}}
    text = render_effective(Loaded(Config(), {"plugin.x.uri": "a.toml"}), {"x": table})
    assert "hunter2" not in text
    assert f'uri = "mongodb://***@db"  # {Path("a.toml").absolute()}' in text


@pytest.mark.parametrize("name", [name for name, _ in sections()])
def test_every_key_has_a_description(name: str) -> None:
    kind = dict(sections())[name]
    assert all(
        setting.description.endswith(".") or "; " in setting.description
        for setting in describe(kind)
    )
