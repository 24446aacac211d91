"""Fault 27: pages of other origins get no connection with the cookie of a user."""

import httpx
import pytest

from tests.faults.figures import record
from tests.faults.server import PASSWORD, ChatServer

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "chat.v1",
}
FOREIGN = (
    "http://evil.example",
    "https://127.0.0.1.evil.example",
    "http://127.0.0.1:{port}.evil.example",
    "http://evil-127.0.0.1:{port}",
    "http://127.0.0.1:{port}@evil.example",
    "http://127.0.0.1:1",
    "http://127.0.0.1",
    "http://localhost:{port}",
    "file://",
    "null",
    "",
    "javascript://127.0.0.1:{port}",
)


def upgrade(server: ChatServer, **headers: str) -> int:
    """The status that an upgrade request gets."""
    with httpx.stream("GET", server.url + "/ws", headers=UPGRADE | headers) as answer:
        return answer.status_code


@pytest.fixture(scope="module")
def cookie(shared_server: ChatServer, token: str) -> str:
    return f"chat_session={token}"


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_page_is_refused(server: ChatServer, cookie: str, origin: str) -> None:
    origin = origin.format(port=server.port)
    assert upgrade(server, Origin=origin, Cookie=cookie) == 403
    assert upgrade(server, Origin=origin) == 403
    answer = httpx.post(
        server.url + "/api/v1/login",
        json={"username": "visitor", "password": PASSWORD},
        headers={"Origin": origin},
    )
    assert answer.status_code == 403
    record("27 foreign origins", "refused, with and without cookie", str(len(FOREIGN)))


def test_a_cookie_without_an_origin_is_refused(server: ChatServer, cookie: str) -> None:
    assert upgrade(server, Cookie=cookie) == 403


def test_the_own_page_and_programs_are_let_in(server: ChatServer, token: str, cookie: str) -> None:
    assert upgrade(server, Origin=server.url, Cookie=cookie) == 101
    assert upgrade(server, Authorization=f"Bearer {token}") == 101
    assert upgrade(server) == 101
