"""Cancelling tasks in which a plugin or a driver runs, which may not let itself be cancelled."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from loguru import logger

END_SECONDS = 5.0  # after its cancellation; then a task is left to itself
AGAIN_SECONDS = 1.0  # until a task that has not ended is cancelled once more …
TRIES = 5  # … and so often at most


async def end(tasks: Mapping[str, asyncio.Task[None]]) -> list[str]:
    """Cancel tasks and wait END_SECONDS at most; log those that have not ended, return their names."""
    left = await cancel(tasks.values())
    names = [name for name, task in tasks.items() if task in left]
    for name in names:
        logger.error("{} does not end: its plugin takes no notice of being cancelled", name)
    return names


async def cancel(tasks: Iterable[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Cancel tasks and wait END_SECONDS at most; returns those that have not ended."""
    waiting = set(tasks)
    for task in waiting:
        task.cancel()
    if waiting:
        _, waiting = await asyncio.wait(waiting, timeout=END_SECONDS)
    return waiting


async def cancel_until_done(task: asyncio.Task[Any]) -> bool:
    """Cancel a task, several times if need be; False if it has not ended after TRIES.

    Once is not enough for drivers: before Python 3.12 `asyncio.wait_for` loses a cancellation that
    comes together with what it waits for (https://github.com/python/cpython/issues/86296).
    """
    for _ in range(TRIES):
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_SECONDS)
        if task.done():
            return True
    return False
