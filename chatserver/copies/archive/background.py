"""Blocking work beside an event loop: a thread writes and reads files, one piece ahead."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

PIECE_BYTES = 1 << 20


class Writing:
    """Takes bytes for a function that blocks; at most two pieces wait."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._piece = bytearray()
        self._writing: asyncio.Future[object] | None = None

    async def write(self, data: bytes) -> None:
        """Queue bytes for writing. Raises the function's error, perhaps from an earlier piece."""
        self._piece += data
        if len(self._piece) >= PIECE_BYTES:
            await self._settled()
            piece, self._piece = bytes(self._piece), bytearray()
            self._writing = asyncio.ensure_future(asyncio.to_thread(self._write, piece))

    async def flush(self) -> None:
        """Write all queued bytes. Raises as `write` does."""
        await self._settled()
        piece, self._piece = bytes(self._piece), bytearray()
        await in_thread(self._write, piece)

    async def abandon(self) -> None:
        """Wait for the write under way and drop the rest. Never raises."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
            self._writing.exception()

    async def _settled(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await _kept(writing)


async def ahead(pieces: Iterable[T]) -> AsyncGenerator[T, None]:
    """The items of a blocking iterator; a thread makes the next one while the caller uses the last."""
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
            making.exception()  # retrieves an error, which a caller that stopped early does not need


def _next(iterator: Iterator[T]) -> tuple[T] | None:
    for piece in iterator:
        return (piece,)
    return None


async def in_thread(call: Callable[..., T], *given: Any) -> T:
    """The result of a blocking function, run in a thread; waits for its end even if cancelled."""
    return await _kept(asyncio.ensure_future(asyncio.to_thread(call, *given)))


async def _kept(running: "asyncio.Future[T]") -> T:
    """The result of a thread; waits for its end even if cancelled, as a thread cannot be stopped."""
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
