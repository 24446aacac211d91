"""Whether a loop that stands still is blocked, or has no processor. Pure: no threads, no clocks."""

from typing import NamedTuple

from chatserver.watchdog.processor import Spent

STALL_SECONDS = 1.0
# A thread that waits for Python's lock wakes at each switch interval, hundreds of times a second;
# one that only slept too long was let run once or twice.
LOCK_TURNS = 20


class Beat(NamedTuple):
    """A moment, and what the loop's thread had spent by then."""

    at: float
    spent: Spent | None


class Stall(NamedTuple):
    """The loop has stood still for so long; for `withheld` of it there was no processor."""

    seconds: float
    withheld: float

    @property
    def is_ours(self) -> bool | None:
        """Would it be one on a machine of its own, too? None while nothing can be said yet."""
        if self.seconds - self.withheld >= STALL_SECONDS:
            return True
        is_starved = self.seconds >= STALL_SECONDS and self.withheld >= self.seconds / 2
        return False if is_starved else None


class Stalls:
    """The looks of a thread that means to look every `period` seconds, and what it saw already."""

    def __init__(self, now: float, mine: Spent | None, period: float) -> None:
        self._period = period
        self._looked, self._mine = now, mine
        self._beat: Beat | None = None
        self._overslept = 0.0  # by this thread, since the beat
        self._ran, self._ran_at = -1.0, now  # the loop's thread, and the first look that found this
        self._told: set[bool] = set()  # of this stall: that it is ours, that it is not

    def look(self, beat: Beat, now: Beat, mine: Spent | None) -> Stall | None:
        """A stall, if it is one that has not been told; `beat` is the loop's last sign of life."""
        if beat is not self._beat:
            self._beat, self._overslept = beat, 0.0
            self._told.clear()
        self._note_own_sleep(min(now.at - self._looked, now.at - beat.at), mine)
        self._looked, self._mine = now.at, mine
        stall = Stall(now.at - beat.at, self._withheld(beat, now))
        is_ours = stall.is_ours
        if is_ours is None or is_ours in self._told:
            return None
        self._told.add(is_ours)
        return stall

    def _note_own_sleep(self, seconds: float, mine: Spent | None) -> None:
        turns = mine.turns - self._mine.turns if mine and self._mine else 0
        if turns < LOCK_TURNS:
            self._overslept += max(0.0, seconds - self._period)

    def _withheld(self, beat: Beat, now: Beat) -> float:
        """What the system says; or what follows from a process of which no thread ran.

        While a process is stopped, the system counts no wait.
        """
        before, after = beat.spent, now.spent
        if before is None or after is None:
            return 0.0
        if after.ran != self._ran:
            self._ran, self._ran_at = after.ran, now.at
        waits = now.at - max(self._ran_at, beat.at) if after.is_ready else 0.0
        waited = after.waited - before.waited + waits
        return max(waited, self._overslept - (after.ran - before.ran))
