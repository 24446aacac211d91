"""A store whose writes can be counted, stopped, held up, or left without an answer."""

import asyncio
from collections.abc import Sequence
from typing import Any

from chatserver import Store, StoreUnavailable

WRITES = ("append", "put", "add", "swap", "delete")


class Stopped(BaseException):
    """As if the process had ended."""


class Writes:
    """The store itself but for its writes, or other `calls`; they are numbered 1, 2, 3, …

    `stop_at`: this one ends what runs, after it was done where the number is even. `pause_at`: this
    one waits for `resume`. `unanswered`: of so many the last is not answered; each other of those
    is done all the same.
    """

    def __init__(
        self,
        store: Store,
        *,
        stop_at: int = 0,
        pause_at: int = 0,
        unanswered: int = 0,
        calls: Sequence[str] = WRITES,
    ) -> None:
        self.count = self.failed = 0
        self.paused, self.resume = asyncio.Event(), asyncio.Event()
        self._store, self._calls = store, calls
        self._stop_at, self._pause_at, self._unanswered = stop_at, pause_at, unanswered

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in self._calls:
            return found

        async def write(*given: Any) -> Any:
            self.count += 1
            number = self.count
            if number == self._pause_at:
                self.paused.set()
                await self.resume.wait()
            if number == self._stop_at:
                await self._interrupt(found, given)
            if self._unanswered and number % self._unanswered == 0:
                await self._leave(found, given)
            return await found(*given)

        return write

    async def _interrupt(self, write: Any, given: Any) -> None:
        if self._stop_at % 2 == 0:
            await write(*given)
        self.stop()

    def stop(self) -> None:
        raise Stopped

    async def _leave(self, write: Any, given: Any) -> None:
        self.failed += 1
        if self.failed % 2:
            await write(*given)
        raise StoreUnavailable
