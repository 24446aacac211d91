"""The groups in the store, the same on all nodes: one record a group, which holds its members."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from chatserver import ChatError, Meaning, Records

PREFIX = "group/"
MOST = 1000  # groups that a server can be set to have, and members of one
READ_AT_ONCE = 50  # groups; then other tasks get their turn of the loop
TRIES = 10  # each lost try means that somebody else changed the same group
TAKEN = Meaning(409, "never", "A user or a group has this name already.")
NOT_FOUND = Meaning(404, "refresh", "There is no group of this name.")


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group: the ids of its members, of the user who made it, and when (RFC 3339)."""

    title: str
    members: tuple[str, ...]
    by: str
    at: str


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Group).decode


class Book:
    """All groups by name, at most `most` with at most `most_members` each, or as many as former settings let in."""

    def __init__(self, records: Records, most: int, most_members: int) -> None:
        self._records, self._most, self.most_members = records, most, most_members

    async def all(self) -> AsyncIterator[tuple[str, Group]]:
        """The groups with their names, in the order of these."""
        after = ""
        while rows := await self._records.scan(PREFIX, after, READ_AT_ONCE):
            for key, row in rows:
                yield key.removeprefix(PREFIX), _decode(row)
            if len(rows) < READ_AT_ONCE:
                break
            after = rows[-1][0]
            await asyncio.sleep(0)  # in case the store did not make us wait

    async def find(self, names: Sequence[str]) -> dict[str, Group]:
        """Those of these groups that there are, by name."""
        rows = await self._records.get_many([PREFIX + name for name in names])
        return {key.removeprefix(PREFIX): _decode(row) for key, row in rows.items()}

    async def get(self, name: str) -> Group:
        """Raises `ChatError` groups.not_found."""
        found = await self._records.get(PREFIX + name)
        if found is None:
            raise ChatError("groups.not_found", meaning=NOT_FOUND)
        return _decode(found)

    async def add(self, name: str, group: Group, most_by: int | None) -> None:
        """Keep a new group. Its maker has at most `most_by`; None: as many as there can be.

        Raises `ChatError` groups.taken, limit.count.
        """
        self._demand_fits(group)
        row = _encode(group)
        if not await self._records.add(PREFIX + name, row):
            raise taken(name)
        # Counted with it, so that requests at the same time cannot exceed the limits together.
        makers = [each.by async for _, each in self.all()]
        most = self._most if len(makers) > self._most else most_by
        if len(makers) > self._most or (most_by is not None and makers.count(group.by) > most_by):
            await self._records.delete(PREFIX + name, row)
            raise ChatError(
                "limit.count",
                f"There are at most {most} groups: remove some.",
                detail={"field": "groups", "reason": "count", "most": most},
            )

    async def change(self, name: str, changed: Callable[[Group], Group]) -> tuple[Group, Group]:
        """Change a group; returns what it was, and what it is. `changed` may be called several times, and may raise.

        Raises `ChatError` groups.not_found, limit.count, limit.rate.
        """
        for _ in range(TRIES):
            row = await self._records.get(PREFIX + name)
            if row is None:
                raise ChatError("groups.not_found", meaning=NOT_FOUND)
            before = _decode(row)
            after = changed(before)
            if len(after.members) > len(before.members):
                self._demand_fits(after)
            if after == before or await self._records.swap(PREFIX + name, row, _encode(after)):
                return before, after
        raise ChatError("limit.rate", after_ms=1000)

    async def remove(self, name: str) -> None:
        """Raises `ChatError` groups.not_found."""
        if not await self._records.delete(PREFIX + name):
            raise ChatError("groups.not_found", meaning=NOT_FOUND)

    def _demand_fits(self, group: Group) -> None:
        if len(group.members) > self.most_members:
            raise ChatError(
                "limit.count",
                f"A group has at most {self.most_members} members.",
                detail={"field": "group", "reason": "count", "most": self.most_members},
            )


def taken(name: str) -> ChatError:
    """The refusal of a name that a user or a group has."""
    detail: dict[str, object] = {"field": "group", "reason": "taken", "name": name}
    return ChatError("groups.taken", detail=detail, meaning=TAKEN)
