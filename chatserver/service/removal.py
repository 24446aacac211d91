"""Deletes an account with all data of its own. Its messages stay, under its id."""

import msgspec

from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hooks.types import Actor
from chatserver.interfaces import Store
from chatserver.model import User
from chatserver.service.accounts import Accounts
from chatserver.service.blocks import Blocks
from chatserver.service.mail.emails import Emails
from chatserver.service.markers import MARKERS
from chatserver.service.own_account import THE_SERVER
from chatserver.service.preferences import Preferences
from chatserver.service.rooms import RoomService

PAGE = 1000


class Removal:
    """Deletes accounts. Each step can be repeated, so the same command finishes an interrupted deletion."""

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        rooms: RoomService,
        emails: Emails,
        preferences: Preferences,
        blocks: Blocks,
    ) -> None:
        self._store, self._accounts, self._rooms, self._emails = store, accounts, rooms, emails
        self._preferences, self._blocks = preferences, blocks

    async def delete(self, username: str, by: Actor = THE_SERVER) -> User:
        """Delete an account; returns the shell that is left.

        The account leaves its rooms, except direct ones and those that would be without an owner. Raises
        `ChatError` user.not_found, user.last_owner.
        """
        gone = await self._accounts.retire(username, by)
        leaving = msgspec.structs.replace(gone, disabled=False)
        for room in await self._rooms.joined(gone):
            try:
                await self._rooms.leave(leaving, room)
            except StoreUnavailable:
                raise
            except ChatError:  # a direct room, or its last owner: see above
                continue
        while rows := await self._store.scan(MARKERS, f"{gone.id}/", limit=PAGE):
            for key, _ in rows:
                await self._store.delete(MARKERS, key)
        await self._preferences.forget(gone.id)
        await self._blocks.forget(gone.id)
        await self._emails.forget(gone.id)
        await self._accounts.free_name(username)
        return gone
