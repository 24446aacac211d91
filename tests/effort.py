"""How much processor time a call takes, so that neither a slow nor a busy machine fails a test."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import thread_time

TRIES = 5  # the least of them counts: others may be in the way, in the caches as well
LOOPS = 300_000
LOOPS_SECONDS = 0.004  # what they take on a machine of this time


@contextmanager
def without_collector() -> Iterator[None]:
    """Not a moment of it goes to what earlier tests left for the collector of garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def took(call: Callable[[], object], tries: int = TRIES) -> float:
    """Seconds of this thread alone, without the collector's."""

    def each() -> Iterator[float]:
        for _ in range(tries):
            began = thread_time()
            call()
            yield thread_time() - began

    with without_collector():
        return min(each())


def bound(seconds: float) -> float:
    """`seconds` of a machine at rest, as this one would take now, however slow or busy it is."""
    return seconds * max(1.0, took(_loops) / LOOPS_SECONDS)


def _loops() -> None:
    for _ in range(LOOPS):
        pass
