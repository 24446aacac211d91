"""What each proxy promises, asked of it by real requests, with its files as they are."""

import re
import ssl

import pytest

from tests.operation.proxies.machine import HOST
from tests.operation.proxies.sites import OPERATOR, STRANGER, Proxy
from tests.operation.proxies.sockets import WebSocket, raw


def test_the_tool_accepts_its_files(proxy: Proxy) -> None:
    checked = proxy.check()
    assert checked.returncode == 0, checked.stderr
    assert "[warn" not in checked.stderr.lower(), checked.stderr


def test_tls_1_3_is_the_least_and_http_2_is_offered(running: Proxy) -> None:
    old = running.tls()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        running.handshake(old)

    new = running.tls()
    new.set_alpn_protocols(["h2", "http/1.1"])
    assert running.handshake(new)[:2] == ("TLSv1.3", "h2")


def test_plain_http_is_sent_to_https(running: Proxy) -> None:
    answer = running.fetch("/r/general?x=1", scheme="http")
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"https://{HOST}/r/general?x=1"


@pytest.mark.parametrize("path", ["/api/v1/me", "/ws", "/graphql", "/graphql/explorer/react.js"])
def test_programs_that_speak_plain_http_are_refused_and_not_redirected(
    running: Proxy, path: str
) -> None:
    answer = running.fetch(path, scheme="http", headers={"Authorization": "Bearer secret"})
    assert (answer.status_code, "Location" in answer.headers) == (403, False)


def test_the_server_learns_the_true_address_and_no_claimed_one(running: Proxy) -> None:
    claims = {
        "X-Forwarded-For": "10.9.9.9",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "X-Real-Ip": "10.9.9.9",
        "Forwarded": "for=10.9.9.9",
        "X-Request-Id": "claimed",
    }
    seen = running.fetch("/", headers=claims).json()
    assert seen["X-Forwarded-For"] == seen["X-Real-Ip"] == STRANGER
    assert seen["X-Forwarded-Proto"] == "https"
    assert seen["X-Forwarded-Host"] == seen["Host"] == HOST
    assert "Forwarded" not in seen
    assert re.fullmatch(r"[0-9a-f-]{32,36}", seen["X-Request-Id"])


def test_the_browser_is_told_once_to_use_tls_only(running: Proxy) -> None:
    for path, status in {"/": 200, "/metrics": 404}.items():
        answer = running.fetch(path)
        assert answer.status_code == status
        told = answer.headers.get_list("Strict-Transport-Security")
        assert told == ["max-age=31536000"], path


def test_h2c_does_not_reach_the_server(running: Proxy) -> None:
    seen = running.fetch(
        "/",
        headers={
            "Connection": "Upgrade, HTTP2-Settings",
            "Upgrade": "h2c",
            "HTTP2-Settings": "AAMAAABkAAQAAP__",
        },
    ).json()
    assert not {"Upgrade", "Http2-Settings"} & set(seen)
    assert "upgrade" not in seen.get("Connection", "").lower()


@pytest.mark.parametrize("path", ["/metrics", "/_admin", "/_admin/data"])
def test_the_inside_pages_are_not_reached_from_outside(running: Proxy, path: str) -> None:
    assert running.fetch(path).status_code == 404
    assert running.fetch(path, source=OPERATOR).headers["X-Port"] == "9464"


@pytest.mark.parametrize("path", ["/%6detrics", "//metrics", "/x/../metrics", "/./_admin"])
def test_no_other_spelling_reaches_the_internal_listener(running: Proxy, path: str) -> None:
    answer = running.fetch(path)
    # The server itself shows neither at its public port to one who comes through a proxy.
    assert answer.status_code in (404, 301, 308) or answer.headers["X-Port"] == "4000"


def test_health_is_detailed_for_operators_and_bare_for_the_world(running: Proxy) -> None:
    assert running.fetch("/health").headers["X-Port"] == "4000"
    assert running.fetch("/health", source=OPERATOR).headers["X-Port"] == "9464"
    for path in ("/health/live", "/health/ready"):
        assert running.fetch(path).headers["X-Port"] == "4000"
        assert running.fetch(path, source=OPERATOR).headers["X-Port"] == "4000"


def test_a_large_body_is_refused_before_the_server_sees_it(running: Proxy) -> None:
    assert running.fetch("/", method="POST", content=b"x" * 1000).json() == {"length": 1000}
    assert running.fetch("/", method="POST", content=b"x" * (2 << 20)).status_code == 413
    assert running.fetch("/").status_code == 200, "others are served as before"


def test_a_websocket_passes_over_tls_with_its_origin(running: Proxy) -> None:
    with WebSocket(running, "/ws", Origin=f"https://{HOST}") as line:
        line.send("こんにちは")
        assert line.receive() == "こんにちは"


def test_events_are_not_held_back(running: Proxy) -> None:
    with raw(running) as tls:
        tls.sendall(
            f"POST /graphql HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
        )
        got = b""
        while b"data: first" not in got:  # the socket's time-out ends the wait
            got += tls.recv(4096)


def test_a_half_sent_request_is_ended(running: Proxy) -> None:
    """A slow client holds no connection for ever: 10 s after its first byte it has an answer or an end."""
    with raw(running) as tls:
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n".encode())
        got = tls.recv(4096)
        assert got == b"" or got.startswith((b"HTTP/1.1 408", b"HTTP/1.1 400")), got


def test_two_addresses_are_told_apart(running: Proxy) -> None:
    seen = {running.fetch("/", source=f"198.51.100.{n}").json()["X-Real-Ip"] for n in (8, 9)}
    assert seen == {"198.51.100.8", "198.51.100.9"}
    over_6 = running.fetch("/", source="2001:db8:1::1", server="::1").json()
    assert over_6["X-Forwarded-For"] == "2001:db8:1::1"
