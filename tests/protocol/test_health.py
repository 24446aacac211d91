"""The checks of operators and orchestrators: health, readiness, metrics."""

import asyncio
import re
import threading
from collections.abc import Callable, Sequence

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Appended
from chatserver.model import AnyEvent
from tests.protocol.client import CLOSE, Client
from tests.protocol.conftest import Start
from tests.protocol.running import Running
from tests.waiting import until

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def test_health_says_how_every_part_is(server: Running) -> None:
    answer = await server.http("GET", "/health")
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "ok" and TIME.fullmatch(body["timestamp"])
    checks = body["checks"]
    assert checks["database"]["status"] == "ok"
    assert checks["database"]["latency_ms"] >= 0
    assert checks["memory"]["rss_bytes"] > 1_000_000
    assert checks["uptime"]["seconds"] >= 0


async def test_live_and_ready(server: Running) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = await server.http("GET", path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_a_store_that_is_away_makes_it_unhealthy_until_it_is_back(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()

    async def away() -> None:
        raise StoreUnavailable

    monkeypatch.setattr("chatserver.web.health.AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(server.server.store, "ping", away)
    health = await server.http("GET", "/health")
    assert health.status_code == 503
    assert health.json()["status"] == health.json()["checks"]["database"]["status"] == "error"
    ready = await server.http("GET", "/health/ready")
    assert (ready.status_code, ready.json()) == (503, {"status": "error"})
    assert (await server.http("GET", "/health/live")).status_code == 200
    monkeypatch.delattr(server.server.store, "ping")
    assert (await server.http("GET", "/health")).status_code == 200


async def test_a_store_that_does_not_take_messages_is_unhealthy_whatever_else_it_takes(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()

    async def full(events: Sequence[AnyEvent]) -> Appended:
        raise StoreUnavailable

    monkeypatch.setattr("chatserver.web.health.AGAIN_SECONDS", 0.0)
    person = await server.person()
    made = await person.http("POST", "/api/v1/rooms", {"name": "room", "kind": "public"})
    path, message = f"/api/v1/rooms/{made.json()['id']}/messages", {"client_id": "c", "body": "b"}
    with monkeypatch.context() as disk:
        disk.setattr(server.server.store, "append", full)
        assert (await person.http("POST", path, message)).status_code == 503
        assert (await server.http("GET", "/health")).status_code == 503
    assert (await person.http("POST", path, message)).status_code == 201
    assert (await server.http("GET", "/health")).status_code == 200


async def test_the_store_is_asked_once_however_many_want_to_know(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatserver.web.health.AGAIN_SECONDS", 3.0)
    server = start()
    asked = 0

    async def slow() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.2)
        if asked == 2:
            raise StoreUnavailable

    monkeypatch.setattr(server.server.store, "ping", slow)

    async def statuses() -> set[int]:
        paths = ["/health", "/health/ready"] * 5
        answers = await asyncio.gather(*(server.http("GET", path) for path in paths))
        return {answer.status_code for answer in answers}

    assert await statuses() == {200}
    assert await statuses() == {200}
    assert asked == 1
    await asyncio.sleep(3)
    assert await statuses() == {503}
    assert asked == 2


async def test_health_answers_in_time_when_the_store_does_not(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()

    started, times = threading.Event(), 0

    async def never() -> None:
        nonlocal times
        times += 1
        started.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(server.server.store, "ping", never)
    first = asyncio.create_task(server.http("GET", "/health"))
    await until(started.is_set)
    second = asyncio.create_task(server.http("GET", "/health/ready"))
    answers = await asyncio.gather(first, second)
    assert [answer.status_code for answer in answers] == [503, 503]
    assert times == 1, "both waited for the same answer"


Samples = Callable[..., float]


async def samples(server: Running) -> Samples:
    """Looks a sample up by name and labels; 0 if there is none."""
    answer = await server.http("GET", "/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    found = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }

    def value(name: str, **labels: str) -> float:
        return found.get((name, frozenset(labels.items())), 0.0)

    return value


async def test_the_three_measures_of_the_contract(start: Start) -> None:
    server = start()
    anna = await server.person("anna")
    async with anna.connect() as client, anna.connect():
        room = (await client.ok("create", name="Lounge"))["id"]
        for number in range(3):
            await client.ok("send", room=room, client_id=str(number), body="x")
        await client.ok("send", room=room, client_id="0", body="a repeat is no message")
        await anna.http("GET", f"/api/v1/rooms/{room}")
        await anna.http("GET", "/api/v1/rooms/nowhere")
        await server.http("GET", "/no/such/address")
        value = await samples(server)
        assert value("websocket_connections_active") == 2
        assert value("messages_processed_total", type="message.posted") == 3
        assert value("messages_processed_total", type="room.changed") == 1
        name = "http_request_duration_seconds_count"
        for method, route, status, count in (
            ("POST", "/api/v1/login", "200", 1),
            ("GET", "/api/v1/rooms/ID", "200", 1),
            ("GET", "/api/v1/rooms/ID", "404", 1),
            ("GET", "none", "404", 1),
        ):
            assert value(name, method=method, route=route, status=status) == count, route
        assert (
            value(
                "http_request_duration_seconds_bucket",
                method="POST",
                route="/api/v1/login",
                status="200",
                le="+Inf",
            )
            == 1
        )


async def test_labels_hold_no_raw_path_and_no_invented_method(start: Start) -> None:
    server = start()
    for path in ("/secret-path", "/api/v1/rooms/secret-room", "/static/secret.js"):
        await server.http("GET", path)
    await server.http("SECRET", "/")
    text = (await server.http("GET", "/metrics")).text
    assert "secret" not in text.lower()
    assert 'method="?"' in text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["http_request_duration_seconds"].type == "histogram"
    for sample in families["http_request_duration_seconds"].samples:
        assert set(sample.labels) - {"le"} == {"method", "route", "status"}
    assert families["websocket_connections_active"].type == "gauge"
    assert families["messages_processed"].type == "counter"


async def test_ends_of_connections_are_counted_by_what_they_are(start: Start) -> None:
    server = start({"limits.auth_seconds": 0.2})
    anna = await server.person("anna")
    async with anna.connect() as client:
        client.text(b"nonsense")
        assert await client.closed() == 4450
    async with anna.connect() as client:
        client.frame(CLOSE, b"\x03\xe8")
        assert await client.closed() == 1000
    async with anna.connect():
        pass  # gone without a word, like a phone out of reach
    async with Client(server.port) as client:
        assert await client.closed() == 4401  # no sign-in
    await until(lambda: server.server.service.hub.connections() == 0)
    value = await samples(server)
    assert value("websocket_errors_total", code="4450") == 1
    assert value("websocket_errors_total", code="4401") == 0
    assert value("chatserver_websocket_closed_total", end="error") == 1
    assert value("chatserver_websocket_closed_total", end="clean") == 2
    assert value("chatserver_websocket_closed_total", end="vanished") == 1
