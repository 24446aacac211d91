"""Leases: each gives work that only one node may do to one of the nodes on a store.

A lease is a small record that its holder rewrites every few seconds, all of a node together. Clocks of different
machines are never compared: a node measures with its own monotonic clock how long the record has been unchanged.
The holder stops earlier than others may take over.
"""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from loguru import logger

from chatserver.cluster.quarantine import UNREADABLE
from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Store
from chatserver.runtime.cancelling import cancel_or_name, cancel_until_done

SPACE = "lease"  # record space: name -> LeaseRecord
BEAT_SECONDS = 2.0  # between two reads of the records
HOLD_BEATS = 4  # without a successful renewal, the holder stops after this many beats …
EXPIRE_BEATS = 6  # … and another node takes over after this many at the earliest

_encode = msgspec.json.encode


class LeaseRecord(msgspec.Struct, frozen=True):
    """The record of a lease. `beat` grows with every renewal; `owner` is empty after its release."""

    owner: str
    beat: int


_decode = msgspec.json.Decoder(LeaseRecord).decode
UNKNOWN = LeaseRecord("unknown", 0)  # for an unreadable record: a node may be acting under it


def node_name() -> str:
    """A readable name for this process that no other process ever has."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Lease:
    """One lease, as this node sees it."""

    def __init__(self, name: str, ticks: Callable[[], float]) -> None:
        self.name = name
        self._ticks = ticks
        self._until = 0.0
        self._gained = asyncio.Event()
        self.seen: bytes | None = None  # the record as last read …
        self.since = 0.0  # … and since when it has been unchanged

    @property
    def held(self) -> bool:
        """Whether this node holds the lease, so that it may act now."""
        return self._ticks() < self._until

    async def while_held(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work whenever this node holds the lease; cancel it when the lease is lost.

        Returns or raises as soon as the work does.
        """
        while True:
            await self._gained.wait()
            task = asyncio.ensure_future(work())
            try:
                while self.held and not task.done():
                    await asyncio.wait({task}, timeout=max(0.0, self._until - self._ticks()))
            finally:
                finished = task.done()
                while not task.done():  # do not return while the work still runs
                    await cancel_until_done(task)
            if finished:
                return task.result()
            self._gained.clear()

    def hold(self, until: float) -> None:
        self._until = until
        self._gained.set()

    def lose(self) -> None:
        self._until = 0.0


class Leases:
    """All leases that this node holds or waits for."""

    def __init__(
        self,
        store: Store,
        node: str,
        *,
        alone: bool = False,
        beat: float = BEAT_SECONDS,
        ticks: Callable[[], float] = time.monotonic,
        on_failure: Callable[[StoreUnavailable], None] | None = None,
    ) -> None:
        """`alone`: no other process can have this store, so an earlier holder of a lease is gone.

        `on_failure` is called with each failure of the store; without it the failure is logged.
        """
        self.node = node
        self._expire = 0.0 if alone else EXPIRE_BEATS * beat
        self._store, self._beat, self._ticks = store, beat, ticks
        self._leases: dict[str, Lease] = {}
        self._task: asyncio.Task[None] | None = None
        self._on_failure = on_failure

    def lease(self, name: str) -> Lease:
        """The lease with this name; this node tries to acquire it from the next beat on."""
        return self._leases.setdefault(name, Lease(name, self._ticks))

    async def give_up(self, name: str) -> None:
        """Release a lease, and try no more to acquire it. The work under it must have ended."""
        lease = self._leases.pop(name, None)
        if lease is not None:
            try:
                await self._release(lease)
            except StoreUnavailable:
                logger.warning("lease {} is not released: the store does not answer", name)

    async def holder(self, name: str) -> str:
        """Name of the node that holds the lease, from its record; "" if none does."""
        record = await self._store.get(SPACE, name)
        return _read(record).owner

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="leases")

    async def stop(self) -> None:
        """Release all leases, so that others take over at once. The work under them must have ended."""
        if self._task is None:
            return
        await cancel_or_name([self._task])
        try:
            for lease in self._leases.values():
                await self._release(lease)
        except StoreUnavailable:
            logger.warning("leases are not released: the store does not answer")

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except StoreUnavailable as error:
                if self._on_failure is not None:
                    self._on_failure(error)
                else:
                    logger.warning("leases are not renewed: the store does not answer")
            except Exception:
                logger.exception("renewing leases failed")
            await asyncio.sleep(self._beat)

    async def _look(self) -> None:
        leases = list(self._leases.values())
        if not leases:
            return
        records = await self._store.get_many(SPACE, [lease.name for lease in leases])
        now = self._ticks()
        wanted = [lease for lease in leases if self._may_take(lease, records, now)]
        changes: dict[Lease, tuple[bytes, bytes]] = {}
        for lease in wanted:
            old = records.get(lease.name)
            new = _encode(LeaseRecord(self.node, _read(old).beat + 1))
            if old is not None:
                changes[lease] = old, new
            # At the first start: one by one, so that the work under each begins at once.
            elif await self._store.add(SPACE, lease.name, new):
                self._note(lease, new, now)
        written, failures = await self._swapped(changes)
        for lease in written:
            self._note(lease, changes[lease][1], now)
        if failures:
            raise failures[0]

    def _note(self, lease: Lease, mine: bytes, before: float) -> None:
        """Hold a lease whose record was written. This node counts from before the write, others from after it."""
        lease.seen, lease.since = mine, before
        lease.hold(before + HOLD_BEATS * self._beat)

    def _may_take(self, lease: Lease, records: Mapping[str, bytes], now: float) -> bool:
        """Whether the lease is this node's, or free, or its holder is silent."""
        record = records.get(lease.name)
        if record != lease.seen:
            lease.seen, lease.since = record, now
        owner = _read(record).owner
        if owner in ("", self.node):
            return True
        lease.lose()
        if now - lease.since < self._expire:
            return False
        logger.warning("lease {} is taken over from {}, which is silent", lease.name, owner)
        return True

    async def _swapped(
        self, changes: Mapping[Lease, tuple[bytes, bytes]]
    ) -> tuple[list[Lease], list[BaseException]]:
        """Write new records in the place of old ones, together: the leases of those that were written, and errors."""
        together = getattr(self._store, "swap_many", None)
        if together is not None and len(changes) > 1:
            done = await together(SPACE, {lease.name: change for lease, change in changes.items()})
            return [lease for lease in changes if lease.name in done], []
        swaps = [self._store.swap(SPACE, lease.name, *change) for lease, change in changes.items()]
        results = await asyncio.gather(*swaps, return_exceptions=True)
        written = [lease for lease, result in zip(changes, results, strict=True) if result is True]
        return written, [result for result in results if isinstance(result, BaseException)]

    async def _release(self, lease: Lease) -> None:
        if lease.held and lease.seen is not None:
            lease.lose()
            beat = _decode(lease.seen).beat + 1
            await self._store.swap(SPACE, lease.name, lease.seen, _encode(LeaseRecord("", beat)))


def _read(record: bytes | None) -> LeaseRecord:
    if record is None:
        return LeaseRecord("", 0)
    try:
        return _decode(record)
    except UNREADABLE:
        return UNKNOWN
