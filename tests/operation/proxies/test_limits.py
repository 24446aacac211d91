"""Limits by address, time-outs of WebSockets, and where a request is repeated: with small figures."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.faults.server import ChatServer
from tests.operation.proxies.machine import Machine
from tests.operation.proxies.sites import (
    INTERNAL,
    NODE,
    OPERATOR,
    STRANGER,
    Caddy,
    HAProxy,
    Nginx,
    Proxy,
)
from tests.operation.proxies.sockets import WebSocket
from tests.waiting import wait_until

MANY = "198.51.100.66"
SMALL = {
    Nginx: {
        "connections": {"chatserver_connections 1000;": "chatserver_connections 5;"},
        "requests": {"rate=100r/s": "rate=1r/m", "burst=1000 nodelay": "burst=5 nodelay"},
        "idle": {"proxy_read_timeout     90s;": "proxy_read_timeout 2s;"},
    },
    HAProxy: {
        "connections": {"sc0_conn_cur(addresses) gt 1000": "sc0_conn_cur(addresses) gt 5"},
        "requests": {"sc0_http_req_rate(addresses) gt 2000": "sc0_http_req_rate(addresses) gt 5"},
        "idle": {"timeout tunnel 90s": "timeout tunnel 2s"},
    },
    Caddy: {"idle": {"read_timeout 90s": "read_timeout 2s"}},
}
# Caddy has no limits by address; behind it, the server's own count.
HAS_LIMITS = pytest.mark.parametrize(
    "proxy", [Nginx, HAProxy], indirect=True, ids=lambda kind: kind.name
)


@contextmanager
def serving(proxy: Proxy, what: str = "", nodes: tuple[int, ...] = (NODE,)) -> Iterator[None]:
    """It runs, with small figures for `what`."""
    proxy.install(nodes, SMALL[type(proxy)][what] if what else None)
    proxy.start()
    try:
        yield
    finally:
        proxy.kill()


@pytest.fixture(autouse=True)
def node(proxy: Proxy, start_upstream: Callable[..., object]) -> None:
    if not proxy.listens(NODE):
        start_upstream(NODE)
        wait_until(lambda: proxy.listens(NODE))


@HAS_LIMITS
def test_one_address_has_few_connections_and_others_theirs(proxy: Proxy) -> None:
    with serving(proxy, "connections"), ExitStack() as stack:
        lines = [stack.enter_context(WebSocket(proxy, source=MANY)) for _ in range(5)]
        refused = proxy.fetch("/", source=MANY)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert refused.json()["error"]["code"] == "limit.rate"
        assert len(refused.headers.get_list("Strict-Transport-Security")) == 1
        assert proxy.fetch("/", source=STRANGER).status_code == 200
        lines.pop().close()
        wait_until(lambda: proxy.fetch("/", source=MANY).status_code == 200)


@HAS_LIMITS
def test_one_address_has_few_requests_and_others_theirs(proxy: Proxy) -> None:
    with serving(proxy, "requests"):
        answers = [proxy.fetch("/", source=MANY).status_code for _ in range(8)]
        assert answers[:5] == [200] * 5
        assert answers[-1] == 429
        assert proxy.fetch("/", source=STRANGER).status_code == 200


@HAS_LIMITS
def test_one_network_of_ipv6_counts_as_one_address(proxy: Proxy) -> None:
    with serving(proxy, "requests"):

        def ask(source: str) -> int:
            return proxy.fetch("/", source=source, server="::1").status_code

        answers = [ask(f"2001:db8:1::{1 + number % 2}") for number in range(8)]
        assert answers[-2:] == [429, 429]
        assert ask("2001:db8:2::1") == 200


def test_the_server_believes_the_address_and_limits_by_it(
    proxy: Proxy, machine: Machine, tmp_path: Path
) -> None:
    server = ChatServer(
        tmp_path,
        store="memory",
        within=machine.network,
        server__trusted_proxies="127.0.0.1",
        server__internal_port=INTERNAL,
        logging__access="true",
        limits__requests_per_second=2,
        limits__connections_per_address=3,
    )
    server.port = NODE + 1
    machine.call(server.start)
    try:
        with serving(proxy, nodes=(NODE + 1,)):
            wait_until(lambda: proxy.fetch("/health/ready").status_code == 200)
            answers = [proxy.fetch("/api/v1/me", source=MANY) for _ in range(10)]
            codes = {answer.status_code for answer in answers}
            assert codes == {401, 429}
            assert all(a.headers["Retry-After"] for a in answers if a.status_code == 429)
            assert proxy.fetch("/api/v1/me", source=STRANGER).status_code == 401
            assert proxy.fetch("/metrics", source=OPERATOR).text.startswith("# ")
            assert "checks" in proxy.fetch("/health", source=OPERATOR).json()
            assert set(proxy.fetch("/health").json()) == {"status", "timestamp"}
    finally:
        machine.call(server.kill)


def test_a_silent_websocket_is_cut_and_one_with_heartbeats_stays(proxy: Proxy) -> None:
    with (
        serving(proxy, "idle"),
        WebSocket(proxy, "/ws") as silent,
        WebSocket(proxy, "/beating") as beating,
    ):
        assert silent.receive() is None  # its end, and not the end of our patience
        assert [beating.receive() for _ in range(8)] == ["beat"] * 8


def test_while_a_node_restarts_the_next_one_is_asked(
    proxy: Proxy, start_upstream: Callable[..., object]
) -> None:
    restarting = NODE + 2
    if not proxy.listens(restarting):
        start_upstream(restarting, 503)
        wait_until(lambda: proxy.listens(restarting))
    with serving(proxy, nodes=(restarting, NODE)):
        for _ in range(6):
            assert proxy.fetch("/api/v1/rooms").headers["X-Port"] == str(NODE)
            sent = proxy.fetch("/api/v1/rooms/01j/messages", method="POST", content=b"{}")
            assert sent.json() == {"length": 2}
            with WebSocket(proxy):
                pass
        # What is done once is not asked for twice: sooner or later the restarting node's turn is seen.
        wait_until(
            lambda: proxy.fetch("/api/v1/rooms", method="POST", content=b"{}").status_code == 503
        )


def test_without_a_node_the_answer_is_an_error_at_once(proxy: Proxy) -> None:
    with serving(proxy, nodes=(NODE + 99,)):
        assert proxy.fetch("/").status_code in (502, 503)
