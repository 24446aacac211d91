"""A target with a time limit on each call, and one kind of error: `TargetFailed`, which names the target."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from datetime import datetime
from typing import BinaryIO, TypeVar, cast

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.targets.urls import Named
from chatserver.errors import StartupError

T = TypeVar("T")

LEAST_BYTES_PER_SECOND = 50_000  # a slower transfer counts as stalled
CLOSE_SECONDS = 5.0


class TargetFailed(ArchiveError):
    """A call of a target failed, or the target does not hold what it said it had stored."""


class Guarded:
    """The calls of one target. After an error it is closed, and the next call opens it again."""

    def __init__(self, named: Named, seconds: float) -> None:
        """`seconds` is the time limit of a call, without the time for its data."""
        self.name, self._target, self._seconds = named.name, named.target, seconds
        self._is_open = False

    @property
    def lock_days(self) -> float:
        return self._target.lock_days

    async def open(self) -> None:
        """Connect, if that is not done. Every other call does it too. Raises `TargetFailed`."""
        if not self._is_open:
            await self._limited("open", self._target.open())
            self._is_open = True

    async def close(self) -> None:
        """Disconnect. Never raises."""
        self._is_open = False
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._target.close()

    async def folders(self) -> list[str]:
        """The folders at the top. Raises `TargetFailed`."""
        await self.open()
        return await self._limited("list", self._target.folders())

    async def list(self, folder: str) -> dict[str, int]:
        """Names and sizes of the objects in a folder. Raises `TargetFailed`."""
        await self.open()
        found = await self._limited(f"list {folder}", self._target.list(folder))
        return {name: size for name, size in found.items() if name.startswith(f"{folder}/")}

    async def read(self, name: str, size: int) -> AsyncGenerator[bytes, None]:
        """The content of an object of `size` bytes. Raises `TargetFailed`, also if it is longer or shorter."""
        await self.open()
        got, pieces = 0, cast("AsyncGenerator[bytes, None]", self._target.read(name))
        async with aclosing(pieces):
            while True:
                piece = await self._limited(f"read {name}", anext(pieces, None))
                if piece is None:
                    break
                got += len(piece)
                if got > size:
                    break
                yield piece
        if got != size:
            raise TargetFailed(f"{self.name}: {name}: the target returned {got} bytes of {size}")

    async def read_all(self, name: str, size: int) -> bytes:
        """The content of a small object. Raises `TargetFailed`."""
        async with aclosing(self.read(name, size)) as pieces:
            return b"".join([piece async for piece in pieces])

    async def digest(self, name: str, size: int) -> bytes:
        """The SHA-256 of an object's content. Raises `TargetFailed`."""
        digest = hashlib.sha256()
        async with aclosing(self.read(name, size)) as pieces:
            async for piece in pieces:
                digest.update(piece)
        return digest.digest()

    async def put(
        self, name: str, data: BinaryIO, size: int, sha256: bytes, until: datetime | None
    ) -> None:
        """Store an object, and ask for its size afterwards. Raises `TargetFailed`."""
        await self.open()
        work = self._target.put(name, data, size, sha256, until)
        await self._limited(f"put {name}", work, size)
        stored = await self.size(name)
        if stored != size:
            has = "nothing" if stored is None else f"{stored} bytes"
            raise TargetFailed(
                f"{self.name}: {name}: the target said that it stored {size} bytes, and has {has}"
            )

    async def size(self, name: str) -> int | None:
        """Size of an object, None if there is none. Raises `TargetFailed`."""
        await self.open()
        return await self._limited(f"size {name}", self._target.size(name))

    async def delete(self, name: str) -> None:
        """Remove an object. Raises `TargetFailed`."""
        await self.open()
        await self._limited(f"delete {name}", self._target.delete(name))

    async def locked_until(self, name: str) -> datetime | None:
        """Time up to which an object is locked. Raises `TargetFailed`."""
        await self.open()
        return await self._limited(f"lock of {name}", self._target.locked_until(name))

    async def lock(self, name: str, until: datetime) -> None:
        """Extend the lock of an object. Raises `TargetFailed`."""
        await self.open()
        await self._limited(f"lock {name}", self._target.lock(name, until))

    async def _limited(self, what: str, work: Awaitable[T], size: int = 0) -> T:
        limit = self._seconds + size / LEAST_BYTES_PER_SECOND
        try:
            async with asyncio.timeout(limit):
                return await work
        except TimeoutError:
            cause = f"no answer within {limit:.0f} s"
        except StartupError as error:
            cause = str(error)
        except OSError as error:
            cause = error.strerror or str(error) or type(error).__name__
        except Exception as error:  # of a plugin's library
            cause = f"{type(error).__name__}: {error}"
        await self.close()
        raise TargetFailed(f"{self.name}: {what}: {cause}") from None
