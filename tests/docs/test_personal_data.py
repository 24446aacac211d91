"""The page about personal data: its example is written out, and its test passes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatserver.config import load
from chatserver.hooks.loading import Plugins
from chatserver.hooks.personal import OWN_NAMES
from tests.docs.pages import ROOT, blocks, write_files

PAGE = ROOT / "docs/plugins/personal-data.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with every file of the page in it."""
    monkeypatch.chdir(tmp_path)
    write_files(PAGE, tmp_path)
    return tmp_path


def test_its_configuration_loads(folder: Path) -> None:
    (text,) = [block.text for block in blocks(PAGE) if block.info == ["toml"]]
    (folder / "chat.toml").write_text(text)
    Plugins(load("chat.toml", environ={}).config, folder / "data").calls()


def test_its_test_passes(folder: Path) -> None:
    options = ["-q", "-p", "no:cacheprovider"]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_mottos.py"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_the_servers_own_parts_are_listed() -> None:
    page = (ROOT / "docs/privacy.md").read_text()
    assert [name for name in OWN_NAMES if f"`{name}`" not in page] == []
