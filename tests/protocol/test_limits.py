"""Limits on how much and how fast."""

import asyncio
import threading
from collections.abc import Sequence

import httpx
import pytest

from chatserver.app import Server
from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Appended
from chatserver.model import AnyEvent
from chatserver.web.short_way import READY_COST
from tests.protocol.conftest import Start
from tests.protocol.running import PASSWORD


async def test_requests_that_come_too_fast_are_told_when_to_come_again(start: Start) -> None:
    server = start({"limits.requests_per_second": 1.0})
    statuses = []
    for _ in range(4):
        answer = await server.http("GET", "/health/live")
        statuses.append(answer.status_code)
    assert statuses == [200, 200, 429, 429]
    error = answer.json()["error"]
    assert (error["code"], error["retry"]) == ("limit.rate", "later")
    assert 0 < error["after_ms"] <= 1001
    assert answer.headers["retry-after"] in ("1", "2")


SLOW = {"limits.operations_per_second": 0.01, "limits.operations_burst": 5}
NEWEST = "/api/v1/rooms/{}/messages"


async def test_all_connections_and_requests_of_a_user_share_one_rate(start: Start) -> None:
    server = start(SLOW)
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as one, anna.connect() as other, ben.connect() as b:
        await one.ok("ping")
        await other.ok("ping")
        assert (await anna.http("GET", "/api/v1/me")).status_code == 200
        await one.ok("ping")
        await other.ok("ping")
        error = await one.error("ping")
        assert (error["code"], error["retry"]) == ("limit.rate", "later")
        assert 90_000 < error["after_ms"] <= 100_001
        assert await other.code("ping") == "limit.rate"
        answer = await anna.http("GET", "/api/v1/me")
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "limit.rate")
        assert 90 < int(answer.headers["retry-after"]) <= 101
        for _ in range(5):  # another user has their own
            await b.ok("ping")


async def test_a_new_connection_brings_no_new_rate(start: Start) -> None:
    server = start(SLOW)
    anna = await server.person("anna")
    for _ in range(5):
        async with anna.connect() as client:
            await client.ok("ping")
    async with anna.connect() as client:
        assert await client.code("ping") == "limit.rate"


async def test_the_newest_page_counts_too(start: Start) -> None:
    server = start(SLOW)
    anna = await server.person("anna")
    made = await anna.http("POST", "/api/v1/rooms", {"name": "Lounge"})
    path = NEWEST.format(made.json()["id"])
    statuses = [(await anna.http("GET", path)).status_code for _ in range(200)]
    served = statuses.index(429)
    # The room took one operation of five; a page that is ready takes a twentieth.
    assert 4 / READY_COST <= served < 150
    assert statuses[0] == 200


async def test_refused_tokens_count_for_the_address(start: Start) -> None:
    server = start({"limits.anonymous_per_second": 0.3})
    anna = await server.person("anna")

    async def status(**headers: str) -> int:
        return (await server.http("GET", "/api/v1/me", headers=headers)).status_code

    assert await status(Authorization="Bearer nonsense") == 401
    assert await status() == 401
    assert await status(Authorization="Bearer nonsense") == 429
    assert await status() == 429
    assert (await anna.http("GET", "/api/v1/me")).status_code == 200  # who has a session goes on
    account = {"username": anna.username, "password": PASSWORD}
    assert (await server.http("POST", "/api/v1/login", account)).status_code == 429


async def test_an_address_makes_so_many_accounts_an_hour(start: Start) -> None:
    server = start({"limits.registrations_per_hour": 2, "server.trusted_proxies": ["127.0.0.1"]})

    async def register(number: int, address: str) -> httpx.Response:
        account = {"username": f"user{number}", "password": PASSWORD}
        headers = {"X-Forwarded-For": address}
        return await server.http("POST", "/api/v1/register", account, headers=headers)

    answers = [
        await register(number, address)
        for number, address in enumerate(
            ("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1", "192.0.2.1")
        )
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 429, 201, 201]
    error = answers[2].json()["error"]
    assert error["code"] == "limit.rate"
    assert 1_790_000 < error["after_ms"] <= 1_800_001
    assert int(answers[2].headers["retry-after"]) * 1000 >= error["after_ms"]


async def test_a_user_is_in_so_many_rooms_and_a_room_has_so_many_members(start: Start) -> None:
    server = start({"limits.rooms_per_user": 2, "limits.members_per_room": 2})
    anna, ben, carl = await server.people("anna", "ben", "carl")
    async with anna.connect() as a, carl.connect() as c:
        room = (await a.ok("create", name="1", members=[ben.id]))["id"]
        assert await c.code("join", room=room) == "limit.count"
        assert await a.code("create", name="x", members=[ben.id, carl.id]) == "limit.count"
        await a.ok("create", name="2")
        assert await a.code("create", name="3") == "limit.count"
        other = (await c.ok("create", name="4"))["id"]
        assert await a.code("join", room=other) == "limit.count"
        await a.ok("role", room=room, user=ben.id, role="owner")
        await a.ok("leave", room=room)
        await a.ok("join", room=other)


async def test_while_the_store_is_away_connections_beyond_the_limit_are_refused_without_it(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatserver.roomlog.log.TRIED_EVENTS", 1)
    server = start()
    store, is_back = server.server.store, threading.Event()
    heads = store.heads

    async def away(events: Sequence[AnyEvent]) -> Appended:
        raise StoreUnavailable

    async def late(rooms: Sequence[str]) -> dict[str, int]:
        while not is_back.is_set():
            await asyncio.sleep(0.01)
        return await heads(rooms)

    anna = await server.person("anna")
    async with anna.connect() as a:
        room = (await a.ok("create", name="room"))["id"]
        with monkeypatch.context() as broken:
            broken.setattr(store, "append", away)
            for number in "12":
                sent = {"room": room, "client_id": number, "body": number}
                assert await a.code("send", **sent) == "store.unavailable"
        monkeypatch.setattr(store, "heads", late)
        one = a.begin("send", room=room, client_id="1", body="1")
        assert await a.code("send", room=room, client_id="2", body="2") == "store.unavailable"
        is_back.set()
        assert "ok" in await one


async def test_pages_are_bounded(start: Start) -> None:
    server = start({"limits.history_page": 3, "limits.events_page": 4})
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = (await client.ok("create", name="Lounge"))["id"]
        for number in range(6):
            await client.ok("send", room=room, client_id=str(number), body="word")
        assert len((await client.ok("history", room=room))["messages"]) == 3
        assert len((await client.ok("history", room=room, limit=100))["messages"]) == 3
        assert len((await client.ok("search", text="word"))["messages"]) == 3
        assert len((await client.ok("events", room=room, after=0))["events"]) == 4
    page = (await anna.http("GET", f"/api/v1/rooms/{room}/messages")).json()
    assert len(page["messages"]) == 3


async def test_a_client_that_does_not_read_is_answered_when_it_does(start: Start) -> None:
    """Pages pile up neither in the server nor in a closed connection."""
    server = start({"limits.buffer_soft_bytes": 200_000, "limits.history_page": 200})
    anna = await server.person("anna")
    most = 0

    async def watch(node: Server) -> int:
        return max((found.pipe.buffered for found in node.service.hub.of_user(anna.id)), default=0)

    async with anna.connect() as client:
        room = (await client.ok("create", name="Lounge"))["id"]
        for number in range(60):
            await client.ok("send", room=room, client_id=str(number), body="x" * 8000)
        client.pause()
        answers = [client.begin("history", room=room) for _ in range(40)]
        for _ in range(20):
            most = max(most, await server.run(watch))
            await asyncio.sleep(0.02)
        client.resume()
        pages = await asyncio.gather(*answers)
    assert all(len(page["ok"]["messages"]) == 50 for page in pages)
    assert 0 < most <= 1_048_576
