"""Takes words of texts that are gone out of the search index: at once, and once more a little later.

Another node may be extending a part of the index from pages that it read before. So the seqs are noted first, in a
record of the room, and what is noted is done again, by whichever node, when all have written what they were at.
"""

from collections.abc import Collection, Sequence

import msgspec

from chatserver.errors import ChatError
from chatserver.interfaces import Store
from chatserver.runtime.clock import Clock
from chatserver.search.cleaning import Cleaner

SPACE = "goneindex"  # record space: ROOM -> Noted
ROOMS = 500  # at once
MOST = 5000  # the newest seqs, of which a part of the index may be under way
SETTLED_SECONDS = 60.0  # longer than a node takes to write the part of the index that it is making
TRIES = 20  # of one change of a record, each lost because another node works on the same


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """Events that lost a text, for which the index is cleaned once more after the Unix time `at`."""

    seqs: Sequence[int]
    at: float


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Noted).decode


class Cleanings:
    """Cleans the index of rooms, twice each time."""

    def __init__(self, store: Store, cleaner: Cleaner, clock: Clock) -> None:
        self._store, self._cleaner, self._clock = store, cleaner, clock

    async def clean(self, room: str, seqs: Collection[int]) -> int:
        """Clean the index of a room of these events, and note that for later; returns the number of changed pages."""
        if not seqs:
            return 0
        await self.note(room, seqs)
        return await self._cleaner.clean(room, seqs)

    async def finish(self) -> int:
        """Clean once more where that is due; returns the number of changed pages."""
        after, changed = "", 0
        while rows := await self._store.scan(SPACE, "", after, ROOMS):
            after = rows[-1][0]
            for room, record in rows:
                noted = _decode(record)
                if self._clock.now() >= noted.at:
                    changed += await self._cleaner.clean(room, noted.seqs)
                    await self._store.delete(SPACE, room, record)  # unless there are others by now
        return changed

    async def forget(self, room: str) -> None:
        """Of a room that has no index any more."""
        await self._store.delete(SPACE, room)

    async def note(self, room: str, seqs: Collection[int]) -> None:
        """Note events of a room that lose a text, or are about to: `finish` cleans the index of them a little later."""
        for _ in range(TRIES):
            record = await self._store.get(SPACE, room)
            known = () if record is None else _decode(record).seqs
            noted = Noted(
                seqs=sorted({*known, *seqs})[-MOST:], at=self._clock.now() + SETTLED_SECONDS
            )
            if record is None:
                written = await self._store.add(SPACE, room, _encode(noted))
            else:
                written = await self._store.swap(SPACE, room, record, _encode(noted))
            if written:
                return
        raise ChatError("limit.rate", after_ms=1000)
