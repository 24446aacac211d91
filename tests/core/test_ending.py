"""A task that swallows one cancellation, or all, does not hold up a node's stop, and is named."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest

from chatserver.cluster.bus.hints import Hints
from chatserver.cluster.leases import Leases
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.shipper import Shipper
from chatserver.runtime.cancelling import (
    AGAIN_SECONDS,
    END_SECONDS,
    TRIES,
    cancel,
    cancel_or_name,
    end,
)
from chatserver.runtime.measure import Measures
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import config, make_service
from tests.virtual_time import run

FOR_EVER = 1000
LONGEST = max(TRIES * AGAIN_SECONDS, END_SECONDS)


class Deaf:
    """An awaitable that ignores so many cancellations."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.entered = asyncio.Event()
        self._enough = asyncio.Event()

    async def __call__(self, *_: object, **__: object) -> Any:
        self.entered.set()
        while not self._enough.is_set():
            try:
                await self._enough.wait()
            except asyncio.CancelledError:
                self.times -= 1
                if self.times < 0:
                    raise
        return {}

    async def hear_at_last(self) -> None:
        """Let all end that was left behind, so that the test can."""
        self.times = 0
        self._enough.set()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(1)


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    yield
    assert loop.time() - began <= seconds


async def wait_again_and_again(deaf: Deaf) -> None:
    while True:
        await deaf()


def test_a_task_that_loses_cancellations_gets_further_ones(logged: list[str]) -> None:
    async def test() -> None:
        tasks = [asyncio.create_task(wait_again_and_again(Deaf(times))) for times in range(TRIES)]
        await asyncio.sleep(0)
        async with within(TRIES * AGAIN_SECONDS):
            assert await cancel(tasks) == set()
        assert all(task.cancelled() for task in tasks)

    run(test)
    assert logged == []


def test_a_task_that_loses_all_cancellations_is_named_and_left(logged: list[str]) -> None:
    async def test() -> None:
        deaf, good = Deaf(FOR_EVER), Deaf(0)
        names = {"stubborn": deaf, "good": good}
        tasks = [
            asyncio.create_task(wait_again_and_again(each), name=name)
            for name, each in names.items()
        ]
        await asyncio.sleep(0)
        async with within(TRIES * AGAIN_SECONDS):
            await cancel_or_name(tasks)
        assert [task.done() for task in tasks] == [False, True]
        await deaf.hear_at_last()

    run(test)
    assert logged == ["ERROR stubborn does not end: it is left behind\n"]


def test_a_cancelled_caller_of_end_is_cancelled_once() -> None:
    async def test() -> None:
        cancelled = 0

        async def clean_up() -> None:
            nonlocal cancelled
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled += 1
                await asyncio.sleep(END_SECONDS / 2)
                cancelled += 10
                raise

        task = asyncio.create_task(clean_up())
        await asyncio.sleep(0)
        assert await end({"cleaning": task}) == []
        assert cancelled == 11

    run(test)


@pytest.mark.parametrize("times", [1, FOR_EVER])
@pytest.mark.parametrize("part", ["changes.look", "presence.tick", "indexer.look"])
def test_a_service_stops_whatever_its_tasks_wait_for(
    part: str, times: int, logged: list[str]
) -> None:
    async def test() -> None:
        service, deaf = make_service(MemoryStore(), config()), Deaf(times)
        owner, _, method = part.partition(".")
        name = getattr(getattr(service, owner), method).__qualname__
        deaf.__qualname__ = name  # type: ignore[attr-defined]
        with mock.patch.object(getattr(service, owner), method, deaf):
            await service.start()
            await service.join()
            await deaf.entered.wait()
            async with within(LONGEST + 1):
                await service.stop()
        await deaf.hear_at_last()
        named = [f"ERROR {name} does not end: it is left behind\n"]
        assert logged == (named if times == FOR_EVER else [])

    run(test)


@pytest.mark.parametrize("times", [1, FOR_EVER])
def test_leases_are_let_go_of_whatever_the_store_does(times: int, logged: list[str]) -> None:
    async def test() -> None:
        store, deaf = MemoryStore(), Deaf(times)
        leases = Leases(store, "node", ticks=asyncio.get_running_loop().time)
        lease = leases.lease("thing")
        leases.start()
        await asyncio.sleep(1)
        assert lease.held
        with mock.patch.object(store, "get_many", deaf):
            await deaf.entered.wait()
            async with within(LONGEST):
                await leases.stop()
            await deaf.hear_at_last()
        assert await leases.holder("thing") == ""

    run(test)
    assert len(logged) == (times == FOR_EVER)


@pytest.mark.parametrize("times", [1, FOR_EVER])
def test_hints_end_whatever_is_read_for_them(times: int, logged: list[str]) -> None:
    async def test() -> None:
        deaf, nothing = Deaf(times), cast(Any, mock.Mock())
        nothing.refresh = deaf
        hints = Hints(nothing, nothing, nothing, nothing, nothing, Measures())
        hints.compare()
        await deaf.entered.wait()
        async with within(LONGEST):
            await hints.close()
        await deaf.hear_at_last()

    run(test)
    assert len(logged) == (times == FOR_EVER)


@pytest.mark.parametrize("times", [1, FOR_EVER])
def test_a_shipper_ends_whatever_it_waits_for(
    times: int, tmp_path: Path, logged: list[str]
) -> None:
    async def test() -> None:
        store, deaf = MemoryStore(), Deaf(times)
        shipper = Shipper(store, Shelf(tmp_path), None, 1.0, Measures())
        leases = Leases(store, "node", ticks=asyncio.get_running_loop().time)
        with mock.patch.object(shipper, "round", deaf):
            shipper.start(leases)
            leases.start()
            await deaf.entered.wait()
            async with within(2 * LONGEST):
                await shipper.stop()
                await leases.stop()
            await deaf.hear_at_last()

    run(test)
    assert sum("does not end" in line for line in logged) == (times == FOR_EVER)
