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
    """Calls in progress, by key: the same key must mean the same call.

    A result is not cached after its call. If the call raises, all waiting callers get the error.
    """

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[Hashable, _Call[Result]] = {}

    async def run(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """The result of the call with this key; `make` begins it if none is in progress.

        If a waiting caller is cancelled, the call continues for the others; with the last one it ends.
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
    """Retrieve a task's error, or asyncio would log it if no caller waits any more."""
    if not task.cancelled():
        task.exception()
