"""Ages of queues and outages, found when somebody asks: nothing is noted for each item."""

import time
from collections import deque


class QueueAge:
    """The least age of a queue's oldest item, from the numbers seen at each question.

    An item that waited at an earlier question and has not been taken since is at least as old as that question,
    so with a scrape every 15 s the age is at most 15 s too low.
    """

    def __init__(self) -> None:
        # (items ever put, time), for each question at which there were more; as many as items wait.
        self._marks: deque[tuple[int, float]] = deque()

    def seconds(self, taken: int, waiting: int) -> float:
        """The age, given the number of items ever taken and of those that wait now; 0 for an empty queue."""
        now = time.monotonic()
        while self._marks and self._marks[0][0] <= taken:
            self._marks.popleft()
        if waiting and (not self._marks or self._marks[-1][0] < taken + waiting):
            self._marks.append((taken + waiting, now))
        return now - self._marks[0][1] if self._marks else 0.0


class OutageAge:
    """Seconds since the first of the questions in a row that were answered with "down"."""

    def __init__(self) -> None:
        self._since: float | None = None

    def seconds(self, *, up: bool) -> float:
        """The age of the outage; 0 while up."""
        if up:
            self._since = None
            return 0.0
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        return now - self._since
