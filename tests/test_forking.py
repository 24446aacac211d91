"""A fork of `python -m` behaves as a new process of Python does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forking import Forked, ran

PROGRAM = """
import os, sys
import beside
print(os.getcwd(), os.environ.get("WORD"), "HOME" in os.environ, sys.argv[1:], __name__)
print(sys.stdin.read(), beside.TEXT, file=sys.stderr)
end = sys.argv[1]
sys.exit(int(end) if end.isdigit() else end)
"""


@pytest.mark.parametrize("end", ["0", "3", "a reason"])
def test_it_has_its_own_folder_environment_input_and_status(tmp_path: Path, end: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "path").mkdir()
    (tmp_path / "path/beside.py").write_text("TEXT = 'found'")
    env = {"WORD": "日本語", "PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "path")}
    new = subprocess.run(
        [sys.executable, "-m", "program", end, "b"],
        cwd=tmp_path,
        env=env,
        input="typed",
        capture_output=True,
        text=True,
    )
    fork = ran(end, "b", module="program", cwd=tmp_path, env=env, input="typed")
    assert (fork.returncode, fork.stdout) == (new.returncode, new.stdout)
    assert fork.stderr.split() == new.stderr.split()
    assert "typed" in fork.stderr and "found" in fork.stderr


def test_an_error_that_nobody_handles_is_shown(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("1 / 0")
    done = ran(module="program", cwd=tmp_path)
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr
    with pytest.raises(subprocess.CalledProcessError):
        ran(module="program", cwd=tmp_path, check=True)


def test_a_signal_is_its_status(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    assert ran(module="program", cwd=tmp_path).returncode == -15


def test_one_that_does_not_end_is_killed(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import time; time.sleep(600)")
    with pytest.raises(subprocess.TimeoutExpired):
        ran(module="program", cwd=tmp_path, timeout=0.2)


def test_one_that_goes_on_can_be_watched_and_ended(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("print('ready', flush=True); input()")
    with Path(os.devnull).open("rb") as nothing, (tmp_path / "log").open("w+b") as log:
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as its_input:
            fork = Forked(["program"], [its_input, log, nothing], tmp_path, os.environ)
        assert fork.poll() is None
        os.kill(fork.pid, 0)
        assert fork.children() == []
        fork.kill()
        assert fork.wait(60) == fork.poll() == -9
        fork.kill()  # nobody
        os.close(writing)
    with pytest.raises(ProcessLookupError):
        os.kill(fork.pid, 0)
