"""`chatserver plugin run`: commands that plugins bring; `chatserver plugins claims` and `release`."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.forking import ran

ROOT = Path(__file__).parents[2]
PLUGIN = '''
import click
from chatserver import ChatError, hookimpl

class Plugin:
    def __init__(self, config):
        pass

    @hookimpl
    def register_cli(self, run):
        @click.group()
        def notes():
            """Notes of an operator."""

        @notes.command()
        @click.argument("name")
        @click.option("--text", default="nothing")
        def put(name, text):
            """Write a note."""
            async def act(context):
                await context.records.put(name, text.encode())
                return context.plugin
            click.echo(f"written by {run(act)}")

        @notes.command()
        @click.argument("name")
        def get(name):
            """Read a note."""
            async def act(context):
                found = await context.records.get(name)
                if found is None:
                    raise ChatError("user.not_found", f"There is no note {name}.")
                return found.decode()
            click.echo(run(act))

        return notes
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "local").mkdir()
    (tmp_path / "local/notes.py").write_text(PLUGIN)
    (tmp_path / "chat.toml").write_text(
        '[server]\ndata = "data"\n[plugins]\nfolder = "local"\n'
        'enabled = ["sqlite", "password", "notes"]\n'
    )
    assert chatserver(tmp_path, "migrate", "-c", "chat.toml").returncode == 0
    return tmp_path


def chatserver(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return ran(*arguments, cwd=folder)


def plugin_run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return chatserver(folder, "plugin", "run", "-c", "chat.toml", *arguments)


def test_a_plugins_command_has_its_own_options_and_the_open_store(folder: Path) -> None:
    done = plugin_run(folder, "notes", "put", "a", "--text", "-c is mine")
    assert (done.returncode, done.stdout) == (0, "written by notes\n"), done.stderr
    done = plugin_run(folder, "notes", "get", "a")
    assert (done.returncode, done.stdout) == (0, "-c is mine\n"), done.stderr
    done = plugin_run(folder, "notes", "--help")
    assert done.returncode == 0
    assert "Usage: chatserver plugin run notes" in done.stdout
    assert "Write a note." in done.stdout


def test_refusals_and_wrong_usage(folder: Path) -> None:
    done = plugin_run(folder, "notes", "get", "b")
    assert (done.returncode, done.stderr) == (1, "chatserver: There is no note b.\n")
    done = plugin_run(folder, "notes", "get", "--wrong", "b")
    assert done.returncode == 2 and "--wrong" in done.stderr
    done = plugin_run(folder, "password")
    assert done.returncode == 1
    assert done.stderr == "chatserver: plugin password: it has no command of its own\n"
    done = plugin_run(folder, "nowhere")
    assert done.returncode == 1 and "nowhere" in done.stderr


def test_claims_are_listed_and_released(folder: Path) -> None:
    guard = """
from chatserver import RoomJoin, SignIn, hookimpl

class Plugin:
    def __init__(self, config): ...

    @hookimpl
    async def startup(self, context):
        await context.claim(RoomJoin)
        await context.claim("message", "ROOM")
        await context.claim(SignIn, having="kept/", roles=["admin"])
        await context.records.put("kept/ada", b"x")
"""
    (folder / "local/guard.py").write_text(guard)
    on = ("-c", "chat.toml", "--set", 'plugins.enabled=["sqlite", "password", "guard"]')
    assert chatserver(folder, "user", "list", *on).returncode == 0  # opens the store, so it starts
    listed = chatserver(folder, "plugins", "claims", "-c", "chat.toml")
    assert listed.returncode == 0, listed.stderr
    for words in ("RoomJoin", "everybody", "message", "ROOM", "1 with a record; role admin"):
        assert words in listed.stdout
    lines = chatserver(folder, "plugins", "claims", "--json", "-c", "chat.toml").stdout.splitlines()
    claims = {(each["action"], each["room"]) for each in map(json.loads, lines)}
    assert claims == {("RoomJoin", None), ("message", "ROOM"), ("SignIn", None)}
    done = chatserver(folder, "plugins", "release", "guard", "-c", "chat.toml")
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [
        "released: RoomJoin in all rooms",
        "released: SignIn of some users in all rooms",
        "released: message in ROOM",
    ]
    again = chatserver(folder, "plugins", "release", "guard", "-c", "chat.toml")
    assert (again.returncode, again.stdout) == (1, "")
    assert "claims nothing" in again.stderr
