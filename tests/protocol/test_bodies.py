"""A body is read only once the head has let it in."""

import socket
from contextlib import closing
from pathlib import Path

import pytest
from tornado.iostream import IOStream

from chatserver.web.connection import _hang_up
from tests.protocol.conftest import Start
from tests.protocol.running import Running
from tests.protocol.upload import JSON, upload

LARGE = 50_000_000


@pytest.fixture
def generous(start: Start) -> Running:
    """A server whose bodies may be large."""
    return start({"limits.http_body_bytes": LARGE, "limits.body_seconds": 60.0})


@pytest.mark.parametrize("size", [10, 60_000, LARGE, None])
@pytest.mark.parametrize(
    "method, path",
    [
        ("POST", "/api/v1/rooms"),
        ("POST", "/api/v1/logout"),
        ("PATCH", "/api/v1/rooms/1"),
        ("POST", "/api/v1/rooms/1/messages"),
        ("POST", "/api/v1/rooms/1/messages/2/reactions"),
        ("PUT", "/api/v1/rooms/1/members/2"),
        ("PUT", "/api/v1/users/anna"),
        ("POST", "/api/v1/plugins/wordfilter"),
        ("POST", "/api/v1/rooms/1/join"),
    ],
)
async def test_a_request_without_a_session_is_refused_before_its_body(
    generous: Running, method: str, path: str, size: int | None
) -> None:
    for fields in ((), ("Authorization: Bearer wrong",)):
        async with upload(generous, method, path, size, *fields) as sent:
            assert await sent.head() == (401, "auth.invalid" if fields else "auth.required")


@pytest.mark.parametrize(
    "method, path, size, kind, answer",
    [
        ("POST", "/nowhere", LARGE, JSON, (404, "request.not_found")),
        ("POST", "/api/v1/me", LARGE, JSON, (405, "request.method")),
        ("POST", "/health", LARGE, JSON, (405, "request.method")),
        ("POST", "/api/v1/rooms", LARGE + 1, JSON, (413, "request.too_large")),
        ("POST", "/api/v1/login", 65_537, JSON, (413, "request.too_large")),
        ("POST", "/api/v1/register", LARGE, JSON, (413, "request.too_large")),
        ("POST", "/api/v1/login", 100, "text/plain", (415, "request.media_type")),
        ("POST", "/api/v1/rooms", 100, "text/plain", (415, "request.media_type")),
        ("GET", "/ws", 100, JSON, (400, "request.invalid")),
    ],
)
async def test_all_that_the_head_tells_is_answered_before_the_body(
    generous: Running, method: str, path: str, size: int, kind: str, answer: tuple[int, str]
) -> None:
    async with upload(generous, method, path, size, kind=kind) as sent:
        assert await sent.head() == answer


async def test_a_foreign_page_and_a_fast_one_are_refused_before_the_body(start: Start) -> None:
    server = start({"limits.requests_per_second": 1.0})
    async with upload(server, "POST", "/api/v1/login", 100, "Origin: http://evil.example") as sent:
        assert await sent.head() == (403, "request.origin")
    for _ in range(3):
        async with upload(server, "POST", "/api/v1/rooms", 100) as sent:
            answer = await sent.head()
    assert answer == (429, "limit.rate")


async def test_nobody_is_asked_to_go_on_with_a_body_that_is_not_wanted(server: Running) -> None:
    anna = await server.person("anna")
    body = b'{"name": "r"}'
    expect = "Expect: 100-continue"
    async with upload(server, "POST", "/api/v1/rooms", len(body), expect) as sent:
        assert await sent.head() == (401, "auth.required")
        assert await sent.ended()
    bearer = f"Authorization: Bearer {anna.token}"
    async with upload(server, "POST", "/api/v1/rooms", len(body), expect, bearer) as sent:
        assert await sent.head() == (100, "")
        sent.send(body)
        assert await sent.head() == (201, "")


async def test_a_connection_serves_again_after_a_small_body_that_was_refused(
    server: Running,
) -> None:
    async with upload(server, "POST", "/api/v1/rooms", 10) as sent:
        assert await sent.head() == (401, "auth.required")
        sent.send(b"x" * 10 + b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await sent.head() == (200, "")


async def test_nothing_of_a_refused_large_body_is_kept(generous: Running) -> None:
    async with upload(generous, "POST", "/api/v1/rooms", LARGE) as sent:
        assert await sent.head() == (401, "auth.required")
        sent.send(b"x" * 1_000_000 + b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await sent.ended()


async def test_chunks_from_strangers_are_read_up_to_a_limit(generous: Running) -> None:
    async with upload(generous, "POST", "/api/v1/login", None) as sent:
        for _ in range(7):
            sent.send(b"2710\r\n" + b" " * 10_000 + b"\r\n")
        assert await sent.head() == (413, "request.too_large")


async def test_a_signed_in_user_may_send_a_large_body(generous: Running) -> None:
    anna = await generous.person("anna")
    answer = await anna.http("POST", "/api/v1/rooms", {"name": "r", "padding": "x" * 3_000_000})
    assert answer.status_code == 201


PLUGIN = """
from chatserver import Reply, Route, hookimpl

class Plugin:
    def __init__(self, config):
        pass

    @hookimpl
    def register_routes(self, context):
        async def post(request):
            return Reply(body=b"{}")
        return [Route(path="/up", post=post), Route(path="/small", post=post, body_bytes=100)]
"""


async def test_a_plugin_s_route_reads_large_bodies_of_users_alone(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "parcels.py").write_text(PLUGIN)
    server = start(
        {
            "plugins.folder": str(tmp_path / "plugins"),
            "plugins.enabled": ["memory", "password", "parcels"],
            "limits.http_body_bytes": LARGE,
        }
    )
    anna = await server.person("anna")
    async with upload(server, "POST", "/up", 65_537) as sent:
        assert await sent.head() == (401, "auth.required")
    async with upload(server, "POST", "/up", None) as sent:
        sent.send(b"11170\r\n" + b" " * 70_000 + b"\r\n")
        assert await sent.head() == (401, "auth.required")
    async with upload(server, "POST", "/small", 101) as sent:
        assert await sent.head() == (413, "request.too_large")
    assert (await server.http("POST", "/up", content=b"x" * 65_536)).status_code == 200
    assert (await anna.http("POST", "/up", content=b"x" * 1_000_000)).status_code == 200
    assert (await anna.http("POST", "/small", content=b"x" * 101)).status_code == 413


async def test_closing_the_connection_of_a_lost_client_is_no_error() -> None:
    """As when it goes while its answer is written, before the rest of its body is thrown away."""
    ours, theirs = socket.socketpair()
    with closing(theirs):
        stream = IOStream(ours)
        stream.close()
        await _hang_up(stream)
