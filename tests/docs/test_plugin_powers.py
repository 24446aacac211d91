"""The page about powers: its example is written out, its test passes, and it is shown as the page says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatserver.config import load
from chatserver.hooks.loading import declared_by, discover, load_class
from chatserver.hooks.powers import lines
from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs/plugins/powers.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with every file of the page in it."""
    monkeypatch.chdir(tmp_path)
    for block in blocks(PAGE):
        if len(block.info) == 2:
            path = tmp_path / block.info[1]
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text)
    return tmp_path


def run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


def texts() -> list[str]:
    return [block.text for block in blocks(PAGE) if block.info == ["text"]]


def test_its_test_passes(folder: Path) -> None:
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:pytest-tornasync"]
    done = run(folder, "pytest", *options, f"--basetemp={folder / 'tests'}", "test_weather.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_it_is_listed_as_the_page_says(folder: Path) -> None:
    source = discover(load(overrides={"plugins.folder": "local"}, environ={}).config)["weather"]
    assert lines(declared_by("weather", load_class(source))) == texts()[0].splitlines()


def test_there_is_no_advice_for_it_unless_a_power_is_missing(folder: Path) -> None:
    check = ("chatserver", "plugin", "check", "weather", "--set", "plugins.folder=local")
    done = run(folder, *check, "--strict")
    assert (done.returncode, done.stdout) == (0, "weather: in order\n"), done.stderr
    path = folder / "local/weather.py"
    path.write_text(path.read_text().replace(', "rooms.join"', ""))
    done = run(folder, *check)
    assert done.returncode == 0
    assert "power.undeclared: rooms.join of the service is not declared" in done.stdout
