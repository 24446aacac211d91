"""Deletes an account with all data of its own. Its messages stay, under its id."""

import msgspec

from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hooks.types import Actor
from chatserver.model import User
from chatserver.privacy.parts import PersonalParts
from chatserver.service.accounts import Accounts
from chatserver.service.own_account import THE_SERVER
from chatserver.service.rooms import RoomService


class Removal:
    """Deletes accounts. Each step can be repeated, so the same command finishes an interrupted deletion."""

    def __init__(
        self,
        accounts: Accounts,
        rooms: RoomService,
        parts: PersonalParts,
    ) -> None:
        self._accounts, self._rooms, self._parts = accounts, rooms, parts

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
        await self._parts.erase(gone.id)
        await self._accounts.free_name(username)
        return gone
