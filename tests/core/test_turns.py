"""Requests with a body that come at the same moment begin one by one, a turn of the loop for each."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chatserver.app import Server
from chatserver.web import connection
from chatserver.web.turns import Turns
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
    loop, turns, got = Loop(), Turns(), []

    async def take(number: int) -> None:
        await turns.take()
        got.append((number, loop.turn))

    with loop.counted():
        await asyncio.gather(*map(take, range(10)))
    assert [number for number, _ in got] == list(range(10))
    at = [turn for _, turn in got]
    assert [each - at[0] for each in at[1:]] == list(range(at[1] - at[0], at[1] - at[0] + 9))
    assert at[1] > at[0]


async def test_who_comes_alone_does_not_wait() -> None:
    turns = Turns()
    for _ in range(3):
        taking = turns.take()
        with pytest.raises(StopIteration):
            taking.send(None)
        await asyncio.sleep(0)


async def test_who_comes_while_others_wait_stands_behind_them() -> None:
    turns, got = Turns(), []

    async def take(name: str) -> None:
        await turns.take()
        got.append(name)

    first = [asyncio.create_task(take(name)) for name in "abcd"]
    while len(got) < 2:
        await asyncio.sleep(0)
    await asyncio.gather(*first, asyncio.create_task(take("e")))
    assert got == list("abcde")


async def test_one_that_is_gone_is_passed_over() -> None:
    turns, got = Turns(), []

    async def take(name: str) -> None:
        await turns.take()
        got.append(name)

    tasks = {name: asyncio.create_task(take(name)) for name in "abcd"}
    await asyncio.sleep(0)
    tasks["b"].cancel()
    tasks["c"].cancel()
    async with asyncio.timeout(30):
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        assert got == ["a", "d"]
        await turns.take()


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
