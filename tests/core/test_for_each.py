"""The same for many items, some at a time: all of them, and no more at once than there may be."""

import asyncio
from typing import Any

import pytest

from chatserver.runtime.for_each import AT_ONCE, for_each


async def test_all_are_done_some_at_a_time(io_loop: Any) -> None:
    done: list[int] = []
    running = most = 0

    async def do(number: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        done.append(number)

    await for_each(range(100), do)
    assert sorted(done) == list(range(100)) and done[:AT_ONCE] == list(range(AT_ONCE))
    assert most == AT_ONCE
    await for_each([], do)
    assert len(done) == 100


async def test_the_first_error_ends_it_and_is_raised(io_loop: Any) -> None:
    begun: list[int] = []

    async def do(number: int) -> None:
        begun.append(number)
        if number == 3:
            raise KeyError(number)
        await asyncio.sleep(3600)

    with pytest.raises(KeyError, match="3"):
        await for_each(range(100), do)
    assert begun == list(range(AT_ONCE))


async def test_its_end_ends_what_is_under_way(io_loop: Any) -> None:
    ended: list[int] = []

    async def do(number: int) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(number)

    task = asyncio.create_task(for_each(range(3), do))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == [0, 1, 2]
