"""`plugins.enabled` may change the list that the source before it gives."""

from pathlib import Path

import pytest

from chatserver.config import given_keys, load
from chatserver.config.sections import PluginsConfig
from chatserver.errors import StartupError

DEFAULT = PluginsConfig().enabled


def write(folder: Path, enabled: str) -> str:
    path = folder / "chat.toml"
    path.write_text(f"[plugins]\nenabled = {enabled}\n")
    return str(path)


def test_changes_begin_with_the_default(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, '["+graphql", "-audit", "+wordfilter"]'), environ={})
    assert loaded.config.plugins.enabled == [
        *(name for name in DEFAULT if name != "audit"),
        "graphql",
        "wordfilter",
    ]


def test_each_source_changes_the_list_of_the_one_before(tmp_path: Path) -> None:
    source = write(tmp_path, '["sqlite", "password"]')
    environ = {"CHATSERVER_PLUGINS__ENABLED": "+s3, -password"}
    loaded = load(source, environ=environ, overrides={"plugins.enabled": ["+password", "+s3"]})
    assert loaded.config.plugins.enabled == ["sqlite", "s3", "password"]
    assert loaded.origin == {"plugins.enabled": "command line"}
    assert given_keys(source, environ=environ)[1] == ["sqlite", "s3"]


def test_a_whole_list_replaces_what_was_before(tmp_path: Path) -> None:
    source = write(tmp_path, '["+graphql"]')
    environ = {"CHATSERVER_PLUGINS__ENABLED": "memory,password"}
    assert load(source, environ=environ).config.plugins.enabled == ["memory", "password"]
    assert load(source, environ={"CHATSERVER_PLUGINS__ENABLED": ""}).config.plugins.enabled == []


def test_what_is_on_may_be_added_again() -> None:
    """It may have become a default."""
    given = {"plugins.enabled": f"+{DEFAULT[-1]}"}
    assert load(environ={}, overrides=given).config.plugins.enabled == DEFAULT


@pytest.mark.parametrize(
    ("enabled", "reason"),
    [
        ('["mongo", "+graphql"]', "expected names alone, or changes alone such as +graphql"),
        ('["-audit", "password"]', "expected names alone, or changes alone such as +graphql"),
        ('["-audits"]', "-audits: audits is not on"),
        ("[5]", "expected a list of text, got [5]"),
        ("5", "expected a list of text, got 5"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, enabled: str, reason: str) -> None:
    source = write(tmp_path, enabled)
    with pytest.raises(StartupError) as caught:
        load(source, environ={})
    assert str(caught.value).startswith(f"{source}: plugins.enabled: {reason}")
    assert "\n" not in str(caught.value)
