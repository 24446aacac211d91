"""Streams of a backup beside an event loop: files are written and read in a thread, one piece ahead."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

from chatserver.backup.lines import Line, decode
from chatserver.backup.manifest import Part
from chatserver.backup.parts import PartsWriter, read_parts
from chatserver.backup.seal import Seal

T = TypeVar("T")

PIECE_BYTES = 1 << 20


class StreamWriter:
    """Takes bytes; at most two pieces wait."""

    def __init__(self, folder: Path, name: str, seal: Seal, part_bytes: int) -> None:
        self._parts = PartsWriter(folder, name, seal, part_bytes)
        self._piece = bytearray()
        self._writing: asyncio.Future[None] | None = None

    async def write(self, data: bytes) -> None:
        """Raises `OSError`, perhaps of an earlier piece."""
        self._piece += data
        if len(self._piece) >= PIECE_BYTES:
            await self._settled()
            piece, self._piece = bytes(self._piece), bytearray()
            self._writing = asyncio.ensure_future(asyncio.to_thread(self._parts.write, piece))

    async def close(self) -> list[Part]:
        """The parts, which are on the disk. Raises `OSError`."""
        await self._settled()
        await asyncio.to_thread(self._parts.write, bytes(self._piece))
        return await asyncio.to_thread(self._parts.close)

    async def abandon(self) -> None:
        """Nothing is written any more when it returns. Never raises."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
            self._writing.exception()
        self._parts.abandon()

    async def _settled(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await _kept(writing)


async def read_lines(folder: Path, parts: Sequence[Part], seal: Seal) -> AsyncIterator[list[Line]]:
    """The lines of a stream, in lists. Raises `Corrupted`."""
    async with aclosing(ahead(decode(read_parts(folder, parts, seal)))) as pieces:
        async for lines in pieces:
            yield lines


async def ahead(pieces: Iterable[T]) -> AsyncGenerator[T, None]:
    """What an iterator that blocks gives; the next piece is made while one is worked on."""
    iterator = iter(pieces)
    making = asyncio.ensure_future(asyncio.to_thread(_next, iterator))
    try:
        while found := await _kept(making):
            making = asyncio.ensure_future(asyncio.to_thread(_next, iterator))
            yield found[0]
    finally:
        if not making.done():
            await asyncio.wait([making])
        if not making.cancelled():
            making.exception()  # who stopped early does not want to know


def _next(iterator: Iterator[T]) -> tuple[T] | None:
    for piece in iterator:
        return (piece,)
    return None


async def in_thread(call: Callable[..., T], *given: Any) -> T:
    """What a function that blocks gives; it has ended when we go on, even if we are cancelled."""
    return await _kept(asyncio.ensure_future(asyncio.to_thread(call, *given)))


async def _kept(running: "asyncio.Future[T]") -> T:
    """Its result; a thread cannot be stopped, so it is waited for even when we are."""
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
