"""Starting a server by hand: mistakes in arguments, Ctrl+C under make."""

import json
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.forking import ran
from tests.waiting import wait_until

SECONDS = 60  # of silence, after which something is wrong
MAKEFILE = f"""
run:
	@exec "{sys.executable}" -m chatserver dev --no-reload --port 0 --store memory --data data
"""


def dev(folder: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """A development server that is expected to refuse."""
    base = {name: text for name, text in os.environ.items() if name != "MAKELEVEL"}
    options = ("--no-reload", "--port", "0")
    return ran("dev", *options, *arguments, cwd=folder, env=base | environ)


def served_once(folder: Path, store: str) -> None:
    """Start a server on `folder/data` and end it in order."""
    command = ["dev", "--no-reload", "--port", "0", "--store", store]
    seen = []
    with subprocess.Popen(
        [sys.executable, "-m", "chatserver", *command],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            seen.append(line)
            if " serves http://" in line:
                process.send_signal(signal.SIGTERM)
    assert process.returncode == 0, "".join(seen)


def test_data_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    done = dev(tmp_path, "--store", "memory")
    assert done.returncode == 1
    assert f"server.data: {tmp_path}/data: it is a file, expected a folder" in done.stderr


def test_data_below_a_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("")
    done = dev(tmp_path, "--store", "memory", "--data", "notes/data")
    assert done.returncode == 1
    assert f"{tmp_path}/notes is a file, expected a folder" in done.stderr


@pytest.mark.parametrize(
    ("environ", "way"), [({}, "--port {}"), ({"MAKELEVEL": "1"}, "make run PORT={}")]
)
def test_a_taken_port_says_how_to_choose_another(
    tmp_path: Path, environ: dict[str, str], way: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = dev(tmp_path, "--store", "memory", "--port", str(port), **environ)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert way.format(port + 1) in done.stderr


def test_another_store_on_a_folder_with_data_is_refused(tmp_path: Path) -> None:
    served_once(tmp_path, "sqlite")
    assert (tmp_path / "data/.store").read_text() == "sqlite\n"
    done = dev(tmp_path, "--store", "mongo")
    assert done.returncode == 1
    assert (
        f"{tmp_path}/data holds the data of the store sqlite, but the configured store is mongo"
        in done.stderr
    )
    assert "--store sqlite" in done.stderr and "--data" in done.stderr and "move" in done.stderr
    assert not (tmp_path / "data/mongo").exists()
    served_once(tmp_path, "sqlite")  # what holds the data starts as before
    served_once(tmp_path, "memory")  # and what keeps nothing takes nobody's place
    assert (tmp_path / "data/.store").read_text() == "sqlite\n"


def test_data_of_a_version_without_the_note_is_found_by_its_folder(tmp_path: Path) -> None:
    """As a server left it that had mongo on."""
    (tmp_path / "data/mongo/db").mkdir(parents=True)
    done = dev(tmp_path, "--store", "sqlite")
    assert done.returncode == 1
    assert "holds the data of the store mongo, but the configured store is sqlite" in done.stderr


def test_a_command_that_fills_a_store_is_refused_as_well(tmp_path: Path) -> None:
    served_once(tmp_path, "sqlite")
    done = ran("migrate", "--set", "plugins.enabled=mongo,password", cwd=tmp_path)
    assert done.returncode == 1
    assert "holds the data of the store sqlite" in done.stderr


def at_a_terminal(folder: Path, script: str, *typed: tuple[bytes, bytes]) -> tuple[str, int]:
    """The output of a shell and its status. Each text is typed once the text before it was shown."""
    if shutil.which("make") is None:
        pytest.skip("no make")
    (folder / "Makefile").write_text(MAKEFILE)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvp("sh", ["sh", "-c", script])
    shown, waiting = b"", list(typed)
    while select.select([terminal], [], [], SECONDS)[0]:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # everybody has closed it
            break
        if waiting and waiting[0][0] in shown:
            os.write(terminal, waiting.pop(0)[1])
    else:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(terminal)
    return shown.decode(), status


def test_ctrl_c_under_make_is_a_clean_end(tmp_path: Path) -> None:
    shown, status = at_a_terminal(tmp_path, "exec make run", (b"sign up", b"\x03"))
    assert "stopped" in shown and "***" not in shown, shown
    assert status == 0, shown


def test_a_terminal_is_given_back(tmp_path: Path) -> None:
    """A script that runs make goes on after it, with the terminal."""
    script = "make run; echo status $?; read line; echo got $line"
    shown, _ = at_a_terminal(tmp_path, script, (b"sign up", b"\x03"), (b"status", b"hello\n"))
    assert "status 0" in shown and "got hello" in shown, shown


def make_venv(mongod: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/sh", str(ROOT / "deploy/make-venv"), "mongod"],
        env=os.environ | {"MONGOD": mongod},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_mongod_that_is_not_there_is_named() -> None:
    done = make_venv("/no/such/mongod")
    assert done.returncode == 1
    assert "MONGOD=/no/such/mongod is not a program" in done.stderr


def test_a_program_that_is_no_mongod_is_named() -> None:
    done = make_venv("/bin/echo")
    assert done.returncode == 1
    assert "MONGOD=/bin/echo is no mongod" in done.stderr


def test_make_run_starts_the_mongod_that_was_named() -> None:
    """The named one starts, not another one from the same folder."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    shown = subprocess.run(
        ["make", "--dry-run", "run", "MONGOD=deploy/mongod-9"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert f'--set "plugin.mongo.mongod={ROOT}/deploy/mongod-9"' in shown.stdout
    assert "exec .venv/bin/chatserver dev" in makefile


def test_config_shows_the_settings_of_the_running_server(tmp_path: Path) -> None:
    """As beside `make run`, with no option of its own."""
    secret = "mongodb://me:hunter2@db/"
    given = (
        "--store",
        "memory",
        "--set",
        "server.name=Lounge",
        "--set",
        f"plugin.mongo.uri={secret}",
    )
    command = [sys.executable, "-m", "chatserver"]
    environ = os.environ | {"CHATSERVER_PLUGIN__POSTGRES__CONNECTIONS": "7"}  # of one that is off
    with subprocess.Popen(
        [*command, "dev", "--no-reload", "--port", "0", "--data", "here", *given],
        cwd=tmp_path,
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "sign up" in line:
                break
        # The server notes its settings a moment after it says where it is.
        wait_until((tmp_path / "here/running.json").exists)
        beside = ran("config", "--data", "here", cwd=tmp_path)
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
    after = ran("config", "--json", "--data", "here", cwd=tmp_path)
    assert 'name = "Lounge"  # command line' in beside.stdout
    assert 'enabled = ["memory", "password", ' in beside.stdout
    assert 'connections = "7"  # CHATSERVER_PLUGIN__POSTGRES__CONNECTIONS' in beside.stdout
    assert "config/development.toml" in beside.stdout.replace("chatserver_config", "config")
    assert "hunter2" not in beside.stdout
    rows = [json.loads(line) for line in after.stdout.splitlines()]
    assert {"section": "server", "key": "name", "value": "chatserver", "source": "default"} in rows
    assert not (tmp_path / "here/running.json").exists()
