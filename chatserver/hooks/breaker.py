"""A circuit breaker for plugins that do not answer in time, which opens for one user or for all.

Time-outs and answers of a wrong type count as failures; an exception is an answer, and resets the count.

One user's messages must not stop the others. So a plugin that fails for one user is no longer called for
that user; only after failures for several users in a row is the plugin not called at all.
"""

import time
from collections import OrderedDict

USERS = 1000  # with remembered failures; the oldest are forgotten first
PROBE_SECONDS = 3.0  # between tries of a user without failures while the breaker is open


class Strikes:
    """Failures in a row for one user, and the time until which the breaker is open for that user."""

    __slots__ = ("count", "until")

    def __init__(self) -> None:
        self.count, self.until = 0, 0.0


class Breaker:
    """The failures of one plugin in one hook.

    `failures` in a row for one user, without an answer to that user in between, open it for that user.
    Failures for `failures` different users, without an answer to anybody in between, open it for all.
    Both last `seconds`; the first answer afterwards closes the breaker. While it is open, a user for whom the
    plugin has not failed may try every PROBE_SECONDS, so that a person with several accounts stops nobody for
    long.
    """

    def __init__(self, failures: int, seconds: float) -> None:
        self._limit, self._seconds = failures, seconds
        self._strikes: OrderedDict[str, Strikes] = OrderedDict()
        self._failed: set[str] = set()  # users with failures since the last answer to anybody
        self._open_until = 0.0
        self._probe_at = 0.0

    @property
    def is_clear(self) -> bool:
        """Whether there was no failure since the last answer; then it admits everybody."""
        return not self._strikes and not self._failed

    def admits(self, user: str) -> bool:
        """Whether the plugin may be called on behalf of this user now."""
        if self.is_clear:
            return True
        now = time.monotonic()
        strikes = self._strikes.get(user)
        if strikes is not None and strikes.count >= self._limit and now < strikes.until:
            return False
        if len(self._failed) < self._limit or now >= self._open_until:
            return True
        if user in self._failed or now < self._probe_at:
            return False
        self._probe_at = now + PROBE_SECONDS
        return True

    def note(self, user: str, *, failed: bool) -> None:
        """Note the outcome of a call on behalf of this user."""
        if not failed:
            self._strikes.pop(user, None)
            self._failed.clear()
            return
        until = time.monotonic() + self._seconds
        strikes = self._strikes.setdefault(user, Strikes())
        strikes.count, strikes.until = strikes.count + 1, until
        self._strikes.move_to_end(user)
        if len(self._strikes) > USERS:
            self._strikes.popitem(last=False)
        if len(self._failed) < self._limit:
            self._failed.add(user)
        if len(self._failed) >= self._limit:
            self._open_until = until
