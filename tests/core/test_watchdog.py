"""A blocked loop is an error; a machine without a free processor is not reported as one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

BLOCKED, STARVED = "the server blocks the event loop", "had no processor"
SPIN = "import os\nos.sched_setaffinity(0, {%d})\nwhile os.getppid() == %d: pass"


class Loop:
    """A process that stands still, and what it says of it."""

    def __init__(self, block: str, log: Path) -> None:
        self.processor = min(os.sched_getaffinity(0))
        self._log = log
        command = [sys.executable, "-m", "tests.core.stalling", block, str(self.processor)]
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out)

    def wait_for(self, text: str) -> str:
        """All it said, once that is part of it."""
        deadline = time.monotonic() + 60
        while text not in (said := self._log.read_text()):
            assert self.process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
        return said


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def loop(block: str, folder: Path) -> Iterator[Loop]:
    made = Loop(block, folder / "log")
    with ended(made.process):
        made.wait_for("ready")
        yield made


@pytest.mark.parametrize("block", ["sleep", "compute", "keep_the_lock"])
def test_a_blocking_plugin_is_named_whatever_it_does(block: str, tmp_path: Path) -> None:
    with loop(block, tmp_path) as made:
        made.wait_for(BLOCKED)


def test_a_loop_that_others_leave_no_processor_is_not_blocked(tmp_path: Path) -> None:
    with loop("work", tmp_path) as made, ExitStack() as others:
        os.setpriority(os.PRIO_PROCESS, made.process.pid, 19)  # of the loop's thread alone
        for _ in range(2):
            code = SPIN % (made.processor, os.getpid())
            others.enter_context(ended(subprocess.Popen([sys.executable, "-c", code])))
        assert BLOCKED not in made.wait_for(STARVED)


def test_a_process_that_was_stopped_is_not_blocked(tmp_path: Path) -> None:
    with loop("nothing", tmp_path) as made:
        for _ in range(2):  # who looks first when it goes on is a matter of chance
            made.process.send_signal(signal.SIGSTOP)
            time.sleep(1.5)
            made.process.send_signal(signal.SIGCONT)
            time.sleep(0.5)
        assert BLOCKED not in made.wait_for("ready")
