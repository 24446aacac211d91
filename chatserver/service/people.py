"""Of whom a user may know, for everything that is asked about users by their ids."""

from collections.abc import Sequence

from chatserver.hooks.calls import HookCalls
from chatserver.model import ServerRole, User
from chatserver.service.accounts import Accounts
from chatserver.service.found import found_by
from chatserver.service.rooms import RoomService


class People:
    """Guests know those with whom they share a room, others everybody; plugins may leave out some."""

    def __init__(self, accounts: Accounts, rooms: RoomService, hooks: HookCalls) -> None:
        self._accounts, self._rooms, self._hooks = accounts, rooms, hooks

    async def known_to(self, user: User, others: Sequence[str]) -> Sequence[User]:
        """The accounts of those of `others` (ids) of whom `user` may know; plugins are asked once.

        Raises `ChatError`: that of a plugin, or plugin.failed.
        """
        wanted = list(dict.fromkeys(others))
        if user.role is ServerRole.GUEST:
            rooms = await self._rooms.joined(user)
            wanted = [
                other
                for other in wanted
                if other == user.id or any(room.role(other) is not None for room in rooms)
            ]
        accounts = await self._accounts.get_many(wanted)
        return await found_by(self._hooks, user, list(accounts.values()))
