"""Each user's share: bytes, number of files, uploads at the same time.

What a user has is counted from one small record for each blob, so that no count can go wrong by a crash. A
reservation is written first and then counted with the others: of two at the same time both may be refused, but never
both be too much.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from chatserver.blobs.model import OWNED, Owned, encode, read_owned
from chatserver.config.sections import BlobsConfig
from chatserver.errors import ChatError
from chatserver.interfaces import Store

PAGE = 1000
MB = 1_000_000
AT_ONCE_SECONDS = (
    3600.0  # an unfinished upload counts as under way this long: a crash may have ended it
)


class Usage(NamedTuple):
    """The files of a user and their bytes, with those that are reserved; and the number of uploads under way."""

    bytes: int
    files: int
    under_way: int


class Quota:
    """The shares of all users; "" is the server itself, which has no bound."""

    def __init__(
        self, store: Store, config: BlobsConfig, now: Callable[[], float] = time.time
    ) -> None:
        self._store, self._config, self._now = store, config, now

    async def reserve(self, user: str, blob: str, size: int | None) -> int:
        """Reserve space for a blob of `size` bytes (None: unknown, up to the largest); returns the bytes.

        Raises `ChatError` blob.too_large, limit.space, limit.count (`detail` has the bound).
        """
        largest = self._config.largest_mb * MB
        if size is not None and size > largest:
            raise ChatError("blob.too_large", detail={"most_bytes": largest})
        if not user:
            return largest if size is None else size
        used = await self.usage(user)
        left = self._config.mb_per_user * MB - used.bytes
        wanted = min(largest, left) if size is None else size
        if wanted > left or (size is None and left <= 0):
            raise self._no_space()
        await self._put(user, blob, Owned(wanted, done=False, since=self._now()))
        try:
            self._check(await self.usage(user))
        except ChatError:
            await self.give_back(user, blob)
            raise
        return wanted

    def _check(self, used: Usage) -> None:
        """Raises `ChatError` if a user has too much."""
        config = self._config
        if used.bytes > config.mb_per_user * MB:
            raise self._no_space()
        if used.files > config.files_per_user:
            raise ChatError(
                "limit.count",
                f"You have {config.files_per_user} files, and may not have more.",
                detail={"most": config.files_per_user},
            )
        if used.under_way > config.uploads_per_user:
            raise ChatError("limit.rate", "Too many uploads at the same time.", after_ms=5000)

    def _no_space(self) -> ChatError:
        return ChatError("limit.space", detail={"most_bytes": self._config.mb_per_user * MB})

    async def settle(self, user: str, blob: str, size: int) -> None:
        """Replace a reservation by the blob's real size."""
        if user:
            await self._put(user, blob, Owned(size, done=True, since=self._now()))

    async def give_back(self, user: str, blob: str) -> None:
        """End a reservation, or the share of a blob that was removed."""
        if user:
            await self._store.delete(OWNED, f"{user}/{blob}")

    async def usage(self, user: str) -> Usage:
        """What the user has."""
        size = files = under_way = 0
        since = self._now() - AT_ONCE_SECONDS
        prefix = after = f"{user}/"
        while rows := await self._store.scan(OWNED, prefix, after, PAGE):
            for _, value in rows:
                owned = read_owned(value)
                size += owned.size
                files += 1
                under_way += not owned.done and owned.since > since
            after = rows[-1][0]
        return Usage(size, files, under_way)

    async def _put(self, user: str, blob: str, owned: Owned) -> None:
        await self._store.put(OWNED, f"{user}/{blob}", encode(owned))
