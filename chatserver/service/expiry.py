"""Removes what a room does not keep any longer: its messages from before a time.

A description of the room says from which seq on it keeps messages (`RoomChanged.kept_from`). From there on older ones are
served to nobody, on any node: pages, searches and threads end there, and who was away for longer gets a `gap`. Only then
they are removed from the log, in parts, with all that changed them, and their words from the search index. A record notes
how far that came, so it goes on after a crash, and on any node. Pinned messages may be kept, and those of some users.

Left are empty places (`model.EventRemoved`), so that a log without a hole has lost nothing, and the events of members and
descriptions of the room.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence

import msgspec

from chatserver.cluster import installation
from chatserver.errors import ChatError
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.telling import ExpiredMessages
from chatserver.interfaces import Store
from chatserver.model import (
    AnyEvent,
    EventRemoved,
    MessageChange,
    MessageEdited,
    MessagePosted,
    PinAdded,
    RoomChanged,
    UserRef,
    message_id,
    message_seq,
)
from chatserver.parts import NAMESPACE as PARTS
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.log import Log
from chatserver.roomlog.redaction import removed
from chatserver.roomlog.room import Room
from chatserver.runtime.pace import Pace
from chatserver.service.changes import Changes
from chatserver.service.cleanings import Cleanings
from chatserver.service.contexts import Contexts
from chatserver.service.replaced import scrub

SPACE = "expiry"  # record space: ROOM -> Removed
ROOMS, EVENTS = 500, 25  # at once: on SQLite sends wait for a part of events to be removed
PART = 32_768  # events after which the index is cleaned, and the position noted
SHARE = 0.1  # of the time: the rest is for others
PRESSED_SECONDS = 0.1  # more between two pages, while many sends are under way


class Removed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Events up to the seq `upto` are removed, in this epoch of the installation.

    Left are the pinned messages at the seqs `pinned`, and, if there are `others`, those of the users `held` (ids).
    """

    upto: int
    epoch: str
    pinned: Sequence[int] = ()
    others: bool = False
    held: Sequence[str] = ()


class Expired(msgspec.Struct, frozen=True, kw_only=True):
    """What was done in a room: the number of events that lost a text, and of those that were looked at for it.

    `is_done`: nothing is left to do.
    """

    events: int
    looked: int
    is_done: bool


class _Part:
    """What was removed from a piece of a log: the number of texts, pinned messages that stay, and whether `others` do.

    The index may have words of the events `gone`. `is_told`: all plugins have removed what they kept.
    """

    def __init__(self) -> None:
        self.texts, self.gone = 0, list[int]()
        self.pinned: list[int] = []
        self.others, self.is_told = False, True


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Removed).decode


class Expiry:
    """Lets messages expire. Whoever calls this has decided that they may, and at most once at a time for a room."""

    def __init__(
        self,
        store: Store,
        cache: RoomCache,
        log: Log,
        cleanings: Cleanings,
        changes: Changes,
        hooks: HookCalls,
    ) -> None:
        self._store, self._cache, self._log = store, cache, log
        self._cleanings, self._changes, self._hooks = cleanings, changes, hooks
        self._contexts = Contexts(store)

    async def rooms(self) -> AsyncIterator[RoomChanged]:
        """The newest description of each room that is not deleted, by ascending id."""
        after = ""
        while ids := await self._store.list_rooms(after, ROOMS):
            described = await self._store.rooms(ids)
            for room in ids:
                if room in described and not described[room].deleted:
                    yield described[room]
            after = ids[-1]

    async def count(self, room: str, before: str) -> int:
        """The number of events that `expire` would take out of the room's history."""
        loaded = await self._loaded(room)
        return max(await self._first_at(loaded, before) - max(loaded.kept_from, 1), 0)

    async def expire(
        self,
        room: str,
        before: str,
        by: UserRef,
        *,
        most: int,
        keeps_pinned: bool = True,
        held: Collection[str] = (),
    ) -> Expired:
        """Remove a room's (id) messages from before a time (RFC 3339), reading at most `most` events for it.

        `by` is named as the author of the room's description. Messages of the users `held` (ids) stay in the store, and are
        shown to nobody. Raises `ChatError` room.not_found, store.unavailable; may be cancelled, and be called again.
        """
        loaded = await self._loaded(room)
        first = await self._first_at(loaded, before)
        if first > loaded.kept_from and await self._has_messages(loaded, first):
            await self._describe(loaded, first, by)
        return await self._remove(loaded, most, keeps_pinned, sorted(held))

    async def finish(self) -> None:
        """Have the store leave nothing in its files; for the end of a run over many rooms."""
        await scrub(self._store)

    # -- what is shown -----------------------------------------------------------------------------

    async def _loaded(self, name: str) -> Room:
        room = await self._cache.load(name)
        if room is None or room.description is None or room.is_deleted:
            raise ChatError("room.not_found")
        await self._log.refresh([room])
        return room

    async def _first_at(self, room: Room, before: str) -> int:
        """The first seq that is kept: of an event at this time or later, or behind the last event."""
        low, high = max(room.kept_from, 1), room.head + 1
        while low < high:
            middle = (low + high) // 2
            events = await self._store.read(room.id, middle - 1, 1)
            if events and events[0].at < before:
                low = middle + 1
            else:
                high = middle
        return low

    async def _has_messages(self, room: Room, first: int) -> bool:
        """Whether the room shows a message from before the seq `first`."""
        found = await self._store.messages(room.id, first, 1)
        return bool(found) and found[0].seq >= room.kept_from

    async def _describe(self, room: Room, first: int, by: UserRef) -> None:
        def changed(seq: int, at: str) -> RoomChanged:
            assert room.description is not None
            return msgspec.structs.replace(
                room.description, seq=seq, at=at, author=by, kept_from=first
            )

        def check() -> None:
            if room.description is None or room.is_deleted:
                raise ChatError("room.not_found")

        await self._log.append(room, changed, check, changes_state=True)
        await self._changes.announce("room", room.id)

    # -- what is stored ----------------------------------------------------------------------------

    async def _remove(
        self, room: Room, most: int, keeps_pinned: bool, held: Sequence[str]
    ) -> Expired:
        record = await self._store.get(SPACE, room.id)
        epoch = await installation.epoch(self._store)
        done = Removed(upto=0, epoch=epoch) if record is None else _decode(record)
        if done.epoch != epoch or (done.others and [*done.held] != [*held]):
            done = Removed(
                upto=0, epoch=epoch
            )  # restored from a backup; or some are held no longer
        events, start, last = 0, done.upto, room.kept_from - 1
        pinned: list[int] = []
        for seq in done.pinned:  # some of them may have been unpinned
            part = await self._clear(room, seq - 1, seq, keeps_pinned, held)
            pinned += part.pinned
            events += part.texts
            if not part.is_told:
                return Expired(events=events, looked=0, is_done=False)
        done = msgspec.structs.replace(done, pinned=pinned, held=[*held])
        while done.upto < last and done.upto - start < most:
            end = min(last, done.upto + PART, start + most)
            part = await self._clear(room, done.upto, end, keeps_pinned, held)
            events += part.texts
            if not part.is_told:
                return Expired(events=events, looked=end - start, is_done=False)
            done = Removed(
                upto=end,
                epoch=epoch,
                pinned=[*done.pinned, *part.pinned],
                others=done.others or part.others,
                held=[*held],
            )
            await self._store.put(SPACE, room.id, _encode(done))
        if record is not None and done != _decode(record):
            await self._store.put(SPACE, room.id, _encode(done))
        return Expired(events=events, looked=done.upto - start, is_done=done.upto >= last)

    async def _clear(
        self, room: Room, after: int, end: int, keeps_pinned: bool, held: Sequence[str]
    ) -> _Part:
        """Remove what comes after a seq up to `end`, from the log and from the index."""
        part, pace = _Part(), Pace(SHARE)
        while after < end:
            events = await self._store.read(room.id, after, min(EVENTS, end - after))
            if not events:
                break
            ids = await self._expire(room, after, events, keeps_pinned, held, part)
            after = events[-1].seq
            if ids:
                part.is_told &= await self._hooks.on_expired(ExpiredMessages(room.id, ids))
            await pace()
            if self._log.is_pressed():
                await asyncio.sleep(PRESSED_SECONDS)
        await self._cleanings.clean(room.id, part.gone)
        return part

    async def _expire(
        self,
        room: Room,
        after: int,
        events: Sequence[AnyEvent],
        keeps_pinned: bool,
        held: Sequence[str],
        part: _Part,
    ) -> list[str]:
        """Remove these events, which follow on a seq, but for those that are kept; returns the messages that are gone.

        Of places that are empty it cannot be known whether these were messages that nobody was told of, before a crash.
        """
        posted = await self._posted(room, events)
        changes: dict[str, list[MessageChange]] = {id: [] for id in posted}
        for change in await self._store.changes({room.id: [*posted]} if posted else {}):
            changes[change.message].append(change)
        places = [each.seq for each in events if isinstance(each, EventRemoved)]
        gone: dict[str, set[int]] = {}
        for id, message in posted.items():
            if keeps_pinned and any(isinstance(each, PinAdded) for each in changes[id]):
                part.pinned += [message.seq] if message.seq > after else []
                continue
            if message.author.id in held:
                part.others = True
                continue
            if PARTS in message.data:
                await self._contexts.forget(message)
            is_edited = any(isinstance(each, MessageEdited) for each in changes[id])
            gone[id] = {*(await self._store.texts(room.id, id) if is_edited else (message.seq,))}
        kept = {
            event.seq
            for event in events
            if removed(event) is event or _message(event) in posted.keys() - gone.keys()
        }
        texts = {seq for seqs in gone.values() for seq in seqs}
        seqs = texts | {each.seq for id in gone for each in changes[id]}
        seqs |= {*range(after + 1, events[-1].seq + 1)} - kept
        await self._store.redact(room.id, sorted(seq for seq in texts if seq >= room.kept_from))
        await self._store.remove(room.id, sorted(seq for seq in seqs if seq < room.kept_from))
        part.texts += len(texts)
        part.gone += [*places, *sorted(texts)]
        return [*(message_id(room.id, seq) for seq in places), *gone]

    async def _posted(self, room: Room, events: Sequence[AnyEvent]) -> dict[str, MessagePosted]:
        """The messages that these events post or change, as far as they are still in the log."""
        found = {each.id: each for each in events if isinstance(each, MessagePosted)}
        others = {
            _message(each) for each in events if isinstance(each, MessageChange)
        } - found.keys()
        seqs = {message_seq(room.id, message) for message in others if message is not None}
        keys = [(room.id, seq) for seq in sorted(seq for seq in seqs if seq is not None)]
        before = await self._store.posted(keys) if keys else []
        return {each.id: each for each in before} | found


def _message(event: AnyEvent) -> str | None:
    """The message (id) that an event posts or changes."""
    if isinstance(event, MessagePosted):
        return event.id
    return event.message if isinstance(event, MessageChange) else None
