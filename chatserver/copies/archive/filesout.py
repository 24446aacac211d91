"""Writes the files of users into an archive, each content once."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing

from chatserver.blobs import carrying
from chatserver.blobs.carrying import Damaged, Lost
from chatserver.blobs.model import Blob
from chatserver.copies.archive.digests import Progress, silent
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.archive.lines import FileData, FileEnd, FileLine, FileStart
from chatserver.copies.archive.patience import Readable
from chatserver.errors import BlobsUnavailable
from chatserver.hooks.blobs import Blobs

DATA_BYTES = 384 * 1024  # in one line
OnLost = Callable[[Lost], None]


class FilesOut:
    """The files of an installation on their way into an archive; `blobs` is their place."""

    def __init__(self, blobs: Blobs, on_lost: OnLost, progress: Progress = silent) -> None:
        """`on_lost` is called for each file that something needs and whose content is lost; its error ends the export."""
        self.files = self.lost = self.bytes = 0
        self._blobs, self._on_lost, self._progress = blobs, on_lost, progress
        self._known: dict[bytes, bytes] = {}  # ids of blobs that were written, by their hash

    async def lines(
        self, store: Readable, wanted: Mapping[bytes, bytes]
    ) -> AsyncIterator[FileLine]:
        """The lines of the blobs with these ids and hashes. Raises `ArchiveError` if their place does not answer."""
        for number, (each, digest) in enumerate(wanted.items(), 1):
            if (blob := await carrying.find(store, each.hex())) is not None:
                async for line in self._of(store, blob):
                    yield line
            else:
                yield FileStart(each.hex(), "", 0, digest.hex())
                yield await self._without(store, each.hex(), "", 0, "it was removed meanwhile")
            self._progress(number, len(wanted))

    async def _of(self, store: Readable, blob: Blob) -> AsyncIterator[FileLine]:
        digest = bytes.fromhex(blob.sha256)
        if digest in self._known:
            same = self._known[digest].hex()
            yield FileStart(blob.id, blob.name, blob.size, blob.sha256, same)
            yield self._whole(blob, digest)
            return
        yield FileStart(blob.id, blob.name, blob.size, blob.sha256)
        try:
            async with aclosing(carrying.read(self._blobs, blob)) as parts:
                async for part in parts:
                    for start in range(0, len(part), DATA_BYTES):
                        yield FileData(part[start : start + DATA_BYTES])
        except Damaged as damaged:
            yield await self._without(store, blob.id, blob.name, blob.size, str(damaged))
        except BlobsUnavailable as error:
            raise ArchiveError(f"the place of the files does not answer: {error.reason}") from error
        else:
            self.bytes += blob.size
            yield self._whole(blob, digest)

    def _whole(self, blob: Blob, digest: bytes) -> FileEnd:
        self.files += 1
        self._known.setdefault(digest, bytes.fromhex(blob.id))
        return FileEnd(blob.id)

    async def _without(
        self, store: Readable, blob: str, name: str, size: int, reason: str
    ) -> FileEnd:
        self.lost += 1
        rooms = await carrying.where(store, blob)
        if rooms is not None:
            self._on_lost(Lost(blob, name, size, rooms, reason))
        return FileEnd(blob, reason, rooms or ())
