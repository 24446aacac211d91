"""Keeps an installation from losing its last owner, whatever several nodes and commands do at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chatserver.errors import ChatError, StoreUnavailable
from chatserver.interfaces import Store
from chatserver.model import ServerRole, User
from chatserver.runtime.ids import new_id
from chatserver.service.directory import USERS, decode_user

SPACE = "founding"  # record space, shared with the choice of the first owner
KEY = "turn"  # the process that may take an owner's role away now: a unique text, or FREE
FREE = b"-"
PAGE = 1000
LOOK_SECONDS = 0.1
# A turn that is unchanged for so long was left by a process that died: no call of the store takes longer
# than 3 s, and the holder makes only a few of them.
STALE_SECONDS = 10.0


class Owners:
    """Guards the role of owner of the server."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @asynccontextmanager
    async def without(self, user: str) -> AsyncIterator[None]:
        """While the block runs, another owner exists and stays one, so that this user may cease to be.

        Raises `ChatError` user.last_owner; `StoreUnavailable` if the store was so slow that another
        process has taken the turn.
        """
        mine = new_id().encode()
        await self._take_turn(mine)
        try:
            if not await self._is_another(user):
                raise ChatError("user.last_owner")
            renewed = mine + b"+"  # with many accounts the look may have taken long
            if not await self._store.swap(SPACE, KEY, mine, renewed):
                raise StoreUnavailable(reason="looking for another owner took too long")
            mine = renewed
            yield
        finally:
            await self._store.swap(SPACE, KEY, mine, FREE)

    async def _take_turn(self, mine: bytes) -> None:
        if await self._store.add(SPACE, KEY, mine):
            return
        seen, since = FREE, 0.0
        now = asyncio.get_running_loop().time
        while True:
            held = await self._store.get(SPACE, KEY) or FREE
            if held != seen:
                seen, since = held, now()
            if held == FREE or now() > since + STALE_SECONDS:
                if await self._store.swap(SPACE, KEY, held, mine):
                    return
                continue
            await asyncio.sleep(LOOK_SECONDS)

    async def _is_another(self, user: str) -> bool:
        after = ""
        while rows := await self._store.scan(USERS, "", after, PAGE):
            found = (decode_user(raw) for _, raw in rows)
            if any(_is_owner(each) and each.id != user for each in found):
                return True
            after = rows[-1][0]
        return False


def _is_owner(user: User) -> bool:
    return user.role is ServerRole.OWNER and not user.disabled
