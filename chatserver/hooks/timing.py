"""Time for plugins: one-off timers, records that expire, the clock."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from chatserver.errors import ChatError


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A timer whose time has come, or will come.

    `at` is the Unix time for which it was set; it may be long over if no server ran then. `attempt` counts
    from 1; after a crash an attempt may be repeated under the same number.
    """

    name: str
    key: str
    at: float
    payload: bytes = b""
    attempt: int = 1


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """One-off work at times that are set while the server runs, on one node at a time.

    `name` is the plugin's, or begins with the plugin's and a dot. `run` is called for each key whose time has
    come, in order of time, for `at_once` keys at the same time; none is passed over because no server ran.
    Each comes at least once: again after an error, a crash, or a move to another node.

    An attempt fails if `run` raises or takes more than `deadline` seconds. The next attempt comes after
    `backoff` seconds, then after twice as many, up to `longest_pause`; other keys do not wait for it. After
    `attempts` the key becomes a dead letter; None retries forever. A `ChatError` is logged without a
    traceback, and its `after_ms` (limited to `longest_pause`) is the least pause before the next attempt.
    `Undeliverable` makes the key a dead letter at once.
    """

    name: str
    run: Callable[[Due], Awaitable[None]]
    at_once: int = 8
    attempts: int | None = 10
    backoff: float = 1.0
    longest_pause: float = 300.0
    deadline: float = 30.0


class Timers(Protocol):
    """The timers that a plugin sets, kept in the store. Usable from `startup` on, on every node.

    Each method raises `ValueError` for a name that the plugin has not registered.
    """

    async def set(self, name: str, key: str, at: float, payload: bytes = b"") -> None:
        """Call the timer's `run` with this key at the Unix time `at`; at once if that is over.

        Replaces what was set under the key, also if that is running now. Durable once it returns. A key has
        at most 512 bytes of UTF-8, a payload 65,536; raises `ValueError` for others. Raises `ChatError`
        limit.count if the plugin has set `plugins.timers` timers.
        """

    async def cancel(self, name: str, key: str) -> bool:
        """Remove a timer; False if there is none. An attempt that is under way goes on."""

    async def get(self, name: str, key: str) -> Due | None:
        """The timer that is set under the key."""

    async def list(
        self, name: str, prefix: str = "", after: str = "", limit: int = 100
    ) -> Sequence[Due]:
        """At most `limit` timers that are set and whose keys have the prefix, by ascending key > `after`."""


class ExpiringRecords(Protocol):
    """A plugin's records that end by themselves, in a space beside that of its `Records`.

    A value whose time is over is as if it were not there, for every method. It is removed within a day. The
    time is that of the node's clock, so nodes whose clocks differ also differ in when a value ends.
    """

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Set the value for so many seconds, durably."""

    async def add(self, key: str, value: bytes, seconds: float) -> bool:
        """Set the value if there is none, durably and atomically; False if there is one."""

    async def swap(self, key: str, old: bytes, new: bytes, seconds: float) -> bool:
        """Replace `old` by `new`, durably and atomically, for so many seconds from now.

        False if the value is not `old`.
        """

    async def delete(self, key: str, old: bytes | None = None) -> bool:
        """Remove the value, durably; with `old`, only that value. False if there was none."""

    async def scan(
        self, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        """At most `limit` (key, value) with this prefix and key > `after`, by ascending key."""


class WallClock(Protocol):
    """The server's clock, which a test may move."""

    def now(self) -> float:
        """The Unix time."""


def future_time(text: str, now: float, longest: float, field: str = "at") -> float:
    """The Unix time of a text from a user: RFC 3339 with a zone, after `now`, at most `longest` seconds after it.

    Raises `ChatError` request.invalid whose detail has the `field` and a `reason`: form, past or far.
    """
    try:
        found = datetime.fromisoformat(text)
        at = found.timestamp()
    except (ValueError, OverflowError):
        found, at = None, 0.0
    if found is None or found.tzinfo is None:
        raise _refused(field, "form", "expected a time such as 2027-01-31T09:00:00Z")
    if at <= now:
        raise _refused(field, "past", "expected a time in the future")
    if at > now + longest:
        raise _refused(field, "far", f"expected a time within {longest / 86400:g} days")
    return at


def _refused(field: str, reason: str, text: str) -> ChatError:
    return ChatError(
        "request.invalid", f"{field}: {text}.", detail={"field": field, "reason": reason}
    )
