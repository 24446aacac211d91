"""When callers who found the queue of passwords full are to come back."""

import time
from collections.abc import Callable

LONGEST_SECONDS = 30.0  # nobody is told to wait for longer
FIRST_GUESS_SECONDS = 0.05  # for one hash, before any was made
SMOOTHING = 8  # hashes that the moving average looks back on


class Retries:
    """Spreads the returns of refused callers, as those who come back at once find the queue full at once.

    Each is told a later time than the one before, by as much as one hash takes. Beyond LONGEST_SECONDS the times begin
    anew.
    """

    def __init__(
        self, threads: int, places: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`places` is the number of callers who are hashed for or wait, of whom `threads` are hashed for at once."""
        self._threads, self._places, self._clock = threads, places, clock
        self._hash_seconds = FIRST_GUESS_SECONDS
        self._last = 0.0  # the time at which the caller refused last is to come back

    def note(self, seconds: float) -> None:
        """Note how long a hash took."""
        self._hash_seconds += (seconds - self._hash_seconds) / SMOOTHING

    def after_ms(self) -> int:
        """Milliseconds until the next refused caller is to come back: not before the present queue is done."""
        now, step = self._clock(), self._hash_seconds / self._threads
        first = now + self._queue_seconds()
        after = max(first, self._last + step)
        self._last = after if after <= now + LONGEST_SECONDS else first
        return int((self._last - now) * 1000) + 1

    def soonest_ms(self) -> int:
        """Milliseconds until the present queue is done, for callers who are not to put off the others."""
        return int(self._queue_seconds() * 1000) + 1

    def _queue_seconds(self) -> float:
        return min(self._places * self._hash_seconds / self._threads, LONGEST_SECONDS)
