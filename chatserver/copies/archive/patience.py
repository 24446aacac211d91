"""Reads from a store, retried for a while if the store does not answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from loguru import logger

from chatserver.copies.archive.errors import ArchiveError
from chatserver.errors import StoreUnavailable
from chatserver.model import AnyEvent, RoomChanged

T = TypeVar("T")

PATIENCE_SECONDS = 60.0  # a lost primary is replaced much sooner
RETRY_SECONDS = 0.5


class Readable(Protocol):
    """The methods of a `Store` that copying needs."""

    async def list_rooms(self, after: str, limit: int) -> list[str]: ...
    async def heads(self, rooms: Sequence[str]) -> dict[str, int]: ...
    async def read(self, room: str, after: int, limit: int) -> list[AnyEvent]: ...
    async def ranges(
        self, wanted: Sequence[tuple[str, int]], limit: int
    ) -> list[list[AnyEvent]]: ...
    async def get(self, space: str, key: str) -> bytes | None: ...
    async def rooms(self, rooms: Sequence[str]) -> dict[str, RoomChanged]: ...
    async def spaces(self) -> list[str]: ...
    async def scan(
        self, space: str, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]: ...


async def patiently(call: Callable[[], Awaitable[T]], *, quietly: bool = False) -> T:
    """The result of `call`, which must be safe to repeat. Raises `StoreUnavailable` after PATIENCE_SECONDS.

    The first retry is logged, except with `quietly`, which is for one of many concurrent calls.
    """
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while True:
        try:
            return await call()
        except StoreUnavailable as error:
            if asyncio.get_running_loop().time() > deadline:
                raise
            if not quietly:
                complain(error)
            quietly = True
        await asyncio.sleep(RETRY_SECONDS)


def complain(error: StoreUnavailable) -> None:
    """Log a retry; otherwise a minute of waiting would look like a hang."""
    logger.warning("{}: trying again, for up to {:g} s", reason(error), PATIENCE_SECONDS)


def reason(error: StoreUnavailable) -> str:
    """The store's own reason, if it gave one, else the error's text."""
    return str(error.__cause__ or "") or error.text


class Patient:
    """A store for reading, whose failed calls are retried.

    With `name`, which distinguishes two stores, a call that still fails raises an `ArchiveError`.
    """

    def __init__(self, store: Readable, name: str = "") -> None:
        self._store, self._name = store, name

    async def list_rooms(self, after: str, limit: int) -> list[str]:
        return await self._patiently(lambda: self._store.list_rooms(after, limit))

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        return await self._patiently(lambda: self._store.heads(rooms))

    async def read(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        return await self._patiently(lambda: self._store.read(room, after, limit))

    async def ranges(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        return await self._patiently(lambda: self._store.ranges(wanted, limit))

    async def get(self, space: str, key: str) -> bytes | None:
        return await self._patiently(lambda: self._store.get(space, key))

    async def rooms(self, rooms: Sequence[str]) -> dict[str, RoomChanged]:
        return await self._patiently(lambda: self._store.rooms(rooms))

    async def spaces(self) -> list[str]:
        return await self._patiently(self._store.spaces)

    async def scan(
        self, space: str, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        return await self._patiently(lambda: self._store.scan(space, prefix, after, limit))

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await patiently(call)
        except StoreUnavailable as error:
            if not self._name:
                raise
            raise away(self._name, error) from error


def away(name: str, error: StoreUnavailable) -> ArchiveError:
    return ArchiveError(f"{name} does not answer: {reason(error)}")
