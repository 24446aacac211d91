"""`.ci/run` ends with a failed test, but for one or two that pass by themselves and are not of loss or order."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

PASSED = "== 9 passed in 1.00s =="
WRONG = "FAILED tests/core/test_log.py::test_order - assert [1, 3] == [1, 2]"
LATE = "FAILED tests/core/test_log.py::test_late[{}] - {}"
SLOW = (
    "TimeoutError",
    "chatserver.errors.StoreUnavailable: store.unavailable: The store is not available at the moment.",
    "httpx.ReadTimeout: timed out",
    "subprocess.TimeoutExpired: Command 'x' timed out after 60 seconds",
)

# Each call takes the next answer: what it prints, and whether it failed.
MAKE = """#!/bin/sh
echo "$*" >>calls
number=$(wc -l <calls)
cat "answer$number"
! grep -qE '^(FAILED|ERROR)|Error 2' "answer$number"
"""


class Ran:
    def __init__(self, folder: Path, target: str, *answers: str) -> None:
        """What `.ci/run` does with a target whose calls end in these answers."""
        text = (ROOT / ".ci/run").read_text(encoding="utf-8")
        functions = re.findall(
            r"^(?:begin|refuse_skipped|suite)\(\) \{\n.*?^\}\n", text, re.M | re.S
        )
        assert len(functions) == 3
        for number, answer in enumerate(answers, 1):
            (folder / f"answer{number}").write_text(answer + "\n")
        (folder / "make").write_text(MAKE)
        (folder / "make").chmod(0o755)
        head = f"set -euo pipefail\nscratch={folder}\nlate=()\n"
        tail = f"suite name {target} '--ignore x'\n" + 'echo "went on, late: ${#late[@]}"\n'
        done = subprocess.run(
            ["bash", "-c", head + "".join(functions) + tail],
            cwd=folder,
            env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )
        self.went_on = "went on" in done.stdout
        assert self.went_on is (done.returncode == 0), done.stderr
        self.said = done.stdout
        self.calls = (folder / "calls").read_text().splitlines()


def late(count: int, reasons: Sequence[str] = SLOW) -> str:
    return "\n".join(LATE.format(number, reasons[number % len(reasons)]) for number in range(count))


def test_what_passes_goes_on(tmp_path: Path) -> None:
    ran = Ran(tmp_path, "test", PASSED)
    assert ran.went_on and ran.calls == ["test ARGS=--ignore x"]


@pytest.mark.parametrize(
    "answer",
    [
        WRONG,
        f"{WRONG}\n{late(1)}",
        late(3),
        "make: *** [Makefile:40: test] Error 2",
        f"{late(1)}\nSKIPPED [1] tests/core/test_log.py: no browser",
        late(1, ["AssertionError: assert 'TimeoutError' == 'x'"]),
    ],
)
def test_what_fails_ends_it(tmp_path: Path, answer: str) -> None:
    ran = Ran(tmp_path, "test", answer, PASSED)
    assert not ran.went_on and len(ran.calls) == 1


def test_what_was_skipped_ends_it(tmp_path: Path) -> None:
    assert not Ran(tmp_path, "test", f"SKIPPED [1] x: no browser\n{PASSED}").went_on


@pytest.mark.parametrize("reason", SLOW)
def test_what_ran_out_of_time_is_run_again(tmp_path: Path, reason: str) -> None:
    ran = Ran(tmp_path, "test", late(2, [reason]), PASSED)
    assert ran.went_on and "late: 2" in ran.said
    assert ran.calls[1].startswith("test ARGS=--ignore x --last-failed")


def test_and_ends_it_if_it_fails_again(tmp_path: Path) -> None:
    ran = Ran(tmp_path, "test", late(1), late(1), PASSED)
    assert not ran.went_on and len(ran.calls) == 2


def test_what_is_not_of_loss_or_order_is_run_again_whatever_it_was(tmp_path: Path) -> None:
    other = (
        "FAILED tests/cli/test_jobs.py::test_list - AssertionError: Locator expected to be visible"
    )
    assert Ran(tmp_path, "test", f"{other}\n{late(1)}", PASSED).went_on
    for number, answer in enumerate([f"{other}\n" * 3, f"{other}\n{WRONG}"]):
        (folder := tmp_path / str(number)).mkdir()
        assert not Ran(folder, "test", answer, PASSED).went_on
