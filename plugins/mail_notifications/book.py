"""What waits to be told to each user, and what was told: records that expire, all below the user's id.

USER/room/ROOM   `Waiting`: the messages of a room that concern the user
USER/told/ROOM   the seq up to which the user was told of the room
USER/batch       `Batch`: the mail that is being sent
USER/sent        the Unix times of the last mails
USER/seen        `Seen`: when the user was last at the page
"""

from collections.abc import Mapping

import msgspec

from chatserver import ChatError, Context, Why

LONGEST_SECONDS = 3 * 86400.0  # after which nothing is told any more
MOST_ROOMS, MOST_OF_ROOM = 50, 50  # rooms and messages of each that wait for one user
SEEN_SECONDS = 30 * 86400.0
HOUR_SECONDS = 3600.0
TRIES = 10  # each lost try means that another node changed the same


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A message that concerned the user. `at` is the Unix time at which it was written."""

    seq: int
    message: str
    why: Why
    at: float


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """The newest messages of a room that wait, by ascending seq, and the number of older ones that are only counted."""

    items: tuple[Item, ...]
    more: int = 0

    @property
    def last(self) -> int:
        return self.items[-1].seq if self.items else 0

    def has(self, seq: int) -> bool:
        """Whether a message is among them. Replies of threads come a little later than others; see `Context.concern`."""
        is_old = self.more > 0 and seq < self.items[0].seq
        return is_old or any(each.seq == seq for each in self.items)


def _seq(item: Item) -> int:
    return item.seq


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that is being sent: with what waits up to a seq of each room.

    It keeps its `id` until it is known to be sent, so that mail programs show it once if it comes twice. `tries` were
    made in vain; the next is not made before the Unix time `next`.
    """

    id: str
    upto: dict[str, int]
    tries: int = 0
    next: float = 0.0


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """When the user was last at the page (Unix time), and in which time zone that was."""

    at: float = 0.0
    zone: str = ""


_encode = msgspec.json.encode
_waiting = msgspec.json.Decoder(Waiting).decode
_batch = msgspec.json.Decoder(Batch).decode
_seen = msgspec.json.Decoder(Seen).decode
_times = msgspec.json.Decoder(tuple[float, ...]).decode


class Book:
    """All that waits. Several nodes may change it at a time."""

    def __init__(self, context: Context) -> None:
        self._records, self._clock = context.expiring, context.clock

    # -- what waits ----------------------------------------------------------------------------------

    async def add(self, user: str, room: str, item: Item) -> bool:
        """Note a message. False if too many rooms of the user wait; one that is noted already is noted once."""
        key = f"{user}/room/{room}"
        for _ in range(TRIES):
            old = await self._records.get(key)
            if old is None:
                if len(await self._rooms(user)) >= MOST_ROOMS:
                    return False
                new = Waiting(items=(item,))
                if await self._records.add(key, _encode(new), LONGEST_SECONDS):
                    return True
                continue
            before = _waiting(old)
            if before.has(item.seq):
                return True
            items = tuple(sorted((*before.items, item), key=_seq))
            kept = items[-MOST_OF_ROOM:]
            new = Waiting(items=kept, more=before.more + len(items) - len(kept))
            if await self._records.swap(key, old, _encode(new), LONGEST_SECONDS):
                return True
        raise ChatError("limit.rate", after_ms=1000)

    async def waiting(self, user: str) -> dict[str, Waiting]:
        """What waits for the user, by room: neither what was told already nor what is too old."""
        since = self._clock.now() - LONGEST_SECONDS
        found = {}
        for room, waits in (await self._rooms(user)).items():
            told = await self._told(user, room)
            items = tuple(each for each in waits.items if each.seq > told and each.at > since)
            if items:
                found[room] = Waiting(
                    items=items, more=waits.more if len(items) == len(waits.items) else 0
                )
        return found

    async def settle(self, user: str, upto: Mapping[str, int]) -> None:
        """What waits up to these seqs of rooms is told, or never will be. Not for several calls at a time of one user."""
        for room, seq in upto.items():
            if seq > await self._told(user, room):  # events may come again, and wait again
                key = f"{user}/told/{room}"
                await self._records.put(key, str(seq).encode(), 2 * LONGEST_SECONDS)
        for room, seq in upto.items():
            await self._trim(f"{user}/room/{room}", seq)
        await self._records.delete(f"{user}/batch")

    async def drop(self, user: str) -> None:
        """Nothing of what waits will be told."""
        rooms = await self._rooms(user)
        await self.settle(user, {room: waits.last for room, waits in rooms.items()})

    async def forget(self, user: str) -> None:
        """Remove all about a deleted account."""
        while rows := await self._records.scan(f"{user}/"):
            for key, _ in rows:
                await self._records.delete(key)

    async def _told(self, user: str, room: str) -> int:
        return int(await self._records.get(f"{user}/told/{room}") or 0)

    async def _rooms(self, user: str) -> dict[str, Waiting]:
        prefix = f"{user}/room/"
        rows = await self._records.scan(prefix, limit=MOST_ROOMS)
        return {key.removeprefix(prefix): _waiting(value) for key, value in rows}

    async def _trim(self, key: str, seq: int) -> None:
        for _ in range(TRIES):
            old = await self._records.get(key)
            if old is None:
                return
            kept = tuple(each for each in _waiting(old).items if each.seq > seq)
            if not kept:
                if await self._records.delete(key, old):
                    return
            elif await self._records.swap(key, old, _encode(Waiting(items=kept)), LONGEST_SECONDS):
                return
        raise ChatError("limit.rate", after_ms=1000)

    # -- the mail that is being sent -----------------------------------------------------------------

    async def batch(self, user: str) -> Batch | None:
        found = await self._records.get(f"{user}/batch")
        return None if found is None else _batch(found)

    async def keep_batch(self, user: str, batch: Batch) -> None:
        await self._records.put(f"{user}/batch", _encode(batch), LONGEST_SECONDS)

    async def sent(self, user: str) -> list[float]:
        """The Unix times of the mails of the last hour, the oldest first."""
        found = await self._records.get(f"{user}/sent")
        since = self._clock.now() - HOUR_SECONDS
        return sorted(at for at in _times(found) if at > since) if found else []

    async def note_sent(self, user: str) -> None:
        times = (*await self.sent(user), self._clock.now())
        await self._records.put(f"{user}/sent", _encode(times), HOUR_SECONDS)

    # -- where the user is ---------------------------------------------------------------------------

    async def seen(self, user: str) -> Seen:
        """When the user was last at the page; long ago if that is not known."""
        found = await self._records.get(f"{user}/seen")
        return Seen() if found is None else _seen(found)

    async def see(self, user: str, zone: str) -> None:
        seen = Seen(at=self._clock.now(), zone=zone)
        await self._records.put(f"{user}/seen", _encode(seen), SEEN_SECONDS)
