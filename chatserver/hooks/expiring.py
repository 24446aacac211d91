"""A plugin's records that expire: plain records of a store, each with its end in front of the value."""

from math import isfinite

from chatserver.hooks.records import check_key
from chatserver.interfaces import Store
from chatserver.runtime.clock import Clock

SPACES = "expiring/"  # record spaces: this and the plugin's name
END_BYTES = 8  # milliseconds since 1970, the most significant byte first
LONGEST_SECONDS = 1e11  # 3,000 years


class ExpiringSpace:
    """`chatserver.ExpiringRecords` for one plugin. Keys that are too long raise `ValueError`."""

    def __init__(self, store: Store, plugin: str, clock: Clock) -> None:
        self._store, self._space, self._clock = store, SPACES + plugin, clock

    async def get(self, key: str) -> bytes | None:
        return self._value(await self._store.get(self._space, key))

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        check_key(key)
        await self._store.put(self._space, key, self._record(value, seconds))

    async def add(self, key: str, value: bytes, seconds: float) -> bool:
        check_key(key)
        record = self._record(value, seconds)
        while True:
            if await self._store.add(self._space, key, record):
                return True
            found = await self._store.get(self._space, key)
            if self._value(found) is not None:
                return False
            if found is not None and await self._store.swap(self._space, key, found, record):
                return True

    async def swap(self, key: str, old: bytes, new: bytes, seconds: float) -> bool:
        record = self._record(new, seconds)
        while True:
            found = await self._store.get(self._space, key)
            if found is None or self._value(found) != old:
                return False
            if await self._store.swap(self._space, key, found, record):
                return True

    async def delete(self, key: str, old: bytes | None = None) -> bool:
        while True:
            found = await self._store.get(self._space, key)
            value = self._value(found)
            if found is None or value is None or old not in (None, value):
                return False
            if await self._store.delete(self._space, key, found):
                return True

    async def scan(
        self, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        while (missing := limit - len(found)) > 0:
            rows = await self._store.scan(self._space, prefix, after, missing)
            found += [
                (key, value) for key, record in rows if (value := self._value(record)) is not None
            ]
            if len(rows) < missing:
                break
            after = rows[-1][0]
        return found

    def _record(self, value: bytes, seconds: float) -> bytes:
        if not (isfinite(seconds) and seconds < LONGEST_SECONDS):
            raise ValueError(f"expected a number of seconds, got {seconds}")
        end = max(0, int((self._clock.now() + seconds) * 1000))
        return end.to_bytes(END_BYTES) + value

    def _value(self, record: bytes | None) -> bytes | None:
        if record is None or end_of(record) <= self._clock.now():
            return None
        return record[END_BYTES:]


def end_of(record: bytes) -> float:
    """The Unix time at which a record expires."""
    return int.from_bytes(record[:END_BYTES]) / 1000
