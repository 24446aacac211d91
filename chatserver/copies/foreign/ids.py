"""Ids and times that follow from the source alone, so that a second conversion makes the same archive."""

import hashlib

from chatserver.blobs.model import time_text as text_of_seconds

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # as that of `runtime/ids.py`
MOST_MS = 253_402_300_799_000  # the end of the year 9999


def made_id(name: str, at: int = 0) -> str:
    """An id of the form of `runtime.ids.new_id` for a name; `at` is in milliseconds, so that ids sort by age."""
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    number = clean_time(at) << 52 | digest >> 12
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(95, -1, -5))


def made_digest(name: str) -> str:
    """32 hexadecimal digits for a name: the id of a blob, or of a message for its author."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def clean_time(at: int) -> int:
    """The time, in milliseconds, within what texts of times can say."""
    return min(max(at, 0), MOST_MS)


def time_text(at: int) -> str:
    """A time in milliseconds as events have it."""
    return text_of_seconds(clean_time(at) / 1000)
