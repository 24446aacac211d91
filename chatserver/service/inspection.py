"""Looking through all data of the installation, for staff of the server: to read, and never unnoticed.

The rights of rooms do not apply here, so each look is logged and told to plugins (`on_look`): by
whom, at what; never what was seen.
"""

from collections.abc import Sequence

import msgspec
from loguru import logger

from chatserver.errors import ChatError
from chatserver.hooks import HookCalls
from chatserver.hooktypes import Look, Sight
from chatserver.interfaces import Store, StoredSession
from chatserver.model import AnyEvent, MemberEvent, RoomChanged, User
from chatserver.redaction import without_replaced
from chatserver.service.accounts import Accounts


class Inspected(msgspec.Struct, frozen=True):
    """A room as it is kept: its head, and its description if it has one."""

    id: str
    head: int
    description: RoomChanged | None


class Inspection:
    """What one of the staff may see, a page at a time. Nothing here writes."""

    def __init__(
        self, store: Store, accounts: Accounts, hooks: HookCalls, user: User, address: str
    ) -> None:
        self._store, self._accounts, self._hooks = store, accounts, hooks
        self._user, self._address = user, address

    async def rooms(self, after: str, limit: int) -> list[Inspected]:
        """Rooms of every kind by ascending id > `after`."""
        self._tell("rooms")
        return await self._rooms(await self._store.list_rooms(after, limit))

    async def room(self, room: str) -> Inspected:
        """Raises `ChatError` room.not_found."""
        found = await self._rooms([room])
        if not found:
            raise ChatError("room.not_found")
        self._tell("room", room=room)
        return found[0]

    async def events(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        """A part of a room's log, ascending from the first seq > `after` on.

        Texts that were replaced are redacted for staff as for everybody: a look that somebody needs
        at one is a look at a backup.
        """
        found = await without_replaced(self._store, await self._store.read(room, after, limit))
        if found:
            self._tell("events", room=room)
        return found

    async def members(self, room: str, after: str, limit: int) -> list[MemberEvent]:
        """Who ever was in the room, by ascending user id > `after`: the newest event of each."""
        found = [event for event in await self._store.members([room]) if event.user.id > after]
        if found:
            self._tell("members", room=room)
        return sorted(found, key=lambda event: event.user.id)[:limit]

    async def users(self, after: str, limit: int) -> list[User]:
        """Accounts by ascending id > `after`."""
        self._tell("users")
        return await self._accounts.list(after, limit)

    async def user(self, user: str) -> User:
        """Raises `ChatError` user.not_found."""
        found = await self._accounts.get(user)
        self._tell("user", of=user)
        return found

    async def user_named(self, username: str) -> User:
        """Raises `ChatError` user.not_found."""
        found = await self._accounts.by_name(username)
        if found is None:
            raise ChatError("user.not_found")
        self._tell("user", of=found.id)
        return found

    async def memberships(self, user: str, after: str, limit: int) -> list[MemberEvent]:
        """Where the user ever was, by ascending room id > `after`: the newest event of each."""
        found = [event for event in await self._store.memberships(user) if event.room > after]
        if found:
            self._tell("user", of=user)
        return sorted(found, key=lambda event: event.room)[:limit]

    async def sessions(self, user: str | None, after: str, limit: int) -> Sequence[StoredSession]:
        """Sessions of a user id (None: of all), by ascending id > `after`; no tokens."""
        found = await self._accounts.list_sessions(user, after, limit)
        if found:
            self._tell("sessions", of=user)
        return found

    async def _rooms(self, rooms: Sequence[str]) -> list[Inspected]:
        heads, described = await self._store.heads(rooms), await self._store.rooms(rooms)
        return [
            Inspected(room, heads[room], described.get(room)) for room in rooms if room in heads
        ]

    def _tell(self, what: Sight, *, room: str | None = None, of: str | None = None) -> None:
        """Of what is there only: what somebody typed may be anything."""
        look = Look(user=self._user.id, address=self._address, what=what, room=room, of=of)
        logger.info("{} of the staff looks at {} {}", look.user, what, room or of or "")
        self._hooks.on_look(look)
