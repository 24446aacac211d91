"""Streams of parts: counted, hashed, joined."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from chatserver.blobs.content import HEAD_BYTES
from chatserver.blobs.model import Piece
from chatserver.errors import BlobsUnavailable, ChatError
from chatserver.hooks.blobs import Blobs

HASHED_ON_LOOP_BYTES = 64 * 1024  # takes 0.1 ms at the most; more is hashed in a thread


class Measured:
    """Passes parts on, and knows their size and hash so far, and the first HEAD_BYTES as `head`."""

    def __init__(self, parts: AsyncIterator[bytes], most: int) -> None:
        """More than `most` bytes raise `ChatError` blob.too_large."""
        self._parts, self._most = parts, most
        self._hash = hashlib.sha256()
        self.size = 0
        self.head = bytearray()  # which grows in place, however small the parts are

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        async for part in self._parts:
            if self.size + len(part) > self._most:
                raise ChatError("blob.too_large", detail={"most_bytes": self._most})
            if len(part) > HASHED_ON_LOOP_BYTES:
                await asyncio.to_thread(self._hash.update, part)
            else:
                self._hash.update(part)
            if self.size < HEAD_BYTES:
                self.head += part[: HEAD_BYTES - self.size]
            self.size += len(part)
            yield part

    @property
    def sha256(self) -> str:
        """The hash of all parts so far, in hexadecimal digits."""
        return self._hash.hexdigest()


async def head_of(blobs: Blobs, pieces: Sequence[Piece]) -> bytes:
    """The first HEAD_BYTES of a blob. Raises as `joined`."""
    parts = [part async for part in joined(blobs, pieces, 0, HEAD_BYTES)]
    return b"".join(parts)


async def joined(
    blobs: Blobs, pieces: Sequence[Piece], start: int = 0, length: int | None = None
) -> AsyncGenerator[bytes, None]:
    """The bytes of a blob that is in several pieces, from `start` on.

    Raises `ChatError` blob.not_found, `BlobsUnavailable`, the latter also for a piece that is too short.
    """
    left = sum(piece.size for piece in pieces) - start
    left = left if length is None else min(left, length)
    for piece in pieces:
        if left <= 0:
            return
        if start >= piece.size:
            start -= piece.size
            continue
        wanted = min(left, piece.size - start)
        got = 0
        async with aclosing(blobs.read(piece.key, start, wanted)) as parts:
            async for part in parts:
                got += len(part)
                yield part
        if got != wanted:
            raise BlobsUnavailable(f"the back end has {got} of {wanted} bytes of {piece.key}")
        left -= wanted
        start = 0
