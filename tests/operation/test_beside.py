"""`make observe`: Prometheus and Alertmanager beside a development server."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.server import ChatServer
from tests.servers import free_port
from tests.tools import ROOT, need_tool
from tests.waiting import wait_until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChatServer]:
    with ChatServer(tmp_path / "server", store="memory") as server:
        yield server


def got(port: int, path: str) -> Any:
    """The JSON of an answer; None if nobody answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=30).json()
    except (httpx.TransportError, ValueError):
        return None


def test_both_watch_a_server_and_end_together(server: ChatServer, tmp_path: Path) -> None:
    need_tool("prometheus")
    need_tool("prometheus-alertmanager")
    prometheus, alertmanager = free_port(), free_port()
    options = {
        "server": server.port,
        "prometheus": prometheus,
        "alertmanager": alertmanager,
        "data": tmp_path / "data",
    }
    command = [
        ROOT / "deploy/observe/beside",
        *(f"--{name}={value}" for name, value in options.items()),
    ]
    started = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)

    def all_up() -> bool:
        found = got(prometheus, "/api/v1/targets?state=active")
        targets = found["data"]["activeTargets"] if found else []
        return {each["labels"]["job"] for each in targets if each["health"] == "up"} == {
            "chatserver", "prometheus", "alertmanager",
        }  # fmt: skip

    try:
        wait_until(all_up)
        rules = got(prometheus, "/api/v1/rules")["data"]["groups"]
        assert {Path(group["file"]).name for group in rules} == {
            path.name for path in (ROOT / "deploy/observe/rules").glob("*.yml")
        }
        assert got(prometheus, "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
        # Watchdog always fires. Alertmanager may have begun to listen after it was sent first.
        wait_until(lambda: got(alertmanager, "/api/v2/alerts"))
    finally:
        started.send_signal(signal.SIGINT)
        output, _ = started.communicate(timeout=60)
    assert started.returncode == 0
    assert f"http://127.0.0.1:{prometheus}" in output and "/_admin/numbers" in output
    assert got(prometheus, "/-/ready") is None and got(alertmanager, "/-/ready") is None


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "deploy/observe/beside"]
    done = subprocess.run(
        command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "prometheus is not on the PATH" in done.stderr
