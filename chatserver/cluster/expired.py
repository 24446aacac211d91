"""Removes the expired records of all plugins, a part in each run."""

import msgspec

from chatserver.cluster.quarantine import UNREADABLE
from chatserver.hooks.expiring import SPACES, end_of
from chatserver.hooks.types import Job
from chatserver.interfaces import Store
from chatserver.runtime.clock import Clock

NAME = "expired"
SPACE, KEY = "expired", "swept"  # the record with the state of the sweep
EVERY = 21_600.0
DEADLINE = 600.0
PAGE = 1000
MOST = 1_000_000  # records looked at in one run; the next one continues
SPARE_SECONDS = (
    3600.0  # after its end a record is kept for so long, as some node's clock may be slow
)


class Swept(msgspec.Struct, frozen=True):
    """The last run: its Unix time, and the space and key at which the next one continues."""

    at: float
    space: str = ""
    after: str = ""


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Swept).decode


class Sweep:
    """Looks through all records that expire.

    A clock that is wrong by years would remove all of them. So a node removes nothing unless its clock has
    advanced about as far as expected since the last run, on any node.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def job(self) -> Job:
        return Job(name=NAME, every=EVERY, run=self.run, deadline=DEADLINE)

    async def run(self) -> None:
        """Look at the next MOST records, and remove those that have expired."""
        now, last = self._clock.now(), await self._last()
        if last is None or not 0 <= now - last.at < 2 * EVERY:
            await self._note(Swept(now))
            return
        left = MOST
        for space in await self._store.spaces():
            if not space.startswith(SPACES) or space < last.space:
                continue
            after = last.after if space == last.space else ""
            while rows := await self._store.scan(space, "", after, PAGE):
                after = rows[-1][0]
                for key, record in rows:
                    if end_of(record) + SPARE_SECONDS <= now:
                        await self._store.delete(space, key, record)
                left -= len(rows)
                if left <= 0:
                    await self._note(Swept(now, space, after))
                    return
        await self._note(Swept(now))

    async def _last(self) -> Swept | None:
        record = await self._store.get(SPACE, KEY)
        try:
            return None if record is None else _decode(record)
        except UNREADABLE:
            return None

    async def _note(self, swept: Swept) -> None:
        await self._store.put(SPACE, KEY, _encode(swept))
