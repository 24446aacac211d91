"""One writer for each upload, over all nodes, whom another one can ask to stop.

A client that lost its connection comes back before the server has noticed, perhaps to another node. The old request
is asked to stop; it keeps what it has got, and lets go. A lock is a record that its holder rewrites every second, as
with `chatserver/cluster/leases.py`: whoever waits measures with its own clock how long it was unchanged. It only saves
work: what an upload has is decided by a swap of the upload's record.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import msgspec

from chatserver.blobs.model import LOCKS
from chatserver.errors import ChatError, StoreUnavailable
from chatserver.interfaces import Store
from chatserver.runtime.cancelling import cancel_until_done

BEAT_SECONDS = (
    1.0  # between two looks of the holder, who renews the lock, and sees that it shall stop
)
POLL_SECONDS = 0.25  # between two looks of one who waits
EXPIRE_SECONDS = 8.0  # without a change, after which a lock may be taken over
WAIT_SECONDS = 15.0  # longer than that, so that a client whose node crashed gets on


class LockRecord(msgspec.Struct, frozen=True):
    """The holder ("" after its release), the number of renewals, and whether it is asked to stop."""

    holder: str
    beat: int = 0
    asked: bool = False


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(LockRecord).decode


class Locks:
    """The locks of all uploads, as one node sees them."""

    def __init__(
        self,
        store: Store,
        *,
        beat: float = BEAT_SECONDS,
        poll: float = POLL_SECONDS,
        expire: float = EXPIRE_SECONDS,
        wait: float = WAIT_SECONDS,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._ticks = store, ticks
        self._beat, self._poll, self._expire, self._wait = beat, poll, expire, wait
        self._here: dict[str, asyncio.Event] = {}  # what a holder on this node waits for, by lock

    @asynccontextmanager
    async def held(self, name: str) -> AsyncIterator[asyncio.Event]:
        """Hold the lock; the event is set when the holder shall stop, at once.

        The present holder is asked to stop. Raises `ChatError` blob.busy if it does not in time.
        """
        mine = await self._acquire(name)
        stop = self._here[name] = asyncio.Event()
        renewing = asyncio.create_task(self._renew(name, mine, stop), name=f"upload {name}")
        try:
            yield stop
        finally:
            if self._here.get(name) is stop:
                del self._here[name]
            await cancel_until_done(renewing)
            with suppress(StoreUnavailable):
                await self._release(name, mine.holder)

    async def _acquire(self, name: str) -> LockRecord:
        mine = LockRecord(secrets.token_hex(8))
        deadline = self._ticks() + self._wait
        seen: LockRecord | None = None
        since = self._ticks()
        while True:
            found = await self._store.get(LOCKS, name)
            if found is None:
                if await self._store.add(LOCKS, name, _encode(mine)):
                    return mine
                continue
            record = _decode(found)
            now = self._ticks()
            if seen is None or (record.holder, record.beat) != (seen.holder, seen.beat):
                seen, since = record, now
            if not record.holder or now - since >= self._expire:
                if await self._store.swap(LOCKS, name, found, _encode(mine)):
                    return mine
                continue
            if now >= deadline:
                raise ChatError("blob.busy", after_ms=2000)
            if name in self._here:
                self._here[name].set()
            elif not record.asked:
                asking = LockRecord(record.holder, record.beat, asked=True)
                await self._store.swap(LOCKS, name, found, _encode(asking))
            await asyncio.sleep(self._poll)

    async def _renew(self, name: str, mine: LockRecord, stop: asyncio.Event) -> None:
        """Keep the lock until it is lost or asked for; then set `stop`, and go on renewing."""
        while True:
            await asyncio.sleep(self._beat)
            with suppress(StoreUnavailable):
                found = await self._store.get(LOCKS, name)
                record = None if found is None else _decode(found)
                if found is None or record is None or record.holder != mine.holder:
                    stop.set()
                    return
                if record.asked:
                    stop.set()
                renewed = LockRecord(record.holder, record.beat + 1, record.asked)
                await self._store.swap(LOCKS, name, found, _encode(renewed))

    async def _release(self, name: str, holder: str) -> None:
        while (found := await self._store.get(LOCKS, name)) is not None:
            record = _decode(found)
            if record.holder != holder:
                return
            if await self._store.swap(LOCKS, name, found, _encode(LockRecord("", record.beat))):
                return

    async def forget(self, name: str) -> None:
        """Remove the record of a lock that nobody needs any more."""
        await self._store.delete(LOCKS, name)
