"""Single-flight: callers that want the same result at the same time share one call."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class _Call(Generic[Result]):
    __slots__ = ("task", "waiting")

    def __init__(self, task: "asyncio.Task[Result]") -> None:
        self.task, self.waiting = task, 0


class SingleFlight(Generic[Result]):
    """The calls under way, by key (single-flight): the same key must mean the same call.

    Nothing is kept once a call is done. If it raises, all waiting callers get the error.
    """

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[Hashable, _Call[Result]] = {}

    async def run(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """The result of the call with this key; `make` begins it if none is under way.

        If a waiting caller is cancelled, the call goes on for the others; it is cancelled with the last one.
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
    """Retrieve a task's error, of which asyncio would complain if no caller waits any more."""
    if not task.cancelled():
        task.exception()
