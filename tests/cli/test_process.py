"""The command as a process: exit status, colour, speed of help, restart on changes."""

import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chatserver.cli.reload import Watcher, fits

# Stands in for the server: says that it runs, and ends in order on SIGTERM.
SERVER = """
import os, signal, sys, time
from types import ModuleType
def run(loaded, *, dev):
    signals = []
    signal.signal(signal.SIGTERM, lambda *_: signals.append(1))
    print("run", os.getpid(), flush=True)
    while not signals:
        time.sleep(0.01)
    print("end", flush=True)
    return 0
sys.modules["chatserver.serving"] = serving = ModuleType("chatserver.serving")
serving.run = run
from chatserver.cli import main
main(["dev", "--set", "plugins.folder=local", "-c", "chat.toml"])
"""


def chatserver(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chatserver", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | environ,
    )


def test_help_is_0() -> None:
    done = chatserver("--help")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_refusal_is_1_without_a_traceback() -> None:
    done = chatserver("check", CHATSERVER_SERVER__PORT="x")
    assert done.returncode == 1
    assert done.stderr == (
        "chatserver: CHATSERVER_SERVER__PORT: expected a whole number from 0 to 65535, got 'x'\n"
    )


def test_wrong_usage_is_2() -> None:
    assert chatserver("serve", "--nonsense").returncode == 2


def test_the_cli_package_runs_as_well() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chatserver.cli", "--version"], capture_output=True
    )
    assert done.returncode == 0


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_is_for_terminals_that_want_it(environ: dict[str, str], coloured: bool) -> None:
    ours, theirs = os.openpty()
    environ = {"TERM": "xterm"} | environ
    base = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    command = [sys.executable, "-m", "chatserver", "check", "--set", "server.prot=1"]
    done = subprocess.run(command, stdout=theirs, stderr=theirs, env=base | environ)
    os.close(theirs)
    text = os.read(ours, 4096)
    os.close(ours)
    assert done.returncode == 1
    assert (b"\x1b[" in text) is coloured


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom chatserver.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = ('tornado', 'rich.table', 'motor', 'pymongo', 'argon2', 'graphql')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_changed_code_ends_the_server_in_order_and_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "chat.toml").write_text("")
    (tmp_path / "local").mkdir()
    process = subprocess.Popen(
        [sys.executable, "server.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None

    def line() -> str:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 20)[0], "nothing was said for 20 s"
        return process.stdout.readline().strip()

    try:
        assert line() == f"run {process.pid}"
        (tmp_path / "local/new.py").write_text("x = 1")
        assert line() == "end"
        assert line() == f"run {process.pid}"
        process.send_signal(signal.SIGTERM)
        assert line() == "end"
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_code_that_does_not_compile_is_not_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watcher = Watcher([tmp_path])
    (tmp_path / "a.py").write_text("def")
    assert not fits(watcher.changed())
    assert re.search(r"not restarted: .*a\.py: invalid syntax", capsys.readouterr().err)
    (tmp_path / "a.py").write_text("x = 1")
    assert fits(watcher.changed())
    assert not fits(watcher.changed())
    (tmp_path / "a.py").unlink()
    assert fits(watcher.changed())
