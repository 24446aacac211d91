"""Removes blobs that nothing refers to, unfinished uploads, and content that no record knows.

A blob is removed in steps, each a swap of its record: it is condemned when it had no reference for a time; and if
it still has none in a later run, it is gone, and its content is removed. See `references.py` for what happens to a
reference that comes in between.
"""

import time
from collections.abc import Callable, Sequence

from loguru import logger

from chatserver.blobs.model import (
    BLOBS,
    ID_CHARS,
    LOCKS,
    PIECE_ID_BYTES,
    REFERENCES,
    UPLOADS,
    WAITING,
    Blob,
    BlobRecord,
    Piece,
    Waiting,
    blob_of,
    encode,
    read_blob,
    read_upload,
    read_waiting,
)
from chatserver.blobs.ownership import Ownership
from chatserver.blobs.quota import Quota
from chatserver.blobs.references import References
from chatserver.cluster.quarantine import UNREADABLE
from chatserver.config.sections import BlobsConfig
from chatserver.hooks.blobs import Blobs, StoredBlob
from chatserver.interfaces import Store
from chatserver.runtime.measure import Counter

PAGE = 500
HOUR = 3600.0
# Between two steps. The swaps alone are safe on a store whose reads are never old; this is for the seconds in which
# a database that has changed its primary may still answer from the old one.
CONDEMNED_SECONDS = 300.0
UNFINISHED_HOURS = 24.0  # after the last part of an upload; longer than one stream may take
PIECE_CHARS = ID_CHARS + 2 * PIECE_ID_BYTES


class Collector:
    """Removes what is not needed any more. Runs on one node at a time; a second run at once does no harm."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        ownership: Ownership,
        references: References,
        quota: Quota,
        config: BlobsConfig,
        removed: Counter,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._blobs, self._ownership = store, blobs, ownership
        self._references, self._quota, self._config, self._now = references, quota, config, now
        self._removed = removed  # has the label `kind`

    async def collect(self) -> None:
        """Look at all blobs that may have no reference. Raises `StoreUnavailable`, `BlobsUnavailable`."""
        if not await self._may_remove():
            return
        after = ""
        while rows := await self._store.scan(WAITING, "", after, PAGE):
            for blob, entry in rows:
                try:
                    await self._look(blob, read_waiting(entry))
                except UNREADABLE:
                    logger.error("blob {} stays: a record of it cannot be read", blob)
            after = rows[-1][0]

    async def _may_remove(self) -> bool:
        if await self._ownership.is_ours():
            return True
        logger.error("no blob is removed: their place is not this installation's alone")
        return False

    async def _look(self, blob: str, entry: Waiting) -> None:
        age = (self._now() - entry.since) / HOUR
        if age < min(self._config.keep_hours, UNFINISHED_HOURS):
            return
        found = await self._store.get(BLOBS, blob)
        if found is None:
            await self._end_upload(blob, entry)
            return
        record = read_blob(found)
        if record.state == "gone":
            await self.remove(record.blob)
        elif age >= self._config.keep_hours:
            await self._advance(found, record)

    async def _advance(self, found: bytes, record: BlobRecord) -> None:
        """Take the next step with a blob that has been on the list for long enough."""
        blob, now = record.blob, self._now()
        if await self._references.exist(blob.id):
            if record.state == "condemned":
                await self._store.swap(BLOBS, blob.id, found, encode(record.at("kept", now)))
            await self._store.delete(WAITING, blob.id)
            # It may have been released in between, and `release` found it on the list.
            if not await self._references.exist(blob.id):
                await self._references.wait(blob.id)
        elif record.state == "kept":
            await self._store.swap(BLOBS, blob.id, found, encode(record.at("condemned", now)))
        elif now - record.since >= CONDEMNED_SECONDS and await self._store.swap(
            BLOBS, blob.id, found, encode(record.at("gone", now))
        ):
            await self.remove(blob)
            self._removed.add(labels=("unreferenced",))

    async def _end_upload(self, blob: str, entry: Waiting) -> None:
        """Remove an upload that nobody continues, or what a crash left of a stream."""
        found = await self._store.get(UPLOADS, blob)
        upload = None if found is None else read_upload(found)
        last = max(entry.since, upload.since if upload else 0.0)
        if self._now() - last < UNFINISHED_HOURS * HOUR and not (upload and upload.state == "gone"):
            return
        if found is not None and upload is not None:
            if upload.state != "gone" and not await self._store.swap(
                UPLOADS, blob, found, encode(upload.ended("gone"))
            ):
                return  # somebody continues it
            await self._delete((*upload.pieces, *upload.cleaned))
            await self._store.delete(LOCKS, blob)
            await self._store.delete(UPLOADS, blob)
        if await self._store.get(BLOBS, blob) is None:
            await self._quota.give_back(entry.owner, blob)
            await self._store.delete(WAITING, blob)
            self._removed.add(labels=("unfinished",))

    async def remove(self, blob: Blob) -> None:
        """Remove a blob that is gone, with all of its records. May be repeated."""
        await self._delete(blob.pieces)
        while rows := await self._store.scan(REFERENCES, f"{blob.id}/", limit=PAGE):
            for key, _ in rows:  # of calls of `refer` that came too late, and crashed
                await self._store.delete(REFERENCES, key)
        await self._references.part_all(blob.id)
        await self._quota.give_back(blob.owner, blob.id)
        await self._store.delete(BLOBS, blob.id)
        await self._store.delete(WAITING, blob.id)

    async def _delete(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            await self._blobs.delete(piece.key)

    # -- content without a record --------------------------------------------------------------

    async def sweep(self) -> None:
        """Remove old content that no record knows. Raises `StoreUnavailable`, `BlobsUnavailable`."""
        if not await self._may_remove():
            return
        before = self._now() - self._config.orphan_hours * HOUR
        await self._blobs.sweep(before)
        after = ""
        while page := await self._blobs.list(after, PAGE):
            old = [each for each in page if each.modified < before and len(each.key) == PIECE_CHARS]
            await self._sweep_page(old)
            after = page[-1].key

    async def _sweep_page(self, old: Sequence[StoredBlob]) -> None:
        ids = sorted({blob_of(stored.key) for stored in old})
        # Uploads first: one that is completed in between has its blob's record before its own goes.
        uploads = await self._store.get_many(UPLOADS, ids)
        blobs = await self._store.get_many(BLOBS, ids)
        pieces = {blob: _pieces(uploads.get(blob), blobs.get(blob)) for blob in ids}
        for stored in old:
            known = pieces[blob_of(stored.key)]
            if known is not None and stored.key not in known:
                await self._blobs.delete(stored.key)
                self._removed.add(labels=("orphan",))


def _pieces(upload: bytes | None, blob: bytes | None) -> set[str] | None:
    """Keys of the pieces that the records name; None if a record cannot be read, so that all are kept.

    A blob needs nothing else of its upload.
    """
    try:
        if blob is not None:
            return {piece.key for piece in read_blob(blob).blob.pieces}
        if upload is not None:
            known = read_upload(upload)
            return {piece.key for piece in (*known.pieces, *known.cleaned)}
    except UNREADABLE:
        return None
    return set()
