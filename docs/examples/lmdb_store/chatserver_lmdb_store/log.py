"""The log of every room.

    events       room, seq              the event as JSON
    posted       room, seq              number of the author, then those of the mentioned users; a mark, if in a thread
    changes      message, kind, seq     how the message was changed or answered in its thread, by whom
    replaced     room, seq              texts that an edit or a deletion replaced
    members      room, user             seq of the newest member event
    memberships  user, room             the same
    described    room                   seq of the newest description

Rooms, users and messages have numbers there, so that all keys are short, whatever their names are.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from chatserver import (
    EVERYBODY,
    AnyEvent,
    Appended,
    MemberEvent,
    MessageChange,
    MessagePosted,
    Replies,
    RoomChanged,
    Tally,
    Unread,
)
from chatserver import redact as redact_in_place
from chatserver_lmdb_store import changes, writing
from chatserver_lmdb_store.base import Base
from chatserver_lmdb_store.events import decoded
from chatserver_lmdb_store.tree import number, value_of
from chatserver_lmdb_store.view import ANY_SEQ, APART, PUBLIC, ROOMS, SENT, USERS, View, seq


class LmdbLog(Base):
    """The methods of `chatserver.Store` about the log."""

    # -- writing -----------------------------------------------------------------------------------

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        if not events:
            return Appended(0)
        return await self._write(lambda view: writing.append(view, events, erasing))

    async def redact(self, room: str, seqs: Sequence[int]) -> None:
        await self._write(lambda view: writing.redact(view, room, seqs))

    async def clear(self, room: str, seqs: Sequence[int]) -> None:
        await self._write(lambda view: writing.clear(view, room, seqs))

    async def remove(self, room: str, seqs: Sequence[int]) -> None:
        await self._write(lambda view: writing.remove(view, room, seqs))

    async def replace(self, pairs: Sequence[tuple[AnyEvent, AnyEvent]]) -> int:
        return await self._write(lambda view: writing.replace(view, pairs))

    # -- events ------------------------------------------------------------------------------------

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        def run(view: View) -> dict[str, int]:
            found = {room: view.head(own) for room, own in view.rooms(rooms).items()}
            return {room: head for room, head in found.items() if head}

        return await self._read(run)

    async def read(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        return (await self.ranges([(room, after)], limit))[0]

    async def ranges(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        return await self._read(
            lambda view: [_range(view, room, after, limit) for room, after in wanted]
        )

    async def shown(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        def run(view: View) -> list[list[AnyEvent]]:
            found = [_range(view, room, after, limit) for room, after in wanted]
            for events in found:
                redact_in_place(events, _replaced(view, events))
            return found

        return await self._read(run)

    async def texts(self, room: str, message: str) -> list[int]:
        def run(view: View) -> list[int]:
            own = view.number(ROOMS, room.encode())
            return [] if own is None else changes.texts(view, own, room, message)

        return await self._read(run)

    # -- messages ----------------------------------------------------------------------------------

    async def messages(self, room: str, before: int | None, limit: int) -> list[MessagePosted]:
        return (await self.pages([(room, before)], limit))[0]

    async def pages(
        self, wanted: Sequence[tuple[str, int | None]], limit: int
    ) -> list[list[MessagePosted]]:
        return await self._read(
            lambda view: [_page(view, room, before, limit) for room, before in wanted]
        )

    async def posted(self, keys: Sequence[tuple[str, int]]) -> list[MessagePosted]:
        def run(view: View) -> list[MessagePosted]:
            rooms = view.rooms([room for room, _ in keys])
            places = [rooms[room] + seq(at) for room, at in {*keys} if room in rooms]
            return _at(view, (each for each in places if view.get("posted", each)), MessagePosted)

        return await self._read(run)

    async def repeats(
        self, keys: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], MessagePosted]:
        def run(view: View) -> dict[tuple[str, str], MessagePosted]:
            found: dict[tuple[str, str], MessagePosted] = {}
            for author, client_id in keys:
                user = view.number(USERS, author.encode())
                place = view.number(SENT, user + client_id.encode()) if user else None
                for message in _at(view, [place] if place else [], MessagePosted):
                    found[author, client_id] = message
            return found

        return await self._read(run)

    async def unread(self, user: str, after: Mapping[str, int]) -> dict[str, Unread]:
        def run(view: View) -> dict[str, Unread]:
            nobody = number(ANY_SEQ)
            me = view.number(USERS, user.encode()) or nobody
            everybody = view.number(USERS, EVERYBODY.encode()) or nobody
            found: dict[str, Unread] = {}
            for room, own in view.rooms([*after]).items():
                messages = mentions = 0
                for _, users in view.items("posted", own, own + seq(after[room] + 1)):
                    if users.endswith(APART) and len(users) % 8:
                        continue
                    author, *mentioned = (users[at : at + 8] for at in range(0, len(users), 8))
                    messages += author != me
                    mentions += author != me and (me in mentioned or everybody in mentioned)
                if messages:
                    found[room] = Unread(messages, mentions)
            return found

        return await self._read(run)

    # -- changes of messages -----------------------------------------------------------------------

    async def changes(self, messages: Mapping[str, Sequence[str]]) -> list[MessageChange]:
        def run(view: View) -> list[MessageChange]:
            places = [
                own + number(at)
                for room, own in view.rooms([*messages]).items()
                for message in {*messages[room]}
                for at in changes.standing(view, own, message)
            ]
            return sorted(_at(view, places, MessageChange), key=lambda event: event.seq)

        return await self._read(run)

    async def tally(self, room: str, message: str, user: str) -> Tally:
        def run(view: View) -> Tally:
            for own in view.rooms([room]).values():
                return changes.tally(view, own, message, user)
            return Tally(0, 0, 0)

        return await self._read(run)

    # -- threads -----------------------------------------------------------------------------------

    async def replies(
        self, room: str, message: str, before: int | None, limit: int
    ) -> list[MessagePosted]:
        def run(view: View) -> list[MessagePosted]:
            end = ANY_SEQ if before is None else before
            for own in view.rooms([room]).values():
                seqs = [at for at, _ in changes.of(view, own, message, changes.REPLY) if at < end]
                return _newest(view, own, seqs, limit)
            return []

        return await self._read(run)

    async def threads(
        self, messages: Mapping[str, Sequence[str]], newest: int
    ) -> dict[tuple[str, str], Replies]:
        def run(view: View) -> dict[tuple[str, str], Replies]:
            found: dict[tuple[str, str], Replies] = {}
            for room, own in view.rooms([*messages]).items():
                for message in messages[room]:
                    seqs = [at for at, _ in changes.of(view, own, message, changes.REPLY)]
                    if seqs:
                        newest_ones = _newest(view, own, seqs, newest)
                        found[room, message] = Replies(len(seqs), newest_ones)
            return found

        return await self._read(run)

    # -- rooms and members -------------------------------------------------------------------------

    async def rooms(self, rooms: Sequence[str]) -> dict[str, RoomChanged]:
        found = await self._read(lambda view: _described(view, view.rooms(rooms).values()))
        return {event.room: event for event in found}

    async def public_rooms(self, after: str, limit: int) -> list[RoomChanged]:
        def run(view: View) -> list[RoomChanged]:
            rooms = view.tree(PUBLIC).items(after.encode() + b"\0")
            return _described(view, [own for _, (_, own) in zip(range(limit), rooms, strict=False)])

        return await self._read(run)

    async def list_rooms(self, after: str, limit: int) -> list[str]:
        def run(view: View) -> list[str]:
            rooms = view.tree(ROOMS).items(after.encode() + b"\0")
            with_events = (name.decode() for name, own in rooms if view.head(own))
            return [name for _, name in zip(range(limit), with_events, strict=False)]

        return await self._read(run)

    async def members(self, rooms: Sequence[str]) -> list[MemberEvent]:
        def run(view: View) -> list[MemberEvent]:
            places = [
                own + at
                for own in view.rooms(rooms).values()
                for _, at in view.items("members", own)
            ]
            return _at(view, places, MemberEvent)

        return await self._read(run)

    async def memberships(self, user: str) -> list[MemberEvent]:
        def run(view: View) -> list[MemberEvent]:
            me = view.number(USERS, user.encode())
            found = view.items("memberships", me) if me else ()
            return _at(view, [key[8:] + at for key, at in found], MemberEvent)

        return await self._read(run)


def _range(view: View, room: str, after: int, limit: int) -> list[AnyEvent]:
    found: list[AnyEvent] = []
    for own in view.rooms([room]).values() if limit > 0 else ():
        for _, event in view.items("events", own, own + seq(after + 1)):
            found.append(decoded(event, AnyEvent))
            if len(found) == limit:
                break
    return found


def _replaced(view: View, events: Sequence[AnyEvent]) -> list[int]:
    """The seqs of those of one room's events, without holes, whose texts were replaced."""
    found: list[int] = []
    for own in view.rooms([events[0].room]).values() if events else ():
        for key, _ in view.items("replaced", own, own + number(events[0].seq)):
            if (at := value_of(key[8:])) > events[-1].seq:
                break
            found.append(at)
    return found


def _page(view: View, room: str, before: int | None, limit: int) -> list[MessagePosted]:
    places: list[bytes] = []
    for own in view.rooms([room]).values():
        newest = view.back("posted", own, ANY_SEQ if before is None else before)
        places += (place for _, place in zip(range(limit), newest, strict=False))
    return _at(view, places[::-1], MessagePosted)


def _newest(view: View, room: bytes, seqs: Sequence[int], limit: int) -> list[MessagePosted]:
    return _at(
        view, [room + number(at) for at in seqs[-limit:]] if limit > 0 else [], MessagePosted
    )


def _described(view: View, rooms: Iterable[bytes]) -> list[RoomChanged]:
    seqs = ((own, view.get("described", own)) for own in rooms)
    return _at(view, [own + at for own, at in seqs if at], RoomChanged)


def _at(view: View, places: Iterable[bytes], kind: Any) -> list[Any]:
    """The events at these places; those that this version cannot read are left out."""
    texts = (view.get("events", place) for place in places)
    found = (decoded(text, kind) for text in texts if text is not None)
    return [event for event in found if event is not None]
