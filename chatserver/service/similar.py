"""Finds names that look like another account's, by an index of the skeletons of all names.

An entry is made before its account, atomically, so that of two made at once one is refused. Accounts that
are older than the index are entered in the background; if two of them look alike, the older one is entered.
"""

import time
from collections.abc import Collection

from chatserver.errors import ChatError
from chatserver.interfaces import Store
from chatserver.model import User
from chatserver.runtime.ids import time_of_id
from chatserver.service.directory import USERS, decode_user
from chatserver.service.names import skeletons

SPACE = "skeleton"  # record space: skeleton -> id
PROGRESS_SPACE, PROGRESS_KEY = "founding", "skeletons"  # the last id entered, or DONE
DONE = b"done"
BATCH = 100  # accounts entered at once, every LOOK_SECONDS
LOOK_SECONDS = 1.0
# An entry without an account was left by a crash, or its account is just being made.
UNFINISHED_SECONDS = 60.0


class Similar:
    """The index of skeletons."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._done = False

    async def claim(
        self, user: str, name: str, field: str, claimed: Collection[str] = ()
    ) -> list[str]:
        """Enter a name for the user id; returns the new entries. `claimed` are known to be the user's.

        Raises `ChatError` user.exists, with `detail`, if it looks like a name of another account.
        """
        made: list[str] = []
        for key in sorted(skeletons(name).difference(claimed)):
            if await self._store.add(SPACE, key, user.encode()):
                made.append(key)
            elif not await self._take_over(key, user):
                await self.release(user, made)
                raise ChatError(
                    "user.exists",
                    "This name looks too much like that of another account.",
                    detail={"field": field, "reason": "similar"},
                )
        return made

    async def release(self, user: str, keys: Collection[str]) -> None:
        """Remove entries of the user id."""
        for key in keys:
            if await self._store.get(SPACE, key) == user.encode():
                await self._store.delete(SPACE, key)

    async def look(self) -> None:
        """Enter some accounts that are older than the index. Raises `StoreUnavailable`."""
        if self._done:
            return
        place = await self._store.get(PROGRESS_SPACE, PROGRESS_KEY) or b""
        if place == DONE:
            self._done = True
            return
        rows = await self._store.scan(USERS, "", place.decode(), BATCH)
        for _, raw in rows:
            await self._enter(decode_user(raw))
        reached = rows[-1][0].encode() if len(rows) == BATCH else DONE
        await self._store.put(PROGRESS_SPACE, PROGRESS_KEY, reached)

    async def _enter(self, user: User) -> None:
        """Enter the names of an account, but none that it has given up meanwhile."""
        if user.deleted:
            return
        key_of = user.id.encode()
        made = {key for key in looks(user) if await self._store.add(SPACE, key, key_of)}
        if made:
            raw = await self._store.get(USERS, user.id)
            now = None if raw is None else decode_user(raw)
            await self.release(user.id, made if now is None else made - looks(now))

    async def _take_over(self, key: str, user: str) -> bool:
        """Take over an entry whose account was never completed; whether the entry is the user's now."""
        holder = await self._store.get(SPACE, key)
        if holder is None:
            return await self._store.add(SPACE, key, user.encode())
        if holder == user.encode():
            return True
        if await self._store.get(USERS, holder.decode()) is not None:
            return False
        if time.time() - time_of_id(holder.decode()) < UNFINISHED_SECONDS:
            return False
        return await self._store.swap(SPACE, key, holder, user.encode())


def looks(user: User) -> set[str]:
    """The skeletons of both names of an account."""
    return skeletons(user.username) | skeletons(user.name)
