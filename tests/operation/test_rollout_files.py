"""The files beside deploy/rollout/rollout: its example for hosts with systemd, and the script for Kubernetes."""

import importlib.machinery
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from tests.tools import ROOT, need_tool

FOLDER = ROOT / "deploy/rollout"
IMAGE = f"ghcr.io/example/chatserver@sha256:{'0' * 64}"


@pytest.fixture(scope="module")
def rollout() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("rollout", str(FOLDER / "rollout"))
    spec = importlib.util.spec_from_loader("rollout", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["rollout"] = module  # for its dataclasses
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = writes
    return module


def test_the_example_is_read_and_its_hooks_are_sound_shell(rollout: ModuleType) -> None:
    plan = rollout.read(str(FOLDER / "rollout.toml"))
    assert [host.name for host in plan.hosts] == ["chat1", "chat2"]
    assert set(plan.hooks) == set(rollout.HOOKS)
    shellcheck = need_tool("shellcheck")
    given = "".join(
        f"export {name}=x\n"
        for name in ("NODE", "URL", "RELEASE", "FOLDER", "NEW", "PROBE", "TRY_SECONDS", *plan.env)
    )
    for name, hook in plan.hooks.items():
        script = f"#!/bin/sh\nset -eu\n{given}{rollout.FUNCTIONS}{hook}\n"
        done = subprocess.run(
            [shellcheck, "--severity=warning", "-"],
            input=script,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{name}: {done.stdout}"


def test_a_release_that_is_tried_shares_no_file_or_port_with_the_running_one(
    rollout: ModuleType,
) -> None:
    words = rollout.read(str(FOLDER / "rollout.toml")).hooks["try"].split()
    assert "--data" in words
    assert "--port" in words
    assert {"logging.folder=", "server.internal_port=-1", "server.roles=connections"} <= set(words)


@pytest.mark.parametrize("name", ["rollout-kubernetes", "chatserver-as-service"])
def test_the_scripts_are_sound_shell(name: str) -> None:
    done = subprocess.run(
        [need_tool("shellcheck"), str(FOLDER / name)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout


def test_systemd_reads_the_unit_with_the_link(tmp_path: Path) -> None:
    analyze = need_tool("systemd-analyze")
    unit = (ROOT / "deploy/systemd/chatserver.service").read_text(encoding="utf-8")
    own = (FOLDER / "systemd/release.conf").read_text(encoding="utf-8")
    program = shutil.which("true")
    assert (
        "/opt/chatserver/bin/chatserver" in unit and "/opt/chatserver/current/bin/chatserver" in own
    )
    (tmp_path / "chatserver.service").write_text(unit)
    (tmp_path / "chatserver.service.d").mkdir()
    dropped = tmp_path / "chatserver.service.d/release.conf"
    dropped.write_text(own.replace("/opt/chatserver/current/bin/chatserver", str(program)))
    command = [
        analyze,
        "verify",
        "--man=no",
        "--recursive-errors=no",
        str(tmp_path / "chatserver.service"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    dropped.write_text(own.replace("/opt/chatserver/current/bin/chatserver", "/no/such/program"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "/no/such/program" in done.stderr


# There is no Kubernetes here, so the script talks to a kubectl that notes what it is asked.
KUBECTL = r"""#!/bin/sh
shift 2  # --namespace
echo "$*" >>"$NOTES"
case "$*" in
    "create configmap"*) [ ! -e "$NOTES.locked" ] && : >"$NOTES.locked" ;;
    "get configmap"*) printf 'another one' ;;
    "delete configmap"*) rm "$NOTES.locked" ;;
    "get deployment"*) printf '{"spec":{"template":{"spec":{"containers":[{"name":"chatserver","image":"old"}]}}}}' ;;
    "create -f -") cat >>"$NOTES" ;;
    "logs "*) [ -n "${STEPS:-}" ] && printf '%s\n' "$STEPS" || echo "The schema is up to date." ;;
    "wait --for=condition=complete"*) [ -z "${BROKEN:-}" ] ;;
    "rollout status"*)
        n=$(($(cat "$NOTES.count" 2>/dev/null || echo 0) + 1)); echo "$n" >"$NOTES.count"
        case " ${UNREADY:-} " in *" $n "*) exit 1 ;; esac ;;
esac
"""


class Course(NamedTuple):
    """The environment of a rollout, its exit status, and the changes that it makes."""

    env: dict[str, str]
    status: int
    changes: list[str]
    is_locked: bool = False


SET = f"set image deployment/chatserver chatserver={IMAGE}"
UNDO = "rollout undo deployment/chatserver"
COURSES = {
    "good": Course({}, 0, [SET]),
    "never ready": Course({"UNREADY": "1"}, 1, [SET, UNDO]),
    "never ready, and the old one neither": Course({"UNREADY": "1 2"}, 3, [SET, UNDO], True),
    "fails the probe": Course({"PROBE": "exit 1"}, 1, [SET, UNDO]),
    "cannot read the data": Course({"BROKEN": "1"}, 1, []),
    "needs a migration": Course({"STEPS": "mongo: version 7"}, 1, []),
    "migrates": Course({"STEPS": "mongo: version 7", "MIGRATE": "1"}, 0, [SET]),
    "fails after a migration": Course(
        {"STEPS": "mongo: version 7", "MIGRATE": "1", "PROBE": "exit 1"}, 3, [SET], True
    ),
}


def roll(
    folder: Path, image: str, **env: str
) -> "tuple[subprocess.CompletedProcess[str], list[str]]":
    kubectl = folder / "kubectl"
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)
    notes = folder / "notes"
    notes.touch()
    done = subprocess.run(
        [str(FOLDER / "rollout-kubernetes"), image],
        env=os.environ | {"KUBECTL": str(kubectl), "NOTES": str(notes)} | env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done, notes.read_text().splitlines()


@pytest.mark.parametrize("course", COURSES.values(), ids=COURSES)
def test_a_rollout_on_kubernetes_goes_through_or_back(course: Course, tmp_path: Path) -> None:
    done, notes = roll(tmp_path, IMAGE, **course.env)
    assert done.returncode == course.status, done.stdout + done.stderr
    assert [
        line for line in notes if line.startswith(("set image", "rollout undo"))
    ] == course.changes
    assert (tmp_path / "notes.locked").exists() is course.is_locked
    jobs = [line for line in notes if line.startswith('{"apiVersion": "batch/v1"')]
    assert len(jobs) == (2 if "MIGRATE" in course.env else 1)
    assert f'"image": "{IMAGE}", "args": ["migrate", "--plan"' in jobs[0]


def test_an_image_without_a_digest_is_a_mistake(tmp_path: Path) -> None:
    done, notes = roll(tmp_path, "ghcr.io/example/chatserver:1")
    assert (done.returncode, notes) == (2, [])


def test_a_second_rollout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.locked").touch()
    done, notes = roll(tmp_path, IMAGE)
    assert done.returncode == 4 and "another one" in done.stderr
    assert (tmp_path / "notes.locked").exists() and len(notes) == 2
