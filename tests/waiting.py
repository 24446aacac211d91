"""Waiting for a condition where there is no event to await."""

import asyncio
import inspect
import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0  # far longer than a busy machine takes
POLL_SECONDS = 0.01


async def until(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Ask again and again until the answer is true; it may be a coroutine's. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        while True:
            answer = condition()
            if inspect.isawaitable(answer):
                answer = await answer
            if answer:
                return
            await asyncio.sleep(POLL_SECONDS)


def wait_until(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Like `until`, for tests of processes, which have no loop."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(5 * POLL_SECONDS)  # a condition often asks a server
