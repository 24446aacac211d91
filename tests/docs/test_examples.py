"""The example plugins pass their own tests, and the advice for authors finds nothing in them."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.examples import EXAMPLES, PACKAGES, found_path
from tests.forking import ran

COOKBOOK = EXAMPLES.parent / "plugins/cookbook.md"


def run(name: str, folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    env = os.environ | {"PYTHONPATH": found_path(name, folder / "found")}
    module, *arguments = command
    return ran(*arguments, module=module, cwd=EXAMPLES / name, env=env)


@pytest.mark.parametrize("name", PACKAGES)
def test_its_tests_pass(name: str, tmp_path: Path) -> None:
    options = ("-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'tests'}", "tests")
    done = run(name, tmp_path, "pytest", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (os.environ.get("CI") and "skipped" in done.stdout), done.stdout


@pytest.mark.parametrize("name", PACKAGES)
def test_there_is_no_advice_for_it(name: str, tmp_path: Path) -> None:
    # Where the plugin has settings without a default, the example has a configuration.
    config = ("-c", "chat.toml") if (EXAMPLES / name / "chat.toml").exists() else ()
    done = run(name, tmp_path, "chatserver", "plugin", "check", name, "--strict", *config)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_cookbook_lists_them_all() -> None:
    links = re.findall(r"\]\(\.\./examples/(\w+)/README\.md\)", COOKBOOK.read_text())
    assert sorted(links) == PACKAGES


@pytest.mark.parametrize("name", PACKAGES)
def test_it_is_complete(name: str) -> None:
    """It has what `chatserver plugin new` writes."""
    folder = EXAMPLES / name
    assert all((folder / each).is_file() for each in ("pyproject.toml", "README.md"))
    assert list((folder / "tests").glob("test_*.py"))
