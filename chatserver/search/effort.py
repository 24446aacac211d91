"""A limit on the processor time of one page of a search, and regular yields to the event loop."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from time import thread_time
from typing import TypeVar

T = TypeVar("T")

SECONDS = 0.3  # processor time for comparing texts; after it the page ends, and its cursor continues from there
SLICE_SECONDS = 0.01  # processor time between two yields; one text may take up to 10 ms more


class Turns:
    """Lets one search proceed in each turn of the event loop: a hundred searches block it no longer than one."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_turning = False

    async def take(self) -> None:
        """Wait for a turn."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._next)
        await turn

    def _next(self) -> None:
        self._is_turning = False
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # the search was not cancelled meanwhile
                turn.set_result(None)
                self._is_turning = True
                asyncio.get_running_loop().call_soon(self._next)
                return


class Effort:
    """Processor time that one page of a search has taken. All searches of a node share `turns`."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._spent = 0.0

    @property
    def is_spent(self) -> bool:
        return self._spent >= SECONDS

    async def each(self, items: Iterable[T]) -> AsyncIterator[T]:
        """Yield the items. The time spent on each one counts; other searches take turns in between."""
        await self._turns.take()
        began = thread_time()
        for item in items:
            yield item
            if (taken := thread_time() - began) >= SLICE_SECONDS:
                self._spent += taken
                await self._turns.take()
                began = thread_time()
        self._spent += thread_time() - began
