"""Cancelling tasks in which a plugin or a driver runs, which may not let itself be cancelled."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from loguru import logger

END_SECONDS = 5.0  # after its cancellation; then a task is left to itself
AGAIN_SECONDS = 1.0  # until a task that has not ended is cancelled once more …
TRIES = 5  # … and so often at most


async def end(tasks: Mapping[str, asyncio.Task[None]]) -> list[str]:
    """Cancel tasks once and wait END_SECONDS at most; log those that have not ended, return their names.

    For tasks that cancel what runs in them again and again, as `Lease.while_held` does: a second
    cancellation would end that, and not what runs.
    """
    for task in tasks.values():
        task.cancel()
    if tasks:
        await asyncio.wait(tasks.values(), timeout=END_SECONDS)
    names = [name for name, task in tasks.items() if not task.done()]
    for name in names:
        logger.error("{} does not end: its plugin takes no notice of being cancelled", name)
    return names


async def cancel(tasks: Iterable[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Cancel tasks, several times if need be; returns those that have not ended after TRIES.

    Once is not enough for drivers: before Python 3.12 `asyncio.wait_for` loses a cancellation that
    comes together with what it waits for (https://github.com/python/cpython/issues/86296).
    """
    waiting = set(tasks)
    for _ in range(TRIES):
        for task in waiting:
            task.cancel()
        if waiting:
            _, waiting = await asyncio.wait(waiting, timeout=AGAIN_SECONDS)
    return waiting


async def cancel_until_done(task: asyncio.Task[Any]) -> bool:
    """The same for one task; False if it has not ended."""
    return not await cancel([task])


async def cancel_or_name(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """The same at a stop, which goes on without those that have not ended; they are logged."""
    for task in await cancel(tasks):
        logger.error("{} does not end: it is left behind", task.get_name())
