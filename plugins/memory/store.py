"""A store over lists and dicts. Several services may share one `MemoryStore`."""

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter

from chatserver import (
    AnyEvent,
    Appended,
    Conflict,
    IndexPage,
    IndexPlace,
    MemberChanged,
    MemberEvent,
    MemberJoined,
    MemberLeft,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PinAdded,
    PinRemoved,
    ReactionAdded,
    ReactionRemoved,
    Replies,
    RoomChanged,
    RoomKind,
    StartupError,
    Tally,
    Unread,
    cleared,
    message_seq,
    redact,
    redacted,
    removed,
)

MEMBER_EVENTS = (MemberJoined, MemberLeft, MemberChanged)
MESSAGE_CHANGES = (
    MessageEdited,
    MessageDeleted,
    ReactionAdded,
    ReactionRemoved,
    PinAdded,
    PinRemoved,
)
ENDED = (ReactionRemoved, PinRemoved)


class SpaceRecords(dict[str, bytes]):
    """The records of a space, whose keys are kept in order, so that a scan reads no more than it returns.

    Only setting and deleting single items changes them.
    """

    def __init__(self) -> None:
        self._keys: list[str] = []

    def __setitem__(self, key: str, value: bytes) -> None:
        if key not in self:
            insort(self._keys, key)
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        del self._keys[bisect_left(self._keys, key)]

    def scan(self, prefix: str, after: str, limit: int) -> list[tuple[str, bytes]]:
        """At most `limit` items with this prefix and key > `after`, by ascending key."""
        first = max(bisect_left(self._keys, prefix), bisect_right(self._keys, after))
        chosen = self._keys[first : first + max(limit, 0)]
        return [(key, self[key]) for key in chosen if key.startswith(prefix)]


class MemoryStore:
    """Keeps everything as long as the object exists; `open` and `close` have no effect."""

    def __init__(self) -> None:
        self._rooms: dict[str, list[AnyEvent]] = {}  # the event with seq n is at index n - 1
        self._sent: dict[tuple[str, str], MessagePosted] = {}
        # By room, then by message, ascending by seq.
        self._changes: defaultdict[str, dict[str, list[MessageChange]]] = defaultdict(dict)
        # Seqs of the replies in each thread, ascending, by (room, message).
        self._threads: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._records: defaultdict[str, SpaceRecords] = defaultdict(SpaceRecords)
        self._indexed: dict[str, int] = {}
        self._index: defaultdict[str, dict[tuple[int, int], IndexPage]] = defaultdict(dict)

    def is_private(self) -> bool:
        return True

    def for_trial(self) -> str:
        """See `chatserver.Store`."""
        return "everything is in memory, and lost when the server stops"

    async def plan(self) -> list[str]:
        return []

    async def open(self) -> None:
        """Do nothing: there is nothing to connect to."""

    async def open_to_read(self) -> None:
        raise StartupError("plugin.memory: only the server itself can read its memory")

    async def close(self) -> None:
        """Keep the data, as another service may be using it."""

    def scratch(self, name: str) -> dict[str, object]:
        raise StartupError("plugin.memory: a store in memory does not outlive its server")

    async def erase(self) -> None:
        self._changes.clear()
        self._threads.clear()
        for kept in (self._rooms, self._sent, self._records, self._indexed, self._index):
            kept.clear()

    async def ping(self) -> None:
        """Do nothing: memory is always available."""

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        await asyncio.sleep(0)  # lets writers race as on a real store
        for stored, event in enumerate(events):
            log = self._rooms.get(event.room, [])
            if event.seq <= len(log):
                return Appended(stored, Conflict.POSITION)
            if event.seq > len(log) + 1:
                raise ValueError(f"event {event.seq} would leave a gap after {len(log)}")
            if isinstance(event, MessagePosted):
                key = (event.author.id, event.client_id)
                if key in self._sent:
                    return Appended(stored, Conflict.CLIENT_ID)
                self._sent[key] = event
                if event.thread is not None:
                    self._threads[event.room, event.thread].append(event.seq)
            elif isinstance(event, MESSAGE_CHANGES):
                if stored in erasing:
                    self._redact(event.room, self._texts_before(event))
                self._changes[event.room].setdefault(event.message, []).append(event)
            self._rooms.setdefault(event.room, log).append(event)
        return Appended(len(events))

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        return {room: len(self._rooms[room]) for room in rooms if room in self._rooms}

    async def read(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        return self._log(room)[max(after, 0) :][:limit]

    async def ranges(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        return [self._log(room)[max(after, 0) :][:limit] for room, after in wanted]

    async def shown(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        found = await self.ranges(wanted, limit)
        for events in found:
            redact(events, [event.seq for event in events if self._is_replaced(event)])
        return found

    async def texts(self, room: str, message: str) -> list[int]:
        return self._texts(room, message)

    def _texts(self, room: str, message: str) -> list[int]:
        posted = message_seq(room, message) or 0
        found = self._log(room)[posted - 1 : posted] if posted > 0 else []
        changes = [*found, *self._changes_of(room, [message])]
        return [each.seq for each in changes if isinstance(each, MessagePosted | MessageEdited)]

    def _texts_before(self, change: MessageChange) -> list[int]:
        """The seqs of the texts that an edit or deletion removes."""
        texts = self._texts(change.room, change.message)
        return texts if isinstance(change, MessageDeleted) else texts[-1:]

    async def redact(self, room: str, seqs: Sequence[int]) -> None:
        self._redact(room, seqs)

    def _redact(self, room: str, seqs: Sequence[int]) -> None:
        log = self._rooms.get(room, [])
        for seq in seqs:
            event = log[seq - 1] if 0 < seq <= len(log) else None
            if isinstance(event, MessagePosted | MessageEdited):
                self._put_in_place(redacted(event))

    async def clear(self, room: str, seqs: Sequence[int]) -> None:
        log = self._rooms.get(room, [])
        for seq in seqs:
            if 0 < seq <= len(log):
                self._put_in_place(cleared(log[seq - 1]))

    async def remove(self, room: str, seqs: Sequence[int]) -> None:
        log = self._rooms.get(room, [])
        for seq in seqs:
            if 0 < seq <= len(log):
                self._remove(log[seq - 1])

    def _remove(self, event: AnyEvent) -> None:
        self._rooms[event.room][event.seq - 1] = removed(event)
        if isinstance(event, MessagePosted):
            del self._sent[event.author.id, event.client_id]
            if event.thread is not None:
                self._threads[event.room, event.thread].remove(event.seq)
        elif isinstance(event, MESSAGE_CHANGES):
            self._changes[event.room][event.message].remove(event)
            if not self._changes[event.room][event.message]:
                del self._changes[event.room][event.message]

    async def replace(self, pairs: Sequence[tuple[AnyEvent, AnyEvent]]) -> int:
        replaced = 0
        for old, new in pairs:
            if self._log(old.room)[old.seq - 1 : old.seq] == [old]:
                self._put_in_place(new)
                replaced += 1
        return replaced

    def _put_in_place(self, new: AnyEvent) -> None:
        self._rooms[new.room][new.seq - 1] = new
        if isinstance(new, MessagePosted):
            self._sent[new.author.id, new.client_id] = new
        elif isinstance(new, MESSAGE_CHANGES):
            changes = self._changes[new.room][new.message]
            changes[[each.seq for each in changes].index(new.seq)] = new

    def _is_replaced(self, event: AnyEvent) -> bool:
        """Whether the event's text was replaced; False if it has none."""
        if isinstance(event, MessagePosted):
            message = event.id
        elif isinstance(event, MessageEdited):
            message = event.message
        else:
            return False
        changes = self._changes.get(event.room, {}).get(message, ())
        return any(
            isinstance(each, MessageDeleted)
            or (isinstance(each, MessageEdited) and each.seq > event.seq)
            for each in changes
        )

    async def messages(self, room: str, before: int | None, limit: int) -> list[MessagePosted]:
        return self._page(room, before, limit)

    async def pages(
        self, wanted: Sequence[tuple[str, int | None]], limit: int
    ) -> list[list[MessagePosted]]:
        return [self._page(room, before, limit) for room, before in wanted]

    async def posted(self, keys: Sequence[tuple[str, int]]) -> list[MessagePosted]:
        found = (self._log(room)[seq - 1 : seq] for room, seq in dict.fromkeys(keys) if seq > 0)
        return [event for part in found for event in part if isinstance(event, MessagePosted)]

    async def changes(self, messages: Mapping[str, Sequence[str]]) -> list[MessageChange]:
        newest: dict[tuple[object, ...], MessageChange] = {}
        for room, wanted in messages.items():
            for event in self._changes_of(room, wanted):
                newest[_slot(event)] = event
        kept = [each for each in newest.values() if not isinstance(each, ENDED)]
        return sorted(kept, key=lambda event: event.seq)

    async def tally(self, room: str, message: str, user: str) -> Tally:
        changes = self._changes_of(room, [message])
        edits = sum(isinstance(event, MessageEdited) for event in changes)
        others = [each for each in changes if not isinstance(each, MessageEdited | MessageDeleted)]
        return Tally(edits, len(others), sum(each.author.id == user for each in others))

    def _changes_of(self, room: str, messages: Sequence[str]) -> list[MessageChange]:
        """All changes of these messages, by ascending seq."""
        kept = self._changes.get(room, {})
        found = [event for message in set(messages) for event in kept.get(message, ())]
        return sorted(found, key=attrgetter("seq"))

    async def replies(
        self, room: str, message: str, before: int | None, limit: int
    ) -> list[MessagePosted]:
        seqs = self._threads.get((room, message), [])
        seqs = seqs if before is None else seqs[: bisect_left(seqs, before)]
        return await self.posted([(room, seq) for seq in seqs[max(len(seqs) - limit, 0) :]])

    async def threads(
        self, messages: Mapping[str, Sequence[str]], newest: int
    ) -> dict[tuple[str, str], Replies]:
        return {
            (room, message): Replies(len(seqs), await self.replies(room, message, None, newest))
            for room, wanted in messages.items()
            for message in wanted
            if (seqs := self._threads.get((room, message)))
        }

    async def repeats(
        self, keys: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], MessagePosted]:
        return {key: self._sent[key] for key in keys if key in self._sent}

    async def rooms(self, rooms: Sequence[str]) -> dict[str, RoomChanged]:
        return {
            event.room: event
            for room in rooms
            for event in self._log(room)
            if isinstance(event, RoomChanged)
        }

    async def public_rooms(self, after: str, limit: int) -> list[RoomChanged]:
        newest = await self.rooms(sorted(room for room in self._rooms if room > after))
        return [room for room in newest.values() if room.kind is RoomKind.PUBLIC][:limit]

    async def list_rooms(self, after: str, limit: int) -> list[str]:
        return sorted(room for room in self._rooms if room > after)[: max(limit, 0)]

    async def members(self, rooms: Sequence[str]) -> list[MemberEvent]:
        newest = {
            (room, event.user.id): event
            for room in rooms
            for event in _member_events(self._log(room))
        }
        return list(newest.values())

    async def members_after(self, room: str, after: str, limit: int) -> list[MemberEvent]:
        found = [each for each in await self.members([room]) if each.user.id > after]
        return sorted(found, key=lambda each: each.user.id)[: max(limit, 0)]

    async def memberships(self, user: str) -> list[MemberEvent]:
        newest: dict[str, MemberEvent] = {}
        for room, log in self._rooms.items():
            for event in _member_events(log):
                if event.user.id == user:
                    newest[room] = event
        return list(newest.values())

    async def unread(self, user: str, after: Mapping[str, int]) -> dict[str, Unread]:
        found: dict[str, Unread] = {}
        for room, seq in after.items():
            mentions = [
                event.mentions_user(user)
                for event in self._log(room)[max(seq, 0) :]
                if isinstance(event, MessagePosted)
                and event.author.id != user
                and not event.is_apart
            ]
            if mentions:
                found[room] = Unread(len(mentions), sum(mentions))
        return found

    async def index(self, room: str, upto: int, pages: Sequence[IndexPage]) -> None:
        self._index[room] |= {(page.slot, page.first): page for page in pages}
        self._indexed[room] = max(upto, self._indexed.get(room, 0))

    async def indexed(self, rooms: Sequence[str]) -> dict[str, int]:
        return {room: self._indexed[room] for room in rooms if room in self._indexed}

    async def index_pages(self, places: Sequence[IndexPlace]) -> list[bytes | None]:
        pages = (
            self._index[room].get((slot, first)) if room in self._index else None
            for room, slot, first in places
        )
        return [None if page is None else page.data for page in pages]

    async def drop_index(self, room: str, slot: int, first: int) -> None:
        for page in list(self._index[room].values()):
            if page.slot < slot and page.first < first:
                del self._index[room][page.slot, page.first]

    async def get(self, space: str, key: str) -> bytes | None:
        return self._records[space].get(key)

    async def get_many(self, space: str, keys: Sequence[str]) -> dict[str, bytes]:
        records = self._records[space]
        return {key: records[key] for key in keys if key in records}

    async def put(self, space: str, key: str, value: bytes) -> None:
        self._records[space][key] = value

    async def put_many(self, space: str, values: Mapping[str, bytes]) -> None:
        for key, value in values.items():
            self._records[space][key] = value

    async def add(self, space: str, key: str, value: bytes) -> bool:
        if key in self._records[space]:
            return False
        self._records[space][key] = value
        return True

    async def swap(self, space: str, key: str, old: bytes, new: bytes) -> bool:
        if self._records[space].get(key) != old:
            return False
        self._records[space][key] = new
        return True

    async def swap_many(self, space: str, changes: Mapping[str, tuple[bytes, bytes]]) -> set[str]:
        return {key for key, (old, new) in changes.items() if await self.swap(space, key, old, new)}

    async def delete(self, space: str, key: str, old: bytes | None = None) -> bool:
        found = self._records[space].get(key)
        if found is None or (old is not None and found != old):
            return False
        del self._records[space][key]
        return True

    async def scan(
        self, space: str, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        return self._records[space].scan(prefix, after, limit)

    async def spaces(self) -> list[str]:
        return sorted(space for space, records in self._records.items() if records)

    def _page(self, room: str, before: int | None, limit: int) -> list[MessagePosted]:
        log = self._log(room)
        newest = reversed(log if before is None else log[: max(before - 1, 0)])
        posted = (event for event in newest if isinstance(event, MessagePosted))
        return list(islice(posted, limit))[::-1]

    def _log(self, room: str) -> list[AnyEvent]:
        return self._rooms.get(room, [])


def _slot(event: MessageChange) -> tuple[object, ...]:
    """A key; changes with the same key replace each other."""
    match event:
        case ReactionAdded() | ReactionRemoved():
            return event.room, event.message, ReactionAdded, event.emoji, event.author.id
        case PinAdded() | PinRemoved():
            return event.room, event.message, PinAdded
        case _:
            return event.room, event.message, type(event)


def _member_events(log: Sequence[AnyEvent]) -> Iterator[MemberEvent]:
    return (event for event in log if isinstance(event, MEMBER_EVENTS))
