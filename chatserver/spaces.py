"""A plugin's own space among a store's records."""

from chatserver.interfaces import Store


class Space:
    """`chatserver.Records` for one space of a store."""

    def __init__(self, store: Store, space: str) -> None:
        self._store, self._space = store, space

    async def get(self, key: str) -> bytes | None:
        return await self._store.get(self._space, key)

    async def put(self, key: str, value: bytes) -> None:
        await self._store.put(self._space, key, value)

    async def add(self, key: str, value: bytes) -> bool:
        return await self._store.add(self._space, key, value)

    async def swap(self, key: str, old: bytes, new: bytes) -> bool:
        return await self._store.swap(self._space, key, old, new)

    async def delete(self, key: str) -> bool:
        return await self._store.delete(self._space, key)

    async def scan(
        self, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        return await self._store.scan(self._space, prefix, after, limit)
