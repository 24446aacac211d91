"""Carries the content of blobs out of a back end and into one, compared with the record of each.

For archives, backups and moves between places. Content is passed on in parts, never as a whole.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from typing import NamedTuple, Protocol

from chatserver.blobs.model import BLOBS, REFERENCES, Blob, Piece, read_blob
from chatserver.blobs.streams import HASHED_ON_LOOP_BYTES
from chatserver.cluster.quarantine import UNREADABLE
from chatserver.errors import BlobExists, BlobsUnavailable, ChatError
from chatserver.hooks.blobs import Blobs
from chatserver.model import RoomChanged

HOLDERS = 5  # looked at, to name the rooms of a lost file


class Records(Protocol):
    """The methods of a store with which blobs and their places are found."""

    async def get(self, space: str, key: str) -> bytes | None: ...
    async def rooms(self, rooms: Sequence[str]) -> dict[str, RoomChanged]: ...
    async def scan(
        self, space: str, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]: ...


class Damaged(Exception):
    """The content of a blob is not there, or not what its record says; the text says which."""


class Lost(NamedTuple):
    """A file that something refers to and whose content is lost; `rooms` are names, at most five."""

    blob: str
    name: str
    size: int
    rooms: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        rooms = f", in {', '.join(self.rooms)}" if self.rooms else ""
        return f"{self.name or 'a file without a name'} ({self.size:,} bytes, {self.blob}){rooms}: {self.reason}"


async def find(store: Records, blob: str) -> Blob | None:
    """The blob of this id; None if there is none, it is being removed, or its record cannot be read."""
    found = await store.get(BLOBS, blob)
    return None if found is None else kept(found)


def kept(record: bytes) -> Blob | None:
    """The blob of a record; None if it is being removed, or the record cannot be read."""
    with suppress(*UNREADABLE):
        found = read_blob(record)
        return None if found.state == "gone" else found.blob
    return None


async def read(blobs: Blobs, blob: Blob) -> AsyncGenerator[bytes, None]:
    """The content, in parts of at most 1 MiB. Raises `Damaged`, also after the last part, and `BlobsUnavailable`."""
    digest = hashlib.sha256()
    for piece in blob.pieces:
        size = await blobs.size(piece.key)
        if size != piece.size:
            raise Damaged(_short(piece, size))
        try:
            async with aclosing(blobs.read(piece.key)) as parts:
                async for part in parts:
                    await _add(digest, part)
                    yield part
        except BlobsUnavailable:
            raise
        except ChatError as error:
            raise Damaged(_short(piece, None)) from error
    if digest.hexdigest() != blob.sha256:
        raise Damaged("its content does not match its hash")


async def is_there(blobs: Blobs, blob: Blob) -> bool:
    """Whether all pieces are there with their sizes. Raises `BlobsUnavailable`."""
    for piece in blob.pieces:
        if await blobs.size(piece.key) != piece.size:
            return False
    return True


async def check(blobs: Blobs, blob: Blob) -> None:
    """Read all of a blob. Raises `Damaged`, `BlobsUnavailable`."""
    async with aclosing(read(blobs, blob)) as parts:
        async for _ in parts:
            """`read` compares the content."""


async def write(blobs: Blobs, blob: Blob, parts: AsyncIterator[bytes]) -> bool:
    """Store the content under the keys of the blob's pieces; all of `parts` is taken.

    Pieces that are there already stay. If `parts` raises, those that this call wrote are removed. Returns whether it
    wrote any. Raises what `parts` raises, and `BlobsUnavailable`.
    """
    cut = _Cut(parts)
    written: list[Piece] = []
    try:
        for piece in blob.pieces:
            cut.begin(piece.size)
            if await blobs.size(piece.key) is None:
                with suppress(BlobExists):
                    await blobs.write(piece.key, cut.piece())
                    written.append(piece)
            await cut.skip()
        async for _ in parts:
            """A stream that is too long: its reader says so."""
    except BaseException:
        for piece in written:
            with suppress(BlobsUnavailable):
                await asyncio.shield(blobs.delete(piece.key))
        raise
    return bool(written)


async def where(store: Records, blob: str) -> tuple[str, ...] | None:
    """The names of rooms whose messages refer to the blob; None if nothing refers to it.

    References of other kinds, such as a plugin's own, are named by their holder.
    """
    prefix = f"{blob}/"
    holders = [
        key.removeprefix(prefix) for key, _ in await store.scan(REFERENCES, prefix, limit=HOLDERS)
    ]
    if not holders:
        return None
    return tuple(dict.fromkeys([await _place(store, holder) for holder in holders]))


async def _place(store: Records, holder: str) -> str:
    room, dash, seq = holder.rpartition(":")[2].rpartition("-")
    if dash and seq.isdigit():
        found = (await store.rooms([room])).get(room)
        if found is not None:
            return f"room {found.name or room}"
    return holder


def _short(piece: Piece, size: int | None) -> str:
    if size is None:
        return "its content is not there"
    return f"{size:,} of {piece.size:,} bytes are there"


async def _add(digest: "hashlib._Hash", part: bytes) -> None:
    if len(part) > HASHED_ON_LOOP_BYTES:
        await asyncio.to_thread(digest.update, part)
    else:
        digest.update(part)


class _Cut:
    """Cuts a stream of parts in pieces of given sizes."""

    def __init__(self, parts: AsyncIterator[bytes]) -> None:
        self._parts = parts
        self._rest = b""
        self._left = 0  # of the present piece

    def begin(self, size: int) -> None:
        """Begin the next piece."""
        self._left = size

    async def piece(self) -> AsyncGenerator[bytes, None]:
        """The rest of the present piece."""
        while self._left:
            part = self._rest or await anext(self._parts, b"")
            if not part:
                return
            taken, self._rest = part[: self._left], part[self._left :]
            self._left -= len(taken)
            yield taken

    async def skip(self) -> None:
        """Pass over what nobody took of the present piece."""
        async for _ in self.piece():
            """It is there already."""
