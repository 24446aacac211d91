"""The tools that deploy/page-tools installs, for tests."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def page_tool(*command: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a tool in the checkout's folder. Skips the test where the tools can't be installed, but fails where CI is set."""
    _install()
    return subprocess.run(
        ["deploy/page-tools", *command],
        cwd=ROOT,
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def axe_script() -> str:
    """The source of axe-core, to be run in a page."""
    _install()
    return (ROOT / "tests/page/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


def _install() -> None:
    with (ROOT / "tests/page/package.json").open() as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        done = subprocess.run(
            ["deploy/page-tools", "true"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    if done.returncode != 0:
        missing = f"the tools of the page can't be installed: {done.stdout}{done.stderr}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
