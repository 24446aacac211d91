"""Keeps the looks of Python's garbage collector short, however much a server holds.

A look at the oldest generation goes through all objects in it, at 0.3 to 1 µs each: a hundred thousand, as a thousand
rooms are, stop the loop for 50 ms. So whenever many have survived such a look they are set aside (`gc.freeze`): they
still end with their last reference, but no look goes through them any more. Circles among them that nobody refers to
are found by a complete look. It comes only when twice as many and 200,000 more are set aside as after the last one, as
it stops the loop for as long as all looks would without this.
"""

import asyncio
import gc
import time
from collections.abc import Mapping
from typing import Any

from loguru import logger

# Of objects made and kept, collections of the youngest, and of the middle generation. A look at the youngest takes a
# microsecond for each: fifty thousand, as graphql-core's validation leaves behind, stopped the loop for 0.15 s.
THRESHOLDS = (3_000, 5, 2)
OLD = 10_000  # objects in the oldest generation, of which a look may go through all
GROWTH = 2.0  # times as many as after the last complete look are set aside before the next one …
SLACK = 200_000  # … and this many


class Collector:
    """The garbage collector of this process. Made when all that stays for good has been made."""

    def __init__(self, old: int = OLD, growth: float = GROWTH, slack: int = SLACK) -> None:
        self._old, self._growth, self._slack = old, growth, slack
        self._loop: asyncio.AbstractEventLoop | None = None
        self._aside = 0  # number set aside, at most: those that ended since are counted too
        self._limit = 0.0  # of `_aside`, for a count
        self._base = 0  # after the last complete look
        self._is_looking = False  # a complete look is under way

    def start(self) -> None:
        """Set all aside that there is, and begin. Call this in the loop."""
        self._loop = asyncio.get_running_loop()
        self._look()
        gc.set_threshold(*THRESHOLDS)
        gc.callbacks.append(self._looked)

    def stop(self) -> None:
        gc.callbacks.remove(self._looked)

    def _looked(self, phase: str, about: Mapping[str, Any]) -> None:
        """Called before and after each look, which holds the loop meanwhile."""
        if phase != "stop" or about["generation"] < 2 or self._is_looking:
            return
        survivors = len(gc.get_objects(2))
        if survivors <= self._old:
            return
        gc.freeze()
        self._aside += survivors
        if self._aside > self._limit and self._loop is not None:
            self._limit = float("inf")  # until the count
            self._loop.call_soon_threadsafe(self._count)

    def _count(self) -> None:
        """Look through everything if really so many are set aside: most ended with their last reference."""
        self._aside = gc.get_freeze_count()
        if self._aside <= self._growth * self._base + self._slack:
            self._limit = self._aside + self._slack
        else:
            before, began = self._aside, time.perf_counter()
            self._look()
            logger.info(
                "a complete look of the garbage collector took {:.0f} ms: {:,} of {:,} objects stay",
                (time.perf_counter() - began) * 1000,
                self._base,
                before,
            )

    def _look(self) -> None:
        self._is_looking = True
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._is_looking = False
        self._base = self._aside = gc.get_freeze_count()
        self._limit = self._growth * self._base + self._slack
