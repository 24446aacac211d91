"""Commands never make an installation beside the server's, nor change the schema of what they find."""

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from chatserver_plugins.sqlite import schema
from tests.forking import ran

CHEAP = ("--set=plugin.password.memory_kib=8", "--set=plugin.password.passes=1")
SQLITE = "--set=plugins.enabled=sqlite,password"
WORKS_ON_A_STORE = {
    "user add": ("user", "add", "ada", "--password-file", "-"),
    "user list": ("user", "list"),
    "user role": ("user", "role", "ada", "admin"),
    "jobs": ("jobs",),
    "consumers list": ("consumers", "list"),
    "backup": ("backup",),
    "export": ("export", "--to", "out.jsonl.gz"),
}


def chatserver(
    folder: Path, *arguments: str, stdin: str = "", **environ: str
) -> "subprocess.CompletedProcess[str]":
    return ran(*arguments, cwd=folder, env=os.environ | environ, input=stdin)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder in which a store of SQLite is up to date, with an account."""
    assert chatserver(tmp_path, "migrate", SQLITE).returncode == 0
    added = chatserver(
        tmp_path, *WORKS_ON_A_STORE["user add"], SQLITE, *CHEAP, stdin="correct horse battery"
    )
    assert added.returncode == 0, added.stderr
    return tmp_path


@pytest.mark.parametrize("command", [*WORKS_ON_A_STORE.values(), ("serve",), ("migrate",)])
def test_production_without_an_address_makes_nothing(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    done = chatserver(tmp_path, *command, "-c", "production", stdin="correct horse battery")
    assert done.returncode == 1
    assert "CHATSERVER_PLUGIN__MONGO__URI" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("store", ["mongo", "sqlite"])
@pytest.mark.parametrize("command", WORKS_ON_A_STORE.values(), ids=WORKS_ON_A_STORE)
def test_a_store_that_no_server_has_started_on_is_left_alone(
    tmp_path: Path, command: tuple[str, ...], store: str
) -> None:
    plugins = f"--set=plugins.enabled={store},password"
    done = chatserver(tmp_path, *command, plugins, stdin="correct horse battery")
    assert done.returncode == 1
    assert "is it the right store?" in done.stderr and "chatserver migrate" in done.stderr
    assert not (tmp_path / "data" / store).exists()


@pytest.mark.parametrize("command", WORKS_ON_A_STORE.values(), ids=WORKS_ON_A_STORE)
def test_an_older_schema_is_not_changed(made: Path, command: tuple[str, ...]) -> None:
    def version(to: int | None = None) -> int:
        with closing(sqlite3.connect(made / "data/sqlite/chat.db")) as file:
            if to is not None:
                file.execute(f"PRAGMA user_version = {to}")
            found: int = file.execute("PRAGMA user_version").fetchone()[0]
            return found

    newest = len(schema.MIGRATIONS)
    version(newest - 1)
    done = chatserver(made, *command, SQLITE, stdin="correct horse battery")
    assert done.returncode == 1
    assert f"sqlite: version {newest}: " in done.stderr
    assert version() == newest - 1


def test_a_server_may_be_told_to_leave_it_to_the_command(tmp_path: Path) -> None:
    by_command = ("serve", SQLITE, "--set=server.migrate=by_command", "--port", "0")
    done = chatserver(tmp_path, *by_command)
    assert done.returncode == 1
    assert "chatserver migrate" in done.stderr
    assert not (tmp_path / "data/sqlite").exists()
    assert chatserver(tmp_path, "migrate", SQLITE).returncode == 0
    # It goes on from there, to what is wrong next.
    done = chatserver(tmp_path, *by_command, "--host", "192.0.2.1")
    assert "server.host: cannot listen on 192.0.2.1" in done.stderr


def test_a_server_that_migrates_says_so(tmp_path: Path) -> None:
    done = chatserver(tmp_path, "serve", SQLITE, "--port", "0", "--host", "192.0.2.1")
    for number in range(1, len(schema.MIGRATIONS) + 1):
        assert f"migrating: sqlite: version {number}: " in done.stderr


def test_the_data_folder_is_an_option_of_every_command(made: Path) -> None:
    (made / "elsewhere").mkdir()
    there = ("--data", str(made / "data"), SQLITE)
    listed = chatserver(made / "elsewhere", "user", "list", "--json", *there)
    assert json.loads(listed.stdout)["username"] == "ada"
    for command in ("jobs", "check", "config", "plugins", "export"):
        done = chatserver(made / "elsewhere", command, *there)
        assert done.returncode == 0, done.stderr
    assert not (made / "elsewhere/data").exists()
