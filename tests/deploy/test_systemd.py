"""The systemd units, by systemd's own two checks."""

import configparser
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


def test_the_unit_leaves_the_time_to_drain(deploy: Path) -> None:
    unit = read(deploy / "systemd/chatserver.service")
    assert int(unit["Service"]["TimeoutStopSec"].removesuffix("s")) > 30


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
