"""The lag of the event loop: the first metric to check if everything is slow."""

import asyncio
import time

from chatserver import Measures

SAMPLE_SECONDS = 0.25
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class LoopLag:
    """Repeatedly schedules a call in a quarter of a second, and measures its delay."""

    def __init__(self, measures: Measures) -> None:
        self._seconds = measures.histogram(
            "chatserver_event_loop_lag_seconds",
            "Delay of a timer of the event loop",
            bounds=BOUNDS,
        )
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        # Not loop.time(), which uvloop does not advance within a turn of the loop.
        due = time.monotonic() + SAMPLE_SECONDS
        self._timer = asyncio.get_running_loop().call_later(SAMPLE_SECONDS, self._sample, due)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _sample(self, due: float) -> None:
        self._seconds.add(max(0.0, time.monotonic() - due))
        self.start()
