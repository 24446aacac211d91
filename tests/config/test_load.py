"""The sources of settings, and their precedence."""

import os
from pathlib import Path

import pytest

from chatserver.config import Config, load, sources
from chatserver.config.settings import Text
from chatserver.config.sources import find
from chatserver.config.text import render_default
from chatserver.errors import StartupError

ROOT = Path(__file__).parents[2]


def write(folder: Path, text: str) -> str:
    path = folder / "chat.toml"
    path.write_text(text)
    return str(path)


def test_nothing_given_is_all_defaults() -> None:
    assert load(environ={})[:2] == (Config(), {})


def test_file_environment_command_line_in_this_order(tmp_path: Path) -> None:
    source = write(tmp_path, "[server]\nport = 1\nhost = '::1'\nname = 'a'\ndata = 'd'\n")
    environ = {"CHATSERVER_SERVER__PORT": "2", "CHATSERVER_SERVER__HOST": "0.0.0.0"}
    loaded = load(source, environ=environ, overrides={"server.port": 3})
    server = loaded.config.server
    assert (server.port, server.host, server.name) == (3, "0.0.0.0", "a")
    assert loaded.origin == {
        "server.port": "command line",
        "server.host": "CHATSERVER_SERVER__HOST",
        "server.name": source,
        "server.data": source,
    }


def test_the_environment_names_the_file_where_the_command_line_does_not(tmp_path: Path) -> None:
    source = write(tmp_path, "[server]\nport = 1\n")
    assert load(environ={"CHATSERVER_CONFIG": source}).config.server.port == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10.0.0.0/8, ::1", ["10.0.0.0/8", "::1"]),
        ('["10.0.0.0/8", "::1"]', ["10.0.0.0/8", "::1"]),
        ("::1", ["::1"]),
        ("", []),
    ],
)
def test_lists_in_the_environment_are_commas_or_json(text: str, value: list[str]) -> None:
    environ = {"CHATSERVER_SERVER__TRUSTED_PROXIES": text}
    assert load(environ=environ).config.server.trusted_proxies == value


@pytest.mark.parametrize("text", ["true", "1", "True"])
def test_yes_and_no_in_the_environment(text: str) -> None:
    assert load(environ={"CHATSERVER_SERVER__DEBUG": text}).config.server.debug is True


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "uri"
    secret.write_text("mongodb://u:p@db\n")
    loaded = load(environ={"CHATSERVER_PLUGIN__MONGO__URI_FILE": str(secret)})
    assert loaded.config.plugin == {"mongo": {"uri": "mongodb://u:p@db"}}


def test_only_one_final_newline_goes(tmp_path: Path) -> None:
    secret = tmp_path / "name"
    secret.write_text("a b \n\n")
    loaded = load(environ={"CHATSERVER_SERVER__NAME_FILE": str(secret)})
    assert loaded.config.server.name == "a b \n"


def test_a_plugins_value_from_the_environment_is_still_marked_as_text() -> None:
    loaded = load(environ={"CHATSERVER_PLUGIN__MONGO__POOL": "5"})
    assert isinstance(loaded.config.plugin["mongo"]["pool"], Text)


def test_log_level_and_app_version_are_known_without_our_prefix() -> None:
    environ = {"LOG_LEVEL": "WARNING", "APP_VERSION": "9.9"}
    logging = load(environ=environ).config.logging
    assert (logging.level, logging.version) == ("warning", "9.9")


def test_our_own_variable_wins_over_log_level() -> None:
    environ = {"LOG_LEVEL": "warning", "CHATSERVER_LOGGING__LEVEL": "debug"}
    assert load(environ=environ).config.logging.level == "debug"


def test_variables_of_kubernetes_about_a_service_of_our_name_are_ignored() -> None:
    environ = {
        "CHATSERVER_SERVICE_HOST": "10.0.0.1",
        "CHATSERVER_SERVICE_PORT_HTTP": "4000",
        "CHATSERVER_PORT": "tcp://10.0.0.1:4000",
        "CHATSERVER_PORT_4000_TCP_ADDR": "10.0.0.1",
        "CHATSERVER_METRICS_SERVICE_HOST": "10.0.0.2",
    }
    assert load(environ=environ)[:2] == (Config(), {})


@pytest.mark.parametrize("name", ["default", "development", "production"])
def test_the_configurations_of_the_checkout_load(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    load(name, environ={})


def test_default_toml_is_what_the_code_says() -> None:
    assert (ROOT / "config/default.toml").read_text() == render_default()


def test_default_toml_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert load("default", environ={}).config == Config()


def test_names_are_found_in_the_working_directory_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/production.toml").write_text("")
    assert find("production")[0] == "config/production.toml"


def test_names_are_found_in_the_order_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of the operator in /etc counts, not the one that came with the server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(sources, "SYSTEM", tmp_path / "etc")
    places = [
        Path("production.toml"),
        Path("config/production.toml"),
        tmp_path / "xdg/chatserver/production.toml",
        tmp_path / "etc/production.toml",
    ]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text('[server]\nname = "here"\n')
    for place in places:
        assert find("production") == (str(place), place)
        assert load("production", environ={}).config.server.name == "here"
        place.unlink()
    label, packaged = find("production")
    assert label == str(packaged) and packaged.is_absolute()


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "chat.toml"
    path.write_text("[server]\nprot = 1\n[limits]\nconnections = 0\n")
    environ = {
        "CHATSERVER_FOO": "1",
        "CHATSERVER_SERVER__NAME": "x",
        "CHATSERVER_SERVER__NAME_FILE": "/no/file",
        "CHATSERVER_BACKUP__KEY_FILE": "/no/key",
        "CHATSERVER_SERVER__PORT": "x",
        "CHATSERVER_PLUGIN__MONGO__URI_FILE": "/no/uri",
    }
    with pytest.raises(StartupError) as refused:
        load(str(path), environ=environ, overrides={"server.": "1", "server.roles": "none"})
    lines = str(refused.value).splitlines()
    for part in (
        "CHATSERVER_FOO: unknown variable",
        "CHATSERVER_SERVER__NAME is set too",
        "/no/uri: No such file",
        "CHATSERVER_SERVER__PORT: expected a whole number",
        "server.prot: unknown key",
        "limits.connections: expected",
        "command line: server.: expected a key",
        "server.roles: expected",
    ):
        assert len([line for line in lines if part in line]) == 1, part


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(StartupError, match="no such configuration"):
        load("x" * 5000, environ={})


def test_a_name_that_nothing_has_says_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StartupError, match=r"staging: no such .*config/staging\.toml"):
        load("staging", environ={})


def test_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("CHATSERVER_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CHATSERVER_SERVER__PORT", "123")
    assert load().config.server.port == 123
