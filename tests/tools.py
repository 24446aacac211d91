"""Finds the programs that check and run the files of deploy/."""

import os
import shutil
import sys
from pathlib import Path
from typing import Never

import pytest

ROOT = Path(__file__).parents[1]


def find_tool(name: str) -> str | None:
    """The tool beside the interpreter (from a wheel), in .tools (deploy/make-tools), or on the PATH or in sbin."""
    places = (
        str(Path(sys.executable).parent),
        str(ROOT / ".tools/bin"),
        os.environ.get("PATH", ""),
        "/usr/sbin",
    )
    return shutil.which(name, path=os.pathsep.join(places))


def need_tool(name: str) -> str:
    """The path of a tool; without it the test is skipped, but fails in CI, where nothing is skipped."""
    found = find_tool(name)
    if found is None:
        lack(f"{name} is not installed")
    return found


def need_root() -> None:
    """Skip the test where it has no right to make networks and containers, but fail in CI."""
    if os.geteuid() != 0:
        lack("only root may do this")


def lack(what: str) -> Never:
    """Skip the test for want of something, but fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and in CI it must be")
    pytest.skip(what)
