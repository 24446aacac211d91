"""The emoji of the server in the store, the same on all nodes: a record for each name."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from chatserver import ChatError, Meaning, Records

PREFIX = "emoji/"
MOST = 5000  # that a server can be set to have
TAKEN = Meaning(409, "never", "There is an emoji of this name already.")
NOT_FOUND = Meaning(404, "refresh", "There is no emoji of this name.")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An emoji: the blob (id) with its picture, the id of the user who added it, and when (RFC 3339)."""

    blob: str
    media_type: str
    width: int
    height: int
    by: str
    at: str


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Entry).decode


class Book:
    """All emoji. There are at most `most`, or more if that was a larger number before."""

    def __init__(self, records: Records, most: int) -> None:
        self._records, self._most = records, most

    async def all(self) -> dict[str, Entry]:
        """The emoji by name, in the order of their names."""
        rows = await self._records.scan(PREFIX, limit=MOST)
        return {key.removeprefix(PREFIX): _decode(row) for key, row in rows}

    async def find(self, name: str) -> Entry:
        """Raises `ChatError` emoji.not_found."""
        found = await self._records.get(PREFIX + name)
        if found is None:
            raise ChatError("emoji.not_found", meaning=NOT_FOUND)
        return _decode(found)

    async def demand_space(self, name: str, by: str | None, most_by: int) -> None:
        """Raise `ChatError` emoji.taken, or limit.count if there are too many, or too many of the user `by` (id).

        `by` is None for somebody who may fill the server.
        """
        known = await self.all()
        if name in known:
            raise _taken(name)
        if len(known) >= self._most:
            raise _too_many(self._most)
        if by is not None and sum(each.by == by for each in known.values()) >= most_by:
            raise _too_many(most_by)

    async def add(self, name: str, entry: Entry) -> None:
        """Raises `ChatError` emoji.taken."""
        if not await self._records.add(PREFIX + name, _encode(entry)):
            raise _taken(name)

    async def remove(self, name: str, entry: Entry) -> None:
        """Raises `ChatError` emoji.not_found, also if it is another one of the name by now."""
        if not await self._records.delete(PREFIX + name, _encode(entry)):
            raise ChatError("emoji.not_found", meaning=NOT_FOUND)

    async def held(self, user: str) -> AsyncGenerator[dict[str, Any], None]:
        """The emoji that a user (id) added, for themselves."""
        for name, entry in (await self.all()).items():
            if entry.by == user:
                yield {"name": name, "blob": entry.blob, "at": entry.at}

    async def disown(self, user: str) -> None:
        """The account is deleted: what it added belongs to everybody, and does not say who added it."""
        for name, entry in (await self.all()).items():
            if entry.by == user:
                nobodys = msgspec.structs.replace(entry, by="")
                await self._records.swap(PREFIX + name, _encode(entry), _encode(nobodys))


def _taken(name: str) -> ChatError:
    detail: dict[str, object] = {"field": "emoji", "reason": "taken", "name": name}
    return ChatError("emoji.taken", detail=detail, meaning=TAKEN)


def _too_many(most: int) -> ChatError:
    return ChatError(
        "limit.count",
        f"There are at most {most} emoji: remove some.",
        detail={"field": "emoji", "reason": "count", "most": most},
    )
