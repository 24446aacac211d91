"""References to blobs: a blob that has one is never removed, on no node and at no time.

The collector marks a blob before it removes it, and looks for references after that. `refer` stores the reference
before it looks for the mark. So one of both sees the other (Dekker's algorithm), and the blob's record, which is
only swapped, decides what happens to it.
"""

import time
from collections.abc import Callable

from chatserver.blobs.model import (
    BLOBS,
    DERIVED,
    REFERENCES,
    WAITING,
    Blob,
    BlobRecord,
    Waiting,
    demand_id,
    encode,
    read_blob,
    reference_key,
    time_text,
)
from chatserver.errors import ChatError
from chatserver.interfaces import Store

PAGE = 500
MOST_DERIVED = 100  # of one blob, by one plugin, that are found
LONG_AGO = 0.0  # a Unix time after which `blobs.keep_hours` have passed


class References:
    """The references to all blobs, as records of the store."""

    def __init__(self, store: Store, now: Callable[[], float] = time.time) -> None:
        self._store, self._now = store, now

    async def refer(self, blob: str, holder: str) -> Blob:
        """Keep the blob for this holder until it is released. Twice is as good as once.

        `holder` is a stable text of at most 500 bytes, such as `plugin:polls:42`. Raises `ChatError`
        blob.not_found if there is no such blob, or not any more.
        """
        key = reference_key(demand_id(blob), holder)
        await self._store.put(REFERENCES, key, time_text(self._now()).encode())
        while True:
            found = await self._store.get(BLOBS, blob)
            record = None if found is None else read_blob(found)
            if record is None or record.state == "gone":
                await self._store.delete(REFERENCES, key)
                raise ChatError("blob.not_found")
            assert found is not None
            if record.state == "kept" or await self._keep(found, record):
                return record.blob

    async def _keep(self, found: bytes, record: BlobRecord) -> bool:
        """Take the collector's mark off; False if the record has changed."""
        kept = encode(record.at("kept", self._now()))
        return await self._store.swap(BLOBS, record.blob.id, found, kept)

    async def release(self, blob: str, holder: str) -> None:
        """End a reference; it need not exist. A blob without any is removed after `blobs.keep_hours`."""
        key = reference_key(demand_id(blob), holder)
        await self.wait(blob)
        await self._store.delete(REFERENCES, key)
        # The collector may have seen the reference, and taken the blob off its list, in between.
        if await self._store.get(WAITING, blob) is None:
            await self.wait(blob)

    async def keep_with(self, derived: str, source: str, plugin: str) -> None:
        """Keep a blob that a plugin made from another one as long as that is kept. Twice is as good as once.

        Raises `ChatError` blob.not_found if one of them is gone.
        """
        index, holder = f"{demand_id(source)}/{plugin}/{derived}", _source_of(source)
        await self._store.put(DERIVED, index, time_text(self._now()).encode())
        try:
            await self.refer(derived, holder)
            # After the entry, which whoever removes the source looks for after its mark.
            found = await self._store.get(BLOBS, source)
            if found is None or read_blob(found).state == "gone":
                raise ChatError("blob.not_found")
        except ChatError as error:
            if error.code == "blob.not_found":
                await self._part(derived, holder, index)
            raise

    async def kept_with(self, source: str, plugin: str) -> list[str]:
        """The ids of what a plugin made from a blob, ascending; some may be gone."""
        prefix = f"{demand_id(source)}/{plugin}/"
        rows = await self._store.scan(DERIVED, prefix, limit=MOST_DERIVED)
        return [key.removeprefix(prefix) for key, _ in rows]

    async def part_all(self, source: str) -> None:
        """End what is kept with a blob that is gone; the collector's next runs remove it."""
        while rows := await self._store.scan(DERIVED, f"{source}/", limit=PAGE):
            for index, _ in rows:
                await self._part(index.rpartition("/")[2], _source_of(source), index)

    async def _part(self, derived: str, holder: str, index: str) -> None:
        await self.release(derived, holder)
        if not await self.exist(derived) and await self._store.get(BLOBS, derived) is not None:
            await self._store.put(WAITING, derived, encode(Waiting(LONG_AGO, "")))
        await self._store.delete(DERIVED, index)

    async def wait(self, blob: str) -> None:
        """Put a blob on the collector's list, from now on, if it exists."""
        found = await self._store.get(BLOBS, blob)
        if found is not None:
            entry = Waiting(self._now(), read_blob(found).blob.owner)
            await self._store.put(WAITING, blob, encode(entry))

    async def exist(self, blob: str) -> bool:
        """Whether anything refers to the blob."""
        return bool(await self._store.scan(REFERENCES, f"{blob}/", limit=1))

    async def holders(self, blob: str, after: str = "", limit: int = 1000) -> list[str]:
        """Holders of references to the blob, ascending, after the given one."""
        prefix = f"{demand_id(blob)}/"
        rows = await self._store.scan(REFERENCES, prefix, f"{prefix}{after}", limit)
        return [key.removeprefix(prefix) for key, _ in rows]


def _source_of(blob: str) -> str:
    """The holder of what is kept with a blob."""
    return f"blob:{blob}"
