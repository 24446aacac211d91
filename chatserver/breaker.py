"""When a plugin is asked no longer, and for whom.

What one person sends must not stop the others. So a plugin that fails for one user is not asked for
that user; not asked at all is only one that failed for several users in a row.
"""

import time
from collections import OrderedDict

USERS = 1000  # whose failures are remembered; who failed first makes room
PROBE_SECONDS = 3.0  # while it is open, somebody it did not fail for may try this often


class Strikes:
    """Failures in a row for one user, and until when the plugin is not asked for them."""

    __slots__ = ("count", "until")

    def __init__(self) -> None:
        self.count, self.until = 0, 0.0


class Breaker:
    """The failures of one plugin in one hook.

    `failures` in a row for one user, without an answer to that user between, open it for that user.
    Failures for `failures` different users, without an answer to anybody between, open it for all.
    Both last `seconds`; the first answer afterwards closes it. Somebody for whom the plugin has not
    failed may try every PROBE_SECONDS meanwhile, so that one person with several accounts stops
    nobody for long.
    """

    def __init__(self, failures: int, seconds: float) -> None:
        self._limit, self._seconds = failures, seconds
        self._strikes: OrderedDict[str, Strikes] = OrderedDict()
        self._failed: set[str] = set()  # users, since anybody had an answer
        self._open_until = 0.0
        self._probe_at = 0.0

    def admits(self, user: str) -> bool:
        """Whether the plugin may be asked on behalf of this user now."""
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
        """The plugin was asked on behalf of this user, and did or did not answer as it must."""
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
