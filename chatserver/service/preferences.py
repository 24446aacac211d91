"""What users prefer of their rooms: favourites, sections of their list, silence, watching, a mark to read later."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import asdict

from chatserver.delivery.hub import Hub
from chatserver.delivery.notices import PreferencesChanged, RoomPreferences
from chatserver.delivery.subscriber import Subscriber
from chatserver.errors import ChatError
from chatserver.interfaces import Store
from chatserver.model import User
from chatserver.roomlog.room import Room
from chatserver.service.account_preferences import AccountPreferences
from chatserver.service.rights import Right, demand
from chatserver.service.texts import clean_section
from chatserver.service.watchers import ROOM_PREFERENCES as SPACE
from chatserver.service.watchers import Watchers

PAGE, MOST = 500, 1000  # rooms on a page: usual, and at most
TRIES = 10  # each lost try means that another device of the user changed them
NONE = RoomPreferences()


class PreferencesChange(msgspec.Struct, frozen=True, kw_only=True):
    """New values; null and what is left out stay. An empty `section` is none."""

    favourite: bool | None = None
    muted: bool | None = None
    unread: bool | None = None
    watched: bool | None = None
    section: str | None = None


class PreferencesPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Rooms by ascending id; if there are `more`, the next page is `after` that of the answer.

    The first page has those of the account, too: texts by key.
    """

    account: dict[str, str] = {}
    rooms: dict[str, RoomPreferences]
    more: bool = False
    after: str | None = None


class Preferences:
    """The preferences of each user, on all their devices. A room without any is not listed."""

    def __init__(self, store: Store, hub: Hub) -> None:
        self._store, self._hub = store, hub
        self.watchers = Watchers(store)
        self.account = AccountPreferences(store, hub, self.watchers)

    async def page(self, user: User, after: str = "", limit: int = PAGE) -> PreferencesPage:
        """The user's preferences of rooms with id > `after`, of at most `limit` rooms.

        A page may have fewer, and rooms that the user has left.
        """
        prefix, limit = f"{user.id}/", min(limit, MOST)
        rows = await self._store.scan(SPACE, prefix, f"{prefix}{after}", limit)
        found = {key.removeprefix(prefix): _decode(value) for key, value in rows}
        rooms = {room: each for room, each in found.items() if each != NONE}
        more = len(rows) == limit
        return PreferencesPage(
            account={} if after else await self.account.of(user),
            rooms=rooms,
            more=more,
            after=next(reversed(found)) if more else None,
        )

    async def of_rooms(self, user: User, rooms: Sequence[str]) -> dict[str, RoomPreferences]:
        """The user's preferences of these rooms (ids), in one read."""
        found = await self._store.get_many(SPACE, [f"{user.id}/{room}" for room in rooms])
        known = {room: found.get(f"{user.id}/{room}") for room in rooms}
        return {room: _decode(value) if value else NONE for room, value in known.items()}

    async def of_members(self, room: Room, users: Sequence[str]) -> dict[str, RoomPreferences]:
        """Those of the users (ids) who prefer something of the room, with their preferences, in one read."""
        found = await self._store.get_many(SPACE, [f"{user}/{room.id}" for user in users])
        return {key.partition("/")[0]: _decode(value) for key, value in found.items()}

    async def set(
        self, user: User, room: Room, change: PreferencesChange, but: Subscriber | None = None
    ) -> RoomPreferences:
        """Change the user's preferences of a room they are in; returns them.

        The user's connections are told, except `but`. Raises `ChatError` room.not_found or room.forbidden for a room
        that the user is not in, request.invalid for a section that is longer than 50 characters, and limit.rate if
        the user's other devices change them all the time.
        """
        demand(user, room, Right.READ)
        if room.role(user.id) is None:
            raise ChatError("room.forbidden")
        changed = {name: value for name, value in asdict(change).items() if value is not None}
        if "section" in changed:
            changed["section"] = clean_section(changed["section"])
        key = f"{user.id}/{room.id}"
        for _ in range(TRIES):
            old = await self._store.get(SPACE, key)
            before = _decode(old) if old else NONE
            after = msgspec.structs.replace(before, **changed)
            if after == before:
                return after
            begins = after.watched and not before.watched
            if begins:
                await self.watchers.watch(user.id, room.id)
            if await self._write(key, old, after):
                if begins:
                    await self.watchers.watch(user.id, room.id)
                told = PreferencesChanged(room=room.id, preferences=after)
                self._hub.tell_user(user.id, told, but=but)
                return after
        raise ChatError("limit.rate", after_ms=1000)

    async def _write(self, key: str, old: bytes | None, new: RoomPreferences) -> bool:
        value = msgspec.json.encode(new)
        if old is None:
            return await self._store.add(SPACE, key, value)
        return await self._store.swap(SPACE, key, old, value)

    async def forget(self, user: str) -> None:
        """Remove all of a user who is gone."""
        await self.account.forget(user)
        while rows := await self._store.scan(SPACE, f"{user}/", limit=MOST):
            for key, _ in rows:
                await self.watchers.forget(user, key.removeprefix(f"{user}/"))
                await self._store.delete(SPACE, key)


_decode = msgspec.json.Decoder(RoomPreferences).decode
