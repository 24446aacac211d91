"""The page about commands: its example passes its tests."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, write_files

PAGE = ROOT / "docs/plugins/commands.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with every file of the page in it."""
    write_files(PAGE, tmp_path)
    return tmp_path


def test_the_tests_on_the_page_pass(folder: Path) -> None:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    options = ["-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestRemovedIn10Warning"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_kudos.py"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path.rstrip(os.pathsep)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 passed" in done.stdout


def test_the_reasons_are_those_of_the_server() -> None:
    source = (ROOT / "chatserver/service/commands/reading.py").read_text()
    said = PAGE.read_text().partition("`detail.reason` is ")[2].partition(".")[0]
    assert set(re.findall(r"`(\w+)`", said)) == set(re.findall(r'"reason": "(\w+)"', source))
