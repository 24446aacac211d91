"""Resumable uploads: each request adds a piece at the end, on any node; the last one makes the blob.

What arrived before a connection broke is kept. The protocol over HTTP, tus 1.0, is not here: `create` is its POST,
`find` its HEAD, `append` its PATCH, and `cancel` its DELETE.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress

import msgspec

from chatserver.blobs.cleaning import BROKEN, LONGER_BYTES, Cleaner
from chatserver.blobs.judging import REFUSED, Judging
from chatserver.blobs.locks import Locks
from chatserver.blobs.model import (
    BLOBS,
    UPLOADS,
    WAITING,
    Blob,
    Piece,
    UploadRecord,
    Waiting,
    encode,
    new_id,
    new_piece,
    read_blob,
    read_upload,
    time_text,
)
from chatserver.blobs.ownership import Ownership
from chatserver.blobs.quota import Quota
from chatserver.blobs.references import LONG_AGO
from chatserver.blobs.streams import Measured, joined
from chatserver.blobs.taking import record, reserve
from chatserver.errors import ChatError
from chatserver.hooks.blobs import Blobs
from chatserver.interfaces import Store

PIECES = 1000  # of one upload: its record stays small


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """An upload as its user sees it: `offset` bytes of `size` are stored. `blob` is there when all are.

    The blob of a picture is smaller if it came with metadata.
    """

    id: str
    name: str
    size: int
    offset: int
    blob: Blob | None = None


class Uploads:
    """The uploads of all users. Each method takes the user's id; another's upload is blob.not_found."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        ownership: Ownership,
        quota: Quota,
        locks: Locks,
        judging: Judging,
        cleaner: Cleaner,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._blobs, self._ownership = store, blobs, ownership
        self._quota, self._locks, self._now = quota, locks, now
        self._judging, self._cleaner = judging, cleaner

    async def create(
        self,
        owner: str,
        size: int,
        *,
        name: str = "",
        media_type: str = "",
        room: str | None = None,
    ) -> Upload:
        """Begin an upload of `size` bytes. It ends by itself a day after its last part.

        `room` is the room that the user says the file is for. Raises `ChatError` blob.too_large, limit.space,
        limit.count, limit.rate, blob.unavailable, action.refused.
        """
        if size < 0:
            raise ChatError("request.invalid")
        await self._ownership.demand()
        name, media_type = await self._judging.declared(owner, name, media_type, size, room)
        made = UploadRecord(
            id=new_id(),
            owner=owner,
            name=name,
            media_type=media_type,
            size=size,
            since=self._now(),
        )
        await reserve(self._store, self._quota, made.id, owner, size, self._now())
        await self._store.put(UPLOADS, made.id, encode(made))
        return _shown(made) if size else await self._finish(made)

    async def find(self, upload: str, owner: str) -> Upload:
        """The upload, with its offset. Raises `ChatError` blob.not_found."""
        found, known = await self._read(upload, owner)
        return _shown(known) if found else await self._finished(upload, owner)

    async def append(
        self, upload: str, owner: str, offset: int, parts: AsyncIterator[bytes]
    ) -> Upload:
        """Add parts at `offset`; with the last byte the upload becomes a blob.

        A request that still adds to it is asked to stop first. If `parts` raises, or another request wants to
        continue, what arrived is kept; an error of `parts` is raised after that. A call that is cancelled keeps
        nothing. Raises `ChatError` blob.offset (`detail` has the right one), blob.busy, blob.too_large,
        blob.not_found, limit.count, blob.unavailable.
        """
        await self._ownership.demand()
        await self.find(upload, owner)  # before anybody is asked to stop for a stranger
        async with self._locks.held(upload) as stop:
            found, known = await self._read(upload, owner)
            if found is None:
                return await self._finished(upload, owner)
            if offset != known.offset:
                raise ChatError("blob.offset", detail={"offset": known.offset})
            if len(known.pieces) >= PIECES:
                raise ChatError("limit.count", "This upload came in too many pieces.")
            if known.offset < known.size:
                known = await self._add(found, known, _Stoppable(parts, stop))
            shown = _shown(known) if known.offset < known.size else await self._finish(known)
        if shown.blob is not None:
            await self._locks.forget(upload)
        return shown

    async def _add(self, found: bytes, known: UploadRecord, parts: "_Stoppable") -> UploadRecord:
        """Store what comes as a piece, and note it."""
        key = new_piece(known.id)
        async with aclosing(parts.__aiter__()) as coming:
            measured = Measured(coming, known.size - known.offset)
            async with aclosing(measured.__aiter__()) as counted:
                await self._blobs.write(key, counted)
        if not measured.size:
            await self._blobs.delete(key)
            parts.raise_error()
            return known
        is_whole = measured.size == known.size
        longer = msgspec.structs.replace(
            known,
            pieces=(*known.pieces, Piece(key, measured.size)),
            sha256=measured.sha256 if is_whole else "",
            since=self._now(),
        )
        if not await self._store.swap(UPLOADS, known.id, found, encode(longer)):
            await self._blobs.delete(key)
            raise ChatError("blob.busy", after_ms=1000)
        if longer.offset < longer.size:
            parts.raise_error()
        return longer

    async def _finish(self, known: UploadRecord) -> Upload:
        """Make the blob of a complete upload. May be repeated, also on several nodes at once.

        If what has arrived is a broken picture, or plugins refuse it, the upload is removed; if one of them fails, the
        client may try again.
        """
        found = await self._store.get(UPLOADS, known.id)
        if found is None or read_upload(found).state == "gone":
            return await self._finished(known.id, known.owner)
        pieces = read_upload(found).cleaned or known.pieces
        new: Piece | None = None
        try:
            cleaned = await self._cleaner.clean(known.id, pieces, known.media_type)
            new = cleaned.new
            pieces = pieces if new is None else (new,)
            blob = Blob(
                id=known.id,
                owner=known.owner,
                name=known.name,
                media_type=cleaned.content.media_type,
                size=sum(piece.size for piece in pieces),
                sha256=cleaned.sha256 or await self._hash(known, pieces),
                at=time_text(self._now()),
                pieces=pieces,
                width=cleaned.content.width,
                height=cleaned.content.height,
            )
            await self._judging.arrived(blob)
            done = known.ended("done", () if pieces == known.pieces else pieces)
            if not await self._store.swap(UPLOADS, known.id, found, encode(done)):
                raise ChatError("blob.busy", after_ms=1000)
        except ChatError as error:
            if new is not None:
                await self._blobs.delete(new.key)
            if error.code in (REFUSED, BROKEN):
                await self._remove(found, known)
            raise
        await record(self._store, blob, self._now(), known.size)
        await self._quota.settle(known.owner, known.id, blob.size)
        if done.cleaned:
            await self._delete(known.pieces)
        await self._store.delete(UPLOADS, known.id)
        return await self._finished(known.id, known.owner)

    async def _delete(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            await self._blobs.delete(piece.key)

    async def _hash(self, known: UploadRecord, pieces: Sequence[Piece]) -> str:
        """The hash of all pieces, which are read back for it: so nothing is missing when the blob is made."""
        if known.sha256 and pieces == known.pieces:
            return known.sha256
        measured = Measured(joined(self._blobs, pieces), known.size + LONGER_BYTES)
        async for _ in measured:
            pass
        return measured.sha256

    async def cancel(self, upload: str, owner: str) -> None:
        """End an upload, and remove what it has. Raises `ChatError` blob.not_found, blob.busy.

        One that has become a blob in the meantime is left to the collector's next runs, if nothing refers to it.
        """
        await self.find(upload, owner)
        async with self._locks.held(upload):
            found, known = await self._read(upload, owner)
            if found is not None and known.state != "done":
                await self._remove(found, known)
            else:
                if found is not None:
                    await self._finish(known)
                await self._finished(upload, owner)
                await self._store.put(WAITING, upload, encode(Waiting(LONG_AGO, owner)))
        await self._locks.forget(upload)

    async def _remove(self, found: bytes, known: UploadRecord) -> None:
        if not await self._store.swap(UPLOADS, known.id, found, encode(known.ended("gone"))):
            raise ChatError("blob.busy", after_ms=1000)
        await self._delete((*known.pieces, *known.cleaned))
        await self._quota.give_back(known.owner, known.id)
        await self._store.delete(UPLOADS, known.id)

    async def _read(self, upload: str, owner: str) -> tuple[bytes | None, UploadRecord]:
        """The record as bytes and as what it says; None if there is none (any more)."""
        found = await self._store.get(UPLOADS, upload)
        if found is None:
            return None, UploadRecord(
                id=upload, owner=owner, name="", media_type="", size=0, since=0
            )
        known = read_upload(found)
        if known.owner != owner or known.state == "gone":
            raise ChatError("blob.not_found")
        return found, known

    async def _finished(self, upload: str, owner: str) -> Upload:
        """The upload that has become a blob. Raises `ChatError` blob.not_found."""
        found = await self._store.get(BLOBS, upload)
        record = None if found is None else read_blob(found)
        if record is None or record.blob.owner != owner:
            raise ChatError("blob.not_found")
        blob = record.blob
        size = blob.size if record.uploaded is None else record.uploaded
        return Upload(id=blob.id, name=blob.name, size=size, offset=size, blob=blob)


class _Stoppable:
    """Parts that end early when `stop` is set or when they raise; the error is kept for later."""

    def __init__(self, parts: AsyncIterator[bytes], stop: asyncio.Event) -> None:
        self._parts, self._stop = parts, stop
        self._error: BaseException | None = None

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            while not stopping.done():
                coming = asyncio.ensure_future(anext(self._parts))
                try:
                    await asyncio.wait({coming, stopping}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not coming.done():
                        coming.cancel()
                        await asyncio.wait({coming})
                if coming.cancelled():
                    break
                try:
                    part = coming.result()
                except StopAsyncIteration:
                    return
                except Exception as error:
                    self._error = error
                    return
                yield part
            self._error = ChatError("blob.busy", after_ms=1000)
        finally:
            stopping.cancel()
            with suppress(asyncio.CancelledError):
                await stopping

    def raise_error(self) -> None:
        """Raise what ended the parts early, if anything did."""
        if self._error is not None:
            raise self._error


def _shown(known: UploadRecord) -> Upload:
    return Upload(id=known.id, name=known.name, size=known.size, offset=known.offset)


__all__ = ["Upload", "Uploads"]
