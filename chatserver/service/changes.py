"""Short notes to all nodes on a store, and to commands beside them: a right changed, a node wants its turn, a timer is set.

Each change, of an account or of a member of a room, is a small record that every node finds within a
second and that is removed a minute later. A bus, if there is one, announces it too, so that nodes look at
once. No clocks of different machines are compared. A node asks for its turn in a room in the same way
(`roomlog/log.py:Log.give_way`).
"""

import time
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

from chatserver.interfaces import Store
from chatserver.runtime.ids import new_id

SPACE = "changed"  # record space: any unique key -> kind/id
# Added to the time for which nodes cache sessions this makes about half a second, so a change is in force
# within a second on a busy machine as well.
LOOK_SECONDS = 0.25
# For so long a change is looked at again: at first a node may still have an older session in its cache.
AGAIN_SECONDS = 3.0
KEPT_SECONDS = (
    60.0  # a node that was cut off for longer compares everything anyway: heads, sessions, claims
)
CHANGES = 1000  # in one read

Kind = Literal["user", "room", "turn", "timer", "claims", "plugins", "erased"]
ONCE = ("turn", "timer")  # kinds that are useful only for a moment: looked at once, then removed
Recheck = Callable[[str], Awaitable[None]]


class Announcer(Protocol):
    """Tells other nodes at once, where there is a bus."""

    def user_changed(self, user: str) -> None: ...


class Changes:
    """The changes of all nodes, as this one sees them."""

    def __init__(self, store: Store, announcer: Announcer | None) -> None:
        """`announcer` is None if there is no bus to other nodes."""
        self._store, self._announcer = store, announcer
        self._rechecks: dict[str, Recheck] = {}
        self._seen: dict[str, float] = {}

    def watch(self, kind: Kind, recheck: Recheck) -> None:
        """Call `recheck` with the id of each changed user or room (or a name), several times for one change."""
        self._rechecks[kind] = recheck

    async def announce(self, kind: Kind, name: str) -> None:
        key = new_id()
        self._seen[key] = time.monotonic()
        await self._store.put(SPACE, key, f"{kind}/{name}".encode())
        if kind == "user" and self._announcer is not None:  # a room's new head is announced anyway
            self._announcer.user_changed(name)

    async def recheck(self, kind: str, name: str) -> None:
        """Look at a changed user or room; kinds that only a newer version knows are ignored."""
        if recheck := self._rechecks.get(kind):
            await recheck(name)

    async def look(self) -> None:
        """Find new changes and recheck their users and rooms. Raises `StoreUnavailable`."""
        rows = await self._rows()
        now = time.monotonic()
        new = {key for key, _ in rows} - self._seen.keys()
        self._seen = {key: self._seen.get(key, now) for key, _ in rows}
        due: dict[str, None] = {}  # each id once, however often it changed
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
        """All rows, however many: one user's repeated changes must not hide those of others."""
        rows = page = await self._store.scan(SPACE, "", limit=CHANGES)
        while len(page) == CHANGES:
            page = await self._store.scan(SPACE, "", page[-1][0], CHANGES)
            rows = rows + page
        return rows
