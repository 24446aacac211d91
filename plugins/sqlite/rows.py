"""Events and rooms as rows of their tables, and back."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

import msgspec

from chatserver import (
    AnyEvent,
    Appended,
    Conflict,
    EventRemoved,
    MemberEvent,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    RoomChanged,
    RoomKind,
    cleared,
    message_seq,
    read_event,
    redact,
    redacted,
)
from chatserver_plugins.sqlite import queries

Value = int | str | bytes | None
Row = tuple[Value, ...]

WIDTH = len(queries.COLUMNS)
INSERT_ROWS = 512  # in one statement, which may have 32,766 values

_encode = msgspec.json.encode


def row(room: int, event: AnyEvent) -> Row:
    """The row of an event; `room` is the room's number."""
    author = client_id = mentioned = message = member = kind = listed = None
    if isinstance(event, MessagePosted):
        author, client_id = event.author.id, event.client_id
        mentioned = mentions(event.mentions) if event.mentions else None
        message = event.thread
    elif isinstance(event, MessageChange):
        message = event.message
    elif isinstance(event, MemberEvent):
        member = event.user.id
    elif isinstance(event, RoomChanged):
        kind = event.kind.value
        listed = event.room if event.kind is RoomKind.PUBLIC else None
    text = _encode(event).decode()
    return (room, event.seq, author, client_id, mentioned, message, member, kind, listed, text)


def events(cursor: sqlite3.Cursor, kind: Any) -> list[Any]:
    """The events of a query made by `queries.events`."""
    return decoded(cursor.fetchone()[0], kind)


def events_in_parts(cursor: sqlite3.Cursor, kind: Any) -> list[Any]:
    """The events of a query made by `queries.events_in_parts`."""
    found: list[Any] = []
    for (text,) in cursor:
        found += decoded(text, kind)
    return found


def decoded(found: str | None, kind: Any) -> list[Any]:
    """The events, or lists of events, in a statement's result."""
    text = f"[{found or ''}]"
    try:
        events: list[Any] = msgspec.json.decode(text, type=list[kind])
    except msgspec.ValidationError:
        events = _readable(msgspec.json.decode(text), kind)
    return events


def shown(connection: sqlite3.Connection, room: int, after: int, limit: int) -> list[AnyEvent]:
    """The events of `queries.SHOWN`."""
    found, replaced = connection.execute(queries.SHOWN, (room, after, limit)).fetchone()
    events = decoded(found, AnyEvent)
    if replaced:
        redact(events, map(int, replaced.split(",")))
    return events


def shown_for_each(connection: sqlite3.Connection, asked: str, limit: int) -> list[list[AnyEvent]]:
    """The events of `queries.SHOWN_FOR_EACH`."""
    found, replaced = connection.execute(queries.SHOWN_FOR_EACH, (limit, asked)).fetchone()
    parts: list[list[AnyEvent]] = decoded(found, list[AnyEvent])
    for events, seqs in zip(parts, msgspec.json.decode(f"[{replaced or ''}]"), strict=True):
        redact(events, seqs)
    return parts


def _readable(found: Sequence[Any], kind: Any) -> list[Any]:
    """The events; those that this version cannot read become unknown ones, or are left out."""
    if get_origin(kind) is list:
        return [_readable(part, get_args(kind)[0]) for part in found]
    events = (read_event(fields, kind) for fields in found)
    return [event for event in events if event is not None]


def threads(
    connection: sqlite3.Connection, values: Sequence[Value], newest: int
) -> tuple[list[tuple[int, int]], list[MessagePosted]]:
    """The two columns of `queries.threads`."""
    query = queries.threads(len(values) // 3)
    counts, replies = connection.execute(query, (*values, newest)).fetchone()
    return msgspec.json.decode(counts, type=list[tuple[int, int]]), decoded(replies, MessagePosted)


def mentions(users: Sequence[str]) -> bytes:
    """Users in the form of `mentions`: it contains a single user's form if and only if it has the user.

    JSON has no zero bytes, so these separate users.
    """
    return b"\0" + b"\0".join(map(_encode, users)) + b"\0"


def insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> Appended:
    """Write rows in order up to the first that breaks a rule."""
    stored = 0
    for start in range(0, len(rows), INSERT_ROWS):
        part = rows[start : start + INSERT_ROWS]
        values = [value for row in part for value in row]
        size = 1 << (len(part) - 1).bit_length()
        values += [None] * ((size - len(part)) * WIDTH)
        before = connection.total_changes
        try:
            connection.execute(queries.insert(size), values)
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_UNIQUE:
                raise
            stored += connection.total_changes - before
            repeat = "client_id" in str(error)
            return Appended(stored, Conflict.CLIENT_ID if repeat else Conflict.POSITION)
        stored += len(part)
    return Appended(stored)


def insert_erasing(
    connection: sqlite3.Connection, rows: Sequence[Row], changes: Mapping[int, AnyEvent]
) -> Appended:
    """Write rows like `insert`, and remove what these edits and deletions (by index in `rows`) replace."""
    stored = 0
    for index, change in changes.items():
        appended = insert(connection, rows[stored : index + 1])
        stored += appended.stored
        if appended.conflict:
            return Appended(stored, appended.conflict)
        if isinstance(change, MessageEdited | MessageDeleted):
            _erase(connection, rows[index][0], change)
    rest = insert(connection, rows[stored:])
    return Appended(stored + rest.stored, rest.conflict)


def _erase(
    connection: sqlite3.Connection, room: Value, change: MessageEdited | MessageDeleted
) -> None:
    """Remove the texts that a stored edit or deletion replaces."""
    assert isinstance(room, int)
    is_all = isinstance(change, MessageDeleted)
    values = (room, change.message, change.seq, -1 if is_all else 1)
    (found,) = connection.execute(queries.TEXTS_BEFORE, values).fetchone()
    seqs = [int(seq) for seq in found.split(",")] if found else []
    if is_all or not seqs:
        seqs += [seq] if (seq := message_seq(change.room, change.message)) else []
    redact_stored(connection, room, seqs)


def replace(connection: sqlite3.Connection, pairs: Sequence[tuple[int, AnyEvent, AnyEvent]]) -> int:
    """Put events, with their rooms' numbers, in the places of others that are stored as given; returns how many."""
    replaced = 0
    for room, old, new in pairs:
        (found,) = connection.execute(queries.events_at(1), (room, old.seq)).fetchone()
        if decoded(found, AnyEvent) == [old]:
            _, _, _, _, mentioned, _, _, kind, listed, text = row(room, new)
            connection.execute(
                "UPDATE events SET mentions = ?, kind = ?, listed = ?, event = ? WHERE room = ? AND seq = ?",
                (mentioned, kind, listed, text, room, new.seq),
            )
            replaced += 1
    return replaced


def redact_stored(connection: sqlite3.Connection, room: int, seqs: Sequence[int]) -> None:
    """Remove the texts of those of these events that have one."""
    for part in queries.parts(seqs):
        found = connection.execute(queries.texts_at(len(part)), (room, *part)).fetchall()
        kept = [msgspec.json.decode(text, type=MessagePosted | MessageEdited) for (text,) in found]
        connection.executemany(
            "UPDATE events SET mentions = NULL, event = ? WHERE room = ? AND seq = ?",
            [
                (_encode(redacted(each)).decode(), room, each.seq)
                for each in kept
                if not each.redacted
            ],
        )


def clear_stored(connection: sqlite3.Connection, room: int, seqs: Sequence[int]) -> None:
    """Remove the contents of these events."""
    for part in queries.parts(seqs):
        (found,) = connection.execute(queries.events_at(len(part)), (room, *part)).fetchone()
        kept = [(each, cleared(each)) for each in decoded(found, AnyEvent)]
        connection.executemany(
            "UPDATE events SET mentions = NULL, event = ? WHERE room = ? AND seq = ?",
            [(_encode(new).decode(), room, new.seq) for old, new in kept if new is not old],
        )


def remove_stored(
    connection: sqlite3.Connection, name: str, room: int, seqs: Sequence[int]
) -> None:
    """Leave only the places of these events."""
    places = [(_encode(EventRemoved.of(name, seq)).decode(), room, seq) for seq in seqs]
    connection.executemany(queries.REMOVE, places)


def numbers(connection: sqlite3.Connection, rooms: Sequence[str]) -> dict[str, int]:
    """The numbers of those rooms that have one."""
    found: dict[str, int] = {}
    for part in queries.parts(rooms):
        (text,) = connection.execute(queries.numbers(len(part)), part).fetchone()
        for pair in text.split(",") if text else ():
            number, _, name = pair.partition(":")
            found[bytes.fromhex(name).decode()] = int(number)
    return found


def numbers_for(connection: sqlite3.Connection, rooms: Sequence[str]) -> dict[str, int]:
    """The numbers of all these rooms; rooms without a number get one."""
    found = numbers(connection, rooms)
    for room in rooms:
        if room not in found:
            cursor = connection.execute("INSERT INTO rooms (name) VALUES (?)", (room,))
            assert cursor.lastrowid is not None
            found[room] = cursor.lastrowid
    return found
