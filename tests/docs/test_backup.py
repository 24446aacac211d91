"""The page about backups, done as it stands: each command, in its order, on a real installation."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.terminal import Terminal
from tests.servers import free_port

pytestmark = pytest.mark.long

PAGE = ROOT / "docs/backup.md"
ADD = "echo 'a long password' | chatserver user add {} --password-file - -c chat.toml"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def terminal(tmp_path: Path, port: int) -> Iterator[Terminal]:
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "chatserver").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m chatserver "$@"\n')
    (bin / "chatserver").chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if "CHATSERVER" not in name}
    given = {
        "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}",
        "CHATSERVER_SERVER__PORT": str(port),
        "CHATSERVER_SERVER__DRAIN_SECONDS": "0.1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(":"),
    }
    terminal = Terminal(tmp_path, clean | given, port)
    yield terminal
    terminal.stop()


def test_every_step_works(terminal: Terminal, tmp_path: Path) -> None:
    subprocess.run(["openssl", "version"], check=True, capture_output=True)
    printed = []
    for block in blocks(PAGE):
        match block.info:
            case ["toml"]:
                (tmp_path / "chat.toml").write_text(block.text)
            case ["sh", "server"]:
                terminal.start(block.text)
                terminal.wait_until_ready()
                terminal.stop()
            case ["sh"]:
                printed.append(terminal.run(block.text))
                if block.text.startswith("chatserver backup -c"):
                    terminal.run(ADD.format("late"))
            case _:
                raise AssertionError(f"{block}: nobody tries this block")
    _, made, listed, verified, restored, then = printed
    [backup] = (tmp_path / "backups").glob("chatserver-*")
    assert "encrypted" in made and "not encrypted" not in made
    assert backup.name in made and backup.name in listed
    assert ": complete: " in verified
    assert restored.startswith("Restored ") and then.startswith("Restored ")
    people = terminal.run("chatserver user list -c chat.toml")
    assert "ada" in people and "late" not in people
