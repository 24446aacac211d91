"""Takes a blob from a stream of parts: reserved, written, recorded, in this order.

After a crash at any step, the collector finds the blob's entry on its list, and removes what is there.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress

from chatserver.blobs.cleaning import BROKEN, Clean, Cleaner
from chatserver.blobs.judging import Judging
from chatserver.blobs.model import (
    BLOBS,
    WAITING,
    Blob,
    BlobRecord,
    Piece,
    Waiting,
    encode,
    new_id,
    new_piece,
    time_text,
)
from chatserver.blobs.ownership import Ownership
from chatserver.blobs.quota import Quota
from chatserver.blobs.streams import Measured
from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hooks.blobs import Blobs
from chatserver.interfaces import Store

TAKE_SECONDS = (
    6 * 3600.0
)  # for one stream; the collector waits longer before it removes what is unfinished


class Taking:
    """Stores whole streams."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        ownership: Ownership,
        quota: Quota,
        judging: Judging,
        cleaner: Cleaner,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._cleaner = cleaner
        self._store, self._blobs, self._ownership = store, blobs, ownership
        self._quota, self._judging, self._now = quota, judging, now

    async def take(
        self,
        owner: str,
        parts: AsyncIterator[bytes],
        *,
        name: str = "",
        media_type: str = "",
        size: int | None = None,
    ) -> Blob:
        """See `BlobService.take`."""
        await self._ownership.demand()
        name, media_type = await self._judging.declared(owner, name, media_type, size)
        blob = new_id()
        most = await reserve(self._store, self._quota, blob, owner, size, self._now())
        try:
            async with asyncio.timeout(TAKE_SECONDS):
                measured = Measured(parts, most)
                piece = Piece(new_piece(blob), 0)
                async with aclosing(measured.__aiter__()) as counted:
                    await self._blobs.write(piece.key, counted)
                if size is not None and measured.size != size:
                    await self._blobs.delete(piece.key)
                    raise ChatError(
                        "request.invalid", f"Expected {size} bytes, got {measured.size}."
                    )
                stored = Piece(piece.key, measured.size)
                cleaned = await self._cleaned(blob, stored, media_type)
                kept = cleaned.new or stored
                made = Blob(
                    id=blob,
                    owner=owner,
                    name=name,
                    media_type=cleaned.content.media_type,
                    size=kept.size,
                    sha256=cleaned.sha256 or measured.sha256,
                    at=time_text(self._now()),
                    pieces=(kept,),
                    width=cleaned.content.width,
                    height=cleaned.content.height,
                )
                try:
                    await self._judging.arrived(made)
                except ChatError:
                    await self._blobs.delete(kept.key)
                    raise
                await record(self._store, made, self._now())
        except BaseException:
            with suppress(StoreUnavailable):  # else the collector does it
                await asyncio.shield(self._quota.give_back(owner, blob))
            raise
        await self._quota.settle(owner, blob, made.size)
        return made

    async def _cleaned(self, blob: str, stored: Piece, media_type: str) -> Clean:
        """Look at what is stored; it is removed if something else takes its place, or if it is refused."""
        try:
            cleaned = await self._cleaner.clean(blob, (stored,), media_type)
        except ChatError as error:
            if error.code == BROKEN:
                await self._blobs.delete(stored.key)
            raise
        if cleaned.new is not None:
            await self._blobs.delete(stored.key)
        return cleaned


async def reserve(
    store: Store, quota: Quota, blob: str, owner: str, size: int | None, since: float
) -> int:
    """Put a blob on the collector's list, and reserve space for it, before anything of it is stored.

    Returns the bytes that it may have. Raises `ChatError`, see `Quota.reserve`.
    """
    await store.put(WAITING, blob, encode(Waiting(since, owner)))
    try:
        return await quota.reserve(owner, blob, size)
    except StoreUnavailable:
        raise
    except ChatError:
        await store.delete(WAITING, blob)
        raise


async def record(store: Store, blob: Blob, since: float, uploaded: int | None = None) -> None:
    """Make a blob known, once all of its content is stored; see `BlobRecord` for `uploaded`."""
    await store.add(BLOBS, blob.id, encode(BlobRecord(blob=blob, since=since, uploaded=uploaded)))
