"""Moves an installation from one store to another, also while servers work on the first.

The source is only read. Progress is kept only in the target itself: its content tells where to go on.
"""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from chatserver.copies.archive import claims, digests, source
from chatserver.copies.archive.claims import Origin
from chatserver.copies.archive.digests import Phases, silently
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.archive.lines import Record
from chatserver.copies.archive.merge import flat, merged
from chatserver.copies.archive.passing import is_of_nodes
from chatserver.copies.archive.patience import Patient, Readable, away, patiently
from chatserver.copies.archive.target import BATCH, WRITES, Target
from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Store
from chatserver.model import AnyEvent

PASSES = 5  # each copies the changes made during the one before; a busy source may never be still


class Moved(NamedTuple):
    """Numbers of rooms and events in the target, and of events and records that this run brought."""

    rooms: int
    events: int
    new_events: int
    new_records: int


class NotStill(ArchiveError):
    """The source changed during every pass; the copied data stays in the target."""


async def move(origin: Readable, store: Store, phases: Phases = silently) -> Moved:
    """Make an empty store equal to the source; call again after an interruption, or for later changes.

    At the end every room is compared by its length and hash, and each record by its value; only then may a
    server start on the store, with the source's epoch, so that clients go on where they were. Raises
    `ArchiveError`, among them `NotStill`.
    """
    try:
        return await _move(Patient(origin, "the source"), store, phases)
    except StoreUnavailable as error:
        raise away("the target", error) from error


async def _move(of: Patient, store: Store, phases: Phases) -> Moved:
    there = Patient(store)
    epoch = await claims.whole_epoch(of)
    if await claims.is_same(of, there):
        raise ArchiveError("source and target are the same installation")
    named = Origin("move", f"the installation {epoch}")
    claim = await patiently(lambda: claims.claim(store, named))
    target = Target(store, named.name, lambda: patiently(lambda: claims.check(store, claim)))
    moving = _Moving(of, there, target, phases)
    await moving.passes()
    heads = await moving.verify()
    await patiently(lambda: claims.complete(store, claim, epoch))
    return Moved(len(heads), sum(heads.values()), moving.events, moving.records)


class _Moving:
    def __init__(self, of: Patient, there: Patient, target: Target, phases: Phases) -> None:
        self.events = self.records = 0  # numbers of new or changed ones
        self._of, self._there, self._target, self._phases = of, there, target, phases

    async def passes(self) -> None:
        """Copy until a pass finds nothing new. Raises `NotStill`."""
        for number in range(1, PASSES + 1):
            events = await self._copy_events(number)
            records = await self._copy_records(number)
            self.events += events
            self.records += records
            if not events and not records:
                return
        raise NotStill(
            f"the source is in use: {events:,} events and {records:,} records came during the last "
            "pass. All that was there is copied: stop its servers and run this again for the rest"
        )

    async def verify(self) -> dict[str, int]:
        """Compare all rooms up to the target's heads, as the source may have gone on."""
        heads = await source.positions(self._there)
        with self._phases("events verified: target") as progress:
            there = await digests.of_rooms(self._there, heads, progress)
        with self._phases("events verified: source") as progress:
            wanted = await digests.of_rooms(self._of, heads, progress)
        for room in heads:
            if there[room] != wanted[room]:
                raise ArchiveError(f"room {room}: its log in the target is another one")
        return heads

    async def _copy_events(self, number: int) -> int:
        ends = await source.positions(self._of)
        begins = await source.positions(self._there)
        for room, head in begins.items():
            if head > ends.get(room, 0):
                raise ArchiveError(f"room {room}: the target has event {head}, the source has not")
        done, total = 0, sum(ends.values()) - sum(begins.values())
        with self._phases(f"pass {number}: events") as progress:
            async for batch in _batches(source.events(self._of, ends, begins)):
                await self._target.append(batch)
                done += len(batch)
                progress(done, total)
        return done

    async def _copy_records(self, number: int) -> int:
        """Compare all records, as those of an earlier pass may have changed or been deleted."""
        spaces = {*await self._of.spaces(), *await self._there.spaces()}
        count = seen = 0
        with self._phases(f"pass {number}: records compared") as progress:
            for space in sorted(spaces):
                async for changes, looked in self._differences(space):
                    await self._target.put(changes)
                    count += len(changes)
                    seen += looked
                    progress(seen, seen)
        return count

    async def _differences(self, space: str) -> AsyncIterator[tuple[list[Record], int]]:
        """Records to write to the target, in batches, each with the number of records compared for it."""
        changes: list[Record] = []
        looked = 0
        wanted = flat(source.records_of(self._of, space, is_of_nodes))
        there = flat(source.records_of(self._there, space, is_of_nodes))
        async for key, new, old in merged(wanted, there):
            looked += 1
            if new != old:
                changes.append(new or Record(space, key))
            if len(changes) == WRITES or looked == source.PAGE:
                yield changes, looked
                changes, looked = [], 0
        yield changes, looked


async def _batches(
    pieces: AsyncIterator[tuple[str, list[AnyEvent]]],
) -> AsyncIterator[Sequence[AnyEvent]]:
    """The events of several pieces together."""
    batch: list[AnyEvent] = []
    async for _, events in pieces:
        batch += events
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
