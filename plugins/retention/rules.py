"""What is kept for how long: the settings, what rooms have chosen, and holds, under which nothing is removed."""

from collections.abc import AsyncIterator

import msgspec

from chatserver import Records, RoomKind
from chatserver_plugins.retention.config import Config

ROOM, HELD_ROOM, HELD_USER = "room/", "hold/room/", "hold/user/"  # keys, before an id
PAGE = 500


class Choice(msgspec.Struct, frozen=True):
    """What a room has chosen."""

    days: int


class Hold(msgspec.Struct, frozen=True):
    """Why nothing of a room or user is removed, and since when (Unix time)."""

    reason: str
    since: float


_encode = msgspec.json.encode
_choice, _hold = msgspec.json.Decoder(Choice).decode, msgspec.json.Decoder(Hold).decode


class Rules:
    """Reads and changes them."""

    def __init__(self, records: Records, config: Config) -> None:
        self._records, self._config = records, config

    def of_kind(self, kind: RoomKind) -> int:
        """The server's days for rooms of a kind; 0: for ever."""
        given = {
            RoomKind.PUBLIC: self._config.public_days,
            RoomKind.PRIVATE: self._config.private_days,
            RoomKind.DIRECT: self._config.direct_days,
        }[kind]
        return self._config.days if given < 0 else given

    async def days(self, room: str, kind: RoomKind) -> int:
        """The days for which a room (id) keeps its messages; 0: for ever."""
        record = await self._records.get(ROOM + room)
        return self.shorter(0 if record is None else _choice(record).days, kind)

    def shorter(self, chosen: int, kind: RoomKind) -> int:
        """The days that hold for a room of a kind that has chosen so many; 0: none."""
        return min((days for days in (chosen, self.of_kind(kind)) if days), default=0)

    async def choose(self, room: str, days: int) -> None:
        """Have a room's messages removed after so many days; 0: as the server does."""
        if days:
            await self._records.put(ROOM + room, _encode(Choice(days)))
        else:
            await self._records.delete(ROOM + room)

    async def choices(self) -> dict[str, int]:
        """The days that rooms (ids) have chosen."""
        found = self._all(ROOM)
        return {room: _choice(record).days async for room, record in found}

    async def hold(self, key: str, reason: str, since: float) -> bool:
        """Keep all of a room or user (`HELD_ROOM` or `HELD_USER` and the id) from now on; False if it was held before."""
        return await self._records.add(key, _encode(Hold(reason, since)))

    async def release(self, key: str) -> bool:
        """End a hold; False if there was none."""
        return await self._records.delete(key)

    async def is_held(self, user: str) -> bool:
        """Whether there is a hold on a user (id)."""
        return await self._records.get(HELD_USER + user) is not None

    async def holds(self, prefix: str) -> dict[str, Hold]:
        """The holds on rooms or users, by id."""
        return {id: _hold(record) async for id, record in self._all(prefix)}

    async def _all(self, prefix: str) -> AsyncIterator[tuple[str, bytes]]:
        after = ""
        while rows := await self._records.scan(prefix, after, PAGE):
            for key, record in rows:
                yield key.removeprefix(prefix), record
            after = rows[-1][0]
