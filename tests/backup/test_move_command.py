"""`chatserver move`, as an operator types it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chatserver.cli import main
from tests.backup.machine import ROOT, Machine, ended, read
from tests.faults.server import ChatServer


class Sides:
    """Two configurations, each with a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source, self.target = self.configured("source"), self.configured("target")

    def configured(self, name: str, store: str = "sqlite", data: Path | None = None) -> Path:
        """A file; the data are beside it, or elsewhere."""
        path = self.folder / f"{name}.toml"
        folder = data or self.folder / name
        path.write_text(
            f'[server]\ndata = "{folder}"\n\n[plugins]\nenabled = ["{store}", "password"]\n'
        )
        return path

    def command(self) -> list[str]:
        return ["move", "--from", str(self.source), "--to", str(self.target)]

    def run(self) -> Result:
        return CliRunner().invoke(main, self.command(), prog_name="chatserver")

    def killed(self, number: int) -> int:
        """The exit status of the command, killed at its write of this number."""
        return self.end("tests.backup.dying", str(number))[0]

    def end(self, *module: str, limit: str = "unlimited") -> tuple[int, str]:
        """Exit status and output of the command in a new process; `limit` bounds its files, in KiB."""
        program = [sys.executable, "-m", *module, *self.command()]
        process = subprocess.Popen(
            ["bash", "-c", f'ulimit -f {limit}; exec "$@"', "bash", *program],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return ended(process)


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    return Sides(tmp_path)


def filled(folder: Path, messages: int = 0) -> None:
    machine = Machine(folder)
    machine.data = folder / "source"
    machine.fill(messages)


def test_killed_again_and_again_it_comes_to_its_end(sides: Sides) -> None:
    filled(sides.folder, messages=1000)
    wanted = read(sides.folder / "source")
    for number in (2, 12, 25):
        assert sides.killed(number) == -signal.SIGKILL, number
    refused = CliRunner().invoke(main, ["jobs", "-c", str(sides.target)])
    assert refused.exit_code == 1 and "being filled from the installation" in refused.stderr
    moved = sides.run()
    assert (moved.exit_code, moved.stderr) == (0, "")
    assert "are the same on both sides" in moved.stdout
    assert read(sides.folder / "target") == wanted == read(sides.folder / "source")
    assert CliRunner().invoke(main, ["jobs", "-c", str(sides.target)]).exit_code == 0
    assert "a server has used it" in sides.run().stderr


def test_beside_a_server_and_again_after_it(sides: Sides) -> None:
    """An operator's procedure; sessions stay valid."""
    data = sides.folder / "data"
    sides.source = sides.configured("source", data=data)
    with ChatServer(sides.folder, store="sqlite") as chat:
        ada = chat.register("ada")
        room = chat.room(ada)
        chat.post(f"/api/v1/rooms/{room}/messages", ada, {"body": "one", "client_id": "1"})
        first = sides.run()
        assert first.exit_code == 0 or "run this again for the rest" in first.stderr
        chat.post(f"/api/v1/rooms/{room}/messages", ada, {"body": "two", "client_id": "2"})
        assert chat.errors() == []
    second = sides.run()
    assert second.exit_code == 0, second.stderr
    assert read(sides.folder / "target") == read(data)
    data.rename(sides.folder / "old")
    (sides.folder / "target").rename(data)
    with chat:
        bodies = [each["body"] for each in chat.log(room, ada) if "body" in each]
        assert bodies == ["one", "two"]


def test_an_impossible_move_is_refused_with_the_side_at_fault(sides: Sides) -> None:
    assert "--from: its schema is not up to date" in sides.run().stderr
    assert not list((sides.folder / "source").glob("sqlite/*")), "nothing was made there"
    filled(sides.folder)
    target = sides.target
    sides.target = sides.configured("same", data=sides.folder / "source")
    assert "is also the data folder of --from: choose another" in sides.run().stderr
    (sides.folder / "link").symlink_to(sides.folder / "source")
    sides.target = sides.configured("same", data=sides.folder / "link")
    assert "link is also the data folder of --from: choose another" in sides.run().stderr
    sides.target = sides.folder / "none.toml"
    assert "--to: " in sides.run().stderr
    sides.target = target
    target.write_text("[server]\nnonsense = 1\n")
    refused = sides.run()
    assert refused.exit_code == 1
    assert f"--to: {target}: server.nonsense" in refused.stderr


def test_one_file_by_two_names_is_not_moved_into_itself(sides: Sides) -> None:
    filled(sides.folder)
    wanted = read(sides.folder / "source")
    file = sides.folder / "target" / "sqlite" / "chat.db"
    file.parent.mkdir(parents=True)
    file.hardlink_to(sides.folder / "source" / "sqlite" / "chat.db")
    refused = sides.run()
    assert refused.exit_code == 1 and "the file has 2 names (hard links)" in refused.stderr
    file.unlink()
    file.symlink_to(sides.folder / "source" / "sqlite" / "chat.db")
    refused = sides.run()
    assert refused.exit_code == 1
    assert "source and target are the same installation" in refused.stderr
    assert read(sides.folder / "source") == wanted


def test_a_full_disk_is_reported_and_the_move_continues_when_there_is_room(sides: Sides) -> None:
    filled(sides.folder, messages=5000)
    status, said = sides.end("tests.backup.dying", "0", limit="900")
    assert status == 1
    assert "chat.db: disk I/O error" in said and "Traceback" not in said
    assert sides.run().exit_code == 0
    assert read(sides.folder / "target") == read(sides.folder / "source")
