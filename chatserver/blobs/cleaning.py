"""Writes a picture anew without its metadata, before anybody can read it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import NamedTuple

from chatserver.blobs.content import Content, content_of
from chatserver.blobs.exif import SIDEWAYS
from chatserver.blobs.metadata import CLEANED, Part, Source, Unclean, kept_of
from chatserver.blobs.model import Piece, new_piece
from chatserver.blobs.streams import Measured, head_of, joined
from chatserver.errors import ChatError
from chatserver.hooks.blobs import Blobs

BROKEN = "blob.broken_picture"
PART_BYTES = 256 * 1024
LONGER_BYTES = 64  # that a file may become, where a block of EXIF was shorter than usual


class Clean(NamedTuple):
    """What a blob is, and its content without metadata. Without `new` it has none, and is as it came."""

    content: Content
    new: Piece | None = None
    sha256: str = ""  # of `new`


class Cleaner:
    """Looks at the content of blobs when it has come."""

    def __init__(self, blobs: Blobs, *, keeps_metadata: bool = False) -> None:
        self._blobs, self._keeps_metadata = blobs, keeps_metadata

    async def clean(self, blob: str, pieces: Sequence[Piece], claimed: str) -> Clean:
        """What the blob with this id is; a picture with metadata is written to a new piece without it.

        Whoever gets `new` removes `pieces` once the blob is recorded. Raises `ChatError` blob.broken_picture for a
        picture that cannot be cleaned, blob.not_found, blob.unavailable.
        """
        content = content_of(await head_of(self._blobs, pieces), claimed)
        if content.media_type not in CLEANED or self._keeps_metadata:
            return Clean(content)
        try:
            async with aclosing(joined(self._blobs, pieces)) as parts:
                kept = await kept_of(content.media_type, parts)
        except Unclean:
            raise ChatError(BROKEN) from None
        size = sum(piece.size for piece in pieces)
        if kept.parts == ((0, size),):
            return Clean(_turned(content, kept.orientation))
        key = new_piece(blob)
        measured = Measured(_written(self._blobs, pieces, kept.parts), size + LONGER_BYTES)
        async with aclosing(measured.__aiter__()) as counted:
            await self._blobs.write(key, counted)
        content = _turned(content_of(bytes(measured.head), claimed), kept.orientation)
        return Clean(content, Piece(key, measured.size), measured.sha256)


def _turned(content: Content, orientation: int) -> Content:
    """With the sides as it is shown; of a JPEG they are, as its head says how it is turned."""
    if orientation not in SIDEWAYS or content.media_type == "image/jpeg":
        return content
    return content._replace(width=content.height, height=content.width)


async def _written(
    blobs: Blobs, pieces: Sequence[Piece], kept: Sequence[Part]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(joined(blobs, pieces)) as parts:
        source = Source(parts)
        for part in kept:
            if isinstance(part, bytes):
                yield part
                continue
            start, end = part
            await source.skip(start - source.position)
            while source.position < end:
                yield await source.read(min(end - source.position, PART_BYTES))
