"""The entries of all users, as records whose keys are in order of time, the newest first."""

from collections import Counter
from enum import StrEnum
from typing import NamedTuple

import msgspec

from chatserver import Context

MOST = 500  # entries of one user; the oldest ones go
SPARE = 50  # entries of one user that are added before older ones are removed
LATEST_MS = 10**13 - 1  # the year 2286
LAST_SEQ = 10**12 - 1  # many events come within one millisecond

_encode = msgspec.json.encode


class Kind(StrEnum):
    """What happened."""

    MENTION = "mention"
    REPLY = "reply"
    THREAD = "thread"
    REACTION = "reaction"


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a user is to be told: `by` (a user id) did it at the Unix time `at`, in ms.

    `message` is the id of the message that says it or, for a reaction with `emoji`, that got it.
    """

    kind: Kind
    room: str
    message: str
    by: str
    at: int
    emoji: str = ""


class Row(NamedTuple):
    """An entry, and the place at which it stands in its user's list; a greater one stands further down."""

    place: str
    entry: Entry


_decode = msgspec.json.Decoder(Entry).decode


class Book:
    """Adds and reads entries. An entry that is added again is there once."""

    def __init__(self, context: Context, seconds: float) -> None:
        """Entries are kept for so many seconds."""
        self._entries, self._records, self._seconds = context.expiring, context.records, seconds
        self._added: Counter[str] = Counter()  # by user, since older ones were last removed

    async def add(self, user: str, seq: int, entry: Entry) -> None:
        """`seq` is that of the event that it comes from, in the entry's room."""
        key = f"{user}/{LATEST_MS - entry.at:013}-{LAST_SEQ - seq:012}-{entry.room}"
        await self._entries.put(key, _encode(entry), self._seconds)
        self._added[user] += 1
        if self._added[user] >= SPARE:
            del self._added[user]
            await self._remove_old(user)

    async def rows(self, user: str, after: str = "", limit: int = 50) -> list[Row]:
        """The user's newest entries, of those behind a place."""
        prefix = f"{user}/"
        found = await self._entries.scan(prefix, prefix + after if after else "", limit)
        return [Row(key.removeprefix(prefix), _decode(entry)) for key, entry in found]

    async def seen(self, user: str) -> int:
        """The Unix time, in ms, up to which the user has seen all entries."""
        return int(await self._records.get(f"seen/{user}") or 0)

    async def see(self, user: str, at: int) -> None:
        await self._records.put(f"seen/{user}", str(at).encode())

    async def forget(self, user: str) -> None:
        """Remove all of a deleted account."""
        await self._records.delete(f"seen/{user}")
        while rows := await self._entries.scan(f"{user}/"):
            for key, _ in rows:
                await self._entries.delete(key)

    async def _remove_old(self, user: str) -> None:
        rows = await self._entries.scan(f"{user}/", limit=MOST + 2 * SPARE)
        for key, _ in rows[MOST:]:
            await self._entries.delete(key)
