"""One room in memory: its state at a position, folded from the log, and its last events.

The room in memory is a cache of the log. Applying an event twice changes nothing. Only this package writes to
a room (`tests/core/test_ownership.py`); its listeners are in `chatserver/delivery`.
"""

import time
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from chatserver.model import (
    AnyEvent,
    EventRemoved,
    MemberEvent,
    MemberLeft,
    Message,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PluginEvent,
    RoomChanged,
    RoomKind,
    RoomRole,
    UnknownEvent,
    UserRef,
    message_seq,
)
from chatserver.roomlog import fold
from chatserver.roomlog.redaction import redacted
from chatserver.runtime.clock import now_text

GLANCE_EVENTS = 64  # searched for changes of a message that was posted just before them
KEPT_IN_ORDER = (
    1000  # members of a room, and more: sorting them for each page would take milliseconds
)
NEWEST_PAGE = 50  # messages kept folded for the newest page


class Member(msgspec.Struct, frozen=True, gc=False):
    """A user in a room. `since` is the seq of their newest event here: they joined, or got another role."""

    user: UserRef
    role: RoomRole
    since: int


class Advance(NamedTuple):
    """Events by which a room has advanced from the head `after`."""

    after: int
    events: list[AnyEvent]
    replaced: list[tuple[int, int]]  # the places (first and last seqs) of texts that they replace
    hides: bool = False  # who is no member may not read the room from the last of them on


class Room:
    """One room's state at `head`, and its last events."""

    __slots__ = (
        "_by_id",
        "_glanced",
        "_leaving",
        "_recent",
        "_texts",
        "bans",
        "behind_since",
        "checked",
        "closed",
        "description",
        "event_bytes",
        "followers",
        "gave_way_at",
        "gives_way",
        "head",
        "holders",
        "id",
        "members",
        "message_bytes",
        "newest_fitting",
        "newest_page",
        "numbered",
        "rewritten",
        "stale",
        "tail",
        "tail_from",
    )

    def __init__(self, room: str) -> None:
        self.id = room
        self.head = 0
        self.description: RoomChanged | None = None
        self.members: dict[str, Member] = {}
        self._by_id: list[str] | None = (
            None  # the members' ids, ascending, once a large room was asked for them
        )
        self.bans: dict[str, MemberLeft] = {}  # by user id, with those that have ended
        self.tail: list[AnyEvent] = []
        self.tail_from = 0  # the tail holds the events with seq > tail_from, up to head
        # By message: the seq of the newest edit in the tail; negative for a deletion.
        self._texts: dict[str, int] = {}
        self.followers = 0  # feeds of local connections, for which the room is kept current
        self.holders = 0  # appends and other tasks under way that need the room in memory
        self.numbered = 0  # the highest seq of an append under way
        self.closed = False  # an append under way changes rights: other appends wait for it
        self.stale = False  # may lack events: compare with the store before use
        self.behind_since: float | None = None  # loop time since which other nodes win every race
        self.gives_way = False  # number nothing for a moment, for a node that loses every race
        self.gave_way_at = float("-inf")  # loop time
        self.checked = time.monotonic()
        self.rewritten = float(
            "-inf"
        )  # when this node heard that contents were taken out of the log
        self._recent: dict[str, Message] | None = None
        self._leaving: set[str] = set()  # messages whose deletion is being written
        # Until something happens in the room: the newest page as JSON, and how many of `recent` fit into one answer.
        self.newest_page: bytes | None = None
        self.newest_fitting: int | None = None
        self._glanced: dict[str, Message] = {}  # found by `standing`, likewise
        # Mean length, about, of the events last read from the store; None: unknown.
        self.event_bytes: int | None = None
        self.message_bytes: int | None = None

    def role(self, user: str) -> RoomRole | None:
        member = self.members.get(user)
        return member.role if member else None

    def members_by_id(self) -> Sequence[str]:
        """The ids of the members, ascending."""
        if self._by_id is not None:
            return self._by_id
        found = sorted(self.members)
        if len(found) >= KEPT_IN_ORDER:
            self._by_id = found
        return found

    @property
    def is_deleted(self) -> bool:
        """Whether the room exists for nobody any more; it has no members."""
        return self.description is not None and self.description.deleted

    @property
    def kept_from(self) -> int:
        """The seq from which on messages are kept; 0: all are."""
        return self.description.kept_from if self.description is not None else 0

    def ban_of(self, user: str) -> MemberLeft | None:
        """The event that keeps the user out of the room now, by its `ban`."""
        event = self.bans.get(user)
        if event is None or event.ban is None:
            return None
        # Both texts have the same form, so that they compare as the times do.
        return event if event.ban.until is None or event.ban.until > now_text() else None

    # -- counted by those who need the room ------------------------------------------------------

    def hold(self) -> None:
        """Keep the room in memory until as many calls of `release`."""
        self.holders += 1

    def release(self) -> None:
        self.holders -= 1

    def add_follower(self) -> None:
        """Keep the room in memory and current until as many calls of `drop_follower`."""
        self.followers += 1

    def drop_follower(self) -> None:
        self.followers -= 1

    def mark_stale(self) -> None:
        """Compare the room with the store before its next use: this node may lack events."""
        self.stale = True

    # -- the state ---------------------------------------------------------------------------------

    def advance(self, events: Sequence[AnyEvent], tail_events: int) -> Iterator[Advance]:
        """Apply events, ascending, and yield them in parts; `tail_events` are kept at least.

        A part ends with a `MemberLeft`, or with what hides the room from those who are no members, so that its events
        can be handed out before they are let go. The event that deletes the room is a part of its own.
        Events at or below the head are skipped. At a gap, or if memory is short, the room is marked stale:
        the rest has to be read from the store later.
        """
        part = Advance(self.head, [], [])
        for event in events:
            if event.seq <= self.head:
                continue
            if event.seq > self.head + 1:
                self.stale = True
                break
            ends_room = isinstance(event, RoomChanged) and event.deleted
            hides = ends_room or self._is_hidden_by(event)
            if ends_room and part.events:
                yield part
                part = Advance(self.head, [], [])
            try:
                if isinstance(event, MessageEdited | MessageDeleted):
                    part.replaced.extend(self._replaced_by(event))
                elif ends_room:
                    part.replaced.append((1, event.seq))
                elif isinstance(event, RoomChanged) and event.kept_from > self.kept_from:
                    part.replaced.append((self.kept_from, event.kept_from - 1))
                self.apply(event, tail_events)
            except MemoryError:
                self.stale = True
                break
            part.events.append(event)
            if hides or isinstance(event, MemberLeft):
                yield part._replace(hides=hides)
                part = Advance(self.head, [], [])
        if part.events:
            yield part

    def _is_hidden_by(self, event: AnyEvent) -> bool:
        """Whether this next event makes a public room one for its members alone."""
        was_public = self.description is not None and self.description.kind is RoomKind.PUBLIC
        return was_public and isinstance(event, RoomChanged) and event.kind is not RoomKind.PUBLIC

    def apply(self, event: AnyEvent, tail_events: int) -> None:
        """Advance by the event `head` + 1. If that fails the room keeps its position."""
        if isinstance(event, MessagePosted):
            self._add_recent(event)
        elif isinstance(event, MessageChange):
            if self._recent is not None and event.message in self._recent:
                fold.change(self._recent[event.message], event)
        elif not isinstance(event, PluginEvent | EventRemoved | UnknownEvent):
            self.apply_state(event)
        if isinstance(event, MessageEdited | MessageDeleted):
            event = self._replace_text(event)
        self.newest_page = self.newest_fitting = None
        self._glanced.clear()
        # Steps that could fail come first; applying them again changes nothing.
        if len(self.tail) >= 2 * tail_events:
            del self.tail[:tail_events]
            self.tail_from += tail_events
            self._forget_texts()
        self.tail.append(event)
        self.head = event.seq
        if isinstance(event, RoomChanged) and event.deleted:
            self.tail, self.tail_from = [event], event.seq - 1
            self._recent = None

    def apply_state(self, event: MemberEvent | RoomChanged) -> None:
        if isinstance(event, RoomChanged):
            if event.kept_from > self.kept_from:
                self._let_go(event.kept_from)
            self.description = event
            if event.deleted:
                self._set_members({}, {})
        elif self.is_deleted:
            return
        elif isinstance(event, MemberLeft):
            if self.members.pop(event.user.id, None) is not None and self._by_id is not None:
                del self._by_id[bisect_left(self._by_id, event.user.id)]
            if event.ban is not None:
                self.bans[event.user.id] = event
            else:
                self.bans.pop(event.user.id, None)
        else:
            self.bans.pop(event.user.id, None)
            if self._by_id is not None and event.user.id not in self.members:
                insort(self._by_id, event.user.id)
            self.members[event.user.id] = Member(event.user, event.role, event.seq)

    def _set_members(self, members: dict[str, Member], bans: dict[str, MemberLeft]) -> None:
        self.members, self.bans, self._by_id = members, bans, None

    def _let_go(self, kept_from: int) -> None:
        """Forget what messages below this seq said."""
        for place in range(min(max(kept_from - 1 - self.tail_from, 0), len(self.tail))):
            said = self.tail[place]
            if isinstance(said, MessagePosted | MessageEdited):
                self.tail[place] = redacted(said)
        self._drop_edits_of_old(kept_from)
        if self._recent is not None:
            for message in list(self._recent.values()):
                if message.seq < kept_from:
                    del self._recent[message.id]

    def _drop_edits_of_old(self, kept_from: int) -> None:
        """Begin the tail behind the edits of messages below this seq: the store knows which of these are pinned."""
        edits = [
            event.seq
            for event in self.tail
            if isinstance(event, MessageEdited)
            and (message_seq(self.id, event.message) or 0) < kept_from <= event.seq
        ]
        if edits:
            del self.tail[: edits[-1] - self.tail_from]
            self.tail_from = edits[-1]
            self._forget_texts()

    def _forget_texts(self) -> None:
        """Of the texts that are not in the tail."""
        self._texts = {id: seq for id, seq in self._texts.items() if abs(seq) > self.tail_from}

    def _replaced_by(self, event: MessageEdited | MessageDeleted) -> list[tuple[int, int]]:
        """The places (first and last seqs) of the texts that this next event of the room replaces."""
        posted = message_seq(self.id, event.message) or 0
        known = self._texts.get(event.message)
        if known is not None:
            return [(posted, posted), (abs(known), abs(known))]
        # An earlier edit, if there is one, is not in the tail.
        return [(posted, max(posted, self.tail_from))]

    def _replace_text(
        self, event: MessageEdited | MessageDeleted
    ) -> MessageEdited | MessageDeleted:
        """Redact the replaced text in the tail, or the event itself if the message is deleted."""
        known = self._texts.get(event.message, 0)
        if known < 0:
            return redacted(event) if isinstance(event, MessageEdited) else event
        for seq in (message_seq(self.id, event.message) or 0, known):
            place = seq - self.tail_from - 1
            if 0 <= place < len(self.tail):
                said = self.tail[place]
                if isinstance(said, MessagePosted | MessageEdited):
                    self.tail[place] = redacted(said)
        self._texts[event.message] = event.seq if isinstance(event, MessageEdited) else -event.seq
        return event

    def may_have_changed(self, message: str, since: int) -> bool:
        """Whether the text or data of the message changed after the seq `since`, as far as the tail tells.

        Also true if the tail does not reach back so far, and while a deletion of the message is being written.
        """
        if since < self.tail_from or self.awaits_deletion(message):
            return True
        return abs(self._texts.get(message, 0)) > since

    def expect_deletion(self, event: AnyEvent | None) -> None:
        """Note an event that is about to be written, if it is a deletion: an edit after it would keep a text."""
        if isinstance(event, MessageDeleted):
            self._leaving.add(event.message)

    def awaits_deletion(self, message: str) -> bool:
        """Whether a deletion of the message is being written."""
        return message in self._leaving

    def settle_deletion(self, event: AnyEvent | None) -> None:
        """The event is in the log by now, or is not written."""
        if isinstance(event, MessageDeleted):
            self._leaving.discard(event.message)

    def since(self, after: int, limit: int) -> list[AnyEvent] | None:
        """At most `limit` events after `after`, replaced texts redacted; None if the tail lacks some."""
        if after < self.tail_from:
            return None
        start = after - self.tail_from
        return self.tail[start : start + limit]

    def lead_up(self, events: Sequence[AnyEvent]) -> None:
        """Put these events before the tail, if they lead up to it without a gap."""
        missing = [event for event in events if event.seq <= self.tail_from]
        if missing and missing[-1].seq == self.tail_from:
            self.tail[:0] = missing
            self.tail_from = missing[0].seq - 1
            self._texts.clear()
            for place, event in enumerate(self.tail):
                if isinstance(event, MessageEdited | MessageDeleted):
                    self.tail[place] = self._replace_text(event)

    # -- the newest page, cached -----------------------------------------------------------------

    @property
    def recent(self) -> list[Message] | None:
        """The newest messages with all changes, at most NEWEST_PAGE; None if not loaded.

        They may be ahead of `head`, never behind it.
        """
        return self.newest(NEWEST_PAGE)

    def newest(self, count: int) -> list[Message] | None:
        """The last `count` of `recent`."""
        return None if self._recent is None else [*self._recent.values()][-count:]

    def standing(self, event: MessagePosted) -> Message | None:
        """The message of an event with all changes up to `head`; None if a glance does not suffice."""
        kept = self._recent.get(event.id) if self._recent is not None else None
        if kept is not None:
            return kept
        glanced = self._glanced.get(event.id)
        if glanced is not None:
            return glanced
        if self.head - event.seq > GLANCE_EVENTS:
            return None
        later = self.since(event.seq, GLANCE_EVENTS)
        if later is None:
            return None
        message = fold.message_from(event)
        for each in later:
            if isinstance(each, MessageChange) and each.message == event.id:
                fold.change(message, each)
        # A caller's event of before a redaction is not kept, and the tail may not have it yet.
        if any(each is event for each in self.since(event.seq - 1, 1) or ()):
            self._glanced[event.id] = message
        return message

    def set_recent(self, messages: Iterable[Message], head: int) -> None:
        """Take over messages folded at `head` by a reader, and apply newer changes from the tail."""
        missed = self.since(head, len(self.tail))
        if missed is None:
            return
        self._recent = {message.id: message for message in messages}
        self.newest_fitting = None
        for event in missed:
            if isinstance(event, MessagePosted):
                self._add_recent(event)
            elif isinstance(event, MessageChange) and event.message in self._recent:
                fold.change(self._recent[event.message], event)

    def set_newest_page(self, page: bytes) -> None:
        """Keep the newest page as JSON until something happens in the room."""
        self.newest_page = page

    def note_newest_fitting(self, count: int) -> None:
        """Note how many of `recent`, from the newest on, fit into one answer."""
        self.newest_fitting = count

    def note_event_bytes(self, mean: int | None) -> None:
        """Note the mean length of the events read last, for guessing how many fit the next page."""
        self.event_bytes = mean

    def note_message_bytes(self, mean: int | None) -> None:
        """Note the mean length of the messages read last, likewise."""
        self.message_bytes = mean

    def reset(
        self, head: int, description: RoomChanged | None, members: Iterable[MemberEvent]
    ) -> None:
        """Start over from a state read from the store."""
        self.head = self.tail_from = head
        self.tail = []
        self._texts = {}
        self.description = description
        self._set_members({}, {})
        self._recent = self.newest_page = self.newest_fitting = None
        self._glanced.clear()
        for event in members:
            self.apply_state(event)

    def become(self, read: "Room") -> None:
        """Take over the state of a room that was read from the store just now."""
        self.reset(read.head, read.description, ())
        self._set_members(read.members, read.bans)
        self.stale, self.checked = False, read.checked

    def forget_contents(self, user: str) -> None:
        """Drop what was read of the log, which was rewritten: events have no name of the user (id) any more."""
        self.rewritten = time.monotonic()
        self.tail, self.tail_from, self._texts = [], self.head, {}
        self._recent = self.newest_page = self.newest_fitting = None
        self._glanced.clear()
        member, left = self.members.get(user), self.bans.get(user)
        if member is not None:
            self.members[user] = Member(_nameless(member.user), member.role, member.since)
        if left is not None:
            self.bans[user] = msgspec.structs.replace(left, user=_nameless(left.user))
        if self.description is not None and self.description.author.id == user:
            author = _nameless(self.description.author)
            self.description = msgspec.structs.replace(self.description, author=author)

    def _add_recent(self, event: MessagePosted) -> None:
        if self._recent is None:
            return
        newest = next(reversed(self._recent.values()), None)
        # The cached messages may be ahead of `head`: then they contain this one, or it is too old for them.
        if newest is not None and event.seq <= newest.seq:
            return
        self._recent[event.id] = fold.message_from(event)
        if len(self._recent) > 2 * NEWEST_PAGE:
            for message in list(self._recent)[:-NEWEST_PAGE]:
                del self._recent[message]


def _nameless(user: UserRef) -> UserRef:
    return msgspec.structs.replace(user, name="")
