"""Awaits a plugin's coroutine under a deadline.

A coroutine that finishes without suspending, as most do, gets no timer: a timer costs several times as much
as the rest of such a call. A coroutine that ignores its deadline is left behind.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from loguru import logger

from chatserver.hooks.instance import Instance

T = TypeVar("T")

_left: set[asyncio.Task[Any]] = set()  # references that keep the tasks alive


class Late(Exception):
    """The deadline had passed when the coroutine ended, or it did not end at all."""


class Deadline:
    """Seconds for a plugin's call. They do not run while the call waits for a client."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._limit: asyncio.Timeout | None = None
        self._stands = False

    def begin(self) -> asyncio.Timeout:
        """The time-out, to be entered."""
        self._limit = asyncio.timeout(None if self._stands else self._left)
        return self._limit

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stop the time while the block runs."""
        now = asyncio.get_running_loop().time
        limit, self._stands = self._limit, True
        if limit is not None and not limit.expired():
            self._left = (limit.when() or now()) - now()
            limit.reschedule(None)
        try:
            yield
        finally:
            self._stands = False
            if self._limit is not None and not self._limit.expired():
                self._limit.reschedule(now() + self._left)


async def finish(
    awaited: Awaitable[T],
    deadline: float | Deadline,
    *,
    leave: bool,
    holds: Sequence[Instance] = (),
) -> T:
    """The result of `awaited`, whose first step runs at once. Raises `Late`, or the error of `awaited`.

    After the deadline (seconds) the coroutine is cancelled. With `leave` the call then ends at once, and a coroutine that
    keeps waiting continues in its own task. Otherwise the call waits for its end. While the call waits, it counts as one
    in flight of the instances that it `holds`.
    """
    work = awaited if isinstance(awaited, Coroutine) else _whole(awaited)
    try:
        first = work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    return await finish_rest(work, first, deadline, leave=leave, holds=holds)


async def finish_rest(
    work: Coroutine[Any, Any, T],
    first: object,
    deadline: float | Deadline,
    *,
    leave: bool,
    holds: Sequence[Instance] = (),
) -> T:
    """Like `finish`, for a coroutine whose first step waits for `first`."""
    limit = deadline.begin() if isinstance(deadline, Deadline) else asyncio.timeout(deadline)
    for instance in holds:
        instance.enter()
    try:
        async with limit:
            result = await _Rest(work, first, limit if leave else None)
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        if limit.expired():
            raise Late from error
        raise
    finally:
        for instance in holds:
            instance.leave()
    if limit.expired():
        raise Late
    return result


async def _whole(awaited: Awaitable[T]) -> T:
    return await awaited


class _Rest(Awaitable[T]):
    """The rest of a coroutine that waits for `waits_for`, to be awaited in the task that began it.

    In another task the time-outs and task groups that the coroutine has entered would not work.
    """

    def __init__(
        self, work: Coroutine[Any, Any, T], waits_for: object, limit: asyncio.Timeout | None
    ) -> None:
        self._work, self._waits_for, self._limit = work, waits_for, limit

    def __await__(self) -> Generator[Any, Any, T]:
        waits_for = self._waits_for
        try:
            while True:
                try:
                    given = yield waits_for
                except GeneratorExit:
                    self._work.close()
                    raise
                except BaseException as error:
                    waits_for = self._work.throw(error)
                    if self._limit is not None and self._limit.expired():
                        self._leave(waits_for)
                        raise Late from error
                else:
                    waits_for = self._work.send(given)
        except StopIteration as done:
            result: T = done.value
            return result

    def _leave(self, waits_for: object) -> None:
        """Leave a coroutine that keeps running after cancellation: it may be cleaning up, or never end."""
        task = asyncio.create_task(_whole(_Rest(self._work, waits_for, None)), name="late plugin")
        _left.add(task)
        task.add_done_callback(_ended)


def _ended(task: asyncio.Task[Any]) -> None:
    _left.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.opt(exception=error).error("a plugin call that missed its deadline failed later")
