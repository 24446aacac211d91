"""A store's records in a dict. Calls can be delayed and made to fail, and are recorded."""

import asyncio

from chatserver import StoreUnavailable


class DictRecords:
    """`chatserver.Records` in memory. `calls` lists (method, key)."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.calls: list[tuple[str, str]] = []
        self.failing: set[str] = set()
        self.reading: asyncio.Event | None = None  # set once a `get` has its value …
        self.answer: asyncio.Event | None = None  # … which it returns when this is set

    def _note(self, method: str, key: str) -> None:
        self.calls.append((method, key))
        if method in self.failing:
            raise StoreUnavailable()

    async def get(self, key: str) -> bytes | None:
        self._note("get", key)
        value = self.values.get(key)
        if self.reading is not None and self.answer is not None:
            self.reading.set()
            await self.answer.wait()
        return value

    async def put(self, key: str, value: bytes) -> None:
        self._note("put", key)
        self.values[key] = value

    async def add(self, key: str, value: bytes) -> bool:
        self._note("add", key)
        return self.values.setdefault(key, value) is value

    async def swap(self, key: str, old: bytes, new: bytes) -> bool:
        self._note("swap", key)
        if self.values.get(key) != old:
            return False
        self.values[key] = new
        return True

    async def delete(self, key: str, old: bytes | None = None) -> bool:
        self._note("delete", key)
        if old is not None and self.values.get(key) != old:
            return False
        return self.values.pop(key, None) is not None

    async def scan(
        self, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        self._note("scan", prefix)
        found = sorted(
            item for item in self.values.items() if item[0].startswith(prefix) and item[0] > after
        )
        return found[:limit]
