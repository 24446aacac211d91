"""Distinguishes a blocked loop from one without a processor. Pure: no threads, no clocks."""

from typing import NamedTuple

from chatserver.process.watchdog.processor import Spent

STALL_SECONDS = 1.0
# A thread that waits for Python's lock wakes at each switch interval, hundreds of times a second; one that
# only overslept got a processor once or twice.
LOCK_TURNS = 20


class Sample(NamedTuple):
    """A moment, and the times of the loop's thread up to then."""

    at: float
    spent: Spent | None


class Stall(NamedTuple):
    """A stall: how long the loop has stood still, and for how much of that it had no processor."""

    seconds: float
    withheld: float

    @property
    def is_ours(self) -> bool | None:
        """Whether the loop would stand still on an idle machine too; None while that is unknown."""
        if self.seconds - self.withheld >= STALL_SECONDS:
            return True
        is_starved = self.seconds >= STALL_SECONDS and self.withheld >= self.seconds / 2
        return False if is_starved else None


class Stalls:
    """Judges stalls, from a thread that samples every `period` seconds."""

    def __init__(self, now: float, mine: Spent | None, period: float) -> None:
        self._period = period
        self._looked, self._mine = now, mine
        self._beat: Sample | None = None
        self._overslept = 0.0  # seconds that the sampling thread overslept since the last heartbeat
        self._ran, self._ran_at = -1.0, now  # loop's processor time; its first sample
        self._reported: set[bool] = set()  # verdicts already returned for this stall, by `is_ours`

    def look(self, beat: Sample, now: Sample, mine: Spent | None) -> Stall | None:
        """A stall not reported before, or None; `beat` is the loop's last heartbeat."""
        if beat is not self._beat:
            self._beat, self._overslept = beat, 0.0
            self._reported.clear()
        self._note_own_sleep(min(now.at - self._looked, now.at - beat.at), mine)
        self._looked, self._mine = now.at, mine
        stall = Stall(now.at - beat.at, self._withheld(beat, now))
        is_ours = stall.is_ours
        if is_ours is None or is_ours in self._reported:
            return None
        self._reported.add(is_ours)
        return stall

    def _note_own_sleep(self, seconds: float, mine: Spent | None) -> None:
        turns = mine.turns - self._mine.turns if mine and self._mine else 0
        if turns < LOCK_TURNS:
            self._overslept += max(0.0, seconds - self._period)

    def _withheld(self, beat: Sample, now: Sample) -> float:
        """Seconds without a processor, from the system's figures or from this thread's own oversleeping.

        The latter covers a stopped process, for which the system counts no wait.
        """
        before, after = beat.spent, now.spent
        if before is None or after is None:
            return 0.0
        if after.ran != self._ran:
            self._ran, self._ran_at = after.ran, now.at
        waits = now.at - max(self._ran_at, beat.at) if after.is_ready else 0.0
        waited = after.waited - before.waited + waits
        return max(waited, self._overslept - (after.ran - before.ran))
