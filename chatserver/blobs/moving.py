"""Moves the content of all blobs from one place to another of the same installation, while servers use both."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import NamedTuple

from chatserver.blobs import carrying
from chatserver.blobs.carrying import Damaged, Lost, Records
from chatserver.blobs.copying import Progress, copy
from chatserver.blobs.model import BLOBS, Blob
from chatserver.hooks.blobs import Blobs

PAGE = 500


class Moved(NamedTuple):
    """Numbers of a move: all files, those that it wrote, their bytes, and those whose content is lost."""

    files: int
    new: int
    new_bytes: int
    lost: int


async def move(
    store: Records,
    source: Blobs,
    target: Blobs,
    on_lost: Callable[[Lost], None],
    progress: Progress,
) -> Moved:
    """Write to `target` each file that it lacks, compared with its hash and read back; then all other content.

    May be repeated, and then goes on. `on_lost` is called for each file that something needs and neither place has.
    Nothing is removed from `source`. Raises `BlobsUnavailable`.
    """
    files = new = size = lost = 0
    damaged_keys: set[str] = set()
    async for blob in blobs_of(store):
        files += 1
        try:
            if await carrying.is_there(target, blob):
                continue
            async with aclosing(carrying.read(source, blob)) as parts:
                await carrying.write(target, blob, parts)
            await carrying.check(target, blob)
        except Damaged as damaged:
            if await carrying.find(store, blob.id) is None:
                continue  # removed meanwhile
            lost += 1
            damaged_keys.update(piece.key for piece in blob.pieces)
            rooms = await carrying.where(store, blob.id)
            if rooms is not None:
                on_lost(Lost(blob.id, blob.name, blob.size, rooms, str(damaged)))
        else:
            new, size = new + 1, size + blob.size
        finally:
            progress(files, files)
    # That of unfinished uploads, and the owner's mark.
    await copy(source, target, lambda done, of: None, damaged_keys)
    return Moved(files, new, size, lost)


async def blobs_of(store: Records) -> AsyncIterator[Blob]:
    """All blobs of a store, without those that are being removed or whose record cannot be read."""
    after = ""
    while rows := await store.scan(BLOBS, "", after, PAGE):
        for _, record in rows:
            if (blob := carrying.kept(record)) is not None:
                yield blob
        after = rows[-1][0]
