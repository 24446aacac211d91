"""A plugin's own space among a store's records."""

from collections.abc import Sequence

from chatserver.interfaces import RECORD_KEY_BYTES, Store


def space_of(plugin: str) -> str:
    """The name of the space that holds a plugin's records."""
    return f"plugin/{plugin}"


class Space:
    """`chatserver.Records` for one space of a store. Keys that are too long raise `ValueError`."""

    def __init__(self, store: Store, space: str) -> None:
        self._store, self._space = store, space

    async def get(self, key: str) -> bytes | None:
        return await self._store.get(self._space, key)

    async def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        return await self._store.get_many(self._space, keys)

    async def put(self, key: str, value: bytes) -> None:
        check_key(key)
        await self._store.put(self._space, key, value)

    async def add(self, key: str, value: bytes) -> bool:
        check_key(key)
        return await self._store.add(self._space, key, value)

    async def swap(self, key: str, old: bytes, new: bytes) -> bool:
        return await self._store.swap(self._space, key, old, new)

    async def delete(self, key: str, old: bytes | None = None) -> bool:
        return await self._store.delete(self._space, key, old)

    async def scan(
        self, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        return await self._store.scan(self._space, prefix, after, limit)


def check_key(key: str) -> None:
    """Raise `ValueError` for a key that some store cannot keep, whatever store is in use."""
    if len(key) * 4 > RECORD_KEY_BYTES and (size := len(key.encode())) > RECORD_KEY_BYTES:
        raise ValueError(
            f"a record's key has at most {RECORD_KEY_BYTES} bytes, not {size}: {key[:40]}…"
        )
