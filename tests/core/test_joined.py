"""Calls that are joined: made once, each waiter on its own."""

import asyncio
import gc

import pytest

from chatserver.runtime.singleflight import SingleFlight


class Slow:
    """Something that takes until `gate` is set, and counts how often it began and was cancelled."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.began = self.cancelled = 0

    async def __call__(self) -> int:
        self.began += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.began


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_further_callers_wait_for_the_same_call() -> None:
    joined, slow = SingleFlight[int](), Slow()
    waiting = [asyncio.create_task(joined.run("key", slow)) for _ in range(3)]
    other = asyncio.create_task(joined.run("other", slow))
    await turns()
    assert slow.began == 2
    slow.gate.set()
    assert await asyncio.gather(*waiting, other) == [2, 2, 2, 2]
    assert await joined.run("key", slow) == 3


async def test_a_cancelled_caller_leaves_the_call_to_the_others() -> None:
    joined, slow = SingleFlight[int](), Slow()
    first, second = (asyncio.create_task(joined.run("key", slow)) for _ in range(2))
    await turns()
    first.cancel()
    await turns()
    assert first.cancelled() and slow.cancelled == 0
    slow.gate.set()
    assert await second == 1


async def test_the_last_one_that_is_cancelled_ends_it_and_the_next_begins_anew() -> None:
    joined, slow = SingleFlight[int](), Slow()
    before = asyncio.all_tasks()
    waiting = [asyncio.create_task(joined.run("key", slow)) for _ in range(2)]
    await turns()
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    late = asyncio.create_task(joined.run("key", slow))
    await turns()
    assert (slow.began, slow.cancelled) == (2, 1)
    slow.gate.set()
    assert await late == 2
    assert asyncio.all_tasks() == before


async def test_an_exception_without_waiters_is_not_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    complaints: list[object] = []
    monkeypatch.setattr(
        asyncio.get_running_loop(), "call_exception_handler", complaints.append, raising=False
    )

    async def fail_late() -> int:
        try:
            return await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("broken on purpose") from None

    waiting = asyncio.create_task(SingleFlight[int]().run("key", fail_late))
    await turns()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await turns()
    del waiting
    gc.collect()
    assert complaints == []


async def test_all_callers_get_the_exception_and_the_next_tries_again() -> None:
    joined = SingleFlight[int]()
    tries = 0

    async def fail() -> int:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0)
        raise RuntimeError(f"try {tries}")

    answers = await asyncio.gather(
        *(joined.run("key", fail) for _ in range(3)), return_exceptions=True
    )
    assert [str(answer) for answer in answers] == ["try 1"] * 3
    with pytest.raises(RuntimeError, match="try 2"):
        await joined.run("key", fail)
