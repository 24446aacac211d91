"""Moves an installation from one store to another, also while servers work on the first.

The source is only read. Progress is kept only in the target: its content shows where to continue.
"""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from chatserver.cluster.wrappers import is_for_files
from chatserver.copies.archive import claims, digests, source
from chatserver.copies.archive.claims import Origin
from chatserver.copies.archive.digests import Phases, silently
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.archive.lines import Record
from chatserver.copies.archive.merge import flat, merged
from chatserver.copies.archive.patience import Patient, Readable, away, patiently
from chatserver.copies.archive.target import BATCH, WRITES, Target
from chatserver.copies.archive.transient import is_of_nodes
from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Store
from chatserver.model import AnyEvent

PASSES = 5  # each copies the changes made during the one before; a busy source may never be still


class MoveResult(NamedTuple):
    """Numbers of rooms and events in the target, and of events and records that this run copied."""

    rooms: int
    events: int
    new_events: int
    new_records: int


class NotStill(ArchiveError):
    """The source changed during every pass; the copied data stays in the target."""


async def move(origin: Readable, store: Store, phases: Phases = silently) -> MoveResult:
    """Make an empty store equal to the source; call again after an interruption, or for later changes.

    At the end every room is compared by its length and hash, and each record by its value; only then may a
    server start on the store, with the source's epoch, so that clients continue where they were. Raises
    `ArchiveError`, and its subclass `NotStill`.
    """
    try:
        return await _move(Patient(origin, "the source"), store, phases)
    except StoreUnavailable as error:
        raise away("the target", error) from error


async def _move(origin: Patient, store: Store, phases: Phases) -> MoveResult:
    target_store = Patient(store)
    epoch = await claims.whole_epoch(origin)
    if await claims.is_same(origin, target_store):
        raise ArchiveError("source and target are the same installation")
    named = Origin("move", f"the installation {epoch}")
    claim = await patiently(lambda: claims.claim(store, named))
    target = Target(store, named.name, lambda: patiently(lambda: claims.check(store, claim)))
    moving = _Moving(origin, target_store, target, phases)
    await moving.passes()
    heads = await moving.verify()
    await patiently(lambda: claims.complete(store, claim, epoch))
    return MoveResult(len(heads), sum(heads.values()), moving.events, moving.records)


class _Moving:
    def __init__(
        self, origin: Patient, target_store: Patient, target: Target, phases: Phases
    ) -> None:
        self.events = self.records = 0  # numbers of new or changed events and records
        self._origin, self._target_store = origin, target_store
        self._target, self._phases = target, phases

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
            f"the source is in use: {events:,} events and {records:,} records were added during the last "
            "pass. Everything before is copied: stop its servers and run this again for the rest"
        )

    async def verify(self) -> dict[str, int]:
        """Compare all rooms up to the target's heads, as the source may have grown since."""
        heads = await source.positions(self._target_store)
        with self._phases("events verified: target") as progress:
            copied = await digests.of_rooms(self._target_store, heads, progress)
        with self._phases("events verified: source") as progress:
            wanted = await digests.of_rooms(self._origin, heads, progress)
        for room in heads:
            if copied[room] != wanted[room]:
                raise ArchiveError(f"room {room}: its log in the target differs")
        return heads

    async def _copy_events(self, number: int) -> int:
        ends = await source.positions(self._origin)
        begins = await source.positions(self._target_store)
        for room, head in begins.items():
            if head > ends.get(room, 0):
                raise ArchiveError(
                    f"room {room}: the source does not have event {head} of the target"
                )
        done, total = 0, sum(ends.values()) - sum(begins.values())
        with self._phases(f"pass {number}: events") as progress:
            async for batch in _batches(source.events(self._origin, ends, begins)):
                await self._target.append(batch)
                done += len(batch)
                progress(done, total)
        return done

    async def _copy_records(self, number: int) -> int:
        """Compare all records, as those of an earlier pass may have changed or been deleted."""
        spaces = {*await self._origin.spaces(), *await self._target_store.spaces()}
        count = seen = 0
        with self._phases(f"pass {number}: records compared") as progress:
            for space in sorted(spaces):
                async for changes, compared in self._differences(space):
                    await self._target.put(changes)
                    count += len(changes)
                    seen += compared
                    progress(seen, seen)
        return count

    async def _differences(self, space: str) -> AsyncIterator[tuple[list[Record], int]]:
        """Batches of records to write to the target, each with the number of records compared for it."""
        changes: list[Record] = []
        compared = 0
        wanted = flat(source.records_of(self._origin, space, is_of_nodes))
        present = flat(source.records_of(self._target_store, space, is_of_nodes))
        async for key, new, old in merged(wanted, present):
            compared += 1
            is_added = new is None and is_for_files(space)  # by the target, for its files
            if new != old and not is_added:
                changes.append(new or Record(space, key))
            if len(changes) == WRITES or compared == source.PAGE:
                yield changes, compared
                changes, compared = [], 0
        yield changes, compared


async def _batches(
    pieces: AsyncIterator[tuple[str, list[AnyEvent]]],
) -> AsyncIterator[Sequence[AnyEvent]]:
    """The events of several pieces, joined into larger batches."""
    batch: list[AnyEvent] = []
    async for _, events in pieces:
        batch += events
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
