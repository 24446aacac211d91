"""The systemd units, by systemd's own two checks."""

import configparser
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

NeedTool = Callable[[str], str]

# systemd's score is 0 (tight) to 100 (open); what is left here is mostly that it uses the network.
MOST_EXPOSURE = 15
SERVICES = ("chatserver.service", "chatserver-backup.service")
PROBE = "chatserver-probe.service"
UNITS = (*SERVICES, PROBE, "chatserver-backup.timer")

# Stands for systemd-run: copies the credentials into the folder CREDENTIALS_DIRECTORY, and runs the command.
SYSTEMD_RUN = """#!/bin/sh
while [ "$1" != /bin/sh ]; do
    case $1 in LoadCredential=*) pair=${1#*=}; cp "${pair#*:}" "$CREDENTIALS_DIRECTORY/${pair%%:*}" ;; esac
    shift
done
exec "$@"
"""


@pytest.fixture
def units(deploy: Path, tmp_path: Path) -> Path:
    """Copies whose program exists, since `verify` looks for it."""
    for name in UNITS:
        text = (deploy / "systemd" / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/chatserver/bin/chatserver", "/bin/true"))
    return tmp_path


def read(path: Path) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(path)
    return unit


@pytest.mark.parametrize("name", UNITS)
def test_systemd_accepts_the_unit(need_tool: NeedTool, units: Path, name: str) -> None:
    command = [need_tool("systemd-analyze"), "verify", "--man=no", str(units / name)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert "chatserver" not in run.stderr, run.stderr


@pytest.mark.parametrize("name", (*SERVICES, PROBE))
def test_the_unit_is_confined(need_tool: NeedTool, units: Path, name: str) -> None:
    command = [need_tool("systemd-analyze"), "security", "--offline=true", "--no-pager"]
    run = subprocess.run(
        [*command, f"--threshold={MOST_EXPOSURE}", str(units / name)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_unit_lets_threads_give_way(deploy: Path) -> None:
    """Those that hash passwords lower their priority (`setpriority`), which is one of the system's @resources."""
    text = (deploy / "systemd/chatserver.service").read_text(encoding="utf-8")
    filters = [line for line in text.splitlines() if line.startswith("SystemCallFilter=")]
    assert filters.index("SystemCallFilter=setpriority") > filters.index(
        "SystemCallFilter=~@privileged @resources"
    )


def test_the_unit_leaves_the_time_to_drain(deploy: Path) -> None:
    unit = read(deploy / "systemd/chatserver.service")
    assert int(unit["Service"]["TimeoutStopSec"].removesuffix("s")) > 30


@pytest.mark.parametrize(
    "file", ["systemd/chatserver.service", "rollout/systemd/release.conf"], ids=["unit", "release"]
)
def test_a_reload_replaces_the_server_that_was_started(deploy: Path, file: str) -> None:
    service = read(deploy / file)["Service"]
    assert service["ExecReload"] == service["ExecStart"].replace(" serve ", " restart ")
    unit = read(deploy / "systemd/chatserver.service")["Service"]
    assert unit["Type"] == "notify", "systemd has to learn which process is the server"


def test_backups_are_made_by_the_user_of_the_server_in_its_folder(deploy: Path) -> None:
    """A dynamic user is named after the unit, unless it says otherwise."""
    server, backup = (read(deploy / "systemd" / name)["Service"] for name in SERVICES)
    assert backup["User"] == "chatserver"
    assert server.get("User", "chatserver") == "chatserver"
    for name in ("DynamicUser", "StateDirectory", "WorkingDirectory", "LoadCredential", "UMask"):
        assert backup[name] == server[name], name


def test_the_timer_starts_the_backup_and_makes_up_for_a_missed_one(
    need_tool: NeedTool, deploy: Path
) -> None:
    timer = read(deploy / "systemd/chatserver-backup.timer")
    assert "Unit" not in timer["Timer"], "it is the service of the same name"
    assert timer["Timer"]["Persistent"] == "yes"
    assert timer["Install"]["WantedBy"] == "timers.target"
    command = [need_tool("systemd-analyze"), "calendar", timer["Timer"]["OnCalendar"]]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("with_key", [True, False])
@pytest.mark.parametrize("way", ["chatserver-admin", "chatserver-as-service"])
def test_commands_have_the_key_of_the_backups(
    deploy: Path, tmp_path: Path, way: str, with_key: bool
) -> None:
    """Without it, `backup` beside a server with a key would make one that is not encrypted."""
    settings, credentials, program = (tmp_path / name for name in ("etc", "credentials", "program"))
    settings.mkdir()
    credentials.mkdir()
    (settings / "mongo_uri").write_text("mongodb://db")
    if with_key:
        (settings / "backup_key").write_text("a key")
    for path, text in (
        (
            program,
            '#!/bin/sh\ncat "$CHATSERVER_PLUGIN__MONGO__URI_FILE" "$CHATSERVER_BACKUP__KEY_FILE"\n',
        ),
        (tmp_path / "systemd-run", SYSTEMD_RUN),
    ):
        path.write_text(text)
        path.chmod(0o755)
    page = (deploy.parent / "docs/operating.md").read_text()
    function = re.search(
        r"^    chatserver-admin\(\) \{\n.*?^    \}\n", page, re.MULTILINE | re.DOTALL
    )
    assert function
    script = (
        f"{function[0]}\nchatserver-admin backup"
        if way == "chatserver-admin"
        else f"set -- {program} backup\n" + (deploy / "rollout/chatserver-as-service").read_text()
    )
    script = script.replace("/opt/chatserver/bin/chatserver", str(program))
    run = subprocess.run(
        ["bash", "-c", script.replace("/etc/chatserver", str(settings))],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(credentials)},
    )
    assert run.stdout == "mongodb://db" + ("a key" if with_key else ""), run.stderr
