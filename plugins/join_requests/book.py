"""The records: which rooms take requests, and the requests, each twice, so that a room and a user find theirs.

That of the room decides. It is written last and removed first: after a crash between the two, the user's own is found
to be about nothing and removed.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec

from chatserver import ChatError, Context, time_text

PAGE = 1000

_encode = msgspec.json.encode


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request as it is stored: when it was made (Unix time), and what the user said of it."""

    at: float
    note: str = ""


_decode = msgspec.json.Decoder(Kept).decode


class Book:
    """Keeps at most `per_user` requests of a user and `per_room` of a room; a refusal holds for `again` seconds."""

    def __init__(self, context: Context, per_user: int, per_room: int, again: float) -> None:
        self._records, self._refused, self._clock = context.records, context.expiring, context.clock
        self._per_user, self._per_room, self._again = per_user, per_room, again

    # -- rooms ---------------------------------------------------------------------------------------

    async def open(self, room: str) -> None:
        """From now on the room (id) takes requests."""
        await self._records.put(_open(room), b"")

    async def close(self, room: str) -> None:
        """It takes none any more; those that there are stand."""
        await self._records.delete(_open(room))

    async def is_open(self, room: str) -> bool:
        return await self._records.get(_open(room)) is not None

    async def open_among(self, rooms: Sequence[str]) -> Sequence[str]:
        """Those of the rooms (ids) that take requests, in one read."""
        found = await self._records.get_many([_open(room) for room in rooms])
        return [room for room in rooms if _open(room) in found]

    async def open_rooms(self, after: str, limit: int) -> Sequence[str]:
        """Rooms that take requests, by ascending id > `after`."""
        rows = await self._records.scan(_open(""), _open(after), limit)
        return [key.partition("/")[2] for key, _ in rows]

    # -- requests ------------------------------------------------------------------------------------

    async def add(self, room: str, user: str, note: str) -> tuple[Kept, bool]:
        """Note a request; the one that stands, and True, if there is one. Raises `ChatError` limit.count, limit.rate."""
        found = await self.get(room, user)
        if found is not None:
            return found, True
        if await self._refused.get(_of(room, user)) is not None:
            raise ChatError("limit.rate", "You were refused, and can ask again in some days.")
        await self._records.put(f"user/{user}/{room}", b"")
        kept = Kept(at=self._clock.now(), note=note)
        if not await self._records.add(_of(room, user), _encode(kept)):
            return await self.get(room, user) or kept, True
        # Counted afterwards, so that requests at the same time cannot exceed the limit together.
        mine, theirs = await self.rooms_of(user), await self.count(room, self._per_room + 1)
        if len(mine) > self._per_user or theirs > self._per_room:
            await self.remove(room, user)
            raise self._too_many(mine=len(mine) > self._per_user)
        return kept, False

    def _too_many(self, *, mine: bool) -> ChatError:
        if mine:
            return ChatError(
                "limit.count",
                f"You wait for {self._per_user} rooms; there can be no more.",
                detail={"field": "requests", "reason": "count", "most": self._per_user},
            )
        return ChatError(
            "limit.count",
            "Too many people wait for this room.",
            detail={"field": "requests", "reason": "room", "most": self._per_room},
        )

    async def get(self, room: str, user: str) -> Kept | None:
        record = await self._records.get(_of(room, user))
        return None if record is None else _decode(record)

    async def remove(self, room: str, user: str) -> bool:
        """Remove a request; whether there was one."""
        was_there = await self._records.delete(_of(room, user))
        await self._records.delete(f"user/{user}/{room}")
        return was_there

    async def refuse(self, room: str, user: str) -> bool:
        """Remove a request, so that no other comes for some days; whether there was one."""
        if self._again:
            await self._refused.put(_of(room, user), b"", self._again)
        return await self.remove(room, user)

    async def page(self, room: str, after: str, limit: int) -> Sequence[tuple[str, Kept]]:
        """Requests of a room by ascending user id > `after`."""
        rows = await self._records.scan(_of(room, ""), _of(room, after), limit)
        return [(key.rpartition("/")[2], _decode(record)) for key, record in rows]

    async def count(self, room: str, most: int) -> int:
        """Number of requests of a room, at most `most`."""
        return len(await self._records.scan(_of(room, ""), limit=most))

    async def rooms_of(self, user: str) -> Sequence[str]:
        """The rooms that a user waits for."""
        rows = await self._records.scan(f"user/{user}/")
        rooms = [key.rpartition("/")[2] for key, _ in rows]
        found = await self._records.get_many([_of(room, user) for room in rooms])
        for room in rooms:
            if _of(room, user) not in found:
                await self._records.delete(f"user/{user}/{room}")
        return [room for room in rooms if _of(room, user) in found]

    async def forget(self, user: str) -> None:
        """Remove all requests of a deleted account."""
        while rows := await self._records.scan(f"user/{user}/", limit=PAGE):
            for key, _ in rows:
                await self.remove(key.rpartition("/")[2], user)

    async def held(self, user: str) -> AsyncGenerator[dict[str, Any], None]:
        """The requests of a user (id), for themselves."""
        for room in await self.rooms_of(user):
            kept = await self.get(room, user)
            if kept is not None:
                yield {"room": room, "note": kept.note, "at": time_text(kept.at)}


def _open(room: str) -> str:
    return f"open/{room}"


def _of(room: str, user: str) -> str:
    return f"room/{room}/{user}"
