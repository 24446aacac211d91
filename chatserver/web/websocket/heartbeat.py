"""One heartbeat for all connections of a process, instead of a task for each."""

import asyncio
from collections import deque
from typing import Protocol

BEATS_PER_INTERVAL = 25
"""Number of slices into which the connections are divided: 10,000 pings in one turn of the loop would
hold up everything else."""


class Beating(Protocol):
    """A connection that is watched by the heartbeat."""

    def beat(self) -> None:
        """Called once per interval."""


class Heartbeat:
    """Calls beat() of every member once per interval, spread evenly over it."""

    def __init__(self, interval: float) -> None:
        """interval in seconds."""
        self._pause = interval / BEATS_PER_INTERVAL
        self._slices: deque[set[Beating]] = deque(set() for _ in range(BEATS_PER_INTERVAL))
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Needs the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def join(self, member: Beating) -> set[Beating]:
        """Add a member; returns its slice, from which it discards itself to leave."""
        smallest = min(self._slices, key=len)
        smallest.add(member)
        return smallest

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            for member in tuple(self._slices[0]):
                member.beat()
            self._slices.rotate(-1)
