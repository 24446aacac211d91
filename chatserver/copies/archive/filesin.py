"""Fills the place of files from an archive, and reads back what it wrote."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from chatserver.blobs import carrying
from chatserver.blobs.carrying import Damaged, Lost
from chatserver.blobs.model import Blob
from chatserver.blobs.ownership import Ownership
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.archive.lines import FileData, FileEnd, FileLine, FileStart
from chatserver.copies.archive.patience import patiently
from chatserver.errors import BlobsUnavailable
from chatserver.hooks.blobs import Blobs
from chatserver.interfaces import Store

WAITING = 2  # lines of data in memory, beside the one being written
OnLost = Callable[[Lost], None]


class FilesIn:
    """The files of an archive on their way into a place. Raises `ArchiveError` if that does not take them."""

    def __init__(self, blobs: Blobs, on_lost: OnLost) -> None:
        """`on_lost` is called for each file that something needs and the archive lacks; its error ends the import."""
        self._blobs, self._on_lost = blobs, on_lost
        self._store: Store | None = None
        self._start: FileStart | None = None
        self._stream: _Stream | None = None

    async def begin(self, store: Store) -> None:
        """Demand that no other installation owns the place. `store` has, or gets, the records of the blobs."""
        self._store = store
        await self._taken(Ownership(store, self._blobs, lambda: "").demand_unowned)

    async def end(self, store: Store, epoch: str) -> None:
        """Give the place to the installation of this epoch."""
        await self._taken(Ownership(store, self._blobs, lambda: epoch).claim_filled)

    async def abandon(self) -> None:
        """Stop writing; after an error. Never raises."""
        if self._stream is not None:
            await self._stream.abandon()

    async def add(self, line: FileLine) -> None:
        """Take the next line of a file, after the records before it were written to the store."""
        if isinstance(line, FileStart):
            self._start = line
            if not line.same and (blob := await self._find(line.blob)) is not None:
                self._stream = _Stream(self._blobs, blob)
        elif isinstance(line, FileData):
            if self._stream is not None:
                stream = self._stream
                await self._taken(lambda: stream.feed(line.data))
        elif self._start is not None:
            await self._finish(self._start, line)

    async def _finish(self, start: FileStart, line: FileEnd) -> None:
        stream, self._stream = self._stream, None
        if line.lost:
            if stream is not None:
                await stream.abandon()
            if line.rooms:
                self._on_lost(Lost(start.blob, start.name, start.size, line.rooms, line.lost))
            return
        blob = await self._find(start.blob)
        if blob is None:
            raise ArchiveError(f"blob {start.blob}: its record is not in the store")
        try:
            if stream is not None:
                await self._taken(stream.end)
            else:
                await self._repeat(blob, start.same)
            await self._taken(lambda: carrying.check(self._blobs, blob))
        except Damaged as error:
            raise ArchiveError(
                f"{start.name or blob.id}: the place of the files has other content than the archive: {error}"
            ) from error

    async def _repeat(self, blob: Blob, same: str) -> None:
        """Write the content of an earlier blob once more: each blob has its own, so that it can be removed."""
        other = await self._find(same)
        if other is None:
            raise ArchiveError(f"blob {same}: its record is not in the store")
        async with aclosing(carrying.read(self._blobs, other)) as parts:
            await self._taken(lambda: carrying.write(self._blobs, blob, parts))

    async def _find(self, blob: str) -> Blob | None:
        store = self._store
        assert store is not None
        return await patiently(lambda: carrying.find(store, blob))

    async def _taken(self, call: Callable[[], Awaitable[object]]) -> None:
        try:
            await call()
        except BlobsUnavailable as error:
            raise ArchiveError(f"the place of the files: {error.reason}") from error


class _Stream:
    """The content of a blob, written by a task while its data comes."""

    def __init__(self, blobs: Blobs, blob: Blob) -> None:
        self._coming: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING)
        self._task = asyncio.create_task(carrying.write(blobs, blob, self._parts()))

    async def feed(self, data: bytes | None) -> None:
        """Hand over data, once there is room. Raises what the writing raises."""
        putting = asyncio.ensure_future(self._coming.put(data))
        await asyncio.wait({putting, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done() and not putting.done():
            putting.cancel()
            self._task.result()

    async def end(self) -> None:
        """Wait until all is written. Raises what the writing raises."""
        await self.feed(None)
        await self._task

    async def abandon(self) -> None:
        """Stop, and remove what was written. Never raises."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _parts(self) -> AsyncGenerator[bytes, None]:
        while (data := await self._coming.get()) is not None:
            yield data
