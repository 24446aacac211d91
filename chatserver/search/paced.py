"""Work in the background in slices, with rests in between, so that it holds nobody up."""

import asyncio
import time
from collections.abc import Callable, Iterable

SLICE_SECONDS = 0.001  # work without a rest
# Seconds of rest after each second of work, on an idle and on a busy node. A node is busy if its loop wakes
# late or many sends are under way.
IDLE_REST, BUSY_REST = 1.0, 30.0
LATE_SECONDS = 0.002


class Paced:
    """Runs the work of one task."""

    def __init__(self, is_pressed: Callable[[], bool]) -> None:
        """`is_pressed` returns whether other work needs the processor more."""
        self._is_pressed = is_pressed
        self._rest = IDLE_REST

    async def run(self, work: Iterable[object]) -> None:
        """Run the work to its end, with rests in between."""
        began = time.perf_counter()
        for _ in work:
            now = time.perf_counter()
            if now - began < SLICE_SECONDS:
                continue
            rest = (now - began) * self._rest
            await asyncio.sleep(rest)
            began = time.perf_counter()
            late = began - now - rest
            self._rest = BUSY_REST if late > LATE_SECONDS or self._is_pressed() else IDLE_REST
