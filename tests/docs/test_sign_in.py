"""The page about ways to sign in: its example is written out, passes its own test, and loads with its settings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatserver.config import load
from chatserver.hooks.loading import Plugins
from tests.docs.pages import ROOT, write_example

PAGE = ROOT / "docs/plugins/sign-in.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with every file of the page in it."""
    monkeypatch.chdir(tmp_path)
    write_example(PAGE, tmp_path)
    return tmp_path


def test_the_configuration_loads(folder: Path) -> None:
    Plugins(load("chat.toml", environ={}).config, folder / "data").calls()


def test_the_example_passes_its_test(folder: Path) -> None:
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    options = ["-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestRemovedIn10Warning"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_badge.py"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path.rstrip(os.pathsep)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout
