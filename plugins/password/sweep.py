"""Removes expired sessions of users who never signed in again."""

import time
from collections.abc import Callable

from chatserver import Records
from chatserver_plugins.password.sessions import PAGE, PREFIX, renewed_at

SWEEP_SECONDS = 86400.0
SPARE_SECONDS = 86400.0  # after the expiry, as some node's clock may be slow
LAST_KEY = "swept"  # record: Unix time of the last sweep


class Sweep:
    """Checks all sessions every SWEEP_SECONDS.

    A clock that is wrong by years would end all sessions. So a node removes nothing unless its clock has
    advanced about as far as expected since the last sweep, on any node.
    """

    def __init__(
        self, records: Records, lifetime: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._records, self._lifetime, self._clock = records, lifetime, clock

    async def run(self) -> None:
        now = self._clock()
        last = await self._records.get(LAST_KEY)
        if last is not None and 0 < now - float(last) < 2 * SWEEP_SECONDS:
            await self._remove(now - self._lifetime - SPARE_SECONDS)
        await self._records.put(LAST_KEY, str(now).encode())

    async def _remove(self, renewed_before: float) -> None:
        after = ""
        while page := await self._records.scan(PREFIX, after, PAGE):
            for key, value in page:
                if renewed_at(value) < renewed_before:
                    await self._records.delete(key)
            after = page[-1][0]
