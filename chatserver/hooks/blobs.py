"""Back ends of blobs: files that are too large for records and events. The contract that plugins keep.

A plugin provides one with `provide_blobs`. `chatserver/blobs` decides who may store what and for how long; a back
end only keeps bytes under keys. `chatserver.testing.blobs` has the suite for this contract.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import NamedTuple, Protocol

_KEY = re.compile("[0-9a-f]{8,64}")


class StoredBlob(NamedTuple):
    """A blob in a back end. `modified` is the Unix time of its write, by the back end's clock."""

    key: str
    size: int
    modified: float


class Blobs(Protocol):
    """Keeps immutable blobs of bytes. A key has 8 to 64 characters of 0-9 and a-f; others raise `ValueError`.

    All methods may be called concurrently, by several nodes on the same data, and never block the loop. Within a
    time limit (about 10 s, for each part of a long call) each either goes on or raises `BlobsUnavailable`; after
    that error a write or removal may or may not have happened, but never in part.

    A back end that writes files on this machine may also have a method `folder() -> Path | None`: the folder, whose
    free space metrics then show.
    """

    async def open(self) -> None:
        """Prepare for the other methods. Raises `StartupError` for settings that can never work.

        A back end that is away is no error: the other methods then raise `BlobsUnavailable` until it is back.
        """

    async def close(self) -> None:
        """Release all resources. Never raises."""

    async def write(self, key: str, parts: AsyncIterator[bytes]) -> int:
        """Store a new blob, and return its size in bytes once it is durable.

        Parts may have any size, also 0. At any time, a few of them are in memory, never the whole blob. Nobody sees
        a blob before it is complete: if `parts` raises, or this call is cancelled or fails, there is none, unless
        the failure came after the last part. An error of `parts` is raised as it is.

        Raises `BlobExists` if the key has a blob, which stays as it is; of several writes of one key at the same
        time, one succeeds.
        """

    def read(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` on, at most `length` (None: all), in parts of at most 1 MiB.

        Bytes after the end are left out. Raises `ChatError` blob.not_found, at the first part, if there is no such
        blob. An iterator that is closed early (`aclose`) frees what it holds.
        """

    async def size(self, key: str) -> int | None:
        """Size in bytes of a blob; None if there is none."""

    async def delete(self, key: str) -> None:
        """Remove a blob, durably; it need not exist."""

    async def list(self, after: str = "", limit: int = 1000) -> list[StoredBlob]:
        """At most `limit` blobs with key > `after`, by ascending key."""

    async def sweep(self, before: float) -> None:
        """Remove remains of writes that were broken off before this Unix time, such as by a crash.

        A write that still runs is either left alone, or fails; it never loses a part and succeeds.
        """


def demand_key(key: str) -> str:
    """The key, if it is one. Raises `ValueError`; for back ends."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"a key of a blob has 8 to 64 characters of 0-9 and a-f, got {key[:80]!r}")
    return key
