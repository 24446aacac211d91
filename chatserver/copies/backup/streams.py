"""Streams of a backup for an event loop: runs `parts.py` in a thread."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

from chatserver.copies.archive.background import Writing, ahead
from chatserver.copies.archive.lines import Line, decode
from chatserver.copies.backup.manifest import Part
from chatserver.copies.backup.parts import PartsWriter, read_parts
from chatserver.copies.backup.seal import Seal


class StreamWriter:
    """Accepts bytes and writes parts."""

    def __init__(self, folder: Path, name: str, seal: Seal, part_bytes: int) -> None:
        self._parts = PartsWriter(folder, name, seal, part_bytes)
        self._writing = Writing(self._parts.write)
        self.write = self._writing.write

    async def close(self) -> list[Part]:
        """Write the rest and return the parts, which are then durable. Raises `OSError`."""
        await self._writing.flush()
        return await asyncio.to_thread(self._parts.close)

    async def abandon(self) -> None:
        """Stop writing and close the file; when this returns, nothing is written any more. Never raises."""
        await self._writing.abandon()
        self._parts.abandon()


async def read_lines(folder: Path, parts: Sequence[Part], seal: Seal) -> AsyncIterator[list[Line]]:
    """The lines of a stream, in lists. Raises `Corrupted`."""
    async with aclosing(ahead(decode(read_parts(folder, parts, seal)))) as pieces:
        async for lines in pieces:
            yield lines
