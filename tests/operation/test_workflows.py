"""The workflows, checked by actionlint; what they run is there, and every action is pinned by its commit."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tools import ROOT, need_tool

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}|\./\.github/workflows/[\w-]+\.yml")


def loaded(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def test_actionlint_finds_nothing() -> None:
    need_tool("shellcheck")  # actionlint runs it on every script
    done = subprocess.run(
        [need_tool("actionlint"), *map(str, WORKFLOWS)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_would_find_a_mistake(tmp_path: Path) -> None:
    text = (ROOT / ".github/workflows/image.yml").read_text(encoding="utf-8")
    (tmp_path / "image.yml").write_text(
        text.replace("steps.push.outputs.name", "steps.pull.outputs.name")
    )
    done = subprocess.run(
        [need_tool("actionlint"), str(tmp_path / "image.yml")],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1 and "pull" in done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_rights_are_named(path: Path) -> None:
    workflow = loaded(path)
    assert "permissions" in workflow, "the default would be too much"
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for name, job in workflow["jobs"].items():
        uses = [step["uses"] for step in job.get("steps", []) if "uses" in step]
        uses += [job["uses"]] if "uses" in job else []
        assert [each for each in uses if not PINNED.fullmatch(each)] == [], name
        assert "uses" in job or job.get("timeout-minutes"), f"{name} may hang for hours"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_script_takes_text_from_outside_as_code(path: Path) -> None:
    """An expression in a script is replaced before the shell reads it: inputs come by the environment."""
    for job in loaded(path)["jobs"].values():
        for step in job.get("steps", []):
            assert "${{" not in step.get("run", ""), step


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_files_that_a_workflow_runs_are_there(path: Path) -> None:
    named = re.findall(
        r"(?:^|[\s\"])((?:deploy|\.ci|chatserver)/[\w./-]+)", path.read_text(encoding="utf-8")
    )
    assert named
    assert [each for each in named if not (ROOT / each).exists()] == []
