"""The statements for events. Each returns one row with all events: jobs.py explains why.

Lists of rooms' numbers are passed as JSON. SQLite truncates texts in JSON at a zero character, so texts are
passed one by one. Only placeholders are ever inserted into statements.
"""

# ruff: noqa: S608

from collections.abc import Collection, Iterator
from functools import cache
from typing import TypeVar

T = TypeVar("T")

COLUMNS = (
    *("room", "seq", "author", "client_id", "mentions"),
    *("message", "member", "kind", "listed", "event"),
)
MANY = 500  # texts, or pairs of them, in one statement
ANY_SEQ = 2**63 - 1
PART = 1000  # events whose texts are decoded at once


def events(query: str) -> str:
    """All results of a query with the one column `event`, in its order; nulls are left out."""
    return f"SELECT group_concat(event) FROM ({query})"


def events_in_parts(query: str) -> str:
    """Like `events`, but a row for each PART events of a query that may have very many.

    A text is decoded with Python's lock held, so that with all of them in one the event loop would stand still.
    """
    return f"""
        SELECT group_concat(event)
        FROM (SELECT event, row_number() OVER () AS place FROM ({query}))
        GROUP BY (place - 1) / {PART}"""


def events_for_each(query: str) -> str:
    """A list of a query's events for each value (`asked.value`) of a JSON list.

    The JSON list comes after the query's own values.
    """
    return f"""
        SELECT group_concat('[' || coalesce(({events(query)}), '') || ']')
        FROM json_each(?) AS asked"""


def parts(of: Collection[T]) -> Iterator[list[T]]:
    """The items in parts, each of the size for one statement."""
    items = list(of)
    return (items[n : n + MANY] for n in range(0, len(items), MANY))


def places(count: int, one: str = "?") -> str:
    """Placeholders for `count` values."""
    return ", ".join([one] * count)


READ = events("SELECT event FROM events WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?")

MESSAGES = events("""
    SELECT event FROM events INDEXED BY positions
    WHERE room = ? AND seq < ? AND client_id IS NOT NULL ORDER BY seq DESC LIMIT ?""")

# For each [room, seq]; no events for a null room.
RANGES = events_for_each("""
    SELECT event FROM events INDEXED BY positions
    WHERE room = asked.value ->> 0 AND seq > asked.value ->> 1 ORDER BY seq LIMIT ?""")

PAGES = events_for_each("""
    SELECT event FROM events INDEXED BY positions
    WHERE room = asked.value ->> 0 AND seq < asked.value ->> 1 AND client_id IS NOT NULL
    ORDER BY seq DESC LIMIT ?""")

POSTED = events("""
    SELECT event FROM json_each(?) AS asked CROSS JOIN events INDEXED BY positions
        ON room = asked.value ->> 0 AND seq = asked.value ->> 1
    WHERE client_id IS NOT NULL""")

HEADS = """
    SELECT json_group_array(json_array(room, head)) FROM (
        SELECT value AS room, (SELECT max(seq) FROM events WHERE room = value) AS head
        FROM json_each(?)
    ) WHERE head IS NOT NULL"""

ROOMS = events("""
    SELECT (
        SELECT event FROM events WHERE room = value AND kind IS NOT NULL ORDER BY seq DESC LIMIT 1
    ) AS event FROM json_each(?)""")

# A room that was ever public has `listed` in some description; the newest description decides. CROSS JOIN
# keeps `once` as the outer loop, and so its order.
PUBLIC_ROOMS = events("""
    SELECT newest.event AS event
    FROM (
        SELECT DISTINCT listed, room FROM events INDEXED BY listed
        WHERE listed > ? ORDER BY listed
    ) AS once
    CROSS JOIN events AS newest ON newest.rowid = (
        SELECT rowid FROM events WHERE room = once.room AND kind IS NOT NULL
        ORDER BY seq DESC LIMIT 1
    )
    WHERE newest.listed IS NOT NULL LIMIT ?""")

# A number without events belongs to a room whose first event was not written.
LIST_ROOMS = """
    SELECT group_concat(hex(name)) FROM (
        SELECT name FROM rooms
        WHERE name > ? AND EXISTS (SELECT 1 FROM events WHERE room = rooms.id)
        ORDER BY name LIMIT ?
    )"""

# These three skip from group to group by the index; GROUP BY would read every entry.
MEMBERS = events_in_parts("""
    WITH RECURSIVE groups (room, member) AS (
        SELECT asked.value, (
            SELECT min(member) FROM events INDEXED BY members
            WHERE room = asked.value AND member IS NOT NULL
        ) FROM json_each(?) AS asked
        UNION ALL
        SELECT groups.room, (
            SELECT min(member) FROM events INDEXED BY members
            WHERE room = groups.room AND member > groups.member
        ) FROM groups WHERE member IS NOT NULL
    )
    SELECT (
        SELECT event FROM events INDEXED BY members
        WHERE room = groups.room AND member = groups.member ORDER BY seq DESC LIMIT 1
    ) AS event FROM groups WHERE member IS NOT NULL""")

MEMBERS_AFTER = events("""
    WITH RECURSIVE groups (member, further) AS (
        SELECT (
            SELECT min(member) FROM events INDEXED BY members WHERE room = ?1 AND member > ?2
        ), ?3 - 1
        UNION ALL
        SELECT (
            SELECT min(member) FROM events INDEXED BY members
            WHERE room = ?1 AND member > groups.member
        ), further - 1 FROM groups WHERE member IS NOT NULL AND further > 0
    )
    SELECT (
        SELECT event FROM events INDEXED BY members
        WHERE room = ?1 AND member = groups.member ORDER BY seq DESC LIMIT 1
    ) AS event FROM groups WHERE member IS NOT NULL ORDER BY groups.member""")

MEMBERSHIPS = events_in_parts("""
    WITH RECURSIVE groups (member, room) AS (
        SELECT asked.member, (
            SELECT min(room) FROM events INDEXED BY memberships WHERE member = asked.member
        ) FROM (SELECT ? AS member) AS asked
        UNION ALL
        SELECT groups.member, (
            SELECT min(room) FROM events INDEXED BY memberships
            WHERE member = groups.member AND room > groups.room
        ) FROM groups WHERE room IS NOT NULL
    )
    SELECT (
        SELECT event FROM events INDEXED BY memberships
        WHERE member = groups.member AND room = groups.room ORDER BY seq DESC LIMIT 1
    ) AS event FROM groups WHERE room IS NOT NULL""")

UNREAD = """
    SELECT json_group_array(json_array(room, messages, mentioned)) FROM (
        SELECT events.room AS room, count(*) AS messages,
            sum(mentions IS NOT NULL AND (instr(mentions, ?) > 0 OR instr(mentions, ?) > 0)) AS mentioned
        FROM json_each(?) AS asked CROSS JOIN events INDEXED BY positions
            ON events.room = asked.value ->> 0 AND seq > asked.value ->> 1
        WHERE author <> ? AND (message IS NULL OR event ->> '$.broadcast') GROUP BY events.room
    )"""


def names(found: str | None) -> list[str]:
    """The texts in a statement's result, where they are joined as hexadecimal digits."""
    return [] if found is None else [bytes.fromhex(text).decode() for text in found.split(",")]


def _prefix(kind: str) -> str:
    """The beginning of an event of this kind, as in the index `change_kinds`."""
    return f'{{"ev":"{kind}","room":'[:PREFIX]


PREFIX = 22  # characters, which distinguish the kinds of changes
_EDITED, _DELETED = f"'{_prefix('message.edited')}'", f"'{_prefix('message.deleted')}'"
_REACTED, _UNREACTED = f"'{_prefix('reaction.added')}'", f"'{_prefix('reaction.removed')}'"
_PINNED, _UNPINNED = f"'{_prefix('pin.added')}'", f"'{_prefix('pin.removed')}'"
_POSTED = f"'{_prefix('message.posted')}'"  # with a `message`: a reply in its thread


# Leaves an event's place, which has no entry in the other indexes; parameters: the place, room, seq. As a new row at the
# end of the table: places are packed there, and the pages of old events become free as a whole.
REMOVE = """
    INSERT OR REPLACE INTO events (room, seq, event)
    SELECT room, seq, ? FROM events
    WHERE room = ? AND seq = ? AND member IS NULL AND kind IS NULL"""


EDITS_OF = events(f"""
    SELECT event FROM events INDEXED BY change_kinds
    WHERE room = ? AND message = ? AND substr(event, 1, {PREFIX}) = {_EDITED} ORDER BY seq""")


# The seqs of the newest edits of a message before a seq; parameters: room, message, seq, limit.
TEXTS_BEFORE = f"""
    SELECT group_concat(seq) FROM (
        SELECT seq FROM events INDEXED BY change_kinds
        WHERE room = ? AND message = ? AND substr(event, 1, {PREFIX}) = {_EDITED} AND seq < ?
        ORDER BY seq DESC LIMIT ?
    )"""


REPLIES = events(f"""
    SELECT event FROM events INDEXED BY change_kinds
    WHERE room = ? AND message = ? AND substr(event, 1, {PREFIX}) = {_POSTED} AND seq < ?
    ORDER BY seq DESC LIMIT ?""")


@cache
def texts_at(count: int) -> str:
    """The events with a text at these seqs of a room, one a row."""
    return f"""
        SELECT event FROM events WHERE room = ? AND seq IN ({places(count)})
            AND (client_id IS NOT NULL OR substr(event, 1, {PREFIX}) = {_EDITED})"""


@cache
def events_at(count: int) -> str:
    """The events at these seqs of a room."""
    return events(f"SELECT event FROM events WHERE room = ? AND seq IN ({places(count)})")


def _of_asked(columns: str, *kinds: str) -> str:
    """A query for changes of these kinds to the message named by `asked`."""
    return f"""
        SELECT {columns} FROM events INDEXED BY change_kinds
        WHERE room = asked.room AND message = asked.message
            AND substr(event, 1, {PREFIX}) IN ({", ".join(kinds)})"""


def _newest(*kinds: str) -> str:
    return f"({_of_asked('event', *kinds)} ORDER BY seq DESC LIMIT 1)"


def _asked(count: int) -> str:
    """`count` triples (number, room, message), padded with nulls."""
    return f"""
        WITH asked (number, room, message) AS MATERIALIZED (VALUES {places(count, "(?, ?, ?)")})"""


@cache
def changes(count: int) -> str:
    """The effective changes of `count` triples. SQLite returns the row with the `max` of a group."""
    return f"""{_asked(count)}
        SELECT group_concat(event) FROM (
            SELECT {_newest(_EDITED)} AS event FROM asked
            UNION ALL SELECT {_newest(_DELETED)} FROM asked
            UNION ALL SELECT CASE WHEN coalesce(({_of_asked("max(seq)", _UNPINNED)}), 0)
                    < ({_of_asked("max(seq)", _PINNED)}) THEN {_newest(_PINNED)} END FROM asked
            UNION ALL SELECT event FROM (
                SELECT event, max(seq) FROM asked CROSS JOIN events INDEXED BY change_kinds
                    ON events.room = asked.room AND events.message = asked.message
                    AND substr(event, 1, {PREFIX}) IN ({_REACTED}, {_UNREACTED})
                GROUP BY number, event -> '$.author.id', event -> '$.emoji'
            ) WHERE substr(event, 1, {PREFIX}) = {_REACTED}
        )"""


@cache
def threads(count: int) -> str:
    """For `count` triples with replies: [number, replies] as JSON, and the newest replies; the last parameter is their limit."""
    replies = _of_asked("event", _POSTED)
    return f"""{_asked(count)}
        SELECT
            (SELECT json_group_array(json_array(number, replies)) FROM (
                SELECT number, ({_of_asked("count(*)", _POSTED)}) AS replies FROM asked
            ) WHERE replies > 0),
            group_concat((SELECT group_concat(event) FROM ({replies} ORDER BY seq DESC LIMIT ?)))
        FROM asked"""


# The number at the end of a message's id, as in the index `replaced`.
_MESSAGE_SEQ = """CAST(substr(
    CAST(message AS BLOB), length(CAST(rtrim(message, '0123456789') AS BLOB)) + 1
) AS INTEGER)"""


def _next_replaced(room: str, after: str, upto: str) -> str:
    """The lowest seq above `after` of a message that was edited or deleted."""
    return f"""
        SELECT {_MESSAGE_SEQ} FROM events INDEXED BY replaced
        WHERE room = {room} AND {_MESSAGE_SEQ} > {after} AND {_MESSAGE_SEQ} <= {upto}
            AND message IS NOT NULL AND substr(event, 1, {PREFIX}) IN ({_DELETED}, {_EDITED})
        ORDER BY {_MESSAGE_SEQ} LIMIT 1"""


def _later(kind: str, condition: str) -> str:
    """A condition: the message of `edited` has such a change."""
    return f"""EXISTS (
        SELECT 1 FROM events AS later INDEXED BY change_kinds
        WHERE later.room = edited.room AND later.message = edited.message
            AND substr(later.event, 1, {PREFIX}) = {kind} AND {condition})"""


def _replaced(room: str, after: str, upto: str) -> str:
    """The seqs of events after `after` up to `upto` whose text was replaced, as one text.

    Skips from message to message by the index, however often each was edited.
    """
    return f"""
        WITH RECURSIVE replaced (seq) AS (
            SELECT ({_next_replaced(room, after, upto)})
            UNION ALL
            SELECT ({_next_replaced(room, "replaced.seq", upto)}) FROM replaced WHERE seq IS NOT NULL
        )
        SELECT group_concat(seq) FROM (
            SELECT seq FROM replaced
            UNION ALL
            SELECT edited.seq FROM events AS edited INDEXED BY edits
            WHERE edited.room = {room} AND edited.seq > {after} AND edited.seq <= {upto}
                AND edited.message IS NOT NULL AND substr(edited.event, 1, {PREFIX}) = {_EDITED}
                AND ({_later(_EDITED, "later.seq > edited.seq")} OR {_later(_DELETED, "true")})
        )"""


# Events, and the seqs of those whose text was replaced; parameters: room, seq, limit.
SHOWN = f"""
    SELECT group_concat(event), ({_replaced("?1", "?2", "?2 + ?3")}) FROM (
        SELECT event FROM events WHERE room = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3
    )"""

# The same for each [room, seq]; parameters: limit, JSON list.
_FROM, _AFTER = "asked.value ->> 0", "(asked.value ->> 1)"
SHOWN_FOR_EACH = f"""
    SELECT
        group_concat('[' || coalesce((SELECT group_concat(event) FROM (
            SELECT event FROM events INDEXED BY positions
            WHERE room = {_FROM} AND seq > {_AFTER} ORDER BY seq LIMIT ?1
        )), '') || ']'),
        group_concat('[' || coalesce(({_replaced(_FROM, _AFTER, f"{_AFTER} + ?1")}), '') || ']')
    FROM json_each(?2) AS asked"""


def tally() -> str:
    """Numbers of edits, of other changes, and of those by a user (given in JSON), for one triple."""
    others = (_REACTED, _UNREACTED, _PINNED, _UNPINNED)
    return f"""{_asked(1)}
        SELECT json_array(
            ({_of_asked("count(*)", _EDITED)}),
            ({_of_asked("count(*)", *others)}),
            ({_of_asked("count(*)", *others)} AND event -> '$.author.id' = ?)
        ) FROM asked"""


def repeats(count: int) -> str:
    """The messages of `count` pairs (author, client_id)."""
    return events(f"""
        SELECT event FROM (VALUES {places(count, "(?, ?)")}) AS asked
        CROSS JOIN events INDEXED BY client_ids
            ON author = asked.column1 AND client_id = asked.column2""")


def numbers(count: int) -> str:
    """`number:name` of `count` rooms, the names in hexadecimal digits."""
    return f"""
        SELECT group_concat(id || ':' || hex(name)) FROM rooms WHERE name IN ({places(count)})"""


@cache
def insert(rows: int) -> str:
    """Insert `rows` rows in one statement: FAIL keeps those before one that breaks a rule.

    Only some sizes are used, so that the statements stay prepared; missing rows are nulls.
    """
    values = places(rows, f"({places(len(COLUMNS))})")
    return f"""
        INSERT OR FAIL INTO events ({", ".join(COLUMNS)})
        SELECT * FROM (VALUES {values}) WHERE column1 IS NOT NULL"""
