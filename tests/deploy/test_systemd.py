"""The systemd unit, by systemd's own two checks."""

import configparser
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

NeedTool = Callable[[str], str]

# systemd's score is 0 (tight) to 100 (open); what is left here is mostly that it uses the network.
MOST_EXPOSURE = 15


@pytest.fixture
def unit(deploy: Path, tmp_path: Path) -> Path:
    """A copy whose program exists, since `verify` looks for it."""
    text = (deploy / "systemd/chatserver.service").read_text()
    copy = tmp_path / "chatserver.service"
    copy.write_text(text.replace("/opt/chatserver/bin/chatserver", "/bin/true"))
    return copy


def test_systemd_accepts_the_unit(need_tool: NeedTool, unit: Path) -> None:
    command = [need_tool("systemd-analyze"), "verify", "--man=no", str(unit)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert "chatserver.service" not in run.stderr, run.stderr


def test_the_unit_is_confined(need_tool: NeedTool, unit: Path) -> None:
    command = [need_tool("systemd-analyze"), "security", "--offline=true", "--no-pager"]
    run = subprocess.run(
        [*command, f"--threshold={MOST_EXPOSURE}", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_unit_leaves_the_time_to_drain(deploy: Path) -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.read(deploy / "systemd/chatserver.service")
    assert int(unit["Service"]["TimeoutStopSec"].removesuffix("s")) > 30
