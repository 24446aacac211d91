"""The present time, its text in the format of events and accounts, and waiting for a time to come."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime

_latest: tuple[int, str] = (0, "")  # cached, as thousands of calls come within one millisecond


def now_text() -> str:
    """The present time: RFC 3339, UTC, milliseconds."""
    global _latest
    milliseconds = time.time_ns() // 1_000_000
    if milliseconds != _latest[0]:
        _latest = milliseconds, text_of(milliseconds / 1000)
    return _latest[1]


def text_of(seconds: float) -> str:
    """A Unix time as text: RFC 3339, UTC, milliseconds."""
    found = datetime.fromtimestamp(seconds, UTC)
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def unix_time(text: str) -> float:
    """The Unix time of an RFC 3339 time. Raises `ValueError` if it is none."""
    return datetime.fromisoformat(text).timestamp()


class Clock:
    """The clock of a server's events and periodic work: that of the system.

    `chatserver.testing.clock` has one for tests.
    """

    def now(self) -> float:
        """The Unix time."""
        return time.time()

    def text(self) -> str:
        """The present time: RFC 3339, UTC, milliseconds."""
        return now_text()

    def ticks(self) -> float:
        """Seconds from any beginning, to measure how much time has passed."""
        return asyncio.get_running_loop().time()

    async def sleep(
        self, seconds: float, woken: asyncio.Event | None = None, poll: float | None = None
    ) -> None:
        """Return after `seconds`, or earlier once `woken` is set.

        `poll` seconds, which no clock of a test shortens, are the most.
        """
        wait = max(0.0, seconds if poll is None else min(seconds, poll))
        if woken is None:
            await asyncio.sleep(wait)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await woken.wait()


SYSTEM = Clock()
