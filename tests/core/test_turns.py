"""Requests with a body that come at the same moment begin one by one, a turn of the loop for each."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from chatserver.app import Server
from chatserver.web import connection
from chatserver.web import turns as turns_module
from chatserver.web.turns import SIGN_IN_SECONDS, Queue, Turns
from tests.core.test_plugins import loaded

REQUESTS = 40
ASKED = b"GET /api/v1/nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POSTED = (
    b"POST /api/v1/nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
)


class Loop:
    """Counts the turns of the loop."""

    def __init__(self) -> None:
        self.turn = 0
        self._ends = False

    @contextmanager
    def counted(self) -> Iterator[None]:
        self._count()
        try:
            yield
        finally:
            self._ends = True

    def _count(self) -> None:
        self.turn += 1
        if not self._ends:
            asyncio.get_running_loop().call_soon(self._count)


async def test_those_who_want_one_at_once_get_theirs_in_order_one_a_turn() -> None:
    loop, turns, got = Loop(), Queue(), []

    async def take(number: int) -> None:
        await turns.take("here")
        got.append((number, loop.turn))

    with loop.counted():
        await asyncio.gather(*map(take, range(10)))
    assert [number for number, _ in got] == list(range(10))
    at = [turn for _, turn in got]
    assert [each - at[0] for each in at[1:]] == list(range(at[1] - at[0], at[1] - at[0] + 9))
    assert at[1] > at[0]


async def test_who_comes_alone_does_not_wait() -> None:
    turns = Queue()
    for _ in range(3):
        taking = turns.take("here")
        with pytest.raises(StopIteration):
            taking.send(None)
        await asyncio.sleep(0)


async def test_who_comes_while_others_wait_stands_behind_them() -> None:
    turns, got = Queue(), []

    async def take(name: str) -> None:
        await turns.take("here")
        got.append(name)

    first = [asyncio.create_task(take(name)) for name in "abcd"]
    while len(got) < 2:
        await asyncio.sleep(0)
    await asyncio.gather(*first, asyncio.create_task(take("e")))
    assert got == list("abcde")


async def test_one_that_is_gone_is_passed_over() -> None:
    turns, got = Queue(), []

    async def take(name: str) -> None:
        await turns.take("here")
        got.append(name)

    tasks = {name: asyncio.create_task(take(name)) for name in "abcd"}
    await asyncio.sleep(0)
    tasks["b"].cancel()
    tasks["c"].cancel()
    async with asyncio.timeout(30):
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        assert got == ["a", "d"]
        await turns.take("here")


@pytest.mark.parametrize(
    "network",
    [["192.0.2.1"] * 5, [f"2001:db8::{number}" for number in range(5)]],
    ids=["one address", "a /64"],
)
async def test_networks_alternate_however_many_one_of_them_sends(network: list[str]) -> None:
    turns, got = Queue(), []

    async def take(address: str, name: str) -> None:
        await turns.take(address)
        got.append(name)

    many = [take(address, f"a{number}") for number, address in enumerate(network)]
    few = [take("192.0.2.2", f"b{number}") for number in range(2)]
    async with asyncio.timeout(30):
        await asyncio.gather(*many, *few, take("192.0.2.3", "c0"))
    assert got == ["a0", "a1", "b0", "c0", "a2", "b1", "a3", "a4"]


@pytest.mark.virtual_time
async def test_those_with_a_pace_leave_others_time_in_between() -> None:
    loop = asyncio.get_running_loop()
    turns, began, at = Queue(0.25), loop.time(), []

    async def take(number: int) -> None:
        await turns.take(str(number))
        at.append(loop.time() - began)

    await asyncio.gather(*map(take, range(4)))
    assert at == pytest.approx([0.0, 0.25, 0.5, 0.75], abs=0.05)
    await asyncio.sleep(1)
    began, at[:] = loop.time(), []
    await take(4)
    assert at == pytest.approx([0.0], abs=0.05)


@pytest.mark.parametrize("path", ["login", "login/begin", "register", "login?next=1"])
def test_sign_ins_have_a_queue_of_their_own(path: str) -> None:
    turns = Turns()
    queue = turns.of(b"/api/v1/" + path.encode())
    assert queue is turns.of(b"/api/v1/login")
    assert queue._pace == SIGN_IN_SECONDS
    for other in (b"/api/v1/logout", b"/graphql", b"/", b"/x/api/v1/login"):
        assert turns.of(other) is not queue
    assert turns.of(b"/graphql")._pace == 0


async def begun(
    data: Path, monkeypatch: pytest.MonkeyPatch, request: bytes
) -> tuple[list[int], set[bytes]]:
    """The turns of the loop in which REQUESTS such requests of one moment began, and their answers' first lines."""
    loop = Loop()
    began: list[int] = []

    class Noting(connection.Connection):
        def __init__(self, *given: Any, **named: Any) -> None:
            began.append(loop.turn)
            super().__init__(*given, **named)

    monkeypatch.setattr(connection, "Connection", Noting)
    async with Server(loaded(data, "memory", "password")).opened() as server:
        port = server.listen()
        clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(REQUESTS)]
        with loop.counted():
            for _, writer in clients:
                writer.write(request)
            answers = await asyncio.gather(*(reader.read() for reader, _ in clients))
        for _, writer in clients:
            writer.close()
        await server.drain()
    return began, {answer.split(b"\r\n")[0] for answer in answers}


async def test_requests_with_a_body_begin_one_a_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, answers = await begun(tmp_path, monkeypatch, POSTED)
    assert answers == {b"HTTP/1.1 404 Not Found"}
    assert len(began) == len(set(began)) == REQUESTS


async def test_requests_without_a_body_wait_for_no_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, answers = await begun(tmp_path, monkeypatch, ASKED)
    assert answers == {b"HTTP/1.1 404 Not Found"}
    assert len(began) == REQUESTS
    assert len(set(began)) < REQUESTS


@pytest.mark.parametrize("proxies", [[], ["127.0.0.1"]])
async def test_a_request_waits_by_its_path_and_its_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxies: list[str]
) -> None:
    taken: list[tuple[float, str]] = []

    class Noting(Queue):
        async def take(self, address: str) -> None:
            taken.append((self._pace, address))
            await super().take(address)

    monkeypatch.setattr(turns_module, "Queue", Noting)
    started = loaded(tmp_path, "memory", "password", server__trusted_proxies=proxies)
    async with Server(started).opened() as server, httpx.AsyncClient(timeout=60) as client:
        address = f"http://127.0.0.1:{server.listen()}/api/v1"
        for path, hops in ("/login", ["192.0.2.7"]), ("/x", ["192.0.2.9", "192.0.2.8"]), ("/x", []):
            headers = [("X-Forwarded-For", hop) for hop in hops]
            await client.post(address + path, headers=headers, json={})
        await server.drain()
    clients = ["192.0.2.7", "192.0.2.8", "127.0.0.1"] if proxies else ["127.0.0.1"] * 3
    assert taken == list(zip([SIGN_IN_SECONDS, 0, 0], clients, strict=True))
