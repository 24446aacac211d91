"""Fills a store with events and records, reliably even if the answer to a write is lost.

Such a write may have succeeded, so the target reads the heads of the rooms again and continues from there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from chatserver.copies.archive import patience
from chatserver.copies.archive.errors import ArchiveError, Corrupted
from chatserver.copies.archive.lines import Record
from chatserver.copies.archive.patience import patiently
from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Appended, Store
from chatserver.model import AnyEvent, MessageEdited, MessagePosted

BATCH = 2000  # events in one write
CHARACTERS = 2 << 20  # of bodies in one write, which must end within the store's time limit
WRITES = 200  # records written at the same time

Heads = dict[str, int]


async def nobody_else() -> None:
    """A `check` for a store that no other command can fill: it never raises."""


class Target:
    """A store that nobody else writes to, with the heads of its rooms.

    `name` is the source's name, for errors; `check` is called before every write, and raises if another
    command has started to fill the store.
    """

    def __init__(
        self, store: Store, name: str, check: Callable[[], Awaitable[None]] = nobody_else
    ) -> None:
        self.heads: Heads = {}
        self._store, self._name, self._check = store, name, check

    async def append(self, events: Sequence[AnyEvent]) -> int:
        """Write the events that the store lacks; events of a room must be ascending. Returns their number.

        Raises `Corrupted` if an event is missing.
        """
        await self._look({event.room for event in events} - self.heads.keys())
        new = []
        for event in events:
            head = self.heads.get(event.room, 0)
            if event.seq <= head:
                continue
            if event.seq != head + 1:
                raise Corrupted(f"{self._name}: room {event.room}: event {head + 1} is missing")
            self.heads[event.room] = event.seq
            new.append(event)
        for batch in _batches(new):
            await self._write(batch)
        return len(new)

    async def put(self, records: Sequence[Record]) -> None:
        """Write these records; delete those without a value."""
        for start in range(0, len(records), WRITES):
            await self._check()
            some = records[start : start + WRITES]
            await asyncio.gather(*map(self._set, some))

    async def _set(self, record: Record) -> None:
        space, key, value = record.space, record.key, record.value
        with self._taken(f"space {space}: a record of {len(value or b''):,} bytes"):
            if value is None:
                await patiently(lambda: self._store.delete(space, key), quietly=True)
            else:
                await patiently(lambda: self._store.put(space, key, value), quietly=True)

    async def _look(self, rooms: set[str]) -> None:
        if rooms:
            found = await patiently(lambda: self._store.heads(list(rooms)))
            self.heads |= {room: found.get(room, 0) for room in rooms}

    async def _write(self, events: list[AnyEvent]) -> None:
        await self._check()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience.PATIENCE_SECONDS
        while events:
            try:
                with self._taken(f"room {events[0].room}: events from {events[0].seq} on"):
                    result = await self._store.append(events)
            except StoreUnavailable as error:
                if loop.time() > deadline:
                    raise
                patience.complain(error)
                await asyncio.sleep(patience.RETRY_SECONDS)
                events = await self._missing(events)
            else:
                events = await self._after(events, result)

    @contextmanager
    def _taken(self, what: str) -> Iterator[None]:
        """Name data that the store refuses: stores have limits, such as MongoDB's 16 MiB for a document."""
        try:
            yield
        except StoreUnavailable:
            raise
        except Exception as error:
            raise ArchiveError(
                f"{self._name}: {what}: the store refuses to write this: {error}"
            ) from error

    async def _after(self, batch: list[AnyEvent], result: Appended) -> list[AnyEvent]:
        """The part of the batch that is still to be written. Raises `ArchiveError` for a real conflict."""
        rest = batch[result.stored :]
        if result.conflict is None or not rest:
            return rest
        missing = await self._missing(rest)  # an earlier try may have reached the store
        if len(missing) == len(rest):
            refused = rest[0]
            raise ArchiveError(
                f"{self._name}: room {refused.room}: event {refused.seq} was refused: its "
                f"{result.conflict.value} is taken"
            )
        return missing

    async def _missing(self, events: list[AnyEvent]) -> list[AnyEvent]:
        rooms = list({event.room for event in events})
        heads = await patiently(lambda: self._store.heads(rooms))
        return [event for event in events if event.seq > heads.get(event.room, 0)]


def _characters(event: AnyEvent) -> int:
    """About the characters of an event's text and data."""
    if not isinstance(event, MessagePosted | MessageEdited):
        return 0
    return len(event.body) + (len(msgspec.json.encode(event.data)) if event.data else 0)


def _batches(events: Sequence[AnyEvent]) -> Iterator[list[AnyEvent]]:
    batch: list[AnyEvent] = []
    characters = 0
    for event in events:
        batch.append(event)
        characters += _characters(event)
        if len(batch) == BATCH or characters > CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
