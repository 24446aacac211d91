"""Requests as operators see them: an id for each, an access log, and warnings about proxies."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from loguru import logger

from chatserver.logging.repeated import Repeated
from chatserver.web import access
from tests.faults.server import ForkedServer
from tests.protocol.conftest import Start
from tests.protocol.running import PASSWORD, Running
from tests.protocol.test_plugin_routes import ENABLED
from tests.waiting import until

FRESH = re.compile(r"[0-9a-f]{12}")


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """The extra fields of what is logged as a request."""
    found: list[dict[str, Any]] = []
    sink = logger.add(
        lambda entry: found.append(dict(entry.record["extra"])),
        filter=lambda record: record["message"] == "request",
        level="INFO",
    )
    yield found
    logger.remove(sink)


async def logged(lines: list[dict[str, Any]], count: int) -> None:
    """A request is logged once it is answered, so its client may be ahead."""
    await until(lambda: len(lines) >= count)


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    monkeypatch.setattr(access, "_warnings", Repeated())
    found: list[str] = []
    sink = logger.add(lambda text: found.append(str(text)), level="WARNING", format="{message}")
    yield found
    logger.remove(sink)


@pytest.mark.parametrize(
    "path", ["/", "/static/app.js", "/health/live", "/api/v1/me", "/nowhere", "/metrics", "/ws"]
)
async def test_every_answer_has_the_request_s_id(server: Running, path: str) -> None:
    for given in ("a", "req-1.2_3", "x" * 64):
        answer = await server.http("GET", path, headers={"X-Request-Id": given})
        assert answer.headers["x-request-id"] == given
    for none in ("", "a b", "a\tb", "x" * 65, "ä".encode(), "a;b", "<script>", "a,b"):
        answer = await server.http("GET", path, headers={"X-Request-Id": none})
        assert FRESH.fullmatch(answer.headers["x-request-id"]), none
    ids = {(await server.http("GET", path)).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3 and all(map(FRESH.fullmatch, ids))


async def test_other_answers_have_one_too(server: Running) -> None:
    anna = await server.person("anna")
    room = (await anna.http("POST", "/api/v1/rooms", {"name": "r"})).json()["id"]
    answers = [
        await anna.http("GET", f"/api/v1/rooms/{room}/messages", headers={"X-Request-Id": "short"}),
        await server.http("POST", "/api/v1/login", {}, headers={"X-Request-Id": "short"}),
        await server.http("BREW", "/", headers={"X-Request-Id": "short"}),
        await server.http("GET", "/api/v1/rooms/%ff", headers={"X-Request-Id": "short"}),
    ]
    assert [answer.headers["x-request-id"] for answer in answers] == ["short"] * 4
    assert b"\r\nX-Request-Id: " in await server.raw(b"nonsense\r\n\r\n")
    async with anna.connect(headers={"X-Request-Id": "upgrade"}) as client:
        assert client.upgrade["x-request-id"] == "upgrade"


async def test_the_access_log_has_each_request_without_its_secrets(
    start: Start, lines: list[dict[str, Any]]
) -> None:
    server = start({"logging.access": True})
    anna = await server.person("anna")
    room = (await anna.http("POST", "/api/v1/rooms", {"name": "r"})).json()["id"]
    await logged(lines, 2)
    lines.clear()
    page = await anna.http(
        "GET", f"/api/v1/rooms/{room}/messages?limit=50", headers={"X-Request-Id": "mine"}
    )
    await server.http("GET", "/nowhere?token=secret")
    await server.raw(b"nonsense\r\n\r\n")
    await anna.http("POST", "/api/v1/rooms", {"name": 1})
    async with anna.connect():
        pass
    await logged(lines, 5)
    read, missing, torn, refused, upgrade = lines
    assert (read["method"], read["status"], read["user"]) == ("GET", 200, anna.id)
    assert read["route"] == "/api/v1/rooms/ID/messages" and read["address"] == "127.0.0.1"
    assert read["bytes"] > len(page.content) and read["ms"] >= 0
    assert (missing["route"], missing["status"], missing["user"]) == ("none", 404, None)
    assert (torn["method"], torn["status"]) == ("?", 400)
    assert (refused["method"], refused["status"], refused["user"]) == ("POST", 400, anna.id)
    assert (upgrade["route"], upgrade["status"]) == ("/ws", 101)
    assert "secret" not in str(lines) and anna.token not in str(lines)


async def test_the_access_log_has_the_user_of_a_plugins_route(
    start: Start, lines: list[dict[str, Any]]
) -> None:
    server = start(ENABLED | {"logging.access": True})
    anna = await server.person("anna")
    room = (await anna.http("POST", "/api/v1/rooms", {"name": "r"})).json()["id"]
    await logged(lines, 2)
    lines.clear()
    await anna.http("POST", f"/door?room={room}", content=b"ding dong")
    await logged(lines, 1)
    (line,) = lines
    assert (line["route"], line["status"], line["user"]) == ("/door", 201, anna.id)


def test_an_access_line_is_json_with_the_request_s_id(tmp_path: Path) -> None:
    with ForkedServer(tmp_path, store="memory", logging__access=True) as server:
        headers = {"X-Request-Id": "mine"}
        httpx.get(server.url + "/health/live?token=secret", headers=headers, verify=False)
        assert server.stop() == 0
    text = (tmp_path / "logs/combined.log").read_text()
    entries = [json.loads(line) for line in text.splitlines()]
    (line,) = [entry for entry in entries if entry.get("request") == "mine"]
    assert (line["message"], line["level"]) == ("request", "info")
    assert (line["route"], line["status"]) == ("/health/live", 200)
    assert "secret" not in text


async def test_there_is_no_access_log_unless_it_is_wanted(
    server: Running, lines: list[dict[str, Any]]
) -> None:
    await server.http("GET", "/health/live")
    assert lines == []


async def test_a_proxy_that_is_not_trusted_is_named_once(start: Start, warnings: list[str]) -> None:
    server = start()
    for header in ("X-Forwarded-For", "X-Forwarded-Proto"):
        for _ in range(3):
            await server.http("GET", "/", headers={header: "192.0.2.7"})
    (warning,) = warnings
    assert "server.trusted_proxies" in warning and "127.0.0.1" in warning


async def test_a_proxy_is_noticed_on_the_short_way_too(start: Start, warnings: list[str]) -> None:
    server = start()
    anna = await server.person("anna")
    room = (await anna.http("POST", "/api/v1/rooms", {"name": "r"})).json()["id"]
    path = f"/api/v1/rooms/{room}/messages"
    await anna.http("GET", path)
    assert warnings == []
    await anna.http("GET", path, headers={"X-Forwarded-For": "192.0.2.7"})
    assert len(warnings) == 1


async def test_a_proxy_that_is_trusted_is_no_matter(start: Start, warnings: list[str]) -> None:
    server = start({"server.trusted_proxies": ["127.0.0.1"]})
    await server.http("GET", "/", headers={"X-Forwarded-For": "192.0.2.7"})
    assert warnings == []


HSTS = "strict-transport-security"


async def test_browsers_are_told_to_use_tls_over_tls_alone(start: Start) -> None:
    server = start({"server.trusted_proxies": ["127.0.0.1"], "server.hsts_seconds": 77})
    anna = await server.person("anna")
    room = (await anna.http("POST", "/api/v1/rooms", {"name": "r"})).json()["id"]
    for path in ("/", "/nowhere", "/api/v1/me", f"/api/v1/rooms/{room}/messages"):
        over_tls = await anna.http("GET", path, headers={"X-Forwarded-Proto": "https"})
        assert over_tls.headers[HSTS] == "max-age=77", path
        for headers in ({}, {"X-Forwarded-Proto": "http"}):
            assert HSTS not in (await anna.http("GET", path, headers=headers)).headers


@pytest.mark.parametrize(
    "settings", [{}, {"server.trusted_proxies": ["127.0.0.1"], "server.hsts_seconds": 0}]
)
async def test_no_header_of_tls_without_tls_or_if_it_is_off(
    start: Start, settings: dict[str, object]
) -> None:
    server = start(settings)
    answer = await server.http("GET", "/", headers={"X-Forwarded-Proto": "https"})
    assert HSTS not in answer.headers


async def test_over_tls_there_is_a_cookie_that_no_neighbour_can_plant(start: Start) -> None:
    server = start({"server.trusted_proxies": ["127.0.0.1"]})
    anna, ben = await server.people("anna", "ben")
    login = {"username": anna.username, "password": PASSWORD}
    tls = {"X-Forwarded-Proto": "https"}
    answer = await server.http("POST", "/api/v1/login", login, headers=tls)
    own, plain, device = answer.headers.get_list("set-cookie")
    token = answer.json()["token"]
    assert own.startswith(f"__Host-chat_session={token}; Path=/;") and "Domain" not in own
    assert plain.startswith(f"chat_session={token}; ")
    for cookie in (own, plain, device):
        attributes = set(cookie.split("; ")[1:])
        assert {"HttpOnly", "Secure", "SameSite=Lax"} <= attributes
    for cookie, user in (
        (f"__Host-chat_session={token}", anna),
        (f"chat_session={token}", anna),
        (f"chat_session={ben.token}; __Host-chat_session={token}", anna),
    ):
        me = await server.http("GET", "/api/v1/me", headers={"Cookie": cookie, **tls})
        assert me.json()["id"] == user.id
    headers = {"Cookie": f"__Host-chat_session={token}", **tls}
    left = (await server.http("POST", "/api/v1/logout", headers=headers)).headers
    assert [cookie.partition(";")[0] for cookie in left.get_list("set-cookie")] == [
        "__Host-chat_session=",
        "chat_session=",
    ]
    assert all("Max-Age=0;" in cookie for cookie in left.get_list("set-cookie"))
