"""Fixtures that the tests of deploy/ share: they find the tool that checks a file."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"


def find_tool(name: str) -> str | None:
    """The tool beside the interpreter (from a wheel) or on the PATH; nginx is in sbin."""
    places = (str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin")
    return shutil.which(name, path=os.pathsep.join(places))


@pytest.fixture
def need_tool() -> Callable[[str], str]:
    """The path of a tool; without it the test is skipped, but fails in CI, where nothing is skipped."""

    def need(name: str) -> str:
        found = find_tool(name)
        if found:
            return found
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed, and in CI it must be")
        pytest.skip(f"{name} is not installed")

    return need


@pytest.fixture
def deploy() -> Path:
    return DEPLOY
