"""How much of the processor one search may take, and when others get their turn."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from time import thread_time
from typing import TypeVar

T = TypeVar("T")

SECONDS = 0.3  # of the processor for comparing texts; then the page ends, and its cursor goes on
SLICE_SECONDS = 0.01  # of it at a stretch; one text takes up to 10 ms more


class Effort:
    """What one page of a search has spent so far."""

    def __init__(self) -> None:
        self._spent = 0.0

    @property
    def is_spent(self) -> bool:
        return self._spent >= SECONDS

    async def each(self, items: Iterable[T]) -> AsyncIterator[T]:
        """The items; the time until the next one is asked for counts. Others get their turns in between."""
        began = thread_time()
        for item in items:
            yield item
            if (taken := thread_time() - began) >= SLICE_SECONDS:
                self._spent += taken
                await asyncio.sleep(0)
                began = thread_time()
        self._spent += thread_time() - began
