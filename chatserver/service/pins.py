"""The pinned messages of a room, the last pinned first.

The log says which messages are pinned; finding them in it would take reading all of it. So a record of each room names
candidates. A message is noted there before it is pinned, and stays for a while after it was unpinned: whatever is cut
off in between, each pinned message is a candidate, and whether a candidate is pinned is read from the log.
"""

from collections.abc import Sequence

import msgspec

from chatserver.config import LimitsConfig
from chatserver.errors import ChatError
from chatserver.interfaces import Store
from chatserver.model import Message, PinAdded, User, UserRef, message_seq
from chatserver.roomlog import fold
from chatserver.roomlog.room import Room
from chatserver.runtime.clock import Clock
from chatserver.service.history import fitting
from chatserver.service.rights import Right, demand

SPACE = "pins"  # record space: room -> candidates as JSON: times in milliseconds by the seqs of messages
MOST = 100  # pinned messages of one room
CANDIDATES = 200
PAGE = 50  # at most, on one page
TRIES = 10  # against others who pin at the same time
# What was noted so long ago is in the log, or never will be. Far more than a write takes, and clocks of nodes differ.
UNDECIDED_SECONDS = 60.0


class PinView(msgspec.Struct, frozen=True, kw_only=True):
    """A pinned message as it stands, who pinned it, and when."""

    message: Message
    by: UserRef
    at: str


class PinList(msgspec.Struct, frozen=True, omit_defaults=True):
    """Pinned messages, the last pinned first; if there may be further ones, the next page is `after` that of the answer."""

    pins: list[PinView]
    after: str | None = None


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[int, int]).decode


class Pins:
    """Lists pins, and keeps the candidates. Pinning itself is in `Messages`."""

    def __init__(self, store: Store, limits: LimitsConfig, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._page_bytes = limits.buffer_hard_bytes // 2

    async def page(self, user: User, room: Room, after: str = "", limit: int = PAGE) -> PinList:
        """Pinned messages of a room that the user may read, after the one with the id `after`."""
        demand(user, room, Right.READ)
        record = await self._store.get(SPACE, room.id)
        noted = _decode(record) if record else {}
        seqs = sorted(noted, key=lambda seq: (noted[seq], seq), reverse=True)
        last = message_seq(room.id, after)
        start = seqs.index(last) + 1 if last in noted else 0
        limit, found = min(limit, PAGE), list[PinView]()
        while len(found) < limit and start < len(seqs):
            found += await self._pinned(room, seqs[start : start + PAGE])
            start += PAGE
        shown = found[: min(limit, fitting([pin.message for pin in found], self._page_bytes)[0])]
        is_last = len(shown) == len(found) and start >= len(seqs)
        return PinList(shown, None if is_last else shown[-1].message.id)

    async def note(self, room: Room, message: str) -> None:
        """Note a message that is about to be pinned.

        Raises `ChatError` limit.count if MOST others are pinned, and limit.rate if very many were a moment ago.
        """
        seq = message_seq(room.id, message)
        assert seq is not None
        for _ in range(TRIES):
            record = await self._store.get(SPACE, room.id)
            noted = _decode(record) if record else {}
            if len(noted) >= MOST:
                noted = await self._shrunk(room, noted)
                if seq not in noted and len(noted) >= CANDIDATES:
                    raise ChatError("limit.rate", after_ms=int(UNDECIDED_SECONDS * 1000))
            if await self._write(room, record, noted | {seq: self._now()}):
                return
        raise ChatError("limit.rate", after_ms=1000)

    async def _write(self, room: Room, old: bytes | None, noted: dict[int, int]) -> bool:
        new = _encode(noted)
        if old is None:
            return await self._store.add(SPACE, room.id, new)
        return await self._store.swap(SPACE, room.id, old, new)

    async def _shrunk(self, room: Room, noted: dict[int, int]) -> dict[int, int]:
        """The candidates without those that are not pinned, nor about to be."""
        seqs, pinned = list(noted), set[int]()
        for start in range(0, len(seqs), PAGE):
            found = await self._pinned(room, seqs[start : start + PAGE])
            pinned |= {pin.message.seq for pin in found}
        if len(pinned) >= MOST:
            raise ChatError(
                "limit.count",
                f"A room has at most {MOST} pinned messages.",
                detail={"field": "pins", "reason": "count", "most": MOST},
            )
        settled = self._now() - int(UNDECIDED_SECONDS * 1000)
        return {seq: at for seq, at in noted.items() if seq in pinned or at > settled}

    async def _pinned(self, room: Room, seqs: Sequence[int]) -> list[PinView]:
        """Those of the messages that are pinned, in this order; in two queries."""
        posted = await self._store.posted([(room.id, seq) for seq in seqs])
        changes = await self._store.changes({room.id: [event.id for event in posted]})
        messages = {message.seq: message for message in fold.fold(posted, changes)}
        pins = {event.message: event for event in changes if isinstance(event, PinAdded)}
        return [
            PinView(message=message, by=pins[message.id].author, at=pins[message.id].at)
            for seq in seqs
            if (message := messages.get(seq)) is not None and message.pinned
        ]

    def _now(self) -> int:
        return int(self._clock.now() * 1000)
