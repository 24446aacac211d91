"""Reading what a room's log holds: pages of messages, ranges of events."""

from collections.abc import Iterable, Sequence

import msgspec

from chatserver import fold
from chatserver.config import LimitsConfig
from chatserver.errors import ChatError
from chatserver.interfaces import Store
from chatserver.model import (
    AnyEvent,
    Message,
    MessageChange,
    MessagePosted,
    User,
    message_seq,
)
from chatserver.room import NEWEST_PAGE, Room
from chatserver.rooms import Rooms
from chatserver.service.rights import Right, demand, may_read

CHANGES = 1000  # edits, reactions, … of one message: each page that shows it reads them all

_encode = msgspec.json.encode


class Page(msgspec.Struct, frozen=True, omit_defaults=True):
    """Messages by ascending seq, and the room's head when they were read.

    `more` says that older ones were left out because the page would have been too large.
    """

    messages: list[Message]
    head: int
    more: bool = False


class EventPage(msgspec.Struct, frozen=True):
    """Events by ascending seq, fewer than asked for where the page would have been too large."""

    events: list[AnyEvent]
    head: int


class History:
    """Reads for people, rights included."""

    def __init__(self, store: Store, rooms: Rooms, limits: LimitsConfig) -> None:
        self._store, self._rooms, self._limits = store, rooms, limits
        # What is sent at once must leave a connection room for its events beside it.
        self._page_bytes = limits.buffer_hard_bytes // 2

    async def page(
        self, user: User, room: Room, before: int | None = None, limit: int = 50
    ) -> Page:
        """The newest messages with seq < `before`, as they stand now."""
        demand(user, room, Right.READ)
        limit = min(limit, self._limits.history_page)
        head = room.head
        if before is None and limit <= NEWEST_PAGE:
            return self._page((await self._newest(room))[-limit:], head)
        return self._page(await self._read(room, before, limit), head)

    async def pages(
        self, user: User, wanted: Sequence[tuple[Room, int | None]], limit: int
    ) -> list[Page | ChatError]:
        """For each room and `before` what `page` returns or raises; in four queries at the most."""
        limit = min(limit, self._limits.history_page)
        heads = {room: room.head for room, _ in wanted}
        readable = [(room, before) for room, before in wanted if may_read(user, room)]
        newest = [room for room, before in readable if before is None and limit <= NEWEST_PAGE]
        missing = [room for room in dict.fromkeys(newest) if room.recent is None]
        read = await self._read_many([(room, None) for room in missing], NEWEST_PAGE)
        for room in missing:
            room.set_recent(read[room, None], heads[room])
        found: dict[tuple[Room, int | None], list[Message]] = {
            (room, None): (room.recent or read[room, None])[-limit:] for room in newest
        }
        older = [key for key in dict.fromkeys(readable) if key not in found]
        found |= await self._read_many(older, limit)
        return [
            self._page(found[room, before], heads[room])
            if (room, before) in found
            else ChatError("room.not_found")
            for room, before in wanted
        ]

    async def newest_encoded(self, user: User, room: Room) -> bytes:
        """The newest page of 50 as JSON, ready-made while nothing happens in the room."""
        demand(user, room, Right.READ)
        if room.page is not None:
            return room.page
        head = room.head
        encoded = _encode(self._page(await self._newest(room), head))
        if room.head == head:
            room.page = encoded
        return encoded

    async def events(self, user: User, room: Room, after: int, limit: int = 500) -> EventPage:
        """The log after a seq."""
        demand(user, room, Right.READ)
        limit = min(limit, self._limits.events_page)
        head = room.head
        if after >= head:
            return EventPage([], head)
        events = await self._rooms.events(room, after, limit)
        return EventPage(events[: fitting(events, self._page_bytes)], head)

    async def event_pages(
        self, user: User, wanted: Sequence[tuple[Room, int]], limit: int
    ) -> list[EventPage | ChatError]:
        """For each room and `after` what `events` returns or raises; in one query at the most."""
        limit = min(limit, self._limits.events_page)
        heads = {room: room.head for room, _ in wanted}
        found = {
            (room, after): room.since(after, limit) if after < room.head else []
            for room, after in wanted
            if may_read(user, room)
        }
        missing = [key for key, events in found.items() if events is None]
        places = [(room.id, after) for room, after in missing]
        read = await self._store.ranges(places, limit) if places else []
        # What is in the store beyond the head is not this node's to show yet.
        found |= {
            (room, after): [event for event in events if event.seq <= heads[room]]
            for (room, after), events in zip(missing, read, strict=True)
        }
        pages: list[EventPage | ChatError] = []
        for room, after in wanted:
            events = found.get((room, after))
            if events is None:
                pages.append(ChatError("room.not_found"))
            else:
                shown = events[: fitting(events, self._page_bytes)]
                pages.append(EventPage(shown, heads[room]))
        return pages

    async def find(
        self, user: User, wanted: Sequence[tuple[Room, str]]
    ) -> dict[tuple[str, str], Message]:
        """What `standing` returns, without the messages of rooms that the user may not read."""
        return await self.standing([(room, each) for room, each in wanted if may_read(user, room)])

    async def standing(self, wanted: Sequence[tuple[Room, str]]) -> dict[tuple[str, str], Message]:
        """Messages by (room id, message id) as they stand, deleted ones too; in two queries.

        Says nothing of rights: it is for those who were given an event about the message. Left out
        are those that are not there.
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
        if missing:
            posted = await self._store.posted(missing)
            folded = fold.fold(posted, await self._changes(posted))
            found |= {(message.room, message.id): message for message in folded}
        return found

    async def as_they_stand(self, events: Sequence[MessagePosted]) -> dict[str, Message]:
        """The messages of events by id, with all changes to them; in one query.

        Says nothing of rights: it is for those who were given the events.
        """
        folded = fold.fold(events, await self._changes(events))
        return {message.id: message for message in folded}

    async def message(self, room: Room, message: str, *, to_change: bool = True) -> Message:
        """One message as it stands. Raises `ChatError` message.not_found, for deleted ones too;
        limit.count if it is to be changed once more but was too often.
        """
        seq = message_seq(room.id, message)
        if seq is None or not 0 < seq <= room.head:
            raise ChatError("message.not_found")
        posted = await self._store.messages(room.id, seq + 1, 1)
        changes = await self._store.changes({room.id: [message]})
        found = fold.fold(posted, changes)
        if not found or found[0].id != message or found[0].deleted:
            raise ChatError("message.not_found")
        if to_change and len(changes) >= CHANGES:
            raise ChatError(
                "limit.count",
                "This message was changed as often as one can be.",
                detail={"field": "changes", "reason": "count"},
            )
        return found[0]

    def _page(self, messages: list[Message], head: int) -> Page:
        count = fitting(messages[::-1], self._page_bytes)
        return Page(messages[len(messages) - count :], head, more=count < len(messages))

    async def _newest(self, room: Room) -> list[Message]:
        if room.recent is None:
            head = room.head
            room.set_recent(await self._read(room, None, NEWEST_PAGE), head)
        recent = room.recent
        # The tail may have moved on past `head` in the meantime: then it is read, not kept.
        return recent if recent is not None else await self._read(room, None, NEWEST_PAGE)

    async def _read(self, room: Room, before: int | None, limit: int) -> list[Message]:
        posted = await self._store.messages(room.id, before, limit)
        return fold.fold(posted, await self._changes(posted))

    async def _read_many(
        self, wanted: Sequence[tuple[Room, int | None]], limit: int
    ) -> dict[tuple[Room, int | None], list[Message]]:
        """What `_read` returns for each of these, in two queries."""
        if not wanted:
            return {}
        pages = await self._store.pages([(room.id, before) for room, before in wanted], limit)
        posted = {event.id: event for page in pages for event in page}.values()
        folded = fold.fold(posted, await self._changes(posted))
        messages = {message.id: message for message in folded}
        return {
            key: [messages[event.id] for event in page]
            for key, page in zip(wanted, pages, strict=True)
        }

    async def _changes(self, posted: Iterable[MessagePosted]) -> list[MessageChange]:
        by_room: dict[str, list[str]] = {}
        for event in posted:
            by_room.setdefault(event.room, []).append(event.id)
        return await self._store.changes(by_room)


def fitting(items: Sequence[Message | AnyEvent], size: int) -> int:
    """How many of these, from the first on, have at most so many bytes together; at least one."""
    for count, item in enumerate(items):
        size -= len(_encode(item))
        if size < 0:
            return max(count, 1)
    return len(items)
