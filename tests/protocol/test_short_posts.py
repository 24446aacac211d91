"""What programs post to plugins is answered on the short way as on the long one."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from chatserver.app import Server
from chatserver.runtime.measure import Histogram
from chatserver.web.base import BaseHandler
from tests.protocol.conftest import Start
from tests.protocol.lines import Answer, line, without_date
from tests.protocol.running import PASSWORD, Running
from tests.waiting import until

ENABLED = {
    "plugins.folder": str(Path(__file__).parent / "plugins"),
    "plugins.enabled": ["memory", "password", "bots", "letters"],
}
LONG = "Accept-Charset: utf-8"  # a field that the short way does not know
WAYS = {
    "tells": 200,
    "user": 200,
    "text": 200,
    "odd": 200,
    "empty": 204,
    "creates": 201,
    "signs_in": 200,
    "bakes": 200,
    "streams": 200,
    "refuses": 403,
    "breaks": 503,
}
SHORTLY = ("tells", "user", "text")  # without a handler


@pytest.fixture
def server(start: Start) -> Running:
    return start(ENABLED)


def letters(server: Running) -> Any:
    return next(each.instance for each in server.server._plugins.all if each.name == "letters")


def post(way: str, token: str, *more: str, path: str = "/letters", size: int = 0) -> str:
    body = json.dumps({"way": way}).ljust(size)
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {token}",
        "User-Agent: me",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return "\r\n".join(lines) + "\r\n\r\n" + body


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The routes below /letters of requests that a handler answered."""
    found: list[str] = []
    on_finish = BaseHandler.on_finish

    def noting(handler: BaseHandler) -> None:
        if handler.route.startswith("/letters"):
            found.append(handler.route)
        on_finish(handler)

    monkeypatch.setattr(BaseHandler, "on_finish", noting)
    return found


async def both(server: Running, request: str) -> tuple[Answer, Answer]:
    """The answers on the short way and on the long one."""
    async with line(server) as short, line(server) as long:
        short.send(request)
        first = await short.answer()
        long.send(request.replace("\r\nHost", f"\r\n{LONG}\r\nHost"))
        return first, await long.answer()


@pytest.mark.parametrize("way", WAYS)
async def test_both_ways_give_the_same_answer(
    server: Running, way: str, handled: list[str]
) -> None:
    anna = await server.person("anna")
    short, long = await both(server, post(way, anna.token))
    assert short[0] == WAYS[way]
    assert without_date(short) == without_date(long)
    assert letters(server).read == [way, way], "each is called once"
    await until(lambda: len(handled) >= 2 - (way in SHORTLY))
    assert handled == ["/letters"] * (2 - (way in SHORTLY))
    assert len(server.take_errors()) == (2 if way == "breaks" else 0)


async def test_a_token_that_is_wrong_or_for_something_else(server: Running) -> None:
    anna = await server.person("anna")
    made = await anna.http("POST", "/api/v1/bots", {"username": "robo", "name": "Robo"})
    path = f"/api/v1/bots/{made.json()['id']}/tokens"
    reader = (await anna.http("POST", path, {"label": "r", "scopes": ["read"]})).json()["secret"]
    for token, code in (("wrong", "auth.invalid"), (reader, "auth.scope")):
        short, long = await both(server, post("user", token))
        assert json.loads(short[2])["error"]["code"] == code
        assert without_date(short) == without_date(long)


@pytest.mark.parametrize(
    "change",
    [
        ("\r\nHost: x", "\r\nHost: x\r\nCookie: chat_session=c"),
        ("\r\nHost: x", "\r\nHost: x\r\nAccept: a/b\r\nAccept: c/d"),
        ("/letters ", "/letters?a=1 "),
        ("/letters ", "/letters/read/anna "),
    ],
)
async def test_what_the_short_way_does_not_know_a_handler_answers(
    server: Running, handled: list[str], change: tuple[str, str]
) -> None:
    anna = await server.person("anna")
    async with line(server) as long:
        long.send(post("tells", anna.token).replace(*change))
        assert (await long.answer())[0] == 200
    await until(lambda: handled)
    assert len(letters(server).read) == 1


async def test_a_body_that_comes_later_and_requests_in_a_row(server: Running) -> None:
    anna = await server.person("anna")
    request = post("user", anna.token)
    answered = json.dumps([anna.id] * 2, separators=(",", ":")).encode()
    async with line(server) as pieces:
        for cut in (40, request.index("{"), request.index("{") + 3):
            pieces.send(request[:cut])
            await asyncio.sleep(0.05)  # so that they come as two segments
            pieces.send(request[cut:])
            assert (await pieces.answer())[::2] == (200, answered)
    async with line(server) as row:
        row.send(request + post("text", anna.token) + request)
        assert [(await row.answer())[2] for _ in range(3)] == [answered, "schön".encode(), answered]
    assert letters(server).read == ["user"] * 4 + ["text", "user"]


async def test_the_sizes_of_bodies(start: Start) -> None:
    server = start(ENABLED | {"limits.http_body_bytes": 100_000})
    anna = await server.person("anna")
    for path, size, status in (
        ("/letters/short", 1000, 200),
        ("/letters/short", 1001, 413),
        ("/letters", 65_536, 200),
        ("/letters", 65_537, 200),
    ):
        short, long = await both(server, post("text", anna.token, path=path, size=size))
        assert short[0] == long[0] == status
    large = post("text", "wrong", size=65_537)
    assert [each[0] for each in await both(server, large)] == [401, 401]


async def test_addresses_of_operators_stay_theirs(start: Start) -> None:
    server = start(ENABLED | {"server.internal_networks": []})
    anna = await server.person("anna")
    short, _ = await both(server, post("text", anna.token, path="/letters/inside"))
    assert short[0] == 404
    assert letters(server).read == []


async def token_of_anna(running: Server) -> str:
    """Of a new account, made without a request."""
    _, token = await running.service.accounts.register("anna", PASSWORD, None, "127.0.0.1")
    return token


@pytest.mark.parametrize("way", ["text", "creates", "refuses"])
async def test_a_request_is_counted_once_whoever_answers_it(start: Start, way: str) -> None:
    server = start(ENABLED | {"limits.requests_per_second": 0.01})
    token = await server.run(token_of_anna)
    async with line(server) as short:
        for status in (WAYS[way], 429):
            short.send(post(way, token))
            assert (await short.answer())[0] == status


async def test_asking_who_posts_is_one_operation_of_theirs(start: Start) -> None:
    limits = {"limits.operations_per_second": 0.01, "limits.operations_burst": 4}
    server = start(ENABLED | limits)
    token = await server.run(token_of_anna)
    async with line(server) as short:
        statuses = []
        for _ in range(6):
            short.send(post("user", token))
            statuses.append((await short.answer())[0])
    assert statuses == [200] * 4 + [429] * 2


async def test_the_id_of_a_request_comes_back(server: Running) -> None:
    anna = await server.person("anna")
    async with line(server) as short:
        short.send(post("text", anna.token, "X-Request-Id: my-own.1"))
        assert (await short.answer())[1]["x-request-id"] == "my-own.1"
        short.send(post("text", anna.token))
        assert len((await short.answer())[1]["x-request-id"]) == 12
        short.send(post("names", anna.token))  # which a handler gives: what was logged has its id
        answer = await short.answer()
        assert answer[1]["x-request-id"] == answer[2].decode() != ""


async def test_nothing_is_left_behind_for_the_next_request(server: Running) -> None:
    anna = await server.person("anna")
    async with line(server) as short:
        for _ in range(2):
            short.send(post("marks", anna.token))
            assert (await short.answer())[2] == b'"none"'


async def test_requests_are_measured_from_their_beginning(server: Running) -> None:
    anna = await server.person("anna")
    async with line(server) as short:
        for way in ("text", "takes_time"):
            short.send(post(way, anna.token))
            await short.answer()
    seconds = next(
        each for each in server.server.measures if each.name == "http_request_duration_seconds"
    )
    assert isinstance(seconds, Histogram)
    await until(lambda: ("POST", "/letters", "202") in seconds.values)
    assert ("POST", "/letters", "200") in seconds.values
    assert seconds.values["POST", "/letters", "202"][1] >= 0.2


async def test_a_letter_that_waits_does_not_hold_up_the_end(server: Running) -> None:
    anna = await server.person("anna")
    plugin = letters(server)
    async with line(server) as short:
        short.send(post("waits", anna.token))
        await until(lambda: plugin.read == ["waits"])
        await server.run(lambda node: node._fronts[0].close_all_connections(0.05))
        assert plugin.cancelled == 1
        assert await short.ended()


async def test_behind_a_proxy_the_client_is_who_the_proxy_says(start: Start) -> None:
    server = start(ENABLED | {"server.trusted_proxies": ["127.0.0.1"]})
    anna = await server.person("anna")
    proxied = ("X-Forwarded-For: 192.0.2.1, 192.0.2.7", "X-Forwarded-Proto: https")
    short, long = await both(server, post("tells", anna.token, *proxied))
    assert without_date(short) == without_date(long)
    told = json.loads(short[2])
    assert (told["address"], told["is_secure"]) == ("192.0.2.7", True)
    assert "strict-transport-security" in short[1]
