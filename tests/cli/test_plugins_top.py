"""`chatserver plugins top`: the use of each plugin's hooks, from the metrics of a running server."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chatserver.config import load
from chatserver.status.hookuse import address, totals, uses
from tests.cli.conftest import Run
from tests.faults.server import ForkedServer
from tests.servers import free_port

PAGE = """\
# HELP chatserver_hook_seconds Time in a plugin's hook
# TYPE chatserver_hook_seconds histogram
chatserver_hook_seconds_bucket{hook="check_message",le="0.001",plugin="calm"} {fast}
chatserver_hook_seconds_bucket{hook="check_message",le="0.5",plugin="calm"} {all}
chatserver_hook_seconds_bucket{hook="check_message",le="+Inf",plugin="calm"} {all}
chatserver_hook_seconds_count{hook="check_message",plugin="calm"} {all}
chatserver_hook_seconds_sum{hook="check_message",plugin="calm"} {seconds}
chatserver_hook_errors_total{hook="check_message",plugin="calm",reason="error"} {failed}
chatserver_hook_errors_total{hook="check_message",plugin="calm",reason="timeout"} 1.0
chatserver_hook_errors_total{hook="on_event",plugin="other",reason="queue_full"} 7.0
chatserver_hook_passed_total{hook="check_message",plugin="calm"} 2.0
chatserver_hooks_of_others_total 5.0
process_open_fds 9.0
"""


def page(**values: float) -> str:
    text = PAGE
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


FIRST = page(fast=94.0, all=100.0, seconds=2.5, failed=3.0)


def test_totals_become_figures() -> None:
    calm, other = uses(totals(FIRST))
    assert (calm.plugin, calm.hook, calm.calls, calm.seconds) == ("calm", "check_message", 100, 2.5)
    assert (calm.mean_ms, calm.p95_ms, calm.failures, calm.passed) == (25.0, 500.0, 4, 2)
    assert (other.plugin, other.calls, other.failures, other.p95_ms) == ("other", 0, 7, 0.0)


def test_a_further_look_has_what_came_since_and_all_after_a_restart() -> None:
    second = page(fast=113.0, all=120.0, seconds=2.6, failed=3.0)
    calm = uses(totals(second), totals(FIRST))[0]
    assert (calm.calls, calm.seconds, calm.failures) == (20, 0.1, 0)
    assert (calm.mean_ms, calm.p95_ms) == (5.0, 1.0)
    again = page(fast=5.0, all=5.0, seconds=0.1, failed=0.0)
    calm = uses(totals(again), totals(FIRST))[0]
    assert (calm.calls, calm.failures) == (5, 1)


def test_workers_are_added_up_and_the_longest_calls_have_no_bound() -> None:
    lines = FIRST.replace("{hook=", '{worker="1",hook=') + FIRST.replace(
        "{hook=", '{worker="2",hook='
    )
    calm = uses(totals(lines))[0]
    assert (calm.calls, calm.seconds, calm.p95_ms) == (200, 5.0, 500.0)
    slow = page(fast=1.0, all=1.0, seconds=9.0, failed=0.0).replace(
        'le="0.5",plugin="calm"} 1.0', 'le="0.5",plugin="calm"} 0.0'
    )
    slow = slow.replace('le="0.001",plugin="calm"} 1.0', 'le="0.001",plugin="calm"} 0.0')
    assert uses(totals(slow))[0].p95_ms is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "http://127.0.0.1:4000/metrics"),
        ({"server.host": "0.0.0.0", "server.port": 80}, "http://127.0.0.1:80/metrics"),
        (
            {"server.internal_port": 9464, "server.internal_host": "::1"},
            "http://[::1]:9464/metrics",
        ),
        (
            {"server.tls_certificate": "c", "server.tls_key": "k", "server.host": "::"},
            "https://127.0.0.1:4000/metrics",
        ),
    ],
)
def test_the_address_is_that_of_the_configuration(settings: Any, expected: str) -> None:
    assert address(load(environ={}, overrides=settings).config, "/metrics") == expected


def test_a_running_server_is_shown(tmp_path: Path, run: Run) -> None:
    enabled = "sqlite,password,metrics,wordfilter,scheduled"
    with ForkedServer(tmp_path / "server", plugins__enabled=enabled) as server:
        ada = server.register("ada")
        room = server.post("/api/v1/rooms", ada, {"name": "Lounge"})["id"]
        for number in range(5):
            sent = {"client_id": str(number), "body": "Hello"}
            server.post(f"/api/v1/rooms/{room}/messages", ada, sent)
        server.get("/api/v1/scheduled", ada)
        sets = (f"--set=server.port={server.port}", f"--set=plugins.enabled={enabled}")
        result = run("plugins", "top", "--once", "--json", *sets)
        assert result.exit_code == 0, result.output
        (line,) = result.stdout.splitlines()
        shown = json.loads(line)
        assert shown["over"] is None
        found = {(use["plugin"], use["hook"]): use for use in shown["hooks"]}
        checks = found["wordfilter", "check_message"]
        assert (checks["calls"], checks["failures"]) == (5, 0) and checks["seconds"] > 0
        assert found["scheduled", "register_routes"]["calls"] == 1
        table = run("plugins", "top", "--once", "--url", f"{server.url}/metrics").output
        assert "wordfilter" in table and "check_message" in table

        command = [sys.executable, "-m", "chatserver", "plugins", "top", "--json", "--every", "0.5"]
        with subprocess.Popen([*command, *sets], stdout=subprocess.PIPE, text=True) as top:
            assert top.stdout is not None
            assert json.loads(top.stdout.readline())["over"] is None
            server.post(f"/api/v1/rooms/{room}/messages", ada, {"client_id": "x", "body": "x"})
            calls = 0
            while not calls:
                look = json.loads(top.stdout.readline())
                assert look["over"] > 0.4
                calls = sum(use["calls"] for use in look["hooks"] if use["plugin"] == "wordfilter")
            assert calls == 1
            top.terminate()


def test_a_terminal_shows_each_look_in_place_of_the_last(tmp_path: Path) -> None:
    with ForkedServer(tmp_path / "server", store="sqlite") as server:
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "chatserver", "plugins", "top", "--every", "0.2"]
        with subprocess.Popen(
            [*command, "--url", f"{server.url}/metrics"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "120", "LINES": "20"},
            # Ignored signals are inherited: of `make test &` in a script, for one.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as top:
            seen = b""
            while seen.count(b"failures") < 3:
                seen += os.read(ours, 65536)
            top.send_signal(signal.SIGINT)
            while top.poll() is None:
                if select.select([ours], [], [], 0.1)[0]:
                    os.read(ours, 65536)
            assert top.returncode == 0
        assert b"register_routes" in seen and b"Traceback" not in seen
        os.close(ours)
        os.close(theirs)


def test_what_cannot_be_asked_is_named(run: Run) -> None:
    url = f"http://127.0.0.1:{free_port()}/metrics"
    refused = run("plugins", "top", "--url", url, "--once")
    assert refused.exit_code == 1 and url in refused.stderr
    wrong = run("plugins", "top", "--url", "file:///etc/passwd", "--once")
    assert wrong.exit_code == 1 and "expected an address" in wrong.stderr
    off = run("plugins", "top", "--set=plugins.enabled=sqlite,password")
    assert off.exit_code == 1 and "give --url" in off.stderr
