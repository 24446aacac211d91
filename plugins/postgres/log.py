"""The log of every room, in the table `events`."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from asyncpg.exceptions import UniqueViolationError

from chatserver import (
    EVERYBODY,
    AnyEvent,
    Appended,
    Conflict,
    Erasing,
    MemberEvent,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    Replies,
    RoomChanged,
    StoreUnavailable,
    Tally,
    Unread,
    cleared,
    erased,
    in_parts,
    message_seq,
    redact,
    redacted,
    replaced_by,
)
from chatserver_plugins.postgres import statements
from chatserver_plugins.postgres.driver import Database
from chatserver_plugins.postgres.schema import APPENDING

AFTER_ALL = (1 << 63) - 1  # above every seq
TRIES = 20  # to change events, each of which another node changes meanwhile

# A commit is visible to others once it is on this server's disk and on its synchronous replicas. But if its
# wait for a replica was interrupted (such as by a restart), it is visible without being on the replica.
# Waiting for a later write ensures that it is there. A server without replicas has nothing to wait for.
SETTLE = """
SELECT pg_logical_emit_message(true, 'chatserver', '')
WHERE current_setting('synchronous_standby_names') <> ''
"""


class PostgresLog:
    """The methods of `chatserver.Store` about the log."""

    _database: Database
    _lock: int  # second half of the advisory lock's key for appending

    async def settle(self) -> None:
        """Return once all visible data is durable."""
        await self._database.fetch(SETTLE)

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        deadline = self._database.deadline()
        batch, conflict = _before_repeat(events)
        edits = await self._edits(events, erasing, deadline) if erasing else {}
        while batch:
            try:
                if erasing:
                    of = [index for index in erasing if index < len(batch)]
                    await self._insert_erasing(erased(batch, of, edits), deadline)
                else:
                    await self._insert(batch, deadline)
            except UniqueViolationError as error:
                batch, conflict = await self._before_conflict(batch, error, deadline)
            else:
                break
        return Appended(len(batch), conflict)

    async def _insert(self, batch: Sequence[AnyEvent], deadline: float) -> None:
        """Write all events or none."""
        columns = statements.columns(batch)
        await self._database.fetch(
            statements.APPEND, APPENDING, self._lock, *columns, deadline=deadline
        )

    async def _insert_erasing(self, erasing: Erasing, deadline: float) -> None:
        """Write all events and remove all texts, or nothing."""
        places = [(room.encode(), seq) for room, seqs in erasing.stored.items() for seq in seqs]
        rooms, seqs = [room for room, _ in places], [seq for _, seq in places]
        found = await self._database.fetch(statements.TEXTS_IN, rooms, seqs, deadline=deadline)
        await self._database.fetch(
            statements.APPEND_ERASING,
            *(APPENDING, self._lock, *statements.columns(erasing.batch)),
            *statements.redacted_rows(found),
            deadline=deadline,
        )

    async def _edits(
        self, events: Sequence[AnyEvent], erasing: Collection[int], deadline: float
    ) -> dict[tuple[str, str], list[int]]:
        """The edits for `erased`. None can come meanwhile, as the events follow on all that is stored."""
        kinds = replaced_by(events, erasing)
        keys = list(kinds)
        found: dict[tuple[str, str], list[int]] = {}
        rows = await self._database.fetch(
            statements.NEWEST_EDITS,
            *(_encoded(room for room, _ in keys), _encoded(message for _, message in keys)),
            [AFTER_ALL if kinds[key] is MessageDeleted else 1 for key in keys],
            deadline=deadline,
        )
        for number, seq in rows:
            found.setdefault(keys[number - 1], []).append(seq)
        return found

    async def _before_conflict(
        self, batch: Sequence[AnyEvent], error: Exception, deadline: float
    ) -> tuple[Sequence[AnyEvent], Conflict]:
        room, seq, author, client_id, *_ = statements.columns(batch)
        found = await self._database.fetch(
            statements.CONFLICT, room, seq, author, client_id, deadline=deadline
        )
        if not found:
            raise StoreUnavailable from error
        n, is_position = found[0]
        return batch[: n - 1], Conflict.POSITION if is_position else Conflict.CLIENT_ID

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        if not rooms:
            return {}
        found = await self._database.fetch(statements.HEADS, _encoded(rooms))
        await self.settle()  # events read up to these heads must never disappear
        return {room.decode(): seq for room, seq in found}

    async def read(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        if limit < 1:
            return []
        found = await self._database.fetch(statements.READ, room.encode(), after, limit)
        return _decoded(statements.any_event, found)

    async def ranges(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        return await self._parts(statements.RANGES, statements.any_event, wanted, limit)

    async def messages(self, room: str, before: int | None, limit: int) -> list[MessagePosted]:
        if limit < 1:
            return []
        end = AFTER_ALL if before is None else before
        found = await self._database.fetch(statements.MESSAGES, room.encode(), end, limit)
        return _decoded(statements.message, found[::-1])

    async def pages(
        self, wanted: Sequence[tuple[str, int | None]], limit: int
    ) -> list[list[MessagePosted]]:
        ends = [(room, AFTER_ALL if before is None else before) for room, before in wanted]
        return await self._parts(statements.PAGES, statements.message, ends, limit)

    async def _parts(
        self, statement: str, decoder: Any, wanted: Sequence[tuple[str, int]], limit: int
    ) -> list[list[Any]]:
        """The events that the statement finds for each (room, seq)."""
        parts: list[list[Any]] = [[] for _ in wanted]
        if not wanted or limit < 1:
            return parts
        rooms, seqs = zip(*wanted, strict=True)
        for part, body in await self._database.fetch(statement, _encoded(rooms), seqs, limit):
            parts[part - 1] += statements.events(decoder, (body,))
        return parts

    async def posted(self, keys: Sequence[tuple[str, int]]) -> list[MessagePosted]:
        if not keys:
            return []
        rooms, seqs = zip(*dict.fromkeys(keys), strict=True)
        found = await self._database.fetch(statements.POSTED, _encoded(rooms), seqs)
        return _decoded(statements.message, found)

    async def changes(self, messages: Mapping[str, Sequence[str]]) -> list[MessageChange]:
        if not (keys := _keys(messages)):
            return []
        rooms, wanted = zip(*keys, strict=True)
        found = await self._database.fetch(statements.CHANGES, _encoded(rooms), _encoded(wanted))
        return _decoded(statements.change, found)

    async def replies(
        self, room: str, message: str, before: int | None, limit: int
    ) -> list[MessagePosted]:
        if limit < 1:
            return []
        values = room.encode(), message.encode(), AFTER_ALL if before is None else before, limit
        found = await self._database.fetch(statements.REPLIES, *values)
        return _decoded(statements.message, found[::-1])

    async def threads(
        self, messages: Mapping[str, Sequence[str]], newest: int
    ) -> dict[tuple[str, str], Replies]:
        if not (keys := _keys(messages)):
            return {}
        rooms, wanted = zip(*keys, strict=True)
        values = _encoded(rooms), _encoded(wanted), max(newest, 0)
        found: dict[tuple[str, str], Replies] = {}
        for number, count, body in await self._database.fetch(statements.THREADS, *values):
            replies = found.setdefault(keys[number - 1], Replies(count, []))
            if body is not None:
                replies.newest.extend(statements.events(statements.message, (body,)))
        return found

    async def texts(self, room: str, message: str) -> list[int]:
        seq = message_seq(room, message)
        posted = await self.posted([(room, seq)]) if seq else []
        edits = await self._database.fetch(statements.EDITS_OF, room.encode(), message.encode())
        return [*(event.seq for event in posted), *(seq for (seq,) in edits)]

    async def redact(self, room: str, seqs: Sequence[int]) -> None:
        await self._change(room, seqs, statements.TEXTS_AT, redacted)

    async def clear(self, room: str, seqs: Sequence[int]) -> None:
        await self._change(room, seqs, statements.EVENTS_AT, cleared)

    async def _change(
        self, room: str, seqs: Sequence[int], found_by: str, change: Callable[[Any], AnyEvent]
    ) -> None:
        """Put changed events in the places of those that a statement finds; again if another node changes some."""
        name = room.encode()
        for _ in range(TRIES):
            found = await self._database.fetch(found_by, name, list(seqs))
            changed = statements.changed_bodies((body for (body,) in found), change)
            if not changed[0]:
                return
            if len(await self._database.fetch(statements.REDACT, name, *changed)) == len(
                changed[0]
            ):
                return
        raise StoreUnavailable(reason=f"events of the room {room} change all the time")

    async def remove(self, room: str, seqs: Sequence[int]) -> None:
        if seqs:
            places = statements.places(room, seqs)
            await self._database.fetch(statements.REMOVE, room.encode(), list(seqs), places)

    async def replace(self, pairs: Sequence[tuple[AnyEvent, AnyEvent]]) -> int:
        if not pairs:
            return 0
        rooms, seqs = _encoded(old.room for old, _ in pairs), [old.seq for old, _ in pairs]
        found = await self._database.fetch(statements.EVENTS_IN, rooms, seqs)
        changed = statements.replaced_rows((body for (body,) in found), pairs)
        return len(await self._database.fetch(statements.REPLACE, *changed)) if changed else 0

    async def shown(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        if len(wanted) == 1:
            parts = [await self.read(*wanted[0], limit)]
        else:
            parts = await self.ranges(wanted, limit)
        # Done after reading the events, so that no text replaced in between is missed.
        newest = await self._texts(dict.fromkeys(key for part in parts for key in _text_keys(part)))
        if newest:
            for part in parts:
                redact(part, _replaced(part, newest))
        return parts

    async def _texts(self, messages: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """The pairs (room, message) whose text was replaced.

        Each has the seq of the newest edit, or 0 if the message is deleted.
        """
        if not (keys := list(messages)):
            return {}
        rooms, wanted = zip(*keys, strict=True)
        found = await self._database.fetch(statements.TEXTS, _encoded(rooms), _encoded(wanted))
        return {keys[number - 1]: 0 if deleted else seq for number, deleted, seq in found}

    async def tally(self, room: str, message: str, user: str) -> Tally:
        values = room.encode(), message.encode(), statements.author_key(user)
        (found,) = await self._database.fetch(statements.TALLY, *values)
        return Tally(*found)

    async def repeats(
        self, keys: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], MessagePosted]:
        if not keys:
            return {}
        authors, sent = zip(*keys, strict=True)
        found = await self._database.fetch(statements.REPEATS, _encoded(authors), _encoded(sent))
        if found:
            await self.settle()  # a repeat is acknowledged like a first send
        messages: list[MessagePosted] = _decoded(statements.message, found)
        return {(message.author.id, message.client_id): message for message in messages}

    async def rooms(self, rooms: Sequence[str]) -> dict[str, RoomChanged]:
        if not rooms:
            return {}
        found = await self._database.fetch(statements.ROOMS, _encoded(rooms))
        newest: list[RoomChanged] = _decoded(statements.room_changed, found)
        return {room.room: room for room in newest}

    async def public_rooms(self, after: str, limit: int) -> list[RoomChanged]:
        if limit < 1:
            return []
        found = await self._database.fetch(statements.PUBLIC_ROOMS, after.encode(), limit)
        return _decoded(statements.room_changed, found)

    async def list_rooms(self, after: str, limit: int) -> list[str]:
        if limit < 1:
            return []
        found = await self._database.fetch(statements.LIST_ROOMS, after.encode(), limit)
        return [row["room"].decode() for row in found]

    async def members(self, rooms: Sequence[str]) -> list[MemberEvent]:
        if not rooms:
            return []
        found = await self._database.fetch(statements.MEMBERS, _encoded(rooms))
        return await _decoded_in_parts(statements.member_event, found)

    async def members_after(self, room: str, after: str, limit: int) -> list[MemberEvent]:
        if limit < 1:
            return []
        found = await self._database.fetch(
            statements.MEMBERS_AFTER, room.encode(), after.encode(), limit
        )
        return _decoded(statements.member_event, found)

    async def memberships(self, user: str) -> list[MemberEvent]:
        found = await self._database.fetch(statements.MEMBERSHIPS, user.encode())
        return await _decoded_in_parts(statements.member_event, found)

    async def unread(self, user: str, after: Mapping[str, int]) -> dict[str, Unread]:
        if not after:
            return {}
        found = await self._database.fetch(
            statements.UNREAD,
            user.encode(),
            _encoded(after),
            list(after.values()),
            EVERYBODY.encode(),
        )
        return {room.decode(): Unread(messages, mentions) for room, messages, mentions in found}


def _before_repeat(events: Sequence[AnyEvent]) -> tuple[Sequence[AnyEvent], Conflict | None]:
    """The events before the first that conflicts with an earlier one in the batch, and the conflict."""
    positions: set[tuple[str, int]] = set()
    sent: set[tuple[str, str]] = set()
    for index, event in enumerate(events):
        position = event.room, event.seq
        if position in positions:
            return events[:index], Conflict.POSITION
        positions.add(position)
        if isinstance(event, MessagePosted):
            key = event.author.id, event.client_id
            if key in sent:
                return events[:index], Conflict.CLIENT_ID
            sent.add(key)
    return events, None


def _text_keys(events: Sequence[AnyEvent]) -> Iterator[tuple[str, str]]:
    """The (room, message) of each text."""
    for event in events:
        if isinstance(event, MessagePosted):
            yield event.room, event.id
        elif isinstance(event, MessageEdited):
            yield event.room, event.message


def _replaced(events: Sequence[AnyEvent], newest: Mapping[tuple[str, str], int]) -> Iterator[int]:
    """The seqs of events whose text was replaced; `newest` is the result of `PostgresLog._texts`."""
    for event in events:
        if isinstance(event, MessagePosted):
            if (event.room, event.id) in newest:
                yield event.seq
        elif isinstance(event, MessageEdited):
            stands = newest.get((event.room, event.message)) == event.seq
            if not stands:
                yield event.seq


def _keys(messages: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Each (room, message) once."""
    keys = ((room, each) for room, wanted in messages.items() for each in wanted)
    return list(dict.fromkeys(keys))


def _encoded(texts: Any) -> list[bytes]:
    return [text.encode() for text in texts]


def _decoded(decoder: Any, found: Sequence[Any]) -> list[Any]:
    return statements.events(decoder, (row["body"] for row in found))


async def _decoded_in_parts(decoder: Any, found: Sequence[Any]) -> list[Any]:
    """As `_decoded`, for rows of which there may be very many."""
    return [*await in_parts(found, partial(_decoded, decoder))]
