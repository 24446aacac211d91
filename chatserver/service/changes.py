"""Tells all nodes on a store, and commands beside them, that something about an account changed.

Each change is a small record that every node finds within a second and that is removed a minute
later; where there is a bus, it is said there too, and looked at at once. No clocks of different machines are compared.
"""

import time
from collections.abc import Awaitable, Callable

from chatserver.interfaces import Store
from chatserver.service.texts import new_id

SPACE = "changed"  # record space: any unique key -> user id
LOOK_SECONDS = 1.0
AGAIN_SECONDS = (
    3.0  # looked at anew for so long: what a node remembers of sessions is older than the change
)
KEPT_SECONDS = 60.0  # a node that the store is away from so long looks at everything anyway
CHANGES = 1000  # taken at once


class AccountChanges:
    """The changes of all nodes, as this one sees them."""

    def __init__(self, store: Store, recheck: Callable[[str], Awaitable[None]]) -> None:
        """`recheck` is called with the user id, several times for one change."""
        self._store, self.recheck = store, recheck
        self.announced: Callable[[str], None] | None = None  # tells other nodes at once
        self._seen: dict[str, float] = {}

    async def announce(self, user: str) -> None:
        await self._store.put(SPACE, new_id(), user.encode())
        if self.announced is not None:
            self.announced(user)

    async def look(self) -> None:
        """Find what is new. Raises `StoreUnavailable`."""
        rows = await self._store.scan(SPACE, "", limit=CHANGES)
        now = time.monotonic()
        self._seen = {key: self._seen.get(key, now) for key, _ in rows}
        for key, user in rows:
            age = now - self._seen[key]
            if age <= AGAIN_SECONDS:
                await self.recheck(user.decode())
            elif age > KEPT_SECONDS:
                await self._store.delete(SPACE, key)
