"""Limits the share of a serving node's time that copying takes."""

import asyncio
import time


class Pace:
    """`await pace()` after each piece of work pauses: at share 0.5 for as long as the work took."""

    def __init__(self, share: float = 1.0) -> None:
        self._idle = 1 / share - 1
        self._since = time.monotonic()

    async def __call__(self) -> None:
        worked = time.monotonic() - self._since
        await asyncio.sleep(worked * self._idle)
        self._since = time.monotonic()
