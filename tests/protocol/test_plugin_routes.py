"""HTTP addresses of plugins: their requests and answers, and how their streams end."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from chatserver.app import Server
from chatserver.runtime.measure import Counter, Gauge, Histogram
from tests.protocol.client import ANSWER_SECONDS
from tests.protocol.conftest import Start
from tests.protocol.running import Running
from tests.waiting import until

ENABLED = {
    "plugins.folder": str(Path(__file__).parent / "plugins"),
    "plugins.enabled": ["memory", "password", "metrics", "doors"],
}


@pytest.fixture
def server(start: Start) -> Running:
    return start(ENABLED)


def plugin(server: Running) -> Any:
    return next(each.instance for each in server.server._plugins.all if each.name == "doors")


async def test_a_request_is_told_in_full(server: Running) -> None:
    answer = await server.http(
        "GET", "/door?a=1&a=2&name=J%C3%B6rg&empty=", headers={"User-Agent": "me"}
    )
    assert answer.headers["x-door"] == "open"
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "method": "GET",
        "path": "/door",
        "address": "127.0.0.1",
        "body": "",
        "query": {"a": "2", "name": "Jörg", "empty": ""},
        "agent": "me",
        "none": None,
        "token": None,
        "has_cookie": False,
        "is_foreign": False,
    }


@pytest.mark.parametrize(
    ("headers", "token", "has_cookie"),
    [
        ({"Authorization": "Bearer t"}, "t", False),
        ({"Cookie": "chat_session=c"}, "c", True),
        ({"Authorization": "Bearer t", "Cookie": "chat_session=c"}, "t", False),
    ],
)
async def test_a_request_tells_how_the_token_came(
    server: Running, headers: dict[str, str], token: str, has_cookie: bool
) -> None:
    shown = (await server.http("GET", "/door", headers=headers)).json()
    assert (shown["token"], shown["has_cookie"]) == (token, has_cookie)


async def test_a_query_that_is_no_text_is_refused(server: Running) -> None:
    answer = await server.http("GET", "/door?a=%ff")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request.invalid")


async def test_a_post_acts_for_its_user_through_the_service(server: Running) -> None:
    anna = await server.person("anna")
    room = (await anna.http("POST", "/api/v1/rooms", {"name": "Lounge"})).json()
    answer = await anna.http("POST", f"/door?room={room['id']}", content=b"ding dong")
    assert (answer.status_code, answer.headers["content-type"]) == (201, "text/plain")
    page = (await anna.http("GET", f"/api/v1/rooms/{room['id']}/messages")).json()
    assert [message["body"] for message in page["messages"]] == ["ding dong"]
    assert page["head"] == int(answer.text)


async def test_a_request_without_a_session_gets_the_usual_error(server: Running) -> None:
    for headers, code in (({}, "auth.required"), ({"Authorization": "Bearer x"}, "auth.invalid")):
        answer = await server.http("POST", "/door?room=x", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)


async def test_methods_that_are_not_there(server: Running) -> None:
    assert (await server.http("DELETE", "/door")).status_code == 204
    answer = await server.http("PATCH", "/door")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "request.method")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST", "DELETE"}


async def test_head_is_get_without_the_body(server: Running) -> None:
    got = await server.http("GET", "/door")
    head = await server.http("HEAD", "/door")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]
    assert plugin(server).seen[-1].method == "GET"


async def test_a_foreign_page_may_only_get(server: Running) -> None:
    foreign = {"Origin": "http://evil.example"}
    assert (await server.http("GET", "/door", headers=foreign)).json()["is_foreign"] is True
    answer = await server.http("DELETE", "/door", headers=foreign)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "request.origin")


async def test_a_refusal_is_an_answer_and_a_fault_is_named(server: Running) -> None:
    answer = await server.http("GET", "/door/fails?code=room.forbidden")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "room.forbidden")
    assert not server.take_errors()
    for _ in range(10):  # more than would open a breaker
        answer = await server.http("GET", "/door/fails")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "plugin.failed")
    assert (await server.http("GET", "/door")).status_code == 200
    errors = server.take_errors()
    assert len(errors) == 10
    assert all("plugin doors" in error for error in errors)


# -- streams -------------------------------------------------------------------------------------


async def test_a_stream_arrives_whole(server: Running) -> None:
    answer = await server.http("GET", "/door/stream?way=ends")
    assert answer.text == "one\ntwo\n"
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert plugin(server).log == ["closed"]


async def test_a_streams_head_is_that_of_get(server: Running) -> None:
    request = f"HEAD /door/stream?way=waits HTTP/1.1\r\nHost: x:{server.port}\r\n"
    answer = await server.raw(f"{request}Connection: close\r\n\r\n".encode())
    assert b"Transfer-Encoding: chunked\r\n" in answer
    assert answer.endswith(b"\r\n\r\n") and b"Content-Length" not in answer


async def open_stream(server: Running, way: str) -> tuple[asyncio.StreamReader, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.write(f"GET /door/stream?way={way} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head
    return reader, writer


async def test_each_part_arrives_at_once_and_the_clients_end_is_noticed(server: Running) -> None:
    reader, writer = await open_stream(server, "waits")
    await asyncio.wait_for(reader.readuntil(b"two\n"), ANSWER_SECONDS)
    assert gauge(server.server, "chatserver_streams_active") == 1
    assert gauge(server.server, "websocket_connections_active") == 0
    assert plugin(server).log == []
    writer.close()
    await until(lambda: plugin(server).log == ["closed"])
    await until(lambda: gauge(server.server, "chatserver_streams_active") == 0)


async def test_the_time_of_a_stream_is_that_until_it_begins(server: Running) -> None:
    began = time.perf_counter()
    _, writer = await open_stream(server, "waits")
    answered = time.perf_counter() - began
    await asyncio.sleep(0.2)
    writer.close()
    key = ("GET", "/door/stream", "200")
    seconds = next(
        each for each in server.server.measures if each.name == "http_request_duration_seconds"
    )
    assert isinstance(seconds, Histogram)
    await until(lambda: key in seconds.values)
    assert 0 < seconds.values[key][1] <= answered


async def test_a_client_that_does_not_read_holds_up_its_stream_and_is_cut_off(start: Start) -> None:
    server = start(ENABLED | {"limits.slow_seconds": 1.0})
    log = plugin(server).log
    _, writer = await open_stream(server, "floods")
    await until(lambda: "part" in log)
    last = -1
    while len(log) != last:
        last = len(log)
        await asyncio.sleep(0.2)
    assert log.count("part") < 200, "nobody waited for the client"
    assert (await server.http("GET", "/health/live")).status_code == 200
    await until(lambda: log[-1] == "closed")
    writer.close()


async def test_a_stream_that_fails_is_not_taken_for_whole(server: Running) -> None:
    for way, errors in (("fails", 1), ("refuses", 0)):
        reader, writer = await open_stream(server, way)
        rest = await asyncio.wait_for(reader.read(), ANSWER_SECONDS)
        assert rest.endswith(b"two\n\r\n"), "the last chunk says that it was all"
        writer.close()
        await until(lambda: "closed" in plugin(server).log)
        found = server.take_errors()
        assert len(found) == errors
        assert all("plugin doors" in error for error in found)


async def test_draining_ends_streams_completely(server: Running) -> None:
    reader, writer = await open_stream(server, "waits")
    await reader.readuntil(b"two\n\r\n")
    drained = asyncio.create_task(server.run(lambda node: node.drain()))
    assert await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), ANSWER_SECONDS) == b"0\r\n\r\n"
    await drained
    writer.close()
    assert plugin(server).log == ["closed"]


async def test_a_stream_that_begins_while_its_process_leaves_ends_completely(
    server: Running,
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    await until(lambda: server.server._fronts[0]._connections)

    async def leave(node: Server) -> "asyncio.Task[None]":
        task = asyncio.create_task(node.drain(60.0, hurry=False))
        await asyncio.sleep(0)
        return task

    task = await server.run(leave)
    writer.write(b"GET /door/stream?way=waits HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), ANSWER_SECONDS)
    assert b" 200 " in answer
    assert answer.endswith(b"0\r\n\r\n")
    await server.run(lambda node: asyncio.wait([task]))
    writer.close()
    assert plugin(server).log == ["closed"]


async def test_streams_count_as_connections(start: Start) -> None:
    server = start(ENABLED | {"limits.connections_per_address": 1})
    _, writer = await open_stream(server, "waits")
    answer = await server.http("GET", "/door/stream?way=waits")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "limit.count")
    writer.close()
    await until(lambda: plugin(server).log == ["closed"])
    assert (await server.http("GET", "/door/stream?way=ends")).status_code == 200


def gauge(node: Server, name: str) -> float:
    found = next(measure for measure in node.measures if measure.name == name)
    assert isinstance(found, Gauge)
    return found.read()


def counter(node: Server, name: str) -> float:
    found = next(measure for measure in node.measures if measure.name == name)
    assert isinstance(found, Counter)
    return sum(found.values.values())
