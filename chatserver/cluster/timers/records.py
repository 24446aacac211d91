"""Records of one timer in the store: what is set, in order of time; dead letters.

`key/KEY` has what is set; `at/MILLISECONDS/ID` finds it by time and holds the key. There are no transactions,
so the second is written first, checked afterwards, and removed if it leads to nothing. `mend` makes up for
crashes in between, and for copies of the store that were taken in between.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from chatserver.cluster.quarantine import UNREADABLE, set_aside
from chatserver.interfaces import Store

SPACE = "timer/"  # record space: this and the timer's name
PAGE = 1000
BY_KEY, BY_TIME, DEAD = "key/", "at/", "dead/"

_encode = msgspec.json.encode


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A timer that is set under a key. `id` is new at each setting; `next` is the Unix time of the next attempt."""

    id: str
    key: str
    at: float
    next: float
    payload: bytes = b""
    failures: int = 0


class DeadTimer(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was given up. `error` is a code; `given_up` is the time, RFC 3339."""

    key: str
    at: float
    payload: bytes
    attempts: int
    error: str
    given_up: str


class Place(NamedTuple):
    """The place of a pending timer in the order of time."""

    milliseconds: int  # since 1970
    id: str

    @property
    def at(self) -> float:
        """Its Unix time."""
        return self.milliseconds / 1000

    @property
    def record(self) -> str:
        return f"{BY_TIME}{self.milliseconds:015d}/{self.id}"


class Found(NamedTuple):
    """A pending timer with its record as it was read."""

    pending: Pending
    record: bytes


_decode = msgspec.json.Decoder(Pending).decode
_decode_dead = msgspec.json.Decoder(DeadTimer).decode


class TimerRecords:
    """The records of one timer."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self.space = store, SPACE + name

    # -- setting -------------------------------------------------------------------------------------

    async def set(self, pending: Pending) -> bool:
        """Set a timer in place of any other under its key; False if there was one."""
        await self._enter(pending)
        while True:
            before = await self._store.get(self.space, BY_KEY + pending.key)
            if await self._replace(pending, before):
                break
        await self._check_place(pending)
        if before is not None:
            await self._leave(_read(before))
        return before is None

    async def add(self, pending: Pending) -> bool:
        """Set a timer unless there is one under its key."""
        await self._enter(pending)
        added = await self._replace(pending, None)
        await (self._check_place(pending) if added else self._leave(pending))
        return added

    async def postpone(self, found: Found, until: float) -> None:
        """Note a failed attempt, with the time of the next one, unless the key was set anew."""
        pending = found.pending
        later = msgspec.structs.replace(pending, next=until, failures=pending.failures + 1)
        await self._enter(later)
        moved = await self._replace(later, found.record)
        await self._leave(pending if moved else later)

    async def remove(self, found: Found) -> bool:
        """Remove a timer; False if it was removed or set anew meanwhile."""
        key = BY_KEY + found.pending.key
        removed = await self._store.delete(self.space, key, found.record)
        await self._leave(found.pending)
        return removed

    # -- finding -------------------------------------------------------------------------------------

    async def get(self, key: str) -> Found | None:
        """The timer that is set under the key, if any. A record that cannot be read is moved to quarantine."""
        record = await self._store.get(self.space, BY_KEY + key)
        if record is None:
            return None
        pending = _read(record)
        if pending is None:
            await set_aside(self._store, self.space, BY_KEY + key, record)
            return None
        return Found(pending, record)

    async def list(self, prefix: str, after: str, limit: int) -> Sequence[Pending]:
        """The timers that are set under keys with this prefix, by ascending key > `after`."""
        last = BY_KEY + after if after else ""
        rows = await self._store.scan(self.space, BY_KEY + prefix, last, limit)
        return [pending for _, record in rows if (pending := _read(record)) is not None]

    async def first(self, limit: int) -> Sequence[Place]:
        """The places that come first in the order of time."""
        places = []
        for record, key in await self._store.scan(self.space, BY_TIME, limit=limit):
            place = _place(record)
            if place is None:
                await set_aside(self._store, self.space, record, key)
            else:
                places.append(place)
        return places

    async def at(self, place: Place) -> Found | None:
        """The timer at this place; a place without one is removed."""
        key = await self._store.get(self.space, place.record)
        if key is None:
            return None
        found = await self.get(key.decode(errors="replace"))
        if found is not None and _place_of(found.pending) == place:
            return found
        await self._store.delete(self.space, place.record)
        # It may just have been set: the place is written first. So look again.
        found = await self.get(key.decode(errors="replace"))
        if found is not None and _place_of(found.pending) == place:
            await self._enter(found.pending)
        return None

    async def count(self, most: int) -> int:
        """Number of timers that are set, counted up to `most`."""
        count, after = 0, ""
        while count < most and (
            page := await self._store.scan(self.space, BY_TIME, after, min(PAGE, most - count))
        ):
            count, after = count + len(page), page[-1][0]
        return count

    async def mend(self) -> None:
        """Give each timer its place in the order of time, if it has none."""
        after = ""
        while rows := await self._store.scan(self.space, BY_KEY, after, PAGE):
            after = rows[-1][0]
            pending = [found for _, record in rows if (found := _read(record)) is not None]
            places = {_place_of(each).record: each for each in pending}
            there = await self._store.get_many(self.space, list(places))
            for record in places.keys() - there.keys():
                await self._enter(places[record])

    # -- dead letters --------------------------------------------------------------------------------

    async def bury(self, found: Found, letter: DeadTimer) -> None:
        """Make a timer a dead letter, unless the key was set anew."""
        await self._store.put(self.space, DEAD + letter.key, _encode(letter))
        if not await self.remove(found):
            await self.forget(letter)

    async def dead(self) -> Sequence[DeadTimer]:
        """All dead letters, by ascending key."""
        letters: list[DeadTimer] = []
        after = ""
        while rows := await self._store.scan(self.space, DEAD, after, PAGE):
            after = rows[-1][0]
            letters += [_read_dead(key.removeprefix(DEAD), record) for key, record in rows]
        return letters

    async def forget(self, letter: DeadTimer) -> bool:
        """Remove a dead letter; False if it was removed already."""
        return await self._store.delete(self.space, DEAD + letter.key)

    # -- shared --------------------------------------------------------------------------------------

    async def _enter(self, pending: Pending) -> None:
        await self._store.put(self.space, _place_of(pending).record, pending.key.encode())

    async def _leave(self, pending: Pending | None) -> None:
        if pending is not None:
            await self._store.delete(self.space, _place_of(pending).record)

    async def _replace(self, pending: Pending, before: bytes | None) -> bool:
        key, record = BY_KEY + pending.key, _encode(pending)
        if before is None:
            return await self._store.add(self.space, key, record)
        return await self._store.swap(self.space, key, before, record)

    async def _check_place(self, pending: Pending) -> None:
        """Write the place again if it was removed before the timer itself was written."""
        if await self._store.get(self.space, _place_of(pending).record) is None:
            await self._enter(pending)


def _place_of(pending: Pending) -> Place:
    return Place(int(pending.next * 1000), pending.id)


def _place(record: str) -> Place | None:
    milliseconds, _, id = record.removeprefix(BY_TIME).partition("/")
    return Place(int(milliseconds), id) if milliseconds.isdecimal() else None


def _read(record: bytes) -> Pending | None:
    try:
        return _decode(record)
    except UNREADABLE:
        return None


def _read_dead(key: str, record: bytes) -> DeadTimer:
    try:
        return _decode_dead(record)
    except UNREADABLE:
        return DeadTimer(
            key=key, at=0.0, payload=b"", attempts=0, error="record.unreadable", given_up=""
        )
