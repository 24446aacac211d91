"""Which account becomes the first owner of an installation, decided by one atomic record.

While the record says that nobody is decided on, the first account to come by (made, or signed in)
writes its id there; `swap` lets one of them. Whoever meets an id whose account is no owner yet makes it
one. So a crash at any point leaves an owner, or the next one to come by becomes it.
"""

import msgspec

from chatserver.interfaces import Store
from chatserver.model import ServerRole, User
from chatserver.service.directory import NAMES, USERS, decode_user

SPACE = "founding"  # record space: KEY -> one of these states
KEY = "owner"
OPEN = b"open"  # the first account is being made
DECIDED = b"decided/"  # then an id: it is to be owner
DONE = b"done"  # there was an owner; roles are given by people from here on
PAGE = 1000


class Founding:
    """The decision, as this node knows it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._done = False  # costs a read only until then

    async def begin(self) -> None:
        """An account without a given role is about to be made: note it if it may be the first."""
        if self._done or await self._store.get(SPACE, KEY) is not None:
            return
        if not await self._store.scan(NAMES, "", limit=1):
            await self._store.add(SPACE, KEY, OPEN)
        elif await self._store.get(SPACE, KEY) is None:  # made by an older version, or with a role
            self._done = True

    async def settle(self, user: User) -> bool:
        """Decide on the account, which can be found by now, if nobody is decided on.

        False if all was decided before. Raises `StoreUnavailable`; the next one to come by goes on.
        """
        if self._done:
            return False
        while (state := await self._store.get(SPACE, KEY)) not in (None, DONE):
            assert state is not None
            if state != OPEN:
                await self._make_owner(state.removeprefix(DECIDED).decode())
                await self._store.swap(SPACE, KEY, state, DONE)
            elif await self._has_owner():  # by hand
                await self._store.swap(SPACE, KEY, OPEN, DONE)
            elif user.role is not ServerRole.MEMBER:
                return False  # it was given another role on purpose
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
        """Nothing is done for an account that is not there: it was removed, or never came to be."""
        while (old := await self._store.get(USERS, user)) is not None:
            owner = msgspec.structs.replace(decode_user(old), role=ServerRole.OWNER)
            if await self._store.swap(USERS, user, old, msgspec.json.encode(owner)):
                return
