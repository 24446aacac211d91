"""Events as rows and back, and the statements for them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from chatserver import (
    AnyEvent,
    EventRemoved,
    MemberChanged,
    MemberEvent,
    MemberJoined,
    MemberLeft,
    MessageChange,
    MessageEdited,
    MessagePosted,
    RoomChanged,
    read_event,
    redacted,
)

MEMBER_EVENTS = (MemberJoined, MemberLeft, MemberChanged)

_encode = msgspec.json.Encoder().encode
any_event = msgspec.json.Decoder[AnyEvent](AnyEvent)
message = msgspec.json.Decoder(MessagePosted)
change = msgspec.json.Decoder[MessageChange](MessageChange)
_said = msgspec.json.Decoder[MessagePosted | MessageEdited](MessagePosted | MessageEdited)
member_event = msgspec.json.Decoder[MemberEvent](MemberEvent)
room_changed = msgspec.json.Decoder(RoomChanged)


def events(decoder: Any, bodies: Iterable[bytes]) -> list[Any]:
    """Decode bodies with a decoder from above; unreadable events are left out, or become unknown ones."""
    bodies = list(bodies)
    try:
        return [decoder.decode(body) for body in bodies]
    except msgspec.ValidationError:
        found = (read_event(msgspec.json.decode(body), decoder.type) for body in bodies)
        return [event for event in found if event is not None]


def columns(events: Sequence[AnyEvent]) -> list[list[Any]]:
    """The values of each column of `events`, in the order that APPEND takes them."""
    return [list(column) for column in zip(*map(_row, events), strict=True)]


def _row(event: AnyEvent) -> tuple[Any, ...]:
    room, body = event.room.encode(), _encode(event)
    if isinstance(event, MessagePosted):
        author, client_id = event.author.id.encode(), event.client_id.encode()
        mentions = _array(event.mentions) if event.mentions else None
        thread = event.thread.encode() if event.thread is not None else None
        return room, event.seq, author, client_id, mentions, thread, None, None, body
    message = member = kind = None
    if isinstance(event, MEMBER_EVENTS):
        member = event.user.id.encode()
    elif isinstance(event, RoomChanged):
        kind = event.kind.value
    elif isinstance(event, MessageChange):
        message = event.message.encode()
    return room, event.seq, None, None, None, message, member, kind, body


def _array(texts: Iterable[str]) -> str:
    r"""The literal of a `bytea[]`: {"\\x61","\\x62"}. A nested array would have to be rectangular."""
    items = ",".join(rf'"\\x{text.encode().hex()}"' for text in texts)
    return f"{{{items}}}"


# One statement, so that a server that stops in the middle blocks nobody. Batches run one by one, under a
# lock: each is a transaction with two unique keys a row, and two that wait for each other's rows would be a
# deadlock, which a user could cause by sending the same messages twice on two nodes.
APPEND = """
WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock($1, $2))
INSERT INTO events (room, seq, author, client_id, mentions, message, member, room_kind, body)
SELECT room, seq, author, client_id, mentions::bytea[], message, member, room_kind, body
FROM turn, unnest(
    $3::bytea[], $4::bigint[], $5::bytea[], $6::bytea[], $7::text[],
    $8::bytea[], $9::bytea[], $10::text[], $11::bytea[]
) AS batch (room, seq, author, client_id, mentions, message, member, room_kind, body)
"""

# The same, and in the same transaction other bodies for stored events that have the expected ones. They wait for the
# turn as well, so that nobody holds such a row while waiting for it.
APPEND_ERASING = APPEND.replace(
    "\nINSERT INTO",
    """,
gone AS (
    UPDATE events SET body = given.body, mentions = NULL
    FROM turn, unnest($12::bytea[], $13::bigint[], $14::bytea[], $15::bytea[]) AS given (room, seq, old, body)
    WHERE events.room = given.room AND events.seq = given.seq AND events.body = given.old
)
INSERT INTO""",
)

# The first event of a batch whose position or client_id is stored, counted from 1.
CONFLICT = """
SELECT n, is_position FROM (
    SELECT n, true AS is_position
    FROM unnest($1::bytea[], $2::bigint[]) WITH ORDINALITY AS batch (room, seq, n)
    CROSS JOIN LATERAL (
        SELECT FROM events WHERE events.room = batch.room AND events.seq = batch.seq LIMIT 1
    ) AS taken
    UNION ALL
    SELECT n, false
    FROM unnest($3::bytea[], $4::bytea[]) WITH ORDINALITY AS batch (author, client_id, n)
    CROSS JOIN LATERAL (
        SELECT FROM events
        WHERE events.author = batch.author AND events.client_id = batch.client_id LIMIT 1
    ) AS stored
) AS conflicts
ORDER BY n LIMIT 1
"""

HEADS = """
SELECT asked.room, newest.seq
FROM unnest($1::bytea[]) AS asked (room)
CROSS JOIN LATERAL (
    SELECT seq FROM events WHERE room = asked.room ORDER BY seq DESC LIMIT 1
) AS newest
"""

READ = "SELECT body FROM events WHERE room = $1 AND seq > $2 ORDER BY seq LIMIT $3"

MESSAGES = """
SELECT body FROM events
WHERE room = $1 AND client_id IS NOT NULL AND seq < $2
ORDER BY seq DESC LIMIT $3
"""

RANGES = """
SELECT asked.part, following.body
FROM unnest($1::bytea[], $2::bigint[]) WITH ORDINALITY AS asked (room, after, part)
CROSS JOIN LATERAL (
    SELECT seq, body FROM events WHERE room = asked.room AND seq > asked.after
    ORDER BY seq LIMIT $3
) AS following
ORDER BY asked.part, following.seq
"""

PAGES = """
SELECT asked.part, newest.body
FROM unnest($1::bytea[], $2::bigint[]) WITH ORDINALITY AS asked (room, before, part)
CROSS JOIN LATERAL (
    SELECT seq, body FROM events
    WHERE room = asked.room AND client_id IS NOT NULL AND seq < asked.before
    ORDER BY seq DESC LIMIT $3
) AS newest
ORDER BY asked.part, newest.seq
"""

POSTED = """
SELECT stored.body
FROM unnest($1::bytea[], $2::bigint[]) AS asked (room, seq)
CROSS JOIN LATERAL (
    SELECT body FROM events
    WHERE room = asked.room AND seq = asked.seq AND client_id IS NOT NULL LIMIT 1
) AS stored
"""


def _kind(tag: str) -> str:
    """The beginning of such an event's body, as in the index `events_change_kinds`."""
    start = f'{{"ev":"{tag}","room":'[:22]
    return f"'{start}'::bytea"


_EDITED, _DELETED = _kind("message.edited"), _kind("message.deleted")
_REACTED, _UNREACTED = _kind("reaction.added"), _kind("reaction.removed")
_PINNED, _UNPINNED = _kind("pin.added"), _kind("pin.removed")
_POSTED = _kind("message.posted")  # with a `message`: a reply in its thread


def _of_asked(
    columns: str, *kinds: str, of: str = "asked.room", message: str = "asked.message"
) -> str:
    return f"""
    SELECT {columns} FROM events
    WHERE room = {of} AND message = {message} AND message IS NOT NULL
        AND substring(body, 1, 22) IN ({", ".join(kinds)})"""  # noqa: S608 - only names of columns


EDITS_OF = f"""{_of_asked("seq", _EDITED, of="$1", message="$2")} ORDER BY seq"""

# The newest edits of each message, at most so many as asked.
NEWEST_EDITS = f"""
SELECT asked.n, stored.seq
FROM unnest($1::bytea[], $2::bytea[], $3::bigint[]) WITH ORDINALITY AS asked (room, message, most, n)
CROSS JOIN LATERAL ({_of_asked("seq", _EDITED)} ORDER BY seq DESC LIMIT asked.most) AS stored
ORDER BY asked.n, stored.seq
"""  # noqa: S608 - as above

TEXTS_IN = f"""
SELECT events.room, events.seq, body
FROM unnest($1::bytea[], $2::bigint[]) AS asked (room, seq)
JOIN events ON events.room = asked.room AND events.seq = asked.seq
WHERE client_id IS NOT NULL OR substring(body, 1, 22) = {_EDITED}
"""  # noqa: S608 - as above

EVENTS_IN = """
SELECT body
FROM unnest($1::bytea[], $2::bigint[]) AS asked (room, seq)
JOIN events ON events.room = asked.room AND events.seq = asked.seq
"""

REPLACE = """
UPDATE events SET body = given.body, mentions = given.mentions::bytea[], room_kind = given.kind
FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bytea[], $5::text[], $6::text[])
    AS given (room, seq, old, body, mentions, kind)
WHERE events.room = given.room AND events.seq = given.seq AND events.body = given.old
RETURNING events.seq
"""

TEXTS_AT = f"""
SELECT body FROM events
WHERE room = $1 AND seq = ANY($2::bigint[])
    AND (client_id IS NOT NULL OR substring(body, 1, 22) = {_EDITED})
"""  # noqa: S608 - as above

EVENTS_AT = "SELECT body FROM events WHERE room = $1 AND seq = ANY($2::bigint[])"

REDACT = """
UPDATE events SET body = given.body, mentions = NULL
FROM unnest($2::bigint[], $3::bytea[], $4::bytea[]) AS given (seq, old, body)
WHERE events.room = $1 AND events.seq = given.seq AND events.body = given.old
RETURNING events.seq
"""

REMOVE = """
UPDATE events SET author = NULL, client_id = NULL, mentions = NULL, message = NULL, body = given.body
FROM unnest($2::bigint[], $3::bytea[]) AS given (seq, body)
WHERE events.room = $1 AND events.seq = given.seq AND member IS NULL AND room_kind IS NULL
"""


def places(room: str, seqs: Sequence[int]) -> list[bytes]:
    """The bodies that REMOVE leaves at these seqs."""
    return [_encode(EventRemoved.of(room, seq)) for seq in seqs]


def changed_bodies(
    bodies: Iterable[bytes], change: Callable[[Any], AnyEvent]
) -> tuple[list[int], list[bytes], list[bytes]]:
    """Of those of these events that `change` changes the seqs, the bodies, and the new bodies."""
    found = [(body, event) for body in bodies for event in events(any_event, [body])]
    changed = [(old, body, new) for body, old in found if (new := change(old)) is not old]
    return (
        [old.seq for old, _, _ in changed],
        [body for _, body, _ in changed],
        [_encode(new) for _, _, new in changed],
    )


def redacted_rows(rows: Iterable[Any]) -> list[list[Any]]:
    """The last four values of APPEND_ERASING, for rows of TEXTS_IN that have a text."""
    changed = [
        (room, seq, body, _encode(redacted(event)))
        for room, seq, body in rows
        if not (event := _said.decode(body)).redacted
    ]
    return [list(column) for column in zip(*changed, strict=True)] or [[], [], [], []]


def replaced_rows(
    bodies: Iterable[bytes], pairs: Sequence[tuple[AnyEvent, AnyEvent]]
) -> list[list[Any]]:
    """The values of REPLACE, for those of these stored bodies that are the first of a pair."""
    new_ones = {(old.room, old.seq): (old, new) for old, new in pairs}
    changed = []
    for body in bodies:
        for event in events(any_event, [body]):
            old, new = new_ones[event.room, event.seq]
            if event == old:
                room, seq, _, _, mentions, _, _, kind, now = _row(new)
                changed.append((room, seq, body, now, mentions, kind))
    return [list(column) for column in zip(*changed, strict=True)]


# Bodies are JSON in bytes, which PostgreSQL cannot always parse: NUL, or letters that the database's encoding
# lacks. Quotes in JSON texts are escaped, so these keys cannot occur inside of texts.
_AUTHOR = """substring(
    body, position('"author":{"id":' in body), position(',"name":' in body) - position('"author":{"id":' in body)
)"""
_EMOJI = """substring(body, position(',"emoji":' in body))"""

CHANGES = f"""
SELECT changed.body
FROM unnest($1::bytea[], $2::bytea[]) AS asked (room, message)
CROSS JOIN LATERAL (
    ({_of_asked("seq, body", _EDITED)} ORDER BY seq DESC LIMIT 1)
    UNION ALL
    ({_of_asked("seq, body", _DELETED)} ORDER BY seq DESC LIMIT 1)
    UNION ALL
    SELECT seq, body FROM ({_of_asked("seq, body", _PINNED)} ORDER BY seq DESC LIMIT 1) AS pin
    WHERE NOT EXISTS ({_of_asked("", _UNPINNED)} AND events.seq > pin.seq)
    UNION ALL
    SELECT seq, body FROM (
        SELECT DISTINCT ON (author, emoji) seq, body
        FROM ({_of_asked(f"seq, body, {_AUTHOR} AS author, {_EMOJI} AS emoji", _REACTED, _UNREACTED)})
            AS reaction
        ORDER BY author, emoji, seq DESC
    ) AS newest
    WHERE substring(body, 1, 22) = {_REACTED}
) AS changed
ORDER BY changed.seq
"""  # noqa: S608 - as above

TEXTS = f"""
SELECT asked.number, deleted.seq IS NOT NULL AS is_deleted, edited.seq
FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS asked (room, message, number)
CROSS JOIN LATERAL (
    SELECT FROM events
    WHERE room = asked.room AND message = asked.message AND message IS NOT NULL
        AND substring(body, 1, 22) BETWEEN {_DELETED} AND {_EDITED} LIMIT 1
) AS changed
LEFT JOIN LATERAL ({_of_asked("seq", _EDITED)} ORDER BY seq DESC LIMIT 1) AS edited ON true
LEFT JOIN LATERAL ({_of_asked("seq", _DELETED)} LIMIT 1) AS deleted ON true
"""  # noqa: S608 - as above

_OTHERS = (_REACTED, _UNREACTED, _PINNED, _UNPINNED)
TALLY = f"""
SELECT edits.count, others.count, others.own
FROM ({_of_asked("count(*) AS count", _EDITED, of="$1", message="$2")}) AS edits,
    ({_of_asked(f"count(*) AS count, count(*) FILTER (WHERE {_AUTHOR} = $3) AS own", *_OTHERS, of="$1", message="$2")})
    AS others
"""  # noqa: S608 - as above


REPLIES = f"""
{_of_asked("body", _POSTED, of="$1", message="$2")} AND seq < $3 ORDER BY seq DESC LIMIT $4
"""

THREADS = f"""
SELECT asked.number, counted.replies, newest.body
FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS asked (room, message, number)
CROSS JOIN LATERAL ({_of_asked("count(*) AS replies", _POSTED)}) AS counted
LEFT JOIN LATERAL ({_of_asked("seq, body", _POSTED)} ORDER BY seq DESC LIMIT $3) AS newest ON true
WHERE counted.replies > 0
ORDER BY asked.number, newest.seq
"""  # noqa: S608 - as above


def author_key(user: str) -> bytes:
    """A user id in the form for TALLY."""
    return b'"author":{"id":' + _encode(user)


REPEATS = """
SELECT stored.body
FROM unnest($1::bytea[], $2::bytea[]) AS asked (author, client_id)
CROSS JOIN LATERAL (
    SELECT body FROM events
    WHERE author = asked.author AND client_id = asked.client_id LIMIT 1
) AS stored
"""

ROOMS = """
SELECT newest.body
FROM unnest($1::bytea[]) AS asked (room)
CROSS JOIN LATERAL (
    SELECT body FROM events
    WHERE room = asked.room AND room_kind IS NOT NULL ORDER BY seq DESC LIMIT 1
) AS newest
"""

# Skips from room to room, only as far as the outer query needs rows: see
# https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-RECURSIVE
PUBLIC_ROOMS = """
WITH RECURSIVE once_public (room) AS (
    (SELECT room FROM events WHERE room_kind = 'public' AND room > $1 ORDER BY room LIMIT 1)
    UNION ALL
    SELECT following.room
    FROM once_public
    CROSS JOIN LATERAL (
        SELECT room FROM events
        WHERE room_kind = 'public' AND room > once_public.room ORDER BY room LIMIT 1
    ) AS following
)
SELECT newest.body
FROM once_public
CROSS JOIN LATERAL (
    SELECT room_kind, body FROM events
    WHERE room = once_public.room AND room_kind IS NOT NULL ORDER BY seq DESC LIMIT 1
) AS newest
WHERE newest.room_kind = 'public'
LIMIT $2
"""


# Skips from room to room as well.
LIST_ROOMS = """
WITH RECURSIVE found (room) AS (
    (SELECT room FROM events WHERE room > $1 ORDER BY room LIMIT 1)
    UNION ALL
    SELECT following.room
    FROM found
    CROSS JOIN LATERAL (
        SELECT room FROM events WHERE room > found.room ORDER BY room LIMIT 1
    ) AS following
)
SELECT room FROM found LIMIT $2
"""


def _newest_member_events(given: str, group: str, value: str, first: str = "true") -> str:
    """A query for the newest event of each `group` among events whose `given` is `value`, by a skip scan.

    It begins with the first group for which the condition `first` holds.
    """
    return f"""
    WITH RECURSIVE newest (name, body) AS (
        (
            SELECT {group}, body FROM events
            WHERE {given} = {value} AND member IS NOT NULL AND {first}
            ORDER BY {group}, seq DESC LIMIT 1
        )
        UNION ALL
        SELECT following.name, following.body
        FROM newest
        CROSS JOIN LATERAL (
            SELECT {group} AS name, body FROM events
            WHERE {given} = {value} AND member IS NOT NULL AND {group} > newest.name
            ORDER BY {group}, seq DESC LIMIT 1
        ) AS following
    )
    SELECT body FROM newest
    """  # noqa: S608 - only names of columns


MEMBERS = f"""
SELECT newest.body
FROM unnest($1::bytea[]) AS asked (room)
CROSS JOIN LATERAL ({_newest_member_events("room", "member", "asked.room")}) AS newest
"""  # noqa: S608 - as above
# A recursive query goes on for only as long as rows are taken from it.
MEMBERS_AFTER = f"{_newest_member_events('room', 'member', '$1', 'member > $2')} LIMIT $3"
MEMBERSHIPS = _newest_member_events("member", "room", "$1")

# A reply that is in a thread alone has no `broadcast` behind `thread`; as above, texts cannot have such keys, and data
# that imitates them makes only the message with them count.
UNREAD = """
SELECT asked.room, counted.messages, counted.mentions
FROM unnest($2::bytea[], $3::bigint[]) AS asked (room, after)
CROSS JOIN LATERAL (
    SELECT count(*) AS messages,
        count(*) FILTER (WHERE mentions && ARRAY[$1::bytea, $4::bytea]) AS mentions
    FROM events
    WHERE room = asked.room AND seq > asked.after AND client_id IS NOT NULL AND author <> $1
        AND (message IS NULL
            OR position('"thread":"'::bytea || message || '","broadcast":true'::bytea in body) > 0)
) AS counted
WHERE counted.messages > 0
"""
