"""The effects, output and exit status of each command."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from chatserver.cli import COMMANDS
from chatserver.config.text import render_default
from chatserver.errors import StartupError

from .conftest import STORE, Run, Server

CHAT = ("-c", "chat.toml")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str, run: Run) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"chatserver {command}" in result.output.partition("\n")[2] or command == "user"


@pytest.mark.parametrize("arguments", [("nonsense",), ("serve", "--set", "x"), ("serve", "--prot")])
def test_wrong_usage_is_2(arguments: tuple[str, ...], run: Run) -> None:
    assert run(*arguments).exit_code == 2


def test_serve_puts_the_command_line_on_top_of_the_file(run: Run, server: Server) -> None:
    options = ("--port", "0", "--host", "::1", "--data", "d", "--set", "server.name=Lounge")
    assert run("serve", *CHAT, *options).exit_code == 0
    [(loaded, dev)] = server.started
    settings = loaded.config.server
    assert (settings.port, settings.host, settings.data, settings.name, dev) == (
        0,
        "::1",
        "d",
        "Lounge",
        False,
    )


def test_serve_ends_with_the_servers_status(run: Run, server: Server) -> None:
    server.status = 7
    assert run("serve").exit_code == 7


def test_a_refusal_is_text_and_1(run: Run, server: Server) -> None:
    server.error = StartupError("data: in use\nplugin x: broken")
    result = run("serve")
    assert result.exit_code == 1
    assert result.stderr == "chatserver: data: in use\nchatserver: plugin x: broken\n"
    assert result.stdout == ""


def test_a_wrong_setting_is_named(run: Run, server: Server) -> None:
    result = run("serve", "--set", "server.prot=1")
    assert result.exit_code == 1
    assert result.stderr == (
        "chatserver: command line: server.prot: unknown key (did you mean port?)\n"
    )


@pytest.mark.parametrize("extra", [("--no-reload",), ()])
def test_dev_starts_from_the_development_configuration(
    extra: tuple[str, ...], run: Run, server: Server
) -> None:
    assert run("dev", *extra).exit_code == 0
    [(loaded, dev)] = server.started
    assert (loaded.config.server.debug, dev) == (True, True)


def test_dev_puts_another_store_in_the_place_of_the_first(run: Run, server: Server) -> None:
    Path("local/box.py").write_text(STORE)
    assert run("dev", "--no-reload", *CHAT, "--store", "box").exit_code == 0
    assert server.started[0][0].config.plugins.enabled == ["box", "login"]


def test_dev_knows_which_plugins_store(run: Run, server: Server) -> None:
    result = run("dev", *CHAT, "--store", "login")
    assert result.exit_code == 2
    assert "there is no store plugin 'login'" in result.stderr
    assert "shelf" in result.stderr


def test_check_finds_nothing(run: Run) -> None:
    result = run("check", *CHAT)
    assert (result.exit_code, result.stderr) == (0, "")


def test_check_prints_every_problem(run: Run) -> None:
    Path("chat.toml").write_text(
        '[plugins]\nfolder = "local"\nenabled = ["shelf", "login", "gone"]\n'
        "[plugin.shelf]\nuri = 5\n[plugin.login]\nport = 1\n"
    )
    result = run("check", *CHAT)
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert lines[0] == "chatserver: chat.toml: plugin.shelf.uri: expected text, got 5"
    assert lines[1] == "chatserver: chat.toml: plugin.login.port: unknown key"
    assert lines[2].startswith("chatserver: plugins.enabled: there is no plugin 'gone'")


def test_check_misses_a_store(run: Run) -> None:
    result = run("check", *CHAT, "--set", "plugins.enabled=login")
    assert result.stderr == (
        "chatserver: plugins.enabled: expected one plugin with provide_store "
        "(memory, mongo, postgres, shelf, sqlite), got none\n"
    )


def test_a_section_of_no_plugin_is_a_mistake(run: Run) -> None:
    slip = ("--set", "plugin.shlef.uri=x", "--set", "plugin.login.port=1")
    result = run("check", *CHAT, *slip)
    assert result.exit_code == 1
    stray, unknown = result.stderr.splitlines()
    assert stray.startswith("chatserver: command line: plugin.shlef: there is no plugin 'shlef' (")
    assert unknown == "chatserver: command line: plugin.login.port: unknown key"


def test_check_tells_of_settings_whose_plugin_is_off(run: Run) -> None:
    Path("local/box.py").write_text(STORE)
    result = run("check", *CHAT, "--set", "plugin.box.uri=x")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "[plugin.box] is not used: box is not listed in plugins.enabled." in result.stdout


def test_config_prints_the_settings_in_effect_without_secrets(run: Run) -> None:
    result = run("config", *CHAT, "--set", "server.port=1", env={"LOG_LEVEL": "error"})
    assert result.exit_code == 0
    assert "hunter2" not in result.output
    assert "port = 1  # command line" in result.output
    assert 'level = "error"  # LOG_LEVEL' in result.output
    shown = tomllib.loads(result.stdout)
    assert shown["plugin"]["shelf"]["uri"] == "shelf://***@attic"
    assert shown["limits"]["frame_bytes"] == 65536


def test_config_prints_the_defaults(run: Run) -> None:
    assert run("config", "--default").stdout == render_default()


def test_plugins_lists_those_that_are_off_with_the_reason(run: Run) -> None:
    Path("local/box.py").write_text("1 / 0")
    Path("local/spare.py").write_text(STORE)
    rows = {row["name"]: row for row in json.loads(run("plugins", *CHAT, "--json").stdout)}
    assert (rows["shelf"]["order"], rows["shelf"]["hooks"]) == (1, ["provide_store"])
    assert rows["shelf"]["settings"] == ["uri"]
    assert rows["spare"]["problem"] == "not listed in plugins.enabled"
    assert "division by zero" in rows["box"]["problem"]
    table = run("plugins", *CHAT).output
    assert rows["shelf"]["powers"] is None
    assert rows["shelf"]["secret_settings"] == ["uri"]
    assert rows["metrics"]["powers"] == {"network": ["127.0.0.1"], "secrets": [], "service": []}
    assert re.search(r"shelf .* 1 +provide_store +uri +secret: uri", table)
    assert "not declared" in table
    assert "network: 127.0.0.1" in table
    assert "off: not listed in plugins.enabled" in table
    assert "\x1b" not in table


def test_user_add_takes_the_password_from_standard_input(run: Run, server: Server) -> None:
    options = ("--role", "admin", "--name", "Ada L", "--password-file", "-")
    result = run("user", "add", "ada", *options, input="se cret \n")
    assert (result.exit_code, result.stdout) == (0, "ada is admin.\n")
    assert server.accounts.passwords.known == {"ada": "se cret "}
    assert server.accounts.users["ada"].name == "Ada L"


def test_user_passwd_takes_the_password_from_a_file(run: Run, server: Server) -> None:
    Path("pw").write_text("one\n")
    run("user", "add", "ada", "--password-file", "pw")
    Path("pw").write_text("two\n")
    assert run("user", "passwd", "ada", "--password-file", "pw").exit_code == 0
    assert server.accounts.passwords.known == {"ada": "two"}


def test_user_role_and_list(run: Run, server: Server) -> None:
    run("user", "add", "ada", "--password-file", "-", input="x")
    assert run("user", "role", "ada", "owner").exit_code == 0
    assert json.loads(run("user", "list", "--json").stdout)["role"] == "owner"
    assert re.search(r"ada +ada +owner +2026-01-01", run("user", "list").output)


def test_users_are_locked_renamed_and_deleted(run: Run, server: Server) -> None:
    run("user", "add", "ada", "--password-file", "-", input="x")
    said = [
        run("user", *arguments).output
        for arguments in (
            ("lock", "ada"),
            ("unlock", "ada"),
            ("rename", "ada", "lovelace", "--name", "Ada L"),
            ("delete", "lovelace", "--yes"),
        )
    ]
    assert said == [
        "ada is locked.\n",
        "ada can sign in again.\n",
        "ada is lovelace now, shown as Ada L.\n",
        "lovelace is deleted.\n",
    ]
    assert re.search(r"deleted-u0 +Ada L .* deleted", run("user", "list").output)
    assert all(actor is not None and actor.operator for actor in server.accounts.actors)


def test_deleting_a_user_is_asked_about(run: Run, server: Server) -> None:
    run("user", "add", "ada", "--password-file", "-", input="x")
    assert run("user", "delete", "ada", input="n\n").exit_code == 1
    assert "ada" in server.accounts.users
    assert run("user", "delete", "ada", input="y\n").exit_code == 0
    assert "ada" not in server.accounts.users


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "bob", "--password-file", "-"),
        ("passwd", "ada", "--password-file", "-"),
        ("role", "ada", "admin"),
        ("lock", "ada"),
        ("unlock", "ada"),
        ("rename", "ada", "bob"),
        ("delete", "ada", "--yes"),
    ],
)
def test_every_command_about_a_user_prints_it_as_json_and_says_no_by_its_status(
    arguments: tuple[str, ...], run: Run, server: Server
) -> None:
    run("user", "add", "ada", "--password-file", "-", input="x")
    done = run("user", *arguments, "--json", input="x")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["id"] in ("u0", "u1")
    server.accounts.users.clear()
    if arguments[0] == "add":
        run("user", "add", "bob", "--password-file", "-", input="x")
    refused = run("user", *arguments, "--json", input="x")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("chatserver: ")


def test_users_refusals_are_text_and_1(run: Run, server: Server) -> None:
    run("user", "add", "ada", "--password-file", "-", input="x")
    result = run("user", "add", "ada", "--password-file", "-", input="x")
    assert (result.exit_code, result.stderr) == (1, "chatserver: This user name is taken.\n")
    server.error = StartupError("data: in use by another server")
    result = run("user", "list")
    assert (result.exit_code, result.stderr) == (1, "chatserver: data: in use by another server\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "ada"),
        ("role", "ada", "king"),
        ("add", "ada", "--password-file", "no"),
        ("rename", "ada"),
    ],
)
def test_wrong_usage_of_user_is_2(arguments: tuple[str, ...], run: Run, server: Server) -> None:
    assert run("user", *arguments).exit_code == 2
