"""The clock that sessions expire by."""

import time

_STARTED = time.time()
_STARTED_TICKS = time.monotonic()


def cautious_now() -> float:
    """Unix time by the system's clock, or by what has passed since the start: what is less.

    A clock that jumps ahead while the server runs ends nobody's session, and one that was ahead at the
    start does not either once it is set right.
    """
    return min(time.time(), _STARTED + time.monotonic() - _STARTED_TICKS)
