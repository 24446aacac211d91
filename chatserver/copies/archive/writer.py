"""Writes an archive, line by line, to a function that accepts bytes."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from chatserver.copies.archive import redacting
from chatserver.copies.archive.copying import Copying, Counts
from chatserver.copies.archive.digests import Progress, SpaceDigests
from chatserver.copies.archive.filesout import FilesOut
from chatserver.copies.archive.lines import VERSION, End, Header, Line, Record, encode
from chatserver.copies.archive.patience import Readable
from chatserver.runtime.clock import now_text
from chatserver.version import __version__

Write = Callable[[bytes], Awaitable[None]]


def header(epoch: str, archive: str) -> Header:
    """The first line of a new archive with this id."""
    return Header(VERSION, archive, now_text(), __version__, epoch)


async def write_archive(
    store: Readable,
    header: Header,
    write: Write,
    progress: Progress,
    files: FilesOut | None = None,
) -> Counts:
    """Write the whole store, without replaced texts, and with the files of users if `files` is given.

    Raises `ArchiveError`, and the errors of `write`.
    """
    writing, copying = Lines(write), Copying(store, redacting.events)
    await writing.lines([header])
    await writing.records(copying.records())
    async for events, end in copying.logs(progress):
        await writing.text(events)
        if end is not None:
            await writing.lines([end])
    await writing.records(copying.late())
    await writing.lines([*writing.spaces.ends().values()])
    if files is not None:
        async for line in files.lines(store, copying.blobs):
            await writing.lines([line])
    counts = copying.counts()
    found = (files.files, files.lost) if files is not None else (0, 0)
    last = End(counts.rooms, counts.events, counts.records, writing.sha256(), *found)
    await writing.lines([last])
    return counts


class Lines:
    """Writes lines, and hashes them for the end of the archive. `spaces` are the digests of the records."""

    def __init__(self, write: Write) -> None:
        self.spaces = SpaceDigests()
        self._write = write
        self._hash = hashlib.sha256()

    def sha256(self) -> str:
        """The SHA-256 of all bytes written, in hexadecimal."""
        return self._hash.hexdigest()

    async def text(self, text: bytes) -> None:
        self._hash.update(text)
        await self._write(text)

    async def lines(self, lines: Sequence[Line]) -> None:
        await self.text(encode(lines))

    async def records(self, pages: AsyncIterator[list[Record]]) -> None:
        async for page in pages:
            await self.page(page)

    async def page(self, page: Sequence[Record]) -> None:
        self.spaces.add(page)
        await self.lines(page)
