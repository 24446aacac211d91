"""Calls that several make at the same time and that are made once for all of them."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class _Call(Generic[Result]):
    __slots__ = ("task", "waiting")

    def __init__(self, task: "asyncio.Task[Result]") -> None:
        self.task, self.waiting = task, 0


class Joined(Generic[Result]):
    """The calls under way, by a key: who has the same key wants the same.

    Nothing is kept once a call is done. What it raises, all who wait for it get.
    """

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[Hashable, _Call[Result]] = {}

    async def run(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """The result of the call of this key; `make` begins it if there is none under way.

        Who is cancelled leaves the others their call. With the last one it is cancelled too.
        """
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = _Call(asyncio.create_task(make()))
            call.task.add_done_callback(_look_at)
        call.waiting += 1
        try:
            return await asyncio.shield(call.task)
        finally:
            call.waiting -= 1
            if not call.waiting:
                call.task.cancel()
            if (not call.waiting or call.task.done()) and self._calls.get(key) is call:
                del self._calls[key]


def _look_at(task: "asyncio.Task[Any]") -> None:
    """It may be that nobody waits any more; asyncio would complain of an error."""
    if not task.cancelled():
        task.exception()
