"""Tells all nodes on a store, and commands beside them, that somebody's rights changed.

Each change, of an account or of a member of a room, is a small record that every node finds within a
second and that is removed a minute later. Where there is a bus, it is said there too, and looked at
at once. No clocks of different machines are compared. In the same way a node asks for its turn in a
room (`log.py:Log.give_way`).
"""

import time
from collections.abc import Awaitable, Callable
from typing import Literal

from chatserver.interfaces import Store
from chatserver.service.texts import new_id

SPACE = "changed"  # record space: any unique key -> kind/id
# Together with the time that nodes remember sessions this is about half a second, so that a change is
# in force within a second on a busy machine, too.
LOOK_SECONDS = 0.25
# A change is looked at again for so long: at first a node may still remember an older session.
AGAIN_SECONDS = 3.0
KEPT_SECONDS = 60.0  # a node that was cut off from the store for longer compares everything anyway
CHANGES = 1000  # read at once

Kind = Literal["user", "room", "turn"]
ONCE = ("turn",)  # of use for a moment only: looked at once, and then removed
Recheck = Callable[[str], Awaitable[None]]


class Changes:
    """The changes of all nodes, as this one sees them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.announced: Callable[[str], None] | None = None  # tells other nodes of a user at once
        self._rechecks: dict[str, Recheck] = {}
        self._seen: dict[str, float] = {}

    def watch(self, kind: Kind, recheck: Recheck) -> None:
        """`recheck` is called with the id of what changed, several times for one change of rights."""
        self._rechecks[kind] = recheck

    async def announce(self, kind: Kind, name: str) -> None:
        key = new_id()
        self._seen[key] = time.monotonic()
        await self._store.put(SPACE, key, f"{kind}/{name}".encode())
        if kind == "user" and self.announced is not None:  # of a room its head is said anyway
            self.announced(name)

    async def recheck(self, kind: str, name: str) -> None:
        """Look at what has changed; a kind that only a newer version knows is left alone."""
        if recheck := self._rechecks.get(kind):
            await recheck(name)

    async def look(self) -> None:
        """Find what is new. Raises `StoreUnavailable`."""
        rows = await self._rows()
        now = time.monotonic()
        new = {key for key, _ in rows} - self._seen.keys()
        self._seen = {key: self._seen.get(key, now) for key, _ in rows}
        due: dict[str, None] = {}  # each once, however often it changed
        for key, value in rows:
            age = now - self._seen[key]
            change = value.decode()
            once = change.partition("/")[0] in ONCE
            if age > (AGAIN_SECONDS if once else KEPT_SECONDS):
                await self._store.delete(SPACE, key)
            elif key in new or (age <= AGAIN_SECONDS and not once):
                due[change] = None
        for change in due:
            kind, _, name = change.partition("/")
            await self.recheck(kind, name)

    async def _rows(self) -> list[tuple[str, bytes]]:
        """All of them: what one user does again and again must not hide what became of others."""
        rows = page = await self._store.scan(SPACE, "", limit=CHANGES)
        while len(page) == CHANGES:
            page = await self._store.scan(SPACE, "", page[-1][0], CHANGES)
            rows = rows + page
        return rows
