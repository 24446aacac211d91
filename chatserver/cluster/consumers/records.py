"""Records of a consumer in the store: positions, dead letters, and requests of operators."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Literal

import msgspec
from loguru import logger

from chatserver.cluster.quarantine import UNREADABLE, set_aside
from chatserver.interfaces import Store
from chatserver.runtime.ids import new_id

KNOWN_ROOMS = 50_000  # rooms whose positions are kept in memory
EVERY_ROOM = b"1"  # in the record `begun`, instead of a list of ids: all rooms
WRITES = 32  # records written at the same time
PAGE = 1000
NO_LETTER = "record.unreadable"  # the error shown for a dead letter with an unreadable record

_encode = msgspec.json.encode


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that could not be handled. Its content is in the log only."""

    room: str
    seq: int
    at: str  # time of its becoming a dead letter
    attempts: int
    error: str  # a code


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """An operator's request to a consumer. `room` None means all rooms; `after` is for replays."""

    what: Literal["replay", "retry"]
    room: str | None
    after: int = 0


_decode_letter = msgspec.json.Decoder(DeadLetter).decode
_decode_ask = msgspec.json.Decoder(Ask).decode


class ConsumerRecords:
    """One consumer's space of records: `at/ROOM`, `dead/ROOM/SEQ`, `ask/…`, `begun`.

    Unreadable records do not stop the consumer: such a position counts as 0, a dead letter's key still has
    the room and seq, and a request is skipped.
    """

    def __init__(self, store: Store, consumer: str) -> None:
        self._store = store
        self._space = f"consumer/{consumer}"

    async def begun(self) -> frozenset[str] | None:
        """Ids of the rooms of its last run, empty for all rooms; None if it never ran."""
        record = await self._store.get(self._space, "begun")
        if record is None or record == EVERY_ROOM:
            return None if record is None else frozenset()
        return frozenset(record.decode(errors="replace").split())

    async def set_begun(self, rooms: frozenset[str]) -> None:
        record = " ".join(sorted(rooms)).encode() or EVERY_ROOM
        await self._store.put(self._space, "begun", record)

    # -- positions -----------------------------------------------------------------------------------

    async def positions(self, rooms: Sequence[str]) -> dict[str, int]:
        """The position (last seq handled) in each of these rooms; 0 if none is written."""
        found = await self._store.get_many(self._space, [f"at/{room}" for room in rooms])
        return {room: self._position(room, found.get(f"at/{room}", b"0")) for room in rooms}

    async def all_positions(self) -> AsyncIterator[dict[str, int]]:
        """All written positions, in pages."""
        after = ""
        while page := await self._store.scan(self._space, "at/", after, PAGE):
            rooms = ((key.removeprefix("at/"), value) for key, value in page)
            yield {room: self._position(room, value) for room, value in rooms}
            after = page[-1][0]

    async def write_positions(self, positions: Mapping[str, int], *, new: bool = False) -> None:
        """Write positions; with `new`, only those of rooms that have none."""
        values = [(f"at/{room}", b"%d" % seq) for room, seq in positions.items()]
        together = getattr(self._store, "put_many", None)
        if together is not None and not new:
            for start in range(0, len(values), PAGE):
                await together(self._space, dict(values[start : start + PAGE]))
            return
        write = self._store.add if new else self._store.put
        for start in range(0, len(values), WRITES):
            part = values[start : start + WRITES]
            await asyncio.gather(*(write(self._space, key, value) for key, value in part))

    def _position(self, room: str, record: bytes) -> int:
        """Parse a position. An unreadable one is 0: repeated events do less harm than skipped ones."""
        try:
            return int(record)
        except ValueError:
            text = "{}: its position in room {} cannot be read: the whole room counts as new"
            logger.error(text, self._space, room)
            return 0

    # -- dead letters --------------------------------------------------------------------------------

    async def bury(self, letter: DeadLetter) -> None:
        await self._store.put(self._space, _dead_key(letter.room, letter.seq), _encode(letter))

    async def is_dead(self, letter: DeadLetter) -> bool:
        """Whether the dead letter still exists."""
        key = _dead_key(letter.room, letter.seq)
        return await self._store.get(self._space, key) is not None

    async def forget(self, letter: DeadLetter) -> bool:
        """Delete the dead letter; False if it was deleted already."""
        return await self._store.delete(self._space, _dead_key(letter.room, letter.seq))

    async def dead(self, room: str | None = None) -> AsyncIterator[DeadLetter]:
        """All dead letters, or those of a room, by room and seq."""
        prefix, after = "dead/" if room is None else f"dead/{room}/", ""
        while page := await self._store.scan(self._space, prefix, after, PAGE):
            for key, value in page:
                yield _read_letter(key, value)
            after = page[-1][0]

    async def count_dead(self) -> int:
        return sum([1 async for _ in self.dead()])

    # -- asks of operators -----------------------------------------------------------------------------

    async def ask(self, ask: Ask) -> None:
        await self._store.put(self._space, f"ask/{new_id()}", _encode(ask))

    async def asked(self) -> list[tuple[str, Ask]]:
        """The open requests, each with its key for `answered`."""
        asks = []
        for key, value in await self._store.scan(self._space, "ask/", limit=PAGE):
            try:
                asks.append((key, _decode_ask(value)))
            except UNREADABLE:
                await set_aside(self._store, self._space, key, value)
        return asks

    async def answered(self, key: str) -> None:
        await self._store.delete(self._space, key)


class Positions:
    """A running consumer's positions. `flush` writes the noted ones, and now and then those of events passed by."""

    def __init__(self, records: ConsumerRecords) -> None:
        self._records = records
        self._known: OrderedDict[str, int] = OrderedDict()
        self._unwritten: dict[str, int] = {}
        self._passed: dict[str, int] = {}  # likewise, behind events that are not for the consumer

    def known(self, room: str) -> int | None:
        """The position in a room, if it is in memory."""
        return self._known.get(room)

    async def get(self, rooms: Sequence[str]) -> dict[str, int]:
        unknown = [room for room in rooms if room not in self._known]
        if not unknown:
            return {room: self._known[room] for room in rooms}
        loaded = await self._records.positions(unknown)
        found = {room: self._known.get(room, loaded.get(room, 0)) for room in rooms}
        for room in unknown:
            self._keep(room, found[room])
        return found

    def note(self, room: str, seq: int) -> None:
        """Events of the room are handled up to this seq."""
        self._passed.pop(room, None)
        self._unwritten[room] = seq
        self._keep(room, seq)

    def pass_by(self, room: str, seq: int) -> None:
        """None of the events up to this seq is for the consumer: after a crash they are soon passed again."""
        if room in self._unwritten:
            self._unwritten[room] = seq
        else:
            self._passed[room] = seq
        self._keep(room, seq)

    async def flush(self, *, passed: bool = True) -> None:
        """Write the noted positions. Raises `StoreUnavailable` and then keeps them for the next flush."""
        for waiting in (self._unwritten, self._passed) if passed else (self._unwritten,):
            written = dict(waiting)
            await self._records.write_positions(written)
            for room, seq in written.items():
                if waiting.get(room) == seq:
                    del waiting[room]

    def _keep(self, room: str, seq: int) -> None:
        known = self._known
        known[room] = seq
        known.move_to_end(room)
        if len(known) > KNOWN_ROOMS:
            oldest = next(iter(known))
            if oldest not in self._unwritten and oldest not in self._passed:
                del known[oldest]


def _dead_key(room: str, seq: int) -> str:
    return f"dead/{room}/{seq:016d}"


def _read_letter(key: str, record: bytes) -> DeadLetter:
    try:
        return _decode_letter(record)
    except UNREADABLE:
        _, room, seq = key.split("/")
        return DeadLetter(room=room, seq=int(seq), at="", attempts=0, error=NO_LETTER)
