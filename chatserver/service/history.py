"""Reads a room's log: pages of messages, ranges of events."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from chatserver.config import LimitsConfig
from chatserver.errors import ChatError
from chatserver.interfaces import Store
from chatserver.model import (
    AnyEvent,
    Message,
    MessageChange,
    MessageEdited,
    MessagePosted,
    User,
    message_seq,
)
from chatserver.roomlog import fold
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.room import NEWEST_PAGE, Room
from chatserver.service.rights import Right, demand, may_read

# Limits of changes to one message. Deleting it, and taking a reaction or a pin back, is always possible.
EDITS = 200
DATA_CHANGES = 10_000  # of a message with data, edits and changes of the data together
REACTIONS = 1000  # reactions and pins, added and removed, by all users together …
OWN_REACTIONS = 100  # … and by one user, so that nobody uses up the others' share
# Sizes of one read: a message has up to 48 KB, and its edited text as much again.
MESSAGES_AT_ONCE, EVENTS_AT_ONCE = 50, 100  # of one room, until the size of some is known
MANY_AT_ONCE = 500  # of many rooms, or where they are known to be short
FOUND_AT_ONCE = 200  # messages, wherever they are
READS = 5  # of the log, for one page
TOGETHER = 16  # items whose size is counted at once, if they fit: of the longest these are two MB

_encode = msgspec.json.encode


class Page(msgspec.Struct, frozen=True, omit_defaults=True):
    """Messages by ascending seq, and the room's head when they were read.

    `more`: older messages were left out because the page would have been too large. A page around a seq or after
    one has `more_before` and `more_after`: whether there are older messages, and newer ones. `after` is the seq
    after which the next page begins if there may be newer messages.
    """

    messages: list[Message]
    head: int
    more: bool = False
    more_before: bool | None = None
    more_after: bool | None = None
    after: int | None = None


class _Forward(NamedTuple):
    """Messages by ascending seq, their size in bytes, and the seq after which there may be more; None if there are none."""

    messages: list[Message]
    size: int
    end: int | None


class EventPage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Events by ascending seq; fewer than asked for if the page would have been too large.

    With a `gap` they do not follow on the seq that was asked for: what comes in between is older than the room keeps.
    """

    events: list[AnyEvent]
    head: int
    gap: bool = False


class History:
    """Reads for users, and checks their rights."""

    def __init__(self, store: Store, cache: RoomCache, limits: LimitsConfig) -> None:
        self._store, self._cache, self._limits = store, cache, limits
        # One answer must leave room in a connection's buffer for its events.
        self._page_bytes = limits.buffer_hard_bytes // 2

    async def page(
        self,
        user: User,
        room: Room,
        before: int | None = None,
        limit: int = 50,
        *,
        around: int | None = None,
        after: int | None = None,
    ) -> Page:
        """The newest messages with seq < `before`, as they stand now; those around the seq `around`; or the first ones
        with seq > `after`.

        Raises `ChatError` request.invalid if more than one of them is given.
        """
        demand(user, room, Right.READ)
        limit = min(limit, self._limits.history_page)
        head = room.head
        if sum(each is not None for each in (before, around, after)) > 1:
            raise ChatError("request.invalid", "before, around, after: expected one of them.")
        if around is not None:
            return await self._around(room, around, limit)
        if after is not None:
            return await self._after(room, after, limit)
        if before is None and limit <= NEWEST_PAGE:
            return self._newest_page(room, (await self._newest(room))[-limit:], head)
        messages, more = await self._read_page(room, before, limit)
        return Page(messages, head, more)

    async def _around(self, room: Room, around: int, limit: int) -> Page:
        """A page of which half, if there are so many messages, comes after the seq and the rest up to it."""
        head, half = room.head, limit // 2
        later = await self._forward(room, around, half, self._page_bytes // 2)
        before, more = await self._read_page(
            room, around + 1, limit - len(later.messages), self._page_bytes - later.size
        )
        messages = before + later.messages
        oldest = messages[0].seq if messages else around + 1
        return Page(
            messages,
            head,
            more_before=more or await self._has_before(room, oldest),
            more_after=later.end is not None,
            after=later.end,
        )

    async def _after(self, room: Room, after: int, limit: int) -> Page:
        head = room.head
        later = await self._forward(room, after, limit, self._page_bytes)
        return Page(
            later.messages,
            head,
            more_before=await self._has_before(room, after + 1),
            more_after=later.end is not None,
            after=later.end,
        )

    async def _has_before(self, room: Room, seq: int) -> bool:
        """Whether the room has a message with a lower seq."""
        found = await self._store.messages(room.id, seq, 1)
        return bool(found) and found[0].seq >= room.kept_from

    async def _forward(self, room: Room, after: int, limit: int, size: int) -> _Forward:
        """The first messages after a seq, at most `limit` of at most `size` bytes."""
        posted, read_to = await self._posted_after(room, after, limit + 1)
        messages = fold.fold(posted[:limit], await self._changes(posted[:limit]))
        count, taken = fitting(messages, size)
        if count < len(posted):
            return _Forward(messages[:count], taken, messages[count - 1].seq if count else after)
        return _Forward(messages, taken, read_to)

    async def _posted_after(
        self, room: Room, after: int, limit: int
    ) -> tuple[list[MessagePosted], int | None]:
        """The next messages after a seq, and the seq up to which the log was read; None if that is its head."""
        found: list[MessagePosted] = []
        after = max(after, room.kept_from - 1)
        for _ in range(READS):
            if after >= room.head or len(found) >= limit:
                break
            step = _step(room.event_bytes, self._page_bytes, EVENTS_AT_ONCE)
            events = await self._cache.events(room, after, step)
            found += [event for event in events if isinstance(event, MessagePosted)]
            if not events:
                break
            after = events[-1].seq
            room.note_event_bytes(_length(events, *reversed(fitting(events, self._page_bytes))))
        return found[:limit], after if after < room.head else None

    async def pages(
        self, user: User, wanted: Sequence[tuple[Room, int | None]], limit: int
    ) -> list[Page | ChatError]:
        """The result or error of `page` for each room and `before`, in four queries at the most."""
        limit = min(limit, self._limits.history_page)
        heads = {room: room.head for room, _ in wanted}
        readable = [(room, before) for room, before in wanted if may_read(user, room)]
        newest = [room for room, before in readable if before is None and limit <= NEWEST_PAGE]
        recent = {room: kept for room in newest if (kept := room.newest(limit)) is not None}
        missing = [room for room in dict.fromkeys(newest) if room not in recent]
        if missing:
            read = await self._read_many([(room, None) for room in missing], NEWEST_PAGE)
            for room in missing:
                recent[room] = read[room, None][-limit:]
                room.set_recent(read[room, None], heads[room])
            # As the rooms are by now: they may have got messages meanwhile.
            recent |= {room: kept for room in newest if (kept := room.newest(limit)) is not None}
        found: dict[tuple[Room, int | None], Page] = {
            (room, None): self._newest_page(room, recent[room], heads[room]) for room in newest
        }
        older = [key for key in dict.fromkeys(readable) if key not in found]
        for (room, before), messages in (await self._read_many(older, limit)).items():
            found[room, before] = self._page(messages, heads[room])
        return [found.get(key) or ChatError("room.not_found") for key in wanted]

    async def newest_encoded(self, user: User, room: Room) -> bytes:
        """The newest page of 50 as JSON, cached until something happens in the room."""
        demand(user, room, Right.READ)
        if room.newest_page is not None:
            return room.newest_page
        head = room.head
        encoded = _encode(self._page(await self._newest(room), head))
        if room.head == head:
            room.set_newest_page(encoded)
        return encoded

    async def events(self, user: User, room: Room, after: int, limit: int = 500) -> EventPage:
        """The log after a seq."""
        demand(user, room, Right.READ)
        limit = min(limit, self._limits.events_page)
        head = room.head
        if after >= head:
            return EventPage([], head)
        found: list[AnyEvent] = []
        size, asked = self._page_bytes, after
        after = max(after, room.kept_from - 1)
        for _ in range(READS):
            if len(found) >= limit or after >= head:
                break
            step = _step(room.event_bytes, size, EVENTS_AT_ONCE)
            events = await self._cache.events(room, after, min(step, limit - len(found)))
            count, taken = fitting(events, size, least=not found)
            room.note_event_bytes(_length(events, taken, count))
            found += events[:count]
            if count < len(events) or not events:
                break
            size -= taken
            after = events[-1].seq
        return EventPage(found, head, asked < room.kept_from - 1)

    async def event_pages(
        self, user: User, wanted: Sequence[tuple[Room, int]], limit: int
    ) -> list[EventPage | ChatError]:
        """The result or error of `events` for each room and `after`; two queries for many of them."""
        limit = min(limit, self._limits.events_page)
        heads = {room: room.head for room, _ in wanted}
        gaps = {key for key in wanted if key[1] < key[0].kept_from - 1}
        asked, wanted = wanted, [(room, max(after, room.kept_from - 1)) for room, after in wanted]
        found: dict[tuple[Room, int], list[AnyEvent] | None] = {
            (room, after): room.since(after, limit) if after < room.head else []
            for room, after in wanted
            if may_read(user, room)
        }
        missing = [key for key, events in found.items() if events is None]
        several = max(MANY_AT_ONCE // max(limit, 1), 1)
        for start in range(0, len(missing), several):
            some = missing[start : start + several]
            found |= await self._read_ranges(some, heads, limit)
        return [
            ChatError("room.not_found")
            if (events := found.get((room, after))) is None
            else EventPage(events[: fitting(events, self._page_bytes)[0]], heads[room], key in gaps)
            for key, (room, after) in zip(asked, wanted, strict=True)
        ]

    async def _read_ranges(
        self, wanted: Sequence[tuple[Room, int]], heads: Mapping[Room, int], limit: int
    ) -> dict[tuple[Room, int], list[AnyEvent] | None]:
        """The events after each of these places, as many as fit into a page."""
        read = await self._store.shown([(room.id, after) for room, after in wanted], limit)
        found: dict[tuple[Room, int], list[AnyEvent] | None] = {}
        for (room, after), part in zip(wanted, read, strict=True):
            # Events in the store beyond the head are not shown before this node has taken them in.
            events = [event for event in part if event.seq <= heads[room]]
            found[room, after] = events[: fitting(events, self._page_bytes)[0]]
        return found

    async def find(
        self, user: User, wanted: Sequence[tuple[Room, str]]
    ) -> dict[tuple[str, str], Message]:
        """Like `standing`, without the messages of rooms that the user may not read."""
        return await self.standing([(room, each) for room, each in wanted if may_read(user, room)])

    async def standing(self, wanted: Sequence[tuple[Room, str]]) -> dict[tuple[str, str], Message]:
        """Messages by (room id, message id) as they stand, deleted ones too; in two queries.

        Checks no rights: callers already got an event about the message. Messages that do not exist are
        left out.
        """
        found: dict[tuple[str, str], Message] = {}
        missing: list[tuple[str, int]] = []
        for room, message in wanted:
            seq = message_seq(room.id, message)
            if seq is None or not 0 < seq <= room.head:
                continue
            kept = next((each for each in room.recent or () if each.id == message), None)
            if kept is None:
                missing.append((room.id, seq))
            else:
                found[room.id, message] = kept
        kept_from = {room.id: room.kept_from for room, _ in wanted}
        for start in range(0, len(missing), FOUND_AT_ONCE):
            posted = await self._store.posted(missing[start : start + FOUND_AT_ONCE])
            folded = fold.fold(posted, await self._changes(posted))
            found |= {
                (message.room, message.id): message
                for message in folded
                if message.seq >= kept_from[message.room] or message.pinned
            }
        return found

    async def as_they_stand(self, events: Sequence[MessagePosted]) -> dict[str, Message]:
        """The messages of events by id, with all changes to them; in one query.

        Checks no rights: callers already got the events.
        """
        folded = fold.fold(events, await self._changes(events))
        return {message.id: message for message in folded}

    async def message(self, room: Room, message: str) -> Message:
        """One message as it stands. Raises `ChatError` message.not_found, for deleted ones too."""
        seq = message_seq(room.id, message)
        if seq is None or not 0 < seq <= room.head:
            raise ChatError("message.not_found")
        posted, changes = await asyncio.gather(
            self._store.messages(room.id, seq + 1, 1), self._store.changes({room.id: [message]})
        )
        found = fold.fold(posted, changes)
        if not found or found[0].id != message or found[0].deleted:
            raise ChatError("message.not_found")
        if seq < room.kept_from and not found[0].pinned:
            raise ChatError("message.not_found")
        return found[0]

    async def demand_editable(self, room: Room, message: Message) -> None:
        """Raise `ChatError` limit.count if the message was edited EDITS times; with data DATA_CHANGES."""
        most = DATA_CHANGES if message.data else EDITS
        if (await self._store.tally(room.id, message.id, "")).edits >= most:
            raise ChatError(
                "limit.count",
                "This message has reached its limit of edits.",
                detail={"field": "changes", "reason": "count"},
            )

    async def demand_reactable(self, user: User, room: Room, message: str) -> None:
        """Raise `ChatError` limit.count after REACTIONS changes by all, or OWN_REACTIONS by the user."""
        tally = await self._store.tally(room.id, message, user.id)
        if tally.others >= REACTIONS:
            raise ChatError(
                "limit.count",
                "This message has reached its limit of reactions and pins.",
                detail={"field": "changes", "reason": "count"},
            )
        if tally.own >= OWN_REACTIONS:
            raise ChatError(
                "limit.count",
                "You have reached your limit of reactions and pins on this message.",
                detail={"field": "changes", "reason": "count"},
            )

    def _newest_page(self, room: Room, recent: list[Message], head: int) -> Page:
        """A page of these newest messages, the last of `room.recent` if the room has any in memory.

        How many of all fit is found once, as they have to be encoded for it.
        """
        if len(recent) < 2:  # one message always fits
            return Page(recent, head)
        count = room.newest_fitting
        if count is None:
            kept = room.recent
            count, _ = fitting((kept or recent)[::-1], self._page_bytes)
            if kept is not None:
                room.note_newest_fitting(count)
        return Page(recent[-count:], head, more=count < len(recent))

    def _page(self, messages: list[Message], head: int) -> Page:
        count = len(messages)
        if count > 1:
            count, _ = fitting(messages[::-1], self._page_bytes)
        return Page(messages[len(messages) - count :], head, more=count < len(messages))

    async def _newest(self, room: Room) -> list[Message]:
        if (recent := room.recent) is not None:
            return recent
        head = room.head
        room.set_recent(await self._read(room, None, NEWEST_PAGE), head)
        recent = room.recent
        # The tail may have moved past `head` in the meantime; then read from the store, and cache nothing.
        return recent if recent is not None else await self._read(room, None, NEWEST_PAGE)

    async def _read_page(
        self, room: Room, before: int | None, limit: int, size: int | None = None
    ) -> tuple[list[Message], bool]:
        """The newest messages of at most `size` bytes, and whether others were left out for their size."""
        found: list[Message] = []
        left = self._page_bytes if size is None else size
        while len(found) < limit:
            step = _step(room.message_bytes, left, MESSAGES_AT_ONCE)
            asked = min(step, limit - len(found))
            messages = await self._read(room, before, asked)
            count, taken = fitting(messages[::-1], left, least=not found)
            room.note_message_bytes(taken // count if count else None)
            found[:0] = messages[len(messages) - count :]
            if count < len(messages):
                return found, True
            if len(messages) < asked:
                break
            left -= taken
            before = messages[0].seq
        return found, False

    async def _read(self, room: Room, before: int | None, limit: int) -> list[Message]:
        if before is not None and before <= room.kept_from:
            return []
        posted = _kept(await self._store.messages(room.id, before, limit), room)
        return fold.fold(posted, await self._changes(posted))

    async def _read_many(
        self, wanted: Sequence[tuple[Room, int | None]], limit: int
    ) -> dict[tuple[Room, int | None], list[Message]]:
        """The result of `_read` for each of these, in two queries for many of them."""
        found: dict[tuple[Room, int | None], list[Message]] = {}
        several = max(MANY_AT_ONCE // max(limit, 1), 1)
        for start in range(0, len(wanted), several):
            some = wanted[start : start + several]
            read = await self._store.pages([(room.id, before) for room, before in some], limit)
            pages = [_kept(page, room) for page, (room, _) in zip(read, some, strict=True)]
            posted = {event.id: event for page in pages for event in page}.values()
            folded = fold.fold(posted, await self._changes(posted))
            messages = {message.id: message for message in folded}
            for key, page in zip(some, pages, strict=True):
                found[key] = [messages[event.id] for event in page]
        return found

    async def _changes(self, posted: Iterable[MessagePosted]) -> list[MessageChange]:
        by_room: dict[str, list[str]] = {}
        for event in posted:
            by_room.setdefault(event.room, []).append(event.id)
        return await self._store.changes(by_room)


def _kept(posted: Sequence[MessagePosted], room: Room) -> Sequence[MessagePosted]:
    """Those of the messages that the room keeps."""
    if not posted or posted[0].seq >= room.kept_from:
        return posted
    return [event for event in posted if event.seq >= room.kept_from]


def fitting(items: Sequence[msgspec.Struct], size: int, *, least: bool = True) -> tuple[int, int]:
    """Number of items, from the first on, that fit into `size` bytes, and their size in bytes.

    Counts at least one item, unless `least` is false.
    """
    taken = 0
    for start in range(0, len(items), TOGETHER):
        part = items[start : start + TOGETHER]
        together = len(_encode(part)) - len(part) - 1  # without brackets and commas
        if taken + together <= size:
            taken += together
            continue
        for count, item in enumerate(part, start):
            length = len(_encode(item))
            if taken + length > size and (count or not least):
                return count, taken
            taken += length
    return len(items), taken


def _step(length: int | None, size: int, unknown: int) -> int:
    """Number of items of this `length` to read for `size` bytes; `unknown` if the length is None."""
    if length is None:
        return unknown
    return max(1, min(size // max(length, 1) + 1, MANY_AT_ONCE))


def _length(events: Sequence[AnyEvent], size: int, count: int) -> int | None:
    """Estimated length of the events, if so many of them have so many bytes.

    None if that is not known: some are redacted, and were longer when they were read.
    """
    for event in events:
        if isinstance(event, MessagePosted | MessageEdited) and event.redacted:
            return None
    return size // count if count else None
