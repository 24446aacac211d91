"""Tells a blocked loop from one without a processor. Pure: no threads, no clocks."""

from typing import NamedTuple

from chatserver.process.watchdog.processor import Spent

STALL_SECONDS = 1.0
# A thread that waits for Python's lock wakes at each switch interval, hundreds of times a second; a thread
# that only slept too long got a processor once or twice.
LOCK_TURNS = 20


class Beat(NamedTuple):
    """A moment, and the times of the loop's thread up to then."""

    at: float
    spent: Spent | None


class Stall(NamedTuple):
    """The time for which the loop has stood still; for `withheld` of it there was no processor."""

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
    """Judges the looks of a thread that means to look every `period` seconds."""

    def __init__(self, now: float, mine: Spent | None, period: float) -> None:
        self._period = period
        self._looked, self._mine = now, mine
        self._beat: Beat | None = None
        self._overslept = 0.0  # seconds that this thread overslept, since the beat
        self._ran, self._ran_at = -1.0, now  # by the loop's thread; first look that saw this
        self._told: set[bool] = set()  # verdicts (is it ours?) already told of this stall

    def look(self, beat: Beat, now: Beat, mine: Spent | None) -> Stall | None:
        """A stall that has not been told yet, or None; `beat` is the loop's last heartbeat."""
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
        """Seconds without a processor, as the system counts them, or as this thread's own sleep shows.

        The latter is for a stopped process, for which the system counts no wait.
        """
        before, after = beat.spent, now.spent
        if before is None or after is None:
            return 0.0
        if after.ran != self._ran:
            self._ran, self._ran_at = after.ran, now.at
        waits = now.at - max(self._ran_at, beat.at) if after.is_ready else 0.0
        waited = after.waited - before.waited + waits
        return max(waited, self._overslept - (after.ran - before.ran))
