"""Removes expired sessions from the store, of users who never came back to sign in again."""

import time
from collections.abc import Callable

from chatserver import Records
from chatserver_plugins.password.sessions import PAGE, PREFIX, renewed_at

SWEEP_SECONDS = 86400.0
SPARE_SECONDS = 86400.0  # kept so long after it expired: some node's clock may be a little behind
LAST_KEY = "swept"  # record: Unix time of the last sweep


class Sweep:
    """One look at all sessions, every SWEEP_SECONDS.

    A clock that is wrong by years would end everybody's session. So a node removes nothing unless
    its clock has gone on since the last sweep, on whatever node that was, about as far as it must.
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
