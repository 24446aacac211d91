"""Copies all content from one back end to another: for backups, moves and restores.

Blobs never change, so a copy that was interrupted, or made yesterday, is continued with what it lacks. The owner's
mark is copied with the rest, so that an installation that moves with its store owns the new place.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import aclosing
from typing import NamedTuple

from chatserver.errors import BlobExists, BlobsUnavailable, ChatError
from chatserver.hooks.blobs import Blobs, StoredBlob

PAGE = 500
AT_ONCE = 4
Progress = Callable[[int, int], None]


class Copied(NamedTuple):
    """Numbers of a copy: what is in the source, and what was written to the target."""

    objects: int
    new: int
    new_bytes: int


async def copy(
    source: Blobs, target: Blobs, progress: Progress, without: Collection[str] = ()
) -> Copied:
    """Write to `target` what it lacks, but for the keys `without`. Raises `BlobsUnavailable`, also if both have different content under a key.

    `progress` gets the number of objects looked at, and of those known so far.
    """
    seen = new = size = 0
    after = ""
    while page := await source.list(after, PAGE):
        after = page[-1].key
        for start in range(0, len(page), AT_ONCE):
            some = [each for each in page[start : start + AT_ONCE] if each.key not in without]
            written = await asyncio.gather(*(_copy_one(source, target, each) for each in some))
            new += sum(each is not None for each in written)
            size += sum(filter(None, written))
            progress(min(seen + start + AT_ONCE, seen + len(page)), seen + len(page))
        seen += len(page)
    return Copied(seen, new, size)


async def _copy_one(source: Blobs, target: Blobs, wanted: StoredBlob) -> int | None:
    """Copy a blob; returns its size, None if it is there or was removed from the source."""
    there = await target.size(wanted.key)
    if there is None:
        try:
            async with aclosing(source.read(wanted.key)) as parts:
                there = await target.write(wanted.key, parts)
        except BlobExists:  # another copy runs
            return None
        except BlobsUnavailable:
            raise
        except ChatError:  # removed meanwhile
            return None
        written: int | None = there
    else:
        written = None
    if there != wanted.size:
        raise BlobsUnavailable(
            f"{wanted.key}: the target has {there} bytes, the source {wanted.size}"
        )
    return written
