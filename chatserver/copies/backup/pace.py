"""Limits the share of a node's time that copying takes while the node serves."""

import asyncio
import time


class Pace:
    """`await pace()` after each piece of work; at share 0.5 half of the time is left to others."""

    def __init__(self, share: float = 1.0) -> None:
        self._idle = 1 / share - 1
        self._since = time.monotonic()

    async def __call__(self) -> None:
        worked = time.monotonic() - self._since
        await asyncio.sleep(worked * self._idle)
        self._since = time.monotonic()
