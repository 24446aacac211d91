"""A clock that stands still until a test moves it.

    async with running("alarms", clock=FakeClock()) as chat:
        …
        await chat.clock.advance(7 * 86400)  # a week later; what became due meanwhile is done

It governs timers, jobs, records that expire, the times of events, and `context.clock`. Everything else knows
real time: sessions, rates, deadlines, leases, consumers, and plugins that ask Python for the time.
"""

import asyncio
import time
from math import inf
from typing import Any

from chatserver.runtime.clock import Clock, text_of

PATIENCE_SECONDS = 60.0  # real ones, for what became due to be done
Task = asyncio.Task[Any]


class FakeClock(Clock):
    """See `advance`. Begins at the real time, or at the Unix time `now`."""

    def __init__(self, now: float | None = None) -> None:
        self._now = float(int(time.time())) if now is None else now
        self._sleepers: dict[Task, _Sleeper] = {}
        self._users: set[Task] = set()  # tasks that have slept here and have not ended
        self._changed = asyncio.Event()

    def now(self) -> float:
        return self._now

    def text(self) -> str:
        return text_of(self._now)

    def ticks(self) -> float:
        return self._now

    async def advance(self, seconds: float) -> None:
        """Move the time forward; returns once all that became due by then is done, in its order.

        The time stops at each moment at which something is due, so a job that runs each hour runs 24 times in
        a day. What fails is tried again only if its pause ends in time, too. Raises `TimeoutError` if that
        takes more than 60 real seconds.
        """
        until = self._now + seconds
        await self.settle()
        while (due := min((each.until for each in self._sleepers.values()), default=inf)) <= until:
            self._now = max(self._now, due)
            self._wake()
            await self.settle()
        self._now = max(self._now, until)

    async def settle(self, sleepers: int = 0) -> None:
        """Return once all that is due has been done, and at least so many tasks wait for the time."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while self._is_busy() or len(self._sleepers) < sleepers:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            busy = ", ".join(sorted(each.get_name() for each in self._awake())) or "none"
            raise TimeoutError(
                f"after {PATIENCE_SECONDS:g} s, of {sleepers} expected tasks {len(self._sleepers)} "
                f"wait for the time, and these are at work: {busy}"
            ) from None

    async def sleep(
        self, seconds: float, woken: asyncio.Event | None = None, poll: float | None = None
    ) -> None:
        """See `Clock.sleep`."""
        task = asyncio.current_task()
        assert task is not None
        sleeper = _Sleeper(self._now + max(0.0, seconds), woken)
        if sleeper.until <= self._now:
            await asyncio.sleep(0)
            return
        if task not in self._users:
            self._users.add(task)
            task.add_done_callback(self._forget)
        self._sleepers[task] = sleeper
        self._changed.set()
        try:
            await sleeper.rest(poll)
        finally:
            self._sleepers.pop(task, None)

    def _wake(self) -> None:
        for task, sleeper in list(self._sleepers.items()):
            if sleeper.until <= self._now:
                del self._sleepers[task]  # at work from now on
                sleeper.due.set()

    def _is_busy(self) -> bool:
        return bool(self._awake()) or any(each.is_woken() for each in self._sleepers.values())

    def _awake(self) -> set[Task]:
        return self._users - self._sleepers.keys()

    def _forget(self, task: Task) -> None:
        self._users.discard(task)
        self._changed.set()


class _Sleeper:
    """A task that waits for a time, or for an event."""

    def __init__(self, until: float, woken: asyncio.Event | None) -> None:
        self.until, self._woken = until, woken
        self.due = asyncio.Event()

    def is_woken(self) -> bool:
        return self._woken is not None and self._woken.is_set()

    async def rest(self, poll: float | None) -> None:
        """Wait for either, or for `poll` real seconds."""
        events = [self.due] if self._woken is None else [self.due, self._woken]
        waits = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(waits, timeout=poll, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
