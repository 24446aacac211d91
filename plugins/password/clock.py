"""The clock for the expiry of sessions."""

import time

_STARTED = time.time()
_STARTED_TICKS = time.monotonic()


def cautious_now() -> float:
    """Unix time by the system's clock, or by the time elapsed since the start, whichever is less.

    So a clock that jumps ahead while the server runs ends no session, and neither does one that was ahead at
    the start, once it is corrected.
    """
    return min(time.time(), _STARTED + time.monotonic() - _STARTED_TICKS)
