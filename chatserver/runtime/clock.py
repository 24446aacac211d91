"""The present time, and its text in the format of events and accounts."""

import time
from datetime import UTC, datetime

_latest: tuple[int, str] = (0, "")  # cached, as thousands of calls come within one millisecond


def now_text() -> str:
    """The present time: RFC 3339, UTC, milliseconds."""
    global _latest
    milliseconds = time.time_ns() // 1_000_000
    if milliseconds != _latest[0]:
        now = datetime.fromtimestamp(milliseconds / 1000, UTC)
        _latest = milliseconds, now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return _latest[1]


def unix_time(text: str) -> float:
    """The Unix time of an RFC 3339 time. Raises `ValueError` if it is none."""
    return datetime.fromisoformat(text).timestamp()
