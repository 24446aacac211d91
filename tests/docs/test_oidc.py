"""The page about OpenID Connect: its configuration starts, with secrets from files, and its errors are those of the code."""

import re
from pathlib import Path

import pytest

from chatserver import ChatError
from chatserver.config import load
from chatserver.errors import CODES
from chatserver.hooks.loading import Plugins
from chatserver_plugins.oidc import answers
from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs/oidc.md"
TEXT = PAGE.read_text(encoding="utf-8")
SECRET = re.compile(r"(CHATSERVER_\w+_FILE)=\S+")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The page's variables, which lead to files with secrets."""
    file = tmp_path / "secret"
    file.write_text("a secret\n")
    return dict.fromkeys(SECRET.findall(TEXT), str(file))


def test_the_configuration_makes_both_methods(tmp_path: Path, environ: dict[str, str]) -> None:
    (block,) = [each for each in blocks(PAGE) if each.info == ["toml"]]
    (tmp_path / "chat.toml").write_text(block.text)
    config = load(str(tmp_path / "chat.toml"), environ=environ).config
    found = Plugins(config, tmp_path / "data")
    (plugin,) = [each for each in found.all if each.name == "oidc"]
    providers = plugin.instance._config.providers
    assert list(providers) == ["company", "partner"]
    assert {each.client_secret for each in providers.values()} == {"a secret"}
    assert providers["company"].roles == {"chat-admins": "admin"}


@pytest.mark.parametrize(
    "error",
    [
        answers.unavailable(),
        answers.cancelled(),
        answers.unusable(),
        answers.not_in_group(),
        answers.not_anew(),
        ChatError("auth.closed"),
        ChatError("auth.flow"),
    ],
    ids=str,
)
def test_what_people_see_is_listed(error: ChatError) -> None:
    assert f"| {error.text} | `{error.code}`" in TEXT
    assert error.code in CODES


def test_the_lines_of_the_log_are_those_of_the_code() -> None:
    folder = ROOT / "plugins/oidc"
    source = "".join(path.read_text() for path in folder.glob("*.py"))
    for text in (
        "cannot be reached",
        "does not answer in",
        "names the issuer",
        "but the setting issuer is",
        "expected https://…",
        "the token endpoint answers",
        "the provider answers",
        "the ID token is not valid",
        "a signature that the setting algorithms does not name",
        "no auth_time, so nobody can confirm",
        "the logout token is not valid",
    ):
        assert text in TEXT and text in source, text
