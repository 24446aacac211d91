"""Cancels tasks of plugins and drivers, which may resist cancellation."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from loguru import logger

END_SECONDS = 5.0  # after a cancellation; then the task is left behind
AGAIN_SECONDS = 1.0  # before a task that has not ended is cancelled again …
TRIES = 5  # … this many times at most


async def end(tasks: Mapping[str, asyncio.Task[None]]) -> list[str]:
    """Cancel tasks once and wait at most END_SECONDS. Logs and returns the names of those still running.

    For tasks that cancel their work repeatedly themselves, as `Lease.while_held` does: a second cancellation
    would end their attempts instead of the work.
    """
    for task in tasks.values():
        task.cancel()
    if tasks:
        await asyncio.wait(tasks.values(), timeout=END_SECONDS)
    names = [name for name, task in tasks.items() if not task.done()]
    for name in names:
        logger.error("{} does not end: its plugin ignores its cancellation", name)
    return names


async def cancel(tasks: Iterable[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Cancel tasks, several times if necessary. Returns those that have not ended after TRIES.

    Once is not enough for drivers: before Python 3.12 `asyncio.wait_for` loses a cancellation that comes
    together with the awaited result (https://github.com/python/cpython/issues/86296).
    """
    waiting = set(tasks)
    for _ in range(TRIES):
        for task in waiting:
            task.cancel()
        if waiting:
            _, waiting = await asyncio.wait(waiting, timeout=AGAIN_SECONDS)
    return waiting


async def cancel_until_done(task: asyncio.Task[Any]) -> bool:
    """Like `cancel`, for one task; False if it has not ended."""
    return not await cancel([task])


async def cancel_or_name(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Like `cancel`, at a stop: tasks that have not ended are logged and left behind."""
    for task in await cancel(tasks):
        logger.error("{} does not end: it is left behind", task.get_name())
