"""The messages of deploy/make-venv on a machine that lacks something it needs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def checkout(deploy: Path, tmp_path: Path) -> Path:
    """A folder with spaces in its name, with make-venv but no .venv."""
    folder = tmp_path / "a new clone"
    (folder / "deploy").mkdir(parents=True)
    shutil.copy(deploy / "make-venv", folder / "deploy")
    return folder


def _make_venv(checkout: Path, python3: str | None) -> subprocess.CompletedProcess[str]:
    programs = checkout / "bin"
    programs.mkdir()
    for name in ("cat", "dirname", "tail", "tr"):
        (programs / name).symlink_to(shutil.which(name) or name)
    if python3 is not None:
        (programs / "python3").write_text(python3)
        (programs / "python3").chmod(0o755)
    return subprocess.run(
        ["/bin/sh", str(checkout / "deploy/make-venv"), "test"],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_missing_python_is_reported(checkout: Path) -> None:
    run = _make_venv(checkout, None)
    assert run.returncode == 1
    assert "no python3 on the PATH" in run.stderr
    assert "apt install python3 python3-venv" in run.stderr


@pytest.mark.parametrize(
    ("prelude", "reason"),
    [
        ("import sys; sys.version_info = (3, 9, 2)", "Python 3.9 is too old"),
        ("import sys; sys.modules['ensurepip'] = None", "has no module ensurepip"),
    ],
)
def test_a_python_that_will_not_do_is_named(checkout: Path, prelude: str, reason: str) -> None:
    fake = f'#!/bin/sh\nexec "{sys.executable}" -c "{prelude}\n$2"\n'
    run = _make_venv(checkout, fake)
    assert run.returncode == 1
    assert "python3: " in run.stderr and reason in run.stderr
    assert not (checkout / ".venv").exists()
