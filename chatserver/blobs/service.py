"""The blobs of one node: the one way to them for interfaces and plugins."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from loguru import logger

from chatserver.blobs.cleaning import Cleaner
from chatserver.blobs.collecting import Collector
from chatserver.blobs.judging import Allow, Judging
from chatserver.blobs.locks import Locks
from chatserver.blobs.model import BLOBS, Blob, demand_id, encode, read_blob
from chatserver.blobs.ownership import FOREIGN, Ownership
from chatserver.blobs.quota import Quota, Usage
from chatserver.blobs.references import References
from chatserver.blobs.streams import joined
from chatserver.blobs.taking import Taking
from chatserver.blobs.uploads import Uploads
from chatserver.config.sections import BlobsConfig
from chatserver.errors import BlobsUnavailable, ChatError, StoreUnavailable
from chatserver.hooks.blobs import Blobs
from chatserver.interfaces import Store
from chatserver.runtime.measure import Counter, Measures


class BlobService:
    """Files of users and plugins. Without a plugin that provides blobs, each method raises blob.none.

    Rights to read are not checked here: whoever shows a blob knows what it belongs to.
    """

    def __init__(
        self,
        store: Store,
        blobs: Blobs | None,
        config: BlobsConfig,
        epoch: Callable[[], str],
        measures: Measures,
        now: Callable[[], float] = time.time,
        allow: Allow | None = None,
    ) -> None:
        """`epoch` is the installation's, known from the start of the service on. `allow` asks plugins."""
        self._now = now
        removed = measures.counter(
            "chatserver_blobs_removed_total",
            "Blobs that were removed: unreferenced, unfinished, or content without a record (orphan)",
            ("kind",),
        )
        self._parts = (
            None
            if blobs is None
            else _Parts(store, blobs, config, epoch, removed, now, Judging(allow))
        )
        self._taken = measures.counter("chatserver_blobs_taken_total", "Blobs that were stored")
        self._bytes = measures.counter(
            "chatserver_blobs_taken_bytes_total", "Bytes of the blobs that were stored"
        )

    @property
    def exist(self) -> bool:
        """Whether this server keeps blobs."""
        return self._parts is not None

    async def take(
        self,
        owner: str,
        parts: AsyncIterator[bytes],
        *,
        name: str = "",
        media_type: str = "",
        size: int | None = None,
    ) -> Blob:
        """Store a file of the user id `owner` ("" for the server's own, which has no quota).

        `parts` are taken as they come, a few in memory at a time; a blob is durable when this returns. `size` in
        bytes, if it is known, is reserved of the user's space, and demanded. `name` and `media_type` are what the
        user claims. If nothing refers to the blob within `blobs.keep_hours`, it is removed.

        Raises `ChatError` blob.too_large, limit.space, limit.count, limit.rate, request.invalid (another size),
        blob.unavailable, store.unavailable, action.refused, and what `parts` raises; then nothing is stored.
        """
        blob = await self._have.taking.take(
            owner, parts, name=name, media_type=media_type, size=size
        )
        self._taken.add()
        self._bytes.add(blob.size)
        return blob

    async def get(self, blob: str) -> Blob:
        """The blob of this id. Raises `ChatError` blob.not_found."""
        have = self._have
        found = await have.store.get(BLOBS, demand_id(blob))
        record = None if found is None else read_blob(found)
        if record is None or record.state == "gone":
            raise ChatError("blob.not_found")
        return record.blob

    def read(
        self, blob: Blob, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of a blob from `start` on, at most `length`, in parts of at most 1 MiB.

        Raises `ChatError` blob.not_found if the blob was removed, blob.unavailable.
        """
        return joined(self._have.blobs, blob.pieces, start, length)

    async def refer(self, blob: str, holder: str) -> Blob:
        """See `References.refer`."""
        return await self._have.references.refer(blob, holder)

    async def release(self, blob: str, holder: str) -> None:
        """See `References.release`."""
        await self._have.references.release(blob, holder)

    async def keep_with(self, derived: str, source: str, plugin: str) -> None:
        """See `References.keep_with`."""
        await self._have.references.keep_with(derived, source, plugin)

    async def kept_with(self, source: str, plugin: str) -> list[Blob]:
        """What a plugin made from a blob and is kept with it, at most 100 blobs."""
        have = self._have
        ids = await have.references.kept_with(source, plugin)
        rows = await have.store.get_many(BLOBS, ids)
        records = [read_blob(rows[each]) for each in ids if each in rows]
        return [record.blob for record in records if record.state != "gone"]

    async def holders(self, blob: str, after: str = "", limit: int = 1000) -> list[str]:
        """See `References.holders`."""
        return await self._have.references.holders(blob, after, limit)

    async def usage(self, user: str) -> Usage:
        """How much of their quota a user (id) has taken."""
        return await self._have.quota.usage(user)

    @property
    def uploads(self) -> Uploads:
        """Resumable uploads."""
        return self._have.uploads

    async def page(self, after: str, limit: int) -> list[Blob]:
        """At most `limit` blobs that are there, by ascending id > `after`; they are in no order of time."""
        have = self._have
        found: list[Blob] = []
        while len(found) < limit and (rows := await have.store.scan(BLOBS, "", after, limit)):
            after = rows[-1][0]
            records = map(read_blob, (row for _, row in rows))
            found += [record.blob for record in records if record.state != "gone"]
        return found[:limit]

    async def purge(self, blob: str) -> None:
        """Remove a blob at once, whatever refers to it. Unknown ones are ignored."""
        have = self._have
        await have.references.wait(
            demand_id(blob)
        )  # so that the collector goes on if this breaks off
        while (found := await have.store.get(BLOBS, blob)) is not None:
            record = read_blob(found)
            gone = encode(record.at("gone", self._now()))
            if record.state == "gone" or await have.store.swap(BLOBS, blob, found, gone):
                await have.collector.remove(record.blob)
                return

    async def look(self) -> None:
        """Look at the place once, at the start; what is wrong with it is logged, so that it is not first known by users.

        An empty place gets this installation's mark: so another node that has an empty one, too, finds out.
        """
        if self._parts is None:
            return
        try:
            if not await self._parts.ownership.is_ours():
                logger.error(
                    "no files are taken: {}. Several nodes need one place: a folder that all of them mount, or a plugin "
                    "such as gridfs or s3",
                    FOREIGN,
                )
        except BlobsUnavailable as error:
            logger.warning("the place of the files does not answer: {}", error.reason)
        except StoreUnavailable:
            logger.warning("the place of the files is not looked at: the store does not answer")

    async def claim(self) -> None:
        """Make this installation the owner of its back end, as after a restore."""
        await self._have.ownership.claim()

    @property
    def collector(self) -> Collector:
        return self._have.collector

    @property
    def _have(self) -> "_Parts":
        if self._parts is None:
            raise ChatError("blob.none")
        return self._parts


class _Parts:
    """The parts of the service, which are there if a plugin provides blobs."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        config: BlobsConfig,
        epoch: Callable[[], str],
        removed: Counter,
        now: Callable[[], float],
        judging: Judging,
    ) -> None:
        self.store, self.blobs = store, blobs
        self.ownership = Ownership(store, blobs, epoch)
        self.quota = Quota(store, config, now)
        self.references = References(store, now)
        cleaner = Cleaner(blobs, keeps_metadata=config.keep_metadata)
        self.taking = Taking(store, blobs, self.ownership, self.quota, judging, cleaner, now)
        self.uploads = Uploads(
            store, blobs, self.ownership, self.quota, Locks(store), judging, cleaner, now
        )
        self.collector = Collector(
            store, blobs, self.ownership, self.references, self.quota, config, removed, now
        )


__all__ = ["BlobService"]
