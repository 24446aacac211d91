"""`chatserver status` with a real Alertmanager."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import free_port
from tests.tools import need_tool
from tests.waiting import wait_until

CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
ALERT = {
    "labels": {"alertname": "StoreAway", "severity": "critical"},
    "annotations": {"summary": "The store does not answer."},
}


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    program = need_tool("prometheus-alertmanager")
    (tmp_path / "config.yml").write_text(CONFIG)
    address = f"127.0.0.1:{free_port()}"
    command = [program, f"--config.file={tmp_path / 'config.yml'}", "--cluster.listen-address="]
    command += [f"--storage.path={tmp_path / 'data'}", f"--web.listen-address={address}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: is_ready(f"http://{address}"))
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(30)


def is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def alerts(address: str, folder: Path) -> list[dict[str, Any]]:
    """The alerts that the command shows, on an installation that does not exist yet."""
    command = [sys.executable, "-m", "chatserver", "status", "--json", "--alertmanager", address]
    command += ["--data", str(folder / "data"), "--set", "plugins.enabled=sqlite,password"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["alerts"]
    return found


def test_alerts_that_fire_are_shown_until_they_are_silenced(
    alertmanager: str, tmp_path: Path
) -> None:
    assert alerts(alertmanager, tmp_path) == []
    httpx.post(f"{alertmanager}/api/v2/alerts", json=[ALERT]).raise_for_status()
    wait_until(lambda: alerts(alertmanager, tmp_path))
    (shown,) = alerts(alertmanager, tmp_path)
    assert (shown["name"], shown["severity"]) == ("StoreAway", "critical")
    assert shown["summary"] == "The store does not answer." and shown["since"]
    silence = {
        "matchers": [{"name": "alertname", "value": "StoreAway", "isRegex": False}],
        "startsAt": "2020-01-01T00:00:00Z",
        "endsAt": "2099-01-01T00:00:00Z",
        "createdBy": "a test",
        "comment": "a test",
    }
    httpx.post(f"{alertmanager}/api/v2/silences", json=silence).raise_for_status()
    wait_until(lambda: not alerts(alertmanager, tmp_path))
