"""The pause after a failure, which grows with each further one."""

import random

DOUBLINGS = 20  # enough for any longest pause


def growing_pause(failures: int, first: float, longest: float) -> float:
    """Seconds until the next attempt: `first`, doubled with each failure in a row, up to `longest`; jittered."""
    doubled: float = first * 2.0 ** min(failures - 1, DOUBLINGS)
    return min(doubled, longest) * random.uniform(0.8, 1.0)  # noqa: S311 - no secret
