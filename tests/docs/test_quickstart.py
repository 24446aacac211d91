"""The quick start, done as it stands: each command, each program, in its order, on real servers."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, Block, blocks
from tests.docs.terminal import Terminal
from tests.servers import Mongod, free_port

pytestmark = pytest.mark.long

PAGE = ROOT / "docs/quickstart.md"
METRICS = "curl -sS http://localhost:$PORT/metrics"
WAIT_SECONDS = 60
FOREIGN = {"LOCKED", "ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"}
CHECKOUT = ("Makefile", "setup.cfg", "pyproject.toml", "deploy", "config", "docs/examples")


@pytest.fixture
def programs() -> None:
    for program in ("bash", "make", "curl"):
        if shutil.which(program) is None:
            message = f"no {program} on the PATH"
            (pytest.fail if os.environ.get("CI") else pytest.skip)(message)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder as `make run` leaves it after the installation, with this environment as .venv."""
    for name in CHECKOUT:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    bin = tmp_path / ".venv/bin"
    bin.mkdir(parents=True)
    for name, arguments in (("python", ""), ("chatserver", " -m chatserver")):
        (bin / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
        (bin / name).chmod(0o755)
    (tmp_path / ".venv/.folder").write_text(f"{tmp_path.resolve()}\n")
    state = "cat setup.cfg pyproject.toml deploy/floors.txt | cksum"
    stamp = subprocess.run(["sh", "-c", state], cwd=tmp_path, capture_output=True, check=True)
    (tmp_path / ".venv/.installed-mongod,graphiql").write_bytes(stamp.stdout)
    return tmp_path


@pytest.fixture
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    mongod = Mongod(tmp_path_factory.mktemp("own"))
    mongod.start()
    yield mongod
    mongod.stop()


@pytest.fixture
def terminal(checkout: Path, port: int) -> Iterator[Terminal]:
    # A reader has no settings, no `make` around it, and takes the newest packages that fit, not CI's locked ones.
    clean = {
        name: value
        for name, value in os.environ.items()
        if "CHATSERVER" not in name and name not in FOREIGN
    }
    given = {
        "PORT": str(port),
        "CHATSERVER_SERVER__PORT": str(port),
        "CHATSERVER_SERVER__HOST": "127.0.0.1",
        "CHATSERVER_SERVER__DRAIN_SECONDS": "0.1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(":"),
    }
    terminal = Terminal(checkout, clean | given, port)
    yield terminal
    terminal.stop()


@pytest.mark.usefixtures("programs")
def test_every_step_works(terminal: Terminal, checkout: Path, port: int, database: Mongod) -> None:
    printed = ""
    for block in blocks(PAGE):
        text = block.text.replace("localhost:4000", f"localhost:{port}")
        text = text.replace("mongodb://localhost:27017/?replicaSet=rs0", database.uri)
        internal = f"--set server.internal_port={free_port()}"  # the usual one may be taken
        text = text.replace("serve -c production", f"serve -c production {internal}")
        match block.info:
            case ["sh", "server"]:
                terminal.stop()
                terminal.start(text)
                terminal.wait_until_ready()
            case ["sh", "background"]:
                terminal.start(text)
                until_somebody_hears(terminal)
            case ["sh"]:
                printed = terminal.run(text)
                if "!ping" in text:  # a busy machine may take longer than the page says
                    printed = until(terminal, "api rooms/$ROOM/messages", '"body":"pong"')
            case ["stop"]:
                terminal.stop()
            case ["json"]:
                assert shape(json.loads(text)) == shape(json.loads(printed)), block
            case ["toml"]:
                (checkout / "example.toml").write_text(text)
                terminal.run(".venv/bin/chatserver check -c example.toml")
            case _:
                raise AssertionError(f"{block}: nobody tries this block")
        check(block, printed)
    terminal.stop()
    assert not re.findall(r'.*(?:"level":"error"| ERROR |Traceback).*', terminal.printed())


def until_somebody_hears(terminal: Terminal) -> None:
    """Post until a message is delivered: from then on the bot follows the room."""
    deadline = time.monotonic() + WAIT_SECONDS
    asked = 0
    while not re.search(r"^chatserver_deliveries_total [1-9]", terminal.run(METRICS), re.MULTILINE):
        assert time.monotonic() < deadline
        asked += 1
        message = json.dumps({"client_id": f"asked {asked}", "body": "Is anybody there?"})
        terminal.run(f"api rooms/$ROOM/messages -d '{message}'")


def until(terminal: Terminal, command: str, wanted: str) -> str:
    """The command's output, once the wanted text is in it."""
    deadline = time.monotonic() + WAIT_SECONDS
    while wanted not in (printed := terminal.run(command)):
        assert time.monotonic() < deadline, printed
    return printed


def check(block: Block, printed: str) -> None:
    """Compare the output with the page's words about it."""
    if "api rooms -d" in block.text:
        assert '"name":"Lounge"' in printed
    if "events?after=0" in block.text:
        assert printed.count('"body":"Hello!"') == 2, "once on the page, once in the log"
        assert re.findall(r'"seq":(\d+)', printed.partition('"events":')[2]) == ["1", "2", "3"]
    if "chatserver config " in block.text:
        assert "messages_processed_total" in printed and '"database"' in printed
    if "user role bot guest" in block.text:
        assert "bot is guest." in printed
    if "user add ada" in block.text:
        assert "ada is owner." in printed
    if "user add grace" in block.text:
        assert "grace is member." in printed


def shape(value: Any) -> Any:
    """The value without what differs from time to time: its keys, and the kinds of its values."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return type(value).__name__
