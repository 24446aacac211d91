"""A back end in memory, for tests of what is built on it; and the base of the mutants that the suite has to find."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from chatserver import BlobExists, ChatError, StoredBlob, demand_blob_key

PIECE_BYTES = 256 * 1024


class MemoryBlobs:
    """Keeps the parts of each blob. Several on one `contents` are as several nodes."""

    def __init__(self, contents: dict[str, tuple[list[bytes], float]] | None = None) -> None:
        self.contents = {} if contents is None else contents
        self.now: Callable[[], float] = time.time

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def write(self, key: str, parts: AsyncIterator[bytes]) -> int:
        demand_blob_key(key)
        self._demand_new(key)
        stored = [part async for part in parts]
        self._demand_new(key)
        self.contents[key] = stored, self.now()
        return sum(map(len, stored))

    def _demand_new(self, key: str) -> None:
        if key in self.contents:
            raise BlobExists

    async def read(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        demand_blob_key(key)
        if key not in self.contents:
            raise ChatError("blob.not_found")
        whole = b"".join(self.contents[key][0])
        end = len(whole) if length is None else min(len(whole), start + length)
        for place in range(start, end, PIECE_BYTES):
            yield whole[place : min(end, place + PIECE_BYTES)]

    async def size(self, key: str) -> int | None:
        return sum(map(len, self.contents[key][0])) if key in self.contents else None

    async def delete(self, key: str) -> None:
        self.contents.pop(key, None)

    async def list(self, after: str = "", limit: int = 1000) -> list[StoredBlob]:
        keys = sorted(key for key in self.contents if key > after)[:limit]
        return [
            StoredBlob(key, sum(map(len, self.contents[key][0])), self.contents[key][1])
            for key in keys
        ]

    async def sweep(self, before: float) -> None: ...
