"""Inspection of all data of the installation by staff of the server: read-only, and always recorded.

The rights in rooms do not apply here, so each look is logged and told to plugins (`on_look`): who looked and
at which data, never the content.
"""

import heapq
from collections.abc import Sequence

import msgspec
from loguru import logger

from chatserver.errors import ChatError
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.types import Look, Sight
from chatserver.interfaces import Store, StoredSession
from chatserver.model import AnyEvent, MemberEvent, RoomChanged, User
from chatserver.runtime.for_each import in_parts
from chatserver.service.accounts import Accounts
from chatserver.service.directory import bare_name
from chatserver.service.login.sessions import OwnSession

PAGE = 500  # accounts in one query
LOOKED_AT = 5000  # accounts or rooms in one search: more take another request


class Inspected(msgspec.Struct, frozen=True):
    """A room as it is stored: its head, and its description if it has one."""

    id: str
    head: int
    description: RoomChanged | None


class Inspection:
    """All data for a member of the staff, page by page. Nothing here writes."""

    def __init__(
        self, store: Store, accounts: Accounts, hooks: HookCalls, user: User, address: str
    ) -> None:
        self._store, self._accounts, self._hooks = store, accounts, hooks
        self._user, self._address = user, address

    async def rooms(self, after: str, limit: int) -> list[Inspected]:
        """Rooms of every kind by ascending id > `after`. Deleted ones are nowhere here."""
        self._tell("rooms")
        found: list[Inspected] = []
        while len(found) < limit and (ids := await self._store.list_rooms(after, limit)):
            found += await self._rooms(ids)
            after = ids[-1]
        return found[:limit]

    async def find_rooms(
        self, text: str, after: str = "", limit: int = 50
    ) -> tuple[list[Inspected], str | None]:
        """Rooms of every kind with the text in their name, or this id, by ascending id > `after`.

        Looks at `LOOKED_AT` rooms at most. Returns them, and where to go on: None if that was all.
        """
        self._tell("rooms")
        wanted, found, looked_at = bare_name(text), list[Inspected](), 0
        while looked_at < LOOKED_AT:
            ids = await self._store.list_rooms(after, PAGE)
            for room in await self._rooms(ids):
                name = room.description.name if room.description else None
                if wanted in bare_name(name or "") or text == room.id:
                    found.append(room)
                if len(found) == limit:
                    return found, room.id
            if len(ids) < PAGE:
                return found, None
            after, looked_at = ids[-1], looked_at + PAGE
        return found, after

    async def room(self, room: str) -> Inspected:
        """Raises `ChatError` room.not_found."""
        found = await self._rooms([room])
        if not found:
            raise ChatError("room.not_found")
        self._tell("room", room=room)
        return found[0]

    async def events(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        """A part of a room's log, ascending from the first seq > `after` on.

        Replaced texts are redacted for staff as for everybody; if one is needed, it is in a backup.
        """
        if not await self._rooms([room]):
            return []
        (found,) = await self._store.shown([(room, after)], limit)
        if found:
            self._tell("events", room=room)
        return found

    async def members(self, room: str, after: str, limit: int) -> list[MemberEvent]:
        """The newest event of each present or former member of the room, by ascending user id > `after`."""
        if not await self._rooms([room]):
            return []
        found = await self._members(room, after, limit)
        if found:
            self._tell("members", room=room)
        return found

    async def users(self, after: str, limit: int) -> list[User]:
        """Accounts by ascending id > `after`."""
        self._tell("users")
        return await self._accounts.list(after, limit)

    async def find_users(
        self, text: str, after: str = "", limit: int = 50
    ) -> tuple[list[User], str | None]:
        """Accounts with the text in their user name or shown name, by ascending id > `after`.

        Looks at `LOOKED_AT` accounts at most. Returns them, and where to go on: None if that was all.
        """
        self._tell("users")
        wanted, found, looked_at = bare_name(text), list[User](), 0
        while looked_at < LOOKED_AT:
            page = await self._accounts.list(after, PAGE)
            for user in page:
                after = user.id
                if wanted in bare_name(user.username) or wanted in bare_name(user.name):
                    found.append(user)
                if len(found) == limit:
                    return found, after
            if len(page) < PAGE:
                return found, None
            looked_at += PAGE
        return found, after

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
        """The user's newest event in each room they are or were in, by ascending room id > `after`."""
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

    async def sessions_of(self, username: str) -> list[OwnSession]:
        """The sessions of an account as its user sees them, newest first. Raises `ChatError` user.not_found."""
        user = await self._accounts.named(username)
        self._tell("sessions", of=user.id)
        return await self._accounts.sessions.of(user.id)

    async def _members(self, room: str, after: str, limit: int) -> list[MemberEvent]:
        page = getattr(self._store, "members_after", None)
        if page is not None:
            first: list[MemberEvent] = await page(room, after, limit)
            return first
        found = await in_parts(
            await self._store.members([room]),
            lambda events: [event for event in events if event.user.id > after],
        )
        return heapq.nsmallest(limit, found, key=lambda event: event.user.id)

    async def _rooms(self, rooms: Sequence[str]) -> list[Inspected]:
        heads, described = await self._store.heads(rooms), await self._store.rooms(rooms)
        return [
            Inspected(room, heads[room], description)
            for room in rooms
            if room in heads and not ((description := described.get(room)) and description.deleted)
        ]

    def _tell(self, what: Sight, *, room: str | None = None, of: str | None = None) -> None:
        """Log a look and tell plugins. Only ids that exist go there: typed text could be anything."""
        look = Look(user=self._user.id, address=self._address, what=what, room=room, of=of)
        logger.info("{} of the staff looks at {} {}", look.user, what, room or of or "")
        self._hooks.on_look(look)
