"""Reads files of users from a target, each straight to its place: nothing is kept on the disk."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

from loguru import logger

from chatserver.blobs.carrying import Damaged
from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.backup.chunks import FrameCutter
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.seal import SALT_BYTES
from chatserver.copies.backup.vault import ABSENT, FOLDER, Opening, keys_of, matching, name_of
from chatserver.copies.targets.guarded import Guarded, TargetFailed

ATTEMPTS = 6  # in a row that bring no new byte
PAUSE_SECONDS = 1.0  # after the first failure; doubled after each further one


class _Found(NamedTuple):
    """An object with a content, its size, and the key that sealed it."""

    name: str
    size: int
    key: Key | None


class TargetVault:
    """The vault on a target. A read that breaks off goes on where it stopped."""

    def __init__(self, target: Guarded, key: Key | None) -> None:
        self._target, self._key = target, key

    def read(self, sha256: str) -> AsyncGenerator[bytes, None]:
        """As `VaultReader.read`. Raises `TargetFailed` if the target stays away."""
        return matching(sha256, self._parts(sha256))

    async def is_whole(self, name: str, size: int, key: Key | None) -> bool:
        """Whether the content of a file of `size` bytes, sealed with `key`, is that of its name. Raises `TargetFailed`."""
        digest = hashlib.sha256()
        try:
            async with aclosing(self._opened(_Found(name, size, key))) as chunks:
                async for chunk in chunks:
                    await asyncio.to_thread(digest.update, chunk)
        except Corrupted:
            return False
        return name_of(digest.hexdigest(), key) == name

    async def close(self) -> None:
        """Disconnect from the target."""
        await self._target.close()

    async def _parts(self, sha256: str) -> AsyncGenerator[bytes, None]:
        found = await self._find(sha256)
        try:
            async with aclosing(self._opened(found)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except Corrupted as error:
            raise Damaged(f"{self._target.name}: {FOLDER}/{found.name}: {error}") from error

    async def _find(self, sha256: str) -> _Found:
        for key in keys_of(self._key):
            name = name_of(sha256, key)
            size = await self._size(f"{FOLDER}/{name}")
            if size is not None:
                return _Found(name, size, key)
        raise Damaged(ABSENT)

    async def _opened(self, found: _Found) -> AsyncGenerator[bytes, None]:
        """The data of an object's frames. Raises `Corrupted`."""
        salt, opening, cutter = b"", None, FrameCutter()
        async with aclosing(self._bytes(f"{FOLDER}/{found.name}", found.size)) as pieces:
            async for piece in pieces:
                if opening is None:
                    salt += piece
                    if len(salt) < SALT_BYTES:
                        continue
                    opening = Opening(found.name, found.key, salt[:SALT_BYTES])
                    piece = salt[SALT_BYTES:]
                cutter.add(piece)
                while (frame := cutter.next()) is not None:
                    yield await asyncio.to_thread(opening.chunk, *frame)
        cutter.demand_empty()
        if opening is None:
            raise Corrupted("the file is truncated")
        opening.demand_ended()

    async def _bytes(self, name: str, size: int) -> AsyncGenerator[bytes, None]:
        """An object's bytes. After a failure it is read again, without those that were passed on before."""
        passed, patience = 0, _Patience()
        while passed < size:
            begun, at = passed, 0
            try:
                async with aclosing(self._target.read(name, size)) as pieces:
                    async for piece in pieces:
                        fresh = piece[max(passed - at, 0) :]
                        at += len(piece)
                        passed += len(fresh)
                        if fresh:
                            yield fresh
            except TargetFailed as error:
                await patience.after(error, fruitful=passed > begun)

    async def _size(self, name: str) -> int | None:
        patience = _Patience()
        while True:
            try:
                return await self._target.size(name)
            except TargetFailed as error:
                await patience.after(error)


class _Patience:
    """Counts failures of a call, and waits between them."""

    def __init__(self) -> None:
        self._failures = 0

    async def after(self, error: TargetFailed, *, fruitful: bool = False) -> None:
        """Wait before the next attempt; one that brought something begins the count anew. Raises the last error."""
        self._failures = 1 if fruitful else self._failures + 1
        if self._failures >= ATTEMPTS:
            raise error
        if self._failures == 1:
            logger.warning("{}: trying again", error)
        await asyncio.sleep(PAUSE_SECONDS * 2.0 ** (self._failures - 1))
