"""Fixtures that the tests of deploy/ share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import tools

DEPLOY = tools.ROOT / "deploy"


@pytest.fixture
def need_tool() -> Callable[[str], str]:
    """The path of a tool; without it the test is skipped, but fails in CI, where nothing is skipped."""
    return tools.need_tool


@pytest.fixture
def deploy() -> Path:
    return DEPLOY
