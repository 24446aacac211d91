"""Writes the logs of rooms from the spool: what happened in each, in the order of its times, numbered 1, 2, 3, …"""

from collections.abc import Iterator, Mapping
from typing import Any

from chatserver.copies.foreign.ids import made_digest, time_text
from chatserver.copies.foreign.intake import Room
from chatserver.copies.foreign.people import People
from chatserver.copies.foreign.report import Report
from chatserver.copies.foreign.spool import Change, Entry, Post, Spool
from chatserver.model import (
    EVERYBODY,
    AnyEvent,
    MemberJoined,
    MemberLeft,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PinAdded,
    ReactionAdded,
    RoomChanged,
    RoomKind,
    RoomRole,
    User,
    message_id,
)
from chatserver.service.mentions import ALL
from chatserver.service.pins import MOST as MOST_PINS
from chatserver.service.texts import mentioned_names

NOBODY = "nobody"  # the author of what nobody did, if a room has no members


class RoomLog:
    """The log of one room. Iterate `events` once; afterwards the other attributes describe the room at its end."""

    def __init__(self, room: Room, people: People, spool: Spool, report: Report, salt: str) -> None:
        self.head = 0
        self.pins: dict[int, int] = {}  # times in milliseconds by the seqs of pinned messages
        self.members: dict[str, RoomRole] = {}  # by ids of the source
        self._room, self._people, self._spool = room, people, spool
        self._report, self._salt = report, salt
        self._named = spool.named(room.id)
        self._seqs: dict[str, int] = {}  # of the messages that others name
        self._at = 0

    def events(self) -> Iterator[AnyEvent]:
        """All events."""
        place = self._room.place
        entries = self._spool.entries(self._room.id)
        first = next(entries, None)
        self._at = min(place.at or first[0], first[0]) if first else place.at
        wanted = self._wanted()
        movers = self._first_moves()
        creator = self._creator(wanted)
        yield self._described(creator, archived=False)
        for person, role in wanted.items():
            if not movers.get(person):
                yield self._join(person, role)
        while first is not None:
            self._at, entry = first
            yield from self._of(entry, wanted)
            first = next(entries, None)
        for person in wanted.keys() - self.members.keys():
            yield self._join(person, wanted[person])
        for person in self.members.keys() - wanted.keys():
            yield self._leave(person)
        if place.archived:
            yield self._described(creator, archived=True)

    def _wanted(self) -> dict[str, RoomRole]:
        """The members at the end, with their roles; one of them is owner, unless it is a direct room."""
        place = self._room.place
        if place.members is None:
            wanted = dict.fromkeys(self._spool.active(self._room.id), RoomRole.MEMBER)
        else:
            wanted = dict(place.members)
        if place.kind is not RoomKind.DIRECT and RoomRole.OWNER not in wanted.values():
            able = [person for person in wanted if _can_sign_in(self._people.user(person))]
            owner = place.creator if place.creator in able else next(iter(able), None)
            if owner is not None:
                wanted[owner] = RoomRole.OWNER
        return wanted

    def _first_moves(self) -> Mapping[str, bool]:
        """Whether the first that the export says of somebody's membership is that they came."""
        found: dict[str, bool] = {}
        for person, joined in self._spool.moves(self._room.id):
            found.setdefault(person, joined)
        return found

    def _creator(self, wanted: Mapping[str, RoomRole]) -> str:
        place = self._room.place
        if place.creator and place.creator in self._people:
            return place.creator
        owners = [person for person, role in wanted.items() if role is RoomRole.OWNER]
        return next(iter([*owners, *wanted]), NOBODY)

    def _of(self, entry: Entry, wanted: Mapping[str, RoomRole]) -> Iterator[AnyEvent]:
        if isinstance(entry, Post):
            yield self._post(entry)
        elif isinstance(entry, Change):
            event = self._change(entry)
            if event is not None:
                yield event
        elif entry.joined and entry.person not in self.members:
            yield self._join(entry.person, wanted.get(entry.person, RoomRole.MEMBER))
        elif not entry.joined and entry.person in self.members:
            yield self._leave(entry.person)

    def _post(self, post: Post) -> AnyEvent:
        place = self._place(post.author)
        id = message_id(self._room.id, place["seq"])
        if post.id in self._named:
            self._seqs[post.id] = place["seq"]
        thread = self._id_of(post.thread, "replies whose thread has no beginning in the export")
        return MessagePosted(
            **place,
            id=id,
            body=post.body,
            client_id=made_digest(f"{self._salt}/message/{post.id}"),
            reply_to=self._id_of(post.reply_to, "answers to messages that are not in the export"),
            thread=thread,
            broadcast=post.broadcast and thread is not None,
            mentions=self._mentions(post.body),
            redacted=not post.body,
            data=post.data,
            data_text=post.data_text,
        )

    def _change(self, change: Change) -> AnyEvent | None:
        seq = self._seqs[change.id]
        message = message_id(self._room.id, seq)
        if change.kind == "pin":
            if len(self.pins) == MOST_PINS:
                self._report.leave_out(f"pins of rooms that have more than {MOST_PINS}")
                return None
            self.pins[seq] = self._at
            self._report.count("pins")
            return PinAdded(**self._place(change.by), message=message)
        place = self._place(change.by)
        if change.kind == "react":
            return ReactionAdded(**place, message=message, emoji=change.emoji)
        if change.kind == "delete":
            return MessageDeleted(**place, message=message)
        return MessageEdited(
            **place,
            message=message,
            body=change.body,
            mentions=self._mentions(change.body),
            data=change.data,
            data_text=change.data_text,
        )

    def _described(self, creator: str, *, archived: bool) -> AnyEvent:
        place = self._room.place
        return RoomChanged(
            **self._place(creator),
            name=None if place.kind is RoomKind.DIRECT else place.name,
            kind=place.kind,
            topic=place.topic,
            description=place.description,
            archived=archived,
        )

    def _join(self, person: str, role: RoomRole) -> AnyEvent:
        self.members[person] = role
        return MemberJoined(**self._place(person), user=self._people.ref(person), role=role)

    def _leave(self, person: str) -> AnyEvent:
        del self.members[person]
        return MemberLeft(**self._place(person), user=self._people.ref(person))

    def _place(self, author: str) -> dict[str, Any]:
        """The fields of the next event that all events have."""
        self.head += 1
        ref = self._people.ref(author)
        return {
            "room": self._room.id,
            "seq": self.head,
            "at": time_text(self._at),
            "author": ref,
        }

    def _id_of(self, id: str | None, reason: str) -> str | None:
        """Our id of an earlier message of this room."""
        if id is None:
            return None
        if id not in self._seqs:
            self._report.note(f"{reason}, which stand for themselves")
            return None
        return message_id(self._room.id, self._seqs[id])

    def _mentions(self, body: str) -> tuple[str, ...]:
        names = mentioned_names(body)
        ids = filter(None, map(self._people.id_of, names))
        return (*([EVERYBODY] if ALL in names else []), *ids)


def _can_sign_in(user: User) -> bool:
    return not user.disabled and not user.bot
