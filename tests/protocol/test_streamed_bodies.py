"""Bodies that a plugin reads part by part: it is asked first, and no more is read than it takes."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from chatserver.runtime.measure import Counter
from tests.protocol.conftest import Start
from tests.protocol.running import Person, Running
from tests.protocol.upload import PART, upload
from tests.waiting import until

ENABLED = {
    "plugins.folder": str(Path(__file__).parent / "plugins"),
    "plugins.enabled": ["memory", "password", "metrics", "parcels"],
}
ANY = "application/octet-stream"


@pytest.fixture
def server(start: Start) -> Running:
    return start(ENABLED)


def plugin(server: Running) -> Any:
    return next(each.instance for each in server.server._plugins.all if each.name == "parcels")


def bearer(person: Person) -> str:
    return f"Authorization: Bearer {person.token}"


async def test_a_body_larger_than_the_usual_limit_comes_whole_in_parts(server: Running) -> None:
    anna = await server.person("anna")
    body = bytes(range(256)) * 20_000
    answer = await anna.http("POST", "/up/kitchen", content=body)
    found = answer.json()
    assert found["sha256"] == hashlib.sha256(body).hexdigest()
    assert (found["size"], found["length"], found["body"]) == (len(body), len(body), 0)
    assert found["parts"] >= len(body) / PART


async def test_chunks_come_in_parts_too_and_their_length_is_not_known(server: Running) -> None:
    anna = await server.person("anna")
    async with upload(server, "POST", "/up/kitchen", None, bearer(anna), kind=ANY) as sent:
        for _ in range(30):
            sent.send(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
        sent.send(b"0\r\n\r\n")
        status, found = await sent.answer()
    assert (status, found["size"], found["length"]) == (200, 300_000, None)
    assert found["sha256"] == hashlib.sha256(b"x" * 300_000).hexdigest()


async def test_a_request_without_a_body_has_no_parts(server: Running) -> None:
    anna = await server.person("anna")
    found = (await anna.http("POST", "/up/kitchen")).json()
    assert (found["size"], found["parts"], found["length"]) == (0, 0, 0)
    assert (await anna.http("GET", "/up/kitchen")).json() == {"room": "kitchen"}


async def test_a_body_that_is_not_streamed_is_one_part(server: Running) -> None:
    anna = await server.person("anna")
    found = (await anna.http("POST", "/whole", content=b"abc")).json()
    assert (found["size"], found["parts"], found["body"]) == (3, 1, 3)
    assert (await anna.http("POST", "/whole", content=b"x" * 101)).status_code == 413


async def test_the_plugin_refuses_before_the_body(server: Running) -> None:
    async with upload(server, "POST", "/up/kitchen", 200_000_000, "Expect: 100-continue") as sent:
        assert await sent.head() == (401, "auth.required")
        assert await sent.ended()
    async with upload(server, "POST", "/first/refuses", 10) as sent:
        assert await sent.head() == (403, "room.forbidden")
    async with upload(server, "POST", "/first/fails", 10) as sent:
        assert await sent.head() == (503, "plugin.failed")
    assert len(server.take_errors()) == 1


async def test_a_body_above_the_routes_limit_is_refused(server: Running) -> None:
    async with upload(server, "POST", "/small/all", 101) as sent:
        assert await sent.head() == (413, "request.too_large")
    assert plugin(server).log == []
    async with upload(server, "POST", "/small/all", None) as sent:
        sent.send(b"3c\r\n" + b"x" * 60 + b"\r\n")
        await until(lambda: plugin(server).log == ["60"])
        sent.send(b"3c\r\n" + b"x" * 60 + b"\r\n")
        assert await sent.head() == (413, "request.too_large")
    assert plugin(server).log == ["60"]


async def test_no_more_is_read_than_the_plugin_takes(server: Running) -> None:
    async with upload(server, "POST", "/first/waits", 100_000_000, kind=ANY) as sent:
        flood = asyncio.create_task(sent.flood(100_000_000))
        seen = -1
        while sent.sent != seen:  # until the client cannot send any more
            seen = sent.sent
            await asyncio.sleep(0.5)
        assert seen < 20_000_000, "the server reads on"
        assert (await server.http("GET", "/health/live")).status_code == 200
        await server.run(plugin(server).go)
        assert await sent.head() == (200, "")
        flood.cancel()
        await asyncio.gather(flood, return_exceptions=True)


@pytest.mark.parametrize("way", ["none", "one"])
async def test_a_connection_goes_on_after_a_small_body_that_was_not_taken(
    server: Running, way: str
) -> None:
    async with upload(server, "POST", f"/first/{way}", 200_000, kind=ANY) as sent:
        sent.send(b"x" * 100_000)
        assert (await sent.head(), sent.is_last) == ((200, ""), False)
        sent.send(b"x" * 100_000 + b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await sent.head() == (200, "")


@pytest.mark.parametrize("way", ["none", "one"])
async def test_a_client_that_goes_on_after_the_answer_is_cut_off(server: Running, way: str) -> None:
    async with upload(server, "POST", f"/first/{way}", 200_000_000, kind=ANY) as sent:
        sent.send(b"x" * 100_000)
        assert (await sent.head(), sent.is_last) == ((200, ""), True)
        with pytest.raises(ConnectionError):
            await sent.flood(200_000_000)
        assert sent.sent < 100_000_000


async def test_a_handler_learns_of_the_end_of_its_client(server: Running) -> None:
    anna = await server.person("anna")
    log = plugin(server).log
    async with upload(server, "POST", "/up/kitchen", 1_000_000, bearer(anna)) as sent:
        sent.send(b"x" * 200_000)
        await until(lambda: log == [f"{anna.username} begins"])
    await until(lambda: log[1:] == ["200000 bytes", "request.cut"])
    assert (await anna.http("GET", "/health/live")).status_code == 200
    assert not server.take_errors()


async def test_a_client_that_sends_next_to_nothing_is_cut_off(start: Start) -> None:
    server = start(ENABLED | {"limits.body_seconds": 0.5})
    anna = await server.person("anna")
    async with upload(server, "POST", "/up/kitchen", 1_000_000, bearer(anna)) as sent:
        sent.send(b"x")
        assert await sent.ended()
    await until(lambda: plugin(server).log[1:] == ["1 bytes", "request.cut"])
    assert not server.take_errors()


async def test_the_deadline_counts_only_the_plugins_own_time(start: Start) -> None:
    server = start(ENABLED | {"limits.body_seconds": 60.0})
    anna = await server.person("anna")
    async with upload(server, "POST", "/up/kitchen", 12, bearer(anna), kind=ANY) as sent:
        for _ in range(12):  # longer than the route's deadline
            await asyncio.sleep(0.5)
            sent.send(b"x")
        status, found = await sent.answer()
    assert (status, found["size"]) == (200, 12)
    async with upload(server, "POST", "/first/waits", 12, kind=ANY) as sent:
        assert await sent.head() == (503, "plugin.failed")
    assert failures(server) == 1
    server.take_errors()


def failures(server: Running) -> float:
    name = "chatserver_hook_errors_total"
    found = next(each for each in server.server.measures if each.name == name)
    assert isinstance(found, Counter)
    return found.values.get(("parcels", "register_routes", "timeout"), 0)
