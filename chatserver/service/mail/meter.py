"""Counts mails by user and by address over all nodes, so that nobody floods a mailbox."""

import time
from collections.abc import Callable
from hashlib import sha256

import msgspec

from chatserver.interfaces import Store

SPACE = "mail"  # record space: hash of what is counted -> Unix times of the last mails
PAGE = 1000

_decode = msgspec.json.Decoder(tuple[float, ...]).decode
_encode = msgspec.json.encode


class Meter:
    """At most `most` mails in `seconds` under one name."""

    def __init__(
        self, store: Store, most: int, seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._most, self._seconds, self._clock = store, most, seconds, clock

    async def take(self, *name: str) -> bool:
        """Count a mail; False if there were too many."""
        key = sha256("\0".join(name).encode("utf-8", "surrogatepass")).hexdigest()
        while True:
            raw, now = await self._store.get(SPACE, key), self._clock()
            times = [at for at in _decode(raw) if abs(now - at) < self._seconds] if raw else []
            if len(times) >= self._most:
                return False
            new = _encode((*times, now))
            if raw is None:
                written = await self._store.add(SPACE, key, new)
            else:
                written = await self._store.swap(SPACE, key, raw, new)
            if written:
                return True

    async def sweep(self) -> None:
        """Remove counts that are over."""
        after, now = "", self._clock()
        while rows := await self._store.scan(SPACE, "", after, PAGE):
            for key, raw in rows:
                if all(abs(now - at) >= self._seconds for at in _decode(raw)):
                    await self._store.delete(SPACE, key)
            after = rows[-1][0]
