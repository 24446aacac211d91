"""`chatserver privacy`: a report, an export and a search, on a store on the disk."""

import asyncio
import io
import json
import stat
import zipfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click import ClickException

from chatserver.cli.privacy import compacted
from chatserver.errors import StoreUnavailable
from chatserver.service import replaced
from chatserver_plugins.memory import MemoryStore
from tests.forking import ran

PASSWORD = "another long password"
Command = partial


@pytest.fixture
def command(tmp_path: Path) -> Command:  # type: ignore[type-arg]
    """Runs a command on a store in which there is an account ada."""
    settings = [
        "plugins.enabled=sqlite,password,profiles,retention",
        f"server.data={tmp_path / 'data'}",
    ]
    made = partial(_ran, [f"--set={each}" for each in settings], tmp_path)
    assert made("migrate")[0] == 0
    assert made("user", "add", "owner", "--password-file", "-")[0] == 0
    assert made("user", "add", "ada", "--name", "Ada L", "--password-file", "-")[0] == 0
    assert made("user", "email", "ada", "ada@example.org")[0] == 0
    return made


def _ran(options: list[str], folder: Path, *arguments: str) -> tuple[int, str]:
    done = ran(*arguments, *options, cwd=folder, input=PASSWORD)
    return done.returncode, done.stdout + done.stderr


def test_a_report_has_all_parts(command: Command) -> None:  # type: ignore[type-arg]
    status, said = command("privacy", "report", "ada", "--json")
    assert status == 0
    parts = {part["name"]: part["items"] for part in json.loads(said)["parts"]}
    assert (parts["account"], parts["email"], parts["profiles"]) == (1, 1, 0)
    assert "E-mail address" in command("privacy", "report", "ada")[1]
    assert command("privacy", "report", "nobody")[0] == 1


def test_an_export_is_one_file_for_its_owner_alone(command: Command, tmp_path: Path) -> None:  # type: ignore[type-arg]
    place = tmp_path / "ada.zip"
    assert command("privacy", "export", "ada", "--to", str(place))[0] == 0
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    with zipfile.ZipFile(io.BytesIO(place.read_bytes())) as archive:
        assert archive.testzip() is None
        assert b"ada@example.org" in archive.read("data.json")
        assert b"Ada L" in archive.read("index.html")
    assert [each.name for each in tmp_path.glob("ada.zip*")] == ["ada.zip"]
    assert command("privacy", "export", "ada", "--to", str(place))[0] == 2


def test_a_search_says_by_its_status_whether_something_is_left(command: Command) -> None:  # type: ignore[type-arg]
    status, said = command("privacy", "search", "ada", "--json")
    places = [json.loads(line) for line in said.splitlines()]
    assert status == 0
    assert {"email", "user", "username"} <= {place["space"] for place in places}
    id = next(place["key"] for place in places if place["space"] == "user")
    assert command("privacy", "erase", "ada", "--yes")[0] == 0
    gone = ("privacy", "search", id, "--text", "Ada L", "--text", "ada@example.org")
    assert "LEFT" not in command(*gone)[1]
    assert command(*gone)[0] == 0
    # Another account of the name is something that a search for the first one finds.
    assert command("user", "add", "other", "--name", "Ada L", "--password-file", "-")[0] == 0
    status, said = command(*gone)
    assert status == 1
    assert "LEFT" in said


def test_who_is_held_is_erased_only_if_that_is_said(command: Command) -> None:  # type: ignore[type-arg]
    options, folder = command.args  # which come before what is the plugin's
    assert _ran([], folder, "plugin", "run", *options, "retention", "hold", "user:ada")[0] == 0
    for refused in (("privacy", "erase", "ada"), ("user", "delete", "ada")):
        status, said = command(*refused, "--yes")
        assert status == 1
        assert "has to be kept for now" in said
    assert command("privacy", "report", "ada")[0] == 0
    assert command("privacy", "erase", "ada", "--despite-hold", "--yes")[0] == 0
    assert command("privacy", "report", "ada")[0] == 1


def test_a_database_that_cannot_write_its_files_anew_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def full(store: object) -> bool:
        raise StoreUnavailable(reason="database or disk is full")

    monkeypatch.setattr(replaced, "compact", full)
    with pytest.raises(ClickException, match=r"disk is full: parts .* may be left"):
        asyncio.run(compacted(SimpleNamespace(service=SimpleNamespace(store=None))))  # type: ignore[arg-type]


async def test_a_store_of_its_own_server_keeps_its_files(
    capsys: pytest.CaptureFixture[str],
) -> None:
    server: Any = SimpleNamespace(service=SimpleNamespace(store=MemoryStore()))
    assert not await compacted(server)
    assert capsys.readouterr().out == ""
