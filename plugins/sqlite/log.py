"""The log of every room, in the table `events`."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from chatserver import (
    EVERYBODY,
    AnyEvent,
    Appended,
    MemberEvent,
    MessageChange,
    MessageEdited,
    MessagePosted,
    Replies,
    RoomChanged,
    Tally,
    Unread,
    message_seq,
)
from chatserver_plugins.sqlite import queries, rows
from chatserver_plugins.sqlite.database import Database

T = TypeVar("T")

REMOVED = 10  # events at once: nothing else is written meanwhile
ROOMS_KNOWN = 200_000  # with cached numbers: some 150 bytes each


class SqliteLog:
    """The methods of `chatserver.Store` about the log. Rooms' numbers never change, so they are cached."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers: dict[str, int] = {}

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        if not events:
            return Appended(0)
        numbers = await self._numbers_for({event.room for event in events})
        written = [rows.row(numbers[event.room], event) for event in events]
        if erasing:
            changes = {index: events[index] for index in sorted(erasing)}
            return await self._database.write(
                lambda connection: rows.insert_erasing(connection, written, changes)
            )
        return await self._database.write(
            lambda connection: rows.insert(connection, written),
            is_statement=len(written) <= rows.INSERT_ROWS,
        )

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        names = await self._names(rooms)
        found = await self._one(list[tuple[int, int]], queries.HEADS, as_json(list(names)))
        return {names[number]: head for number, head in found}

    async def read(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        return await self._of_room(room, AnyEvent, queries.READ, after, max(limit, 0))

    async def ranges(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        return await self._for_each(AnyEvent, queries.RANGES, wanted, limit)

    async def shown(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        limit = max(limit, 0)
        numbers = await self._known({room for room, _ in wanted})
        if len(wanted) == 1 and numbers:
            ((room, after),) = wanted
            read = partial(rows.shown, room=numbers[room], after=max(after, 0), limit=limit)
            return [await self._database.read(read)]
        asked = as_json([(numbers.get(room), max(after, 0)) for room, after in wanted])
        return await self._database.read(
            lambda connection: rows.shown_for_each(connection, asked, limit)
        )

    async def texts(self, room: str, message: str) -> list[int]:
        posted = await self.posted([(room, seq)] if (seq := message_seq(room, message)) else [])
        edits = await self._of_room(room, MessageEdited, queries.EDITS_OF, message)
        return [event.seq for event in (*posted, *edits)]

    async def redact(self, room: str, seqs: Sequence[int]) -> None:
        numbers = await self._known({room})
        if numbers and seqs:
            number, wanted = numbers[room], list(seqs)
            await self._database.write(
                lambda connection: rows.redact_stored(connection, number, wanted)
            )

    async def clear(self, room: str, seqs: Sequence[int]) -> None:
        numbers = await self._known({room})
        if numbers and seqs:
            number, wanted = numbers[room], list(seqs)
            await self._database.write(
                lambda connection: rows.clear_stored(connection, number, wanted)
            )

    async def remove(self, room: str, seqs: Sequence[int]) -> None:
        numbers = await self._known({room})
        if numbers and seqs:
            for start in range(0, len(seqs), REMOVED):
                part = seqs[start : start + REMOVED]
                remove = partial(rows.remove_stored, name=room, room=numbers[room], seqs=part)
                await self._database.write(remove, is_patient=True)

    async def replace(self, pairs: Sequence[tuple[AnyEvent, AnyEvent]]) -> int:
        numbers = await self._known({old.room for old, _ in pairs})
        known = [(numbers[old.room], old, new) for old, new in pairs if old.room in numbers]
        if not known:
            return 0
        return await self._database.write(lambda connection: rows.replace(connection, known))

    async def messages(self, room: str, before: int | None, limit: int) -> list[MessagePosted]:
        end = queries.ANY_SEQ if before is None else before
        newest = await self._of_room(room, MessagePosted, queries.MESSAGES, end, max(limit, 0))
        return newest[::-1]

    async def pages(
        self, wanted: Sequence[tuple[str, int | None]], limit: int
    ) -> list[list[MessagePosted]]:
        ends = [(room, queries.ANY_SEQ if before is None else before) for room, before in wanted]
        newest = await self._for_each(MessagePosted, queries.PAGES, ends, limit)
        return [page[::-1] for page in newest]

    async def posted(self, keys: Sequence[tuple[str, int]]) -> list[MessagePosted]:
        numbers = await self._known({room for room, _ in keys})
        asked = as_json([(numbers[room], seq) for room, seq in set(keys) if room in numbers])
        return await self._events(MessagePosted, queries.POSTED, asked)

    async def changes(self, messages: Mapping[str, Sequence[str]]) -> list[MessageChange]:
        found: list[MessageChange] = []
        for values in await self._triples(messages):
            count = len(values) // 3
            found += await self._events(MessageChange, queries.changes(count), *values)
        return sorted(found, key=lambda event: event.seq)

    async def tally(self, room: str, message: str, user: str) -> Tally:
        for values in await self._triples({room: [message]}):
            return await self._one(Tally, queries.tally(), *values, as_json(user))
        return Tally(0, 0, 0)

    async def replies(
        self, room: str, message: str, before: int | None, limit: int
    ) -> list[MessagePosted]:
        values = message, queries.ANY_SEQ if before is None else before, max(limit, 0)
        return (await self._of_room(room, MessagePosted, queries.REPLIES, *values))[::-1]

    async def threads(
        self, messages: Mapping[str, Sequence[str]], newest: int
    ) -> dict[tuple[str, str], Replies]:
        names = await self._names(messages)
        found: dict[tuple[str, str], Replies] = {}
        for values in await self._triples(messages):
            read = partial(rows.threads, values=values, newest=max(newest, 0))
            counts, replies = await self._database.read(read)
            for number, count in counts:
                room, message = names[values[3 * number + 1]], values[3 * number + 2]
                of = [each for each in replies if (each.room, each.thread) == (room, message)]
                found[room, message] = Replies(count, of[::-1])
        return found

    async def _triples(self, messages: Mapping[str, Sequence[str]]) -> list[list[Any]]:
        """Parameters of statements about the messages, each for a part of them.

        Only some sizes are used, so that the statements stay prepared.
        """
        numbers = await self._known(messages)
        keys = [(room, each) for room in numbers for each in dict.fromkeys(messages[room])]
        made: list[list[Any]] = []
        for part in queries.parts(keys):
            values: list[Any] = []
            for number, (room, message) in enumerate(part):
                values += number, numbers[room], message
            size = 1 << (len(part) - 1).bit_length()
            made.append(values + [None] * (3 * (size - len(part))))
        return made

    async def repeats(
        self, keys: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], MessagePosted]:
        found: list[MessagePosted] = []
        for part in queries.parts(set(keys)):
            values = [text for key in part for text in key]
            found += await self._events(MessagePosted, queries.repeats(len(part)), *values)
        return {(message.author.id, message.client_id): message for message in found}

    async def rooms(self, rooms: Sequence[str]) -> dict[str, RoomChanged]:
        asked = as_json(list(await self._names(rooms)))
        newest = await self._events(RoomChanged, queries.ROOMS, asked)
        return {room.room: room for room in newest}

    async def public_rooms(self, after: str, limit: int) -> list[RoomChanged]:
        return await self._events(RoomChanged, queries.PUBLIC_ROOMS, after, max(limit, 0))

    async def list_rooms(self, after: str, limit: int) -> list[str]:
        values = (after, max(limit, 0))
        return await self._database.read(
            lambda connection: queries.names(
                connection.execute(queries.LIST_ROOMS, values).fetchone()[0]
            )
        )

    async def members(self, rooms: Sequence[str]) -> list[MemberEvent]:
        asked = as_json(list(await self._names(rooms)))
        return await self._in_parts(MemberEvent, queries.MEMBERS, asked)

    async def members_after(self, room: str, after: str, limit: int) -> list[MemberEvent]:
        if limit < 1:
            return []
        return await self._of_room(room, MemberEvent, queries.MEMBERS_AFTER, after, limit)

    async def memberships(self, user: str) -> list[MemberEvent]:
        return await self._in_parts(MemberEvent, queries.MEMBERSHIPS, user)

    async def unread(self, user: str, after: Mapping[str, int]) -> dict[str, Unread]:
        names = await self._names(after)
        asked = as_json([(number, after[name]) for number, name in names.items()])
        kind = list[tuple[int, int, int]]
        mentioned = rows.mentions((user,)), rows.mentions((EVERYBODY,))
        found = await self._one(kind, queries.UNREAD, *mentioned, asked, user)
        return {names[number]: Unread(messages, mentions) for number, messages, mentions in found}

    # -- one query, one row ----------------------------------------------------------------------

    async def _events(self, kind: Any, query: str, *values: Any) -> list[Any]:
        """The events of a query; `kind` is their struct, or the union of their structs."""

        def run(connection: sqlite3.Connection) -> list[Any]:
            return rows.events(connection.execute(query, values), kind)

        return await self._database.read(run)

    async def _in_parts(self, kind: Any, query: str, *values: Any) -> list[Any]:
        """Like `_events`, for a query made by `events_in_parts`."""

        def run(connection: sqlite3.Connection) -> list[Any]:
            return rows.events_in_parts(connection.execute(query, values), kind)

        return await self._database.read(run)

    async def _of_room(self, room: str, kind: Any, query: str, *values: Any) -> list[Any]:
        """Like `_events`; the query's first value is the room's number."""
        for number in await self._names([room]):
            return await self._events(kind, query, number, *values)
        return []

    async def _for_each(
        self, kind: Any, query: str, wanted: Sequence[tuple[str, int]], limit: int
    ) -> list[list[Any]]:
        """The events for each (room, seq), by a query made by `events_for_each`."""
        numbers = await self._known({room for room, _ in wanted})
        asked = as_json([(numbers.get(room), seq) for room, seq in wanted])
        return await self._events(list[kind], query, max(limit, 0), asked)

    async def _one(self, kind: type[T], query: str, *values: Any) -> T:
        """The single JSON value that a query returns."""

        def run(connection: sqlite3.Connection) -> T:
            (found,) = connection.execute(query, values).fetchone()
            return msgspec.json.decode(found, type=kind)

        return await self._database.read(run)

    # -- rooms' numbers --------------------------------------------------------------------------

    async def _numbers_for(self, rooms: Collection[str]) -> dict[str, int]:
        """The numbers of these rooms; rooms without a number get one, durably."""
        known, missing = self._look_up(rooms)
        if missing:
            made = await self._database.write(
                lambda connection: rows.numbers_for(connection, missing)
            )
            known |= self._kept(made)
        return known

    async def _names(self, rooms: Collection[str]) -> dict[int, str]:
        """The names of those rooms that have a number, by number."""
        return {number: room for room, number in (await self._known(rooms)).items()}

    async def _known(self, rooms: Collection[str]) -> dict[str, int]:
        """The numbers of those rooms that have one."""
        known, missing = self._look_up(rooms)
        if missing:
            found = await self._database.read(lambda connection: rows.numbers(connection, missing))
            known |= self._kept(found)
        return known

    def _look_up(self, rooms: Collection[str]) -> tuple[dict[str, int], list[str]]:
        """Cached numbers, and the rooms without a cached number."""
        known = {room: self._numbers[room] for room in rooms if room in self._numbers}
        return known, [room for room in rooms if room not in known]

    def _kept(self, found: dict[str, int]) -> dict[str, int]:
        if len(self._numbers) + len(found) > ROOMS_KNOWN:
            self._numbers.clear()
        self._numbers |= found
        return found


def as_json(value: Any) -> str:
    """A value as JSON, for a statement's parameter."""
    return msgspec.json.encode(value).decode()
