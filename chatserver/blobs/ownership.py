"""Which installation owns a back end: only its owner writes to it and removes from it.

The owner's mark is an empty blob that names the installation's epoch, and the store knows that it was set. A restored
copy has another epoch, and a node whose folder is not the shared one finds no mark: neither may take what it does not
know for garbage.
"""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from loguru import logger

from chatserver.blobs.model import PLACES
from chatserver.errors import BlobExists, BlobsUnavailable
from chatserver.hooks.blobs import Blobs
from chatserver.interfaces import Store

BEFORE_ALL = "0" * 24  # marks come first in a list; the key of a piece is shorter, and random
MARK_CHARS = 64
MARKS = 100  # more than there ever are
FOREIGN = (
    "the place of the files is not that of the other nodes, or belongs to another installation, or to another state of "
    "this one"
)
SET, BEGUN = b"set", b"begun"  # the record of a mark, and of one that is about to be set


class Ownership:
    """The mark of this installation in its back end."""

    def __init__(self, store: Store, blobs: Blobs, epoch: Callable[[], str]) -> None:
        self._store, self._blobs, self._epoch = store, blobs, epoch
        self._known = False

    async def demand(self) -> None:
        """Raises `BlobsUnavailable` if the back end is another installation's. Marks one that is empty."""
        if not self._known and not await self.is_ours():
            logger.error("{}: see `chatserver blobs claim --help`", FOREIGN)
            raise BlobsUnavailable(FOREIGN)
        self._known = True

    async def is_ours(self) -> bool:
        """Whether this installation alone owns the back end, as of now."""
        first = await self._first()
        # An empty place is a wrong one if this installation has set its mark before.
        if not first and await self._store.get(PLACES, self._mark) != SET:
            await self._set()
            first = await self._first()
        return [key for key in first if is_mark(key)] == [self._mark]

    async def _first(self) -> list[str]:
        """The first keys of the back end: all marks, and a few others."""
        return [stored.key for stored in await self._blobs.list(limit=MARKS)]

    async def claim(self) -> None:
        """Make this installation the owner, whoever was it before."""
        await self._set()
        for key in await self._first():
            if is_mark(key) and key != self._mark:
                await self._blobs.delete(key)

    async def demand_unowned(self) -> None:
        """Raises `BlobsUnavailable` if another installation owns the back end; for those who fill an empty one."""
        for key in filter(is_mark, await self._first()):
            if await self._store.get(PLACES, key) is None:
                raise BlobsUnavailable("the place of the files belongs to another installation")

    async def claim_filled(self) -> None:
        """Make this installation the owner of a back end that was filled for it; may be repeated."""
        await self._store.put(PLACES, self._mark, BEGUN)  # so that a mark is known after a crash
        await self.claim()

    async def _set(self) -> None:
        with suppress(BlobExists):
            await self._blobs.write(self._mark, _nothing())
        await self._store.put(PLACES, self._mark, SET)

    @property
    def _mark(self) -> str:
        digest = hashlib.sha256(self._epoch().encode()).hexdigest()
        return BEFORE_ALL + digest[: MARK_CHARS - len(BEFORE_ALL)]


def is_mark(key: str) -> bool:
    """Whether the key is that of an owner's mark, not of a piece."""
    return len(key) == MARK_CHARS and key.startswith(BEFORE_ALL)


async def _nothing() -> AsyncIterator[bytes]:
    for part in list[bytes]():
        yield part
