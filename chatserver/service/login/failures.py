"""Counts wrong answers in the store, for all nodes: the more there were, the longer the next one waits."""

import math
import time
from collections.abc import Callable
from hashlib import sha256

import msgspec

from chatserver.interfaces import Store
from chatserver.runtime.rate import too_fast

PREFIX = "failures/"  # of keys in the record space of logins
FREE = 10  # failures without a wait
LONGEST_SECONDS = 900.0  # wait, and time after which one failure is forgiven
PAGE = 1000


class Counted(msgspec.Struct, frozen=True):
    """Number of failures, and the Unix time of the last one."""

    count: float
    at: float


_decode = msgspec.json.Decoder(Counted).decode
_encode = msgspec.json.encode


class Failures:
    """Each failure after the first FREE doubles the wait, from a second to LONGEST_SECONDS."""

    def __init__(self, store: Store, space: str, clock: Callable[[], float] = time.time) -> None:
        self._store, self._space, self._clock = store, space, clock

    async def count(self, *name: str) -> None:
        """Count an attempt, which `forgive` takes back if it was right. Raises `ChatError` limit.rate.

        Counted in advance, so that a thousand concurrent guesses do not count as one.
        """
        key = _key(name)
        while True:
            raw = await self._store.get(self._space, key)
            old, now = _decode(raw) if raw else Counted(0, 0), self._clock()
            # A clock that went back must not make anybody wait for longer.
            passed = max(0.0, now - old.at)
            beyond = min(math.ceil(old.count) - FREE, 32)  # bounded: a greater power overflows
            wait = 0.0 if beyond < 0 else min(LONGEST_SECONDS, 2**beyond)
            if passed < wait:
                raise too_fast(min(wait - passed, LONGEST_SECONDS))
            new = _encode(Counted(max(0.0, old.count - passed / LONGEST_SECONDS) + 1, now))
            if raw is None:
                written = await self._store.add(self._space, key, new)
            else:
                written = await self._store.swap(self._space, key, raw, new)
            if written:
                return

    async def take_back(self, *name: str) -> None:
        """Undo one count, of an attempt that was neither right nor wrong."""
        key = _key(name)
        while (raw := await self._store.get(self._space, key)) is not None:
            old = _decode(raw)
            new = _encode(Counted(max(0.0, old.count - 1), old.at))
            if await self._store.swap(self._space, key, raw, new):
                return

    async def forgive(self, *name: str) -> None:
        """Forget all failures of this name, after a right answer."""
        await self._store.delete(self._space, _key(name))

    async def sweep(self) -> None:
        """Remove counts that are forgiven."""
        after, now = "", self._clock()
        while rows := await self._store.scan(self._space, PREFIX, after, PAGE):
            for key, raw in rows:
                counted = _decode(raw)
                if now - counted.at > LONGEST_SECONDS * (counted.count + 1):
                    await self._store.delete(self._space, key)
            after = rows[-1][0]


def _key(name: tuple[str, ...]) -> str:
    """A key of fixed size that hides the typed text: people type passwords into the wrong field."""
    digest = sha256()
    for text in name:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return PREFIX + digest.hexdigest()
