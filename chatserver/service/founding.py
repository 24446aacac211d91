"""Chooses the first owner of an installation, by one atomic record.

While the record is open, each account that is made or signs in tries to write its id there; `swap` lets one
succeed. Any process that finds the id of an account that is not owner yet makes it owner. So after a crash
at any point there is an owner, or the next account to sign in becomes owner.
"""

import msgspec

from chatserver.interfaces import Store
from chatserver.model import ServerRole, User
from chatserver.service.directory import NAMES, USERS, decode_user

SPACE = "founding"  # record space: KEY -> one of these states
KEY = "owner"
OPEN = b"open"  # the first account is being made
DECIDED = b"decided/"  # followed by the id of the account that is to be owner
DONE = b"done"  # there was an owner; from here on people give roles
PAGE = 1000


class Founding:
    """The decision, as this node knows it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._done = False  # once true, no call reads the store

    async def begin(self) -> None:
        """Open the record if the account about to be made, without a given role, may be the first."""
        if self._done or await self._store.get(SPACE, KEY) is not None:
            return
        if not await self._store.scan(NAMES, "", limit=1):
            await self._store.add(SPACE, KEY, OPEN)
        elif await self._store.get(SPACE, KEY) is None:  # made by an older version, or with a role
            self._done = True

    async def settle(self, user: User) -> bool:
        """Make this account, which is stored by now, the first owner if none is decided on.

        False if that was settled before. Raises `StoreUnavailable`; then the next account continues.
        """
        if self._done:
            return False
        while (state := await self._store.get(SPACE, KEY)) not in (None, DONE):
            assert state is not None
            if state != OPEN:
                await self._make_owner(state.removeprefix(DECIDED).decode())
                await self._store.swap(SPACE, KEY, state, DONE)
            elif await self._has_owner():  # an operator made one
                await self._store.swap(SPACE, KEY, OPEN, DONE)
            elif user.role is not ServerRole.MEMBER:
                return False  # the account was given another role on purpose
            else:
                await self._store.swap(SPACE, KEY, OPEN, DECIDED + user.id.encode())
        self._done = True
        return True

    async def _has_owner(self) -> bool:
        after = ""
        while rows := await self._store.scan(USERS, "", after, PAGE):
            if any(decode_user(raw).role is ServerRole.OWNER for _, raw in rows):
                return True
            after = rows[-1][0]
        return False

    async def _make_owner(self, user: str) -> None:
        """Make the account owner; does nothing if it does not exist (removed, or never completed)."""
        while (old := await self._store.get(USERS, user)) is not None:
            owner = msgspec.structs.replace(decode_user(old), role=ServerRole.OWNER)
            if await self._store.swap(USERS, user, old, msgspec.json.encode(owner)):
                return
