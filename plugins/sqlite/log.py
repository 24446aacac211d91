"""The log of every room, in the table `events`."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from chatserver import (
    AnyEvent,
    Appended,
    MemberEvent,
    MessageChange,
    MessagePosted,
    RoomChanged,
    Unread,
)
from chatserver_plugins.sqlite import queries, rows
from chatserver_plugins.sqlite.database import Database

T = TypeVar("T")

ROOMS_KNOWN = 200_000  # whose numbers are kept in memory: some 150 bytes each


class SqliteLog:
    """A room's number never changes, so what was read of them once is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers: dict[str, int] = {}

    async def append(self, events: Sequence[AnyEvent]) -> Appended:
        if not events:
            return Appended(0)
        numbers = await self._numbers_for({event.room for event in events})
        written = [rows.row(numbers[event.room], event) for event in events]
        return await self._database.write(lambda connection: rows.insert(connection, written))

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        names = await self._names(rooms)
        found = await self._one(list[tuple[int, int]], queries.HEADS, _json(list(names)))
        return {names[number]: head for number, head in found}

    async def read(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        return await self._of_room(room, AnyEvent, queries.READ, after, max(limit, 0))

    async def ranges(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        places = [(room, (after, max(limit, 0))) for room, after in wanted]
        return await self._of_rooms(AnyEvent, queries.READ, places)

    async def messages(self, room: str, before: int | None, limit: int) -> list[MessagePosted]:
        end = queries.ANY_SEQ if before is None else before
        newest = await self._of_room(room, MessagePosted, queries.MESSAGES, end, max(limit, 0))
        return newest[::-1]

    async def pages(
        self, wanted: Sequence[tuple[str, int | None]], limit: int
    ) -> list[list[MessagePosted]]:
        places = [
            (room, (queries.ANY_SEQ if before is None else before, max(limit, 0)))
            for room, before in wanted
        ]
        newest = await self._of_rooms(MessagePosted, queries.MESSAGES, places)
        return [page[::-1] for page in newest]

    async def posted(self, keys: Sequence[tuple[str, int]]) -> list[MessagePosted]:
        places = list(dict.fromkeys(keys))
        found = await self.ranges([(room, seq - 1) for room, seq in places], 1)
        return [
            event
            for (_, seq), events in zip(places, found, strict=True)
            for event in events
            if event.seq == seq and isinstance(event, MessagePosted)
        ]

    async def changes(self, messages: Mapping[str, Sequence[str]]) -> list[MessageChange]:
        numbers = {name: number for number, name in (await self._names(messages)).items()}
        asked = [
            (queries.changes(len(part)), (number, *part))
            for room, number in numbers.items()
            for part in _parts(set(messages[room]))
        ]
        found = [event for part in await self._each(MessageChange, asked) for event in part]
        return sorted(found, key=lambda event: event.seq)

    async def repeats(
        self, keys: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], MessagePosted]:
        found: list[MessagePosted] = []
        for part in _parts(set(keys)):
            values = [text for key in part for text in key]
            found += await self._events(MessagePosted, queries.repeats(len(part)), *values)
        return {(message.author.id, message.client_id): message for message in found}

    async def rooms(self, rooms: Sequence[str]) -> dict[str, RoomChanged]:
        asked = _json(list(await self._names(rooms)))
        newest = await self._events(RoomChanged, queries.ROOMS, asked)
        return {room.room: room for room in newest}

    async def public_rooms(self, after: str, limit: int) -> list[RoomChanged]:
        return await self._events(RoomChanged, queries.PUBLIC_ROOMS, after, max(limit, 0))

    async def members(self, rooms: Sequence[str]) -> list[MemberEvent]:
        places: list[tuple[str, tuple[int, ...]]] = [(room, ()) for room in rooms]
        found = await self._of_rooms(MemberEvent, queries.MEMBERS, places)
        return [event for events in found for event in events]

    async def memberships(self, user: str) -> list[MemberEvent]:
        return await self._events(MemberEvent, queries.MEMBERSHIPS, user)

    async def unread(self, user: str, after: Mapping[str, int]) -> dict[str, Unread]:
        names = await self._names(after)
        asked = _json([(number, after[name]) for number, name in names.items()])
        kind = list[tuple[int, int, int]]
        found = await self._one(kind, queries.UNREAD, rows.mentions((user,)), asked, user)
        return {names[number]: Unread(messages, mentions) for number, messages, mentions in found}

    # -- one query, one row ----------------------------------------------------------------------

    async def _events(self, kind: Any, query: str, *values: Any) -> list[Any]:
        """The events of a query; `kind` is their struct, or the union of their structs."""

        def run(connection: sqlite3.Connection) -> list[Any]:
            return rows.events(connection.execute(query, values), kind)

        return await self._database.read(run)

    async def _of_room(self, room: str, kind: Any, query: str, *values: Any) -> list[Any]:
        """Like `_events`; the query's first value is the room's number."""
        for number in await self._names([room]):
            return await self._events(kind, query, number, *values)
        return []

    async def _of_rooms(
        self, kind: Any, query: str, wanted: Sequence[tuple[str, tuple[int, ...]]]
    ) -> list[list[Any]]:
        """`_of_room` for each room with the query's further values, as one job."""
        names = await self._names(list(dict.fromkeys(room for room, _ in wanted)))
        numbers = {name: number for number, name in names.items()}
        known = [place for place, (room, _) in enumerate(wanted) if room in numbers]
        asked = [(query, (numbers[wanted[place][0]], *wanted[place][1])) for place in known]
        found: list[list[Any]] = [[] for _ in wanted]
        for place, events in zip(known, await self._each(kind, asked), strict=True):
            found[place] = events
        return found

    async def _each(
        self, kind: Any, asked: Sequence[tuple[str, tuple[Any, ...]]]
    ) -> list[list[Any]]:
        """The events of each query, as one job."""

        def run(connection: sqlite3.Connection) -> list[list[Any]]:
            return [rows.events(connection.execute(*each), kind) for each in asked]

        return await self._database.read(run) if asked else []

    async def _one(self, kind: type[T], query: str, *values: Any) -> T:
        """The one JSON value of a query."""

        def run(connection: sqlite3.Connection) -> T:
            (found,) = connection.execute(query, values).fetchone()
            return msgspec.json.decode(found, type=kind)

        return await self._database.read(run)

    # -- rooms' numbers --------------------------------------------------------------------------

    async def _numbers_for(self, rooms: Collection[str]) -> dict[str, int]:
        """The numbers of these rooms, made durably for those that have none."""
        known, missing = self._look_up(rooms)
        if missing:
            made = await self._database.write(
                lambda connection: rows.numbers_for(connection, missing)
            )
            known |= self._kept(made)
        return known

    async def _names(self, rooms: Collection[str]) -> dict[int, str]:
        """Those of these rooms that have numbers, by number."""
        known, missing = self._look_up(rooms)
        if missing:
            found = await self._database.read(lambda connection: rows.numbers(connection, missing))
            known |= self._kept(found)
        return {number: room for room, number in known.items()}

    def _look_up(self, rooms: Collection[str]) -> tuple[dict[str, int], list[str]]:
        """The numbers that are in memory, and the rooms whose are not."""
        known = {room: self._numbers[room] for room in rooms if room in self._numbers}
        return known, [room for room in rooms if room not in known]

    def _kept(self, found: dict[str, int]) -> dict[str, int]:
        if len(self._numbers) + len(found) > ROOMS_KNOWN:
            self._numbers.clear()
        self._numbers |= found
        return found


def _parts(of: Collection[T]) -> Iterator[list[T]]:
    """As many at a time as one query asks for."""
    items = list(of)
    return (items[n : n + queries.MANY] for n in range(0, len(items), queries.MANY))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
