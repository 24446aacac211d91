"""Ending tasks in which a plugin or a driver runs, which may not want to end."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from loguru import logger

END_SECONDS = 5.0  # after its cancellation; then a task is left to itself
AGAIN_SECONDS = 1.0  # until a task that has not ended is cancelled once more …
TRIES = 5  # … and so often at most


async def end(tasks: Mapping[str, asyncio.Task[None]]) -> list[str]:
    """Cancel them and wait, but not for ever. Those that did not end are logged; their names."""
    left = await cancelled(tasks.values())
    names = [name for name, task in tasks.items() if task in left]
    for name in names:
        logger.error("{} does not end: its plugin takes no notice of being cancelled", name)
    return names


async def cancelled(tasks: Iterable[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Cancel them; those that have not ended some seconds later."""
    waiting = set(tasks)
    for task in waiting:
        task.cancel()
    if waiting:
        _, waiting = await asyncio.wait(waiting, timeout=END_SECONDS)
    return waiting


async def stopped(task: asyncio.Task[Any]) -> bool:
    """Cancel it until it has ended; False if it does not.

    Once is not enough for drivers: before Python 3.12 `asyncio.wait_for` loses a cancellation that
    comes together with what it waits for (https://github.com/python/cpython/issues/86296).
    """
    for _ in range(TRIES):
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_SECONDS)
        if task.done():
            return True
    return False
