"""Figures and details are for operators: at a listener of their own, or to who asks from inside."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from chatserver.app import Server
from chatserver.config import load
from chatserver.errors import StartupError
from chatserver.model import RoomKind
from tests.protocol.conftest import Start
from tests.protocol.running import PASSWORD, Running

PLUGINS = ["memory", "password", "metrics", "browser"]
FORWARDED = [
    {"X-Forwarded-For": "192.0.2.1"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Real-IP": "192.0.2.1"},
    {"X-Forwarded-Proto": "https"},
    {"Forwarded": "for=192.0.2.1"},
]


async def inner(server: Running, path: str, **options: Any) -> httpx.Response:
    """An answer of the listener for operators."""

    async def port(running: Server) -> int | None:
        return running.internal_port

    async with httpx.AsyncClient(verify=False) as http:
        return await http.get(f"http://127.0.0.1:{await server.run(port)}{path}", **options)


def is_bare(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and set(answer.json()) == {"status", "timestamp"}


async def test_without_an_internal_listener_loopback_sees_the_details(
    start: Start,
) -> None:
    server = start({"plugins.enabled": PLUGINS})
    assert "checks" in (await server.http("GET", "/health")).json()
    assert (await server.http("GET", "/metrics")).status_code == 200
    assert (await server.http("GET", "/_admin/data")).status_code != 404


@pytest.mark.parametrize("headers", FORWARDED)
@pytest.mark.parametrize("proxies", [[], ["127.0.0.1"]])
async def test_through_a_proxy_nobody_is_told_more_than_that_it_works(
    start: Start, headers: dict[str, str], proxies: list[str]
) -> None:
    server = start({"plugins.enabled": PLUGINS, "server.trusted_proxies": proxies})
    assert is_bare(await server.http("GET", "/health", headers=headers))
    for path in ("/metrics", "/_admin/data", "/_admin/data/browser.css"):
        answer = await server.http("GET", path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "request.not_found")
    for path in ("/health/live", "/health/ready"):
        answer = await server.http("GET", path, headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_other_networks_can_be_let_in_and_loopback_kept_out(start: Start) -> None:
    server = start({"server.internal_networks": ["192.0.2.0/24"]})
    assert is_bare(await server.http("GET", "/health"))
    assert (await server.http("GET", "/metrics")).status_code == 404


async def test_at_a_listener_of_their_own_all_are_told_and_the_main_port_need_tell_nobody(
    start: Start,
) -> None:
    settings = {"server.internal_port": 0, "server.internal_networks": []}
    server = start({**settings, "plugins.enabled": PLUGINS})
    assert is_bare(await server.http("GET", "/health"))
    for path in ("/metrics", "/_admin/data", "/_admin/data/browser.css"):
        assert (await server.http("GET", path)).status_code == 404
    assert "checks" in (await inner(server, "/health")).json()
    assert "http_request_duration_seconds" in (await inner(server, "/metrics")).text
    assert (await inner(server, "/_admin/data")).status_code != 404
    assert (await inner(server, "/api/v1/me")).status_code == 401
    for headers in FORWARDED:  # it is theirs, whatever is said
        assert (await inner(server, "/metrics", headers=headers)).status_code == 200


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = [
            "plugins.enabled=memory,password",
            f"server.internal_port={port}",
            "server.port=0",
        ]
        command = [sys.executable, "-m", "chatserver", "serve", "--data", str(tmp_path / "data")]
        command += [f"--set={setting}" for setting in [*settings, "logging.folder="]]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode != 0
    assert f"server.internal_port: cannot listen on 127.0.0.1:{port}" in found.stderr


def test_production_listens_on_loopback_alone() -> None:
    server = load("production", environ={}).config.server
    assert (server.host, server.internal_host) == ("127.0.0.1", "127.0.0.1")
    assert server.internal_port == 9464


@pytest.mark.parametrize(
    "host", ["chat.example.org", "chat.example.org:4000", "CHAT.Example.Org", "[::1]:4000"]
)
async def test_a_server_answers_for_its_own_hosts_alone(start: Start, host: str) -> None:
    server = start(
        {"server.allowed_hosts": ["chat.example.org", "[::1]"], "server.internal_port": 0}
    )
    ours, theirs = {"Host": host}, {"Host": "evil.example"}
    assert (await server.http("GET", "/", headers=ours)).status_code == 200
    answer = await server.http("GET", "/", headers=theirs)
    assert (answer.status_code, answer.json()["error"]["code"]) == (421, "request.host")
    assert (await server.http("POST", "/api/v1/login", {}, headers=theirs)).status_code == 421
    for path in ("/health", "/health/live", "/health/ready"):  # orchestrators ask by address
        assert (await server.http("GET", path, headers=theirs)).status_code == 200
    assert (await inner(server, "/metrics", headers=theirs)).status_code == 200


async def test_the_short_way_answers_for_the_same_hosts(start: Start) -> None:
    server = start({"server.allowed_hosts": ["chat.example.org"]})

    async def room_of_anna(running: Server) -> tuple[str, str]:
        service = running.service
        user, token = await service.accounts.register("anna", PASSWORD, None, "127.0.0.1")
        return (await service.rooms.create(user, RoomKind.PUBLIC, "r", "", [])).id, token

    room, token = await server.run(room_of_anna)
    for host, status in (("chat.example.org", 200), ("chat.example.org:1", 200), ("evil", 421)):
        answer = await server.raw(
            f"GET /api/v1/rooms/{room}/messages HTTP/1.1\r\nHost: {host}\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
            "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        )
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize("key, value", [
    ("server.allowed_hosts", ["https://x"]), ("server.allowed_hosts", ["x:1"]), ("server.internal_networks", ["x"]),
    ("server.hsts_seconds", -1), ("server.internal_port", 70000), ("limits.http_connections", 0),
])  # fmt: skip
def test_settings_that_mean_nothing_are_refused(key: str, value: object) -> None:
    with pytest.raises(StartupError, match=key.partition(".")[2]):
        load(environ={}, overrides={key: value})
