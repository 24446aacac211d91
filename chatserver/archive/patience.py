"""What is read of a store, tried again for a while where the store does not answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from chatserver.errors import StoreUnavailable
from chatserver.model import AnyEvent

T = TypeVar("T")

PATIENCE_SECONDS = 60.0  # a primary that is lost has a successor long before
RETRY_SECONDS = 0.5


class Readable(Protocol):
    """The calls of a `Store` that a copy is made with."""

    async def list_rooms(self, after: str, limit: int) -> list[str]: ...
    async def heads(self, rooms: Sequence[str]) -> dict[str, int]: ...
    async def read(self, room: str, after: int, limit: int) -> list[AnyEvent]: ...
    async def ranges(
        self, wanted: Sequence[tuple[str, int]], limit: int
    ) -> list[list[AnyEvent]]: ...
    async def get(self, space: str, key: str) -> bytes | None: ...
    async def spaces(self) -> list[str]: ...
    async def scan(
        self, space: str, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]: ...


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """What `call` gives, which does no harm when it is done twice. Raises `StoreUnavailable`."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while True:
        try:
            return await call()
        except StoreUnavailable:
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(RETRY_SECONDS)


class Patient:
    """A store that is only read, by who would rather wait than fail."""

    def __init__(self, store: Readable) -> None:
        self._store = store

    async def list_rooms(self, after: str, limit: int) -> list[str]:
        return await patiently(lambda: self._store.list_rooms(after, limit))

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        return await patiently(lambda: self._store.heads(rooms))

    async def read(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        return await patiently(lambda: self._store.read(room, after, limit))

    async def ranges(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        return await patiently(lambda: self._store.ranges(wanted, limit))

    async def get(self, space: str, key: str) -> bytes | None:
        return await patiently(lambda: self._store.get(space, key))

    async def spaces(self) -> list[str]:
        return await patiently(self._store.spaces)

    async def scan(
        self, space: str, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        return await patiently(lambda: self._store.scan(space, prefix, after, limit))
