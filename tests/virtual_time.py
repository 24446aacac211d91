"""Virtual time: the clock of a test's loop jumps to the next timer, so nobody waits for it.

An asynchronous test gets such a loop by `@pytest.mark.virtual_time`, or all of a module by
`pytestmark = pytest.mark.virtual_time`; others call `run`. What happens is the same on any machine,
so waits and bounds in seconds may be exact. Sockets, threads and processes know only real time: a
test that waits for them cannot run on this loop. Neither does `time.monotonic()` follow it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar
from unittest import mock

T = TypeVar("T")

MOST_TURNS = 100_000  # of a loop; a run of a test takes some thousands


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._turns = 0
        self._wait = self._selector.select  # type: ignore[attr-defined]
        self._selector.select = self._jump  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._now

    def run_in_executor(self, *given: object) -> NoReturn:
        raise RuntimeError("virtual time does not wait for a thread")

    def _jump(self, timeout: float | None = None) -> Any:
        self._turns += 1
        if timeout is None:
            raise RuntimeError("the test waits for something, and no timer is set")
        if self._turns > MOST_TURNS:
            raise RuntimeError(f"the test has not ended after {MOST_TURNS} turns of its loop")
        self._now += max(timeout, 0)
        return self._wait(0)


@contextmanager
def paced_by(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Logs time their batches by this loop."""
    with mock.patch("chatserver.roomlog.log.pace_clock", loop.time):
        yield


def run(test: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine function on a virtual loop of its own, and return its result."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, paced_by(runner.get_loop()):
        return runner.run(test())
