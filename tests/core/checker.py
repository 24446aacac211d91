"""Checks the promises after a run, against the store's contents at its end.

Written from the promises, not from the code: it has its own idea of who may do what.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from chatserver.model import (
    AnyEvent,
    MemberChanged,
    MemberJoined,
    MemberLeft,
    Message,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PinAdded,
    PinRemoved,
    ReactionAdded,
    ReactionRemoved,
    RoomChanged,
    RoomKind,
    RoomRole,
)
from chatserver.roomlog import fold
from chatserver.service.history import Page
from tests.core.clients import Span

RANK = {RoomRole.MEMBER: 1, RoomRole.ADMIN: 2, RoomRole.OWNER: 3}


class Broken(AssertionError):
    """A promise was not kept."""


class Ack(NamedTuple):
    """A send that was answered with yes."""

    author: str
    client_id: str
    room: str
    event: MessagePosted
    repeated: bool


def demand(holds: bool, text: str) -> None:
    if not holds:
        raise Broken(text)


def check_numbering(logs: Mapping[str, Sequence[AnyEvent]]) -> None:
    for room, log in logs.items():
        found = [event.seq for event in log]
        demand(found == list(range(1, len(log) + 1)), f"{room}: numbered {found}")
        demand(all(event.room == room for event in log), f"{room}: another room's event")


def check_erased(logs: Mapping[str, Sequence[AnyEvent]]) -> None:
    """Exactly the texts that an edit or deletion took away are gone. For rooms that keep no history of edits."""
    for room, log in logs.items():
        found = {
            event.seq
            for event in log
            if isinstance(event, MessagePosted | MessageEdited) and event.redacted
        }
        demand(found == replaced(log), f"{room}: without text are {found}, not {replaced(log)}")
        texts = [event for event in log if isinstance(event, MessagePosted | MessageEdited)]
        for event in texts:
            demand(not event.redacted or not (event.body or event.mentions), f"{room} {event.seq}")


def check_acknowledged(logs: Mapping[str, Sequence[AnyEvent]], acks: Iterable[Ack]) -> None:
    """Each is stored once, as it was answered; without its text, if that was taken away later."""
    gone = {room: replaced(log) for room, log in logs.items()}
    stored: dict[tuple[str, str], MessagePosted] = {}
    for log in logs.values():
        for event in log:
            if isinstance(event, MessagePosted):
                key = (event.author.id, event.client_id)
                demand(key not in stored, f"{key} is stored twice")
                stored[key] = event
    fresh: set[tuple[str, str]] = set()
    for ack in acks:
        key = (ack.author, ack.client_id)
        demand(key in stored, f"{key} was acknowledged and is not stored")
        is_gone = stored[key].seq in gone[stored[key].room]
        answered = without_text(wire(ack.event)) if is_gone else wire(ack.event)
        demand(wire(stored[key]) == answered, f"{key} was answered with another event")
        demand(ack.event.room == ack.room, f"{key} went to another room")
        if not ack.repeated:
            demand(key not in fresh, f"{key} was new twice")
            fresh.add(key)


Originals = dict[tuple[str, int], dict[str, Any]]  # events with their texts, by (room, seq)


def originals(acks: Iterable[Ack]) -> Originals:
    """The messages that were acknowledged, as they were then."""
    events = [ack.event for ack in acks if not ack.event.redacted]
    return {(event.room, event.seq): wire(event) for event in events}


def check_reader(
    user: str, span: Span, log: Sequence[AnyEvent], kind: RoomKind, said: Originals
) -> None:
    """A subscription: ascending without a hole, equal to the log, complete, and over in time.

    A text that was gone by the end may have been gone when the reader got it. If not, all readers got the same, which
    `said` keeps, and it is that which was acknowledged.
    """
    gone = replaced(log)
    wanted = [wire(event) for event in log[span.after :]]
    got = []
    for event in span.events:
        if event["seq"] in gone and not event.get("redacted"):
            first = said.setdefault((span.room, event["seq"]), event)
            demand(event == first, f"{user} in {span.room}: {event['seq']} has different texts")
            event = without_text(event)
        got.append(event)
    seqs = [event["seq"] for event in got]
    where = f"{user} in {span.room} from {span.after}"
    demand(got == wanted[: len(got)], f"{where}: got {seqs}")
    demand(span.ended or len(got) == len(wanted), f"{where}: ends at {span.last} of {len(log)}")
    if kind is RoomKind.PUBLIC:
        return
    removals = [
        event.seq
        for event in log[span.known :]
        if isinstance(event, MemberLeft) and event.user.id == user
    ]
    if removals:
        demand(span.last <= removals[0], f"{where}: got {span.last}, removed at {removals[0]}")


def wire(event: AnyEvent) -> dict[str, Any]:
    """The event as a reader gets it."""
    found: dict[str, Any] = json.loads(msgspec.json.encode(event))
    return found


def replaced(log: Sequence[AnyEvent]) -> set[int]:
    """The seqs whose texts a later edit of the same message took away, or its deletion: for ever."""
    texts: defaultdict[str, list[int]] = defaultdict(list)
    deleted: set[str] = set()
    for event in log:
        if isinstance(event, MessagePosted):
            texts[event.id].append(event.seq)
        elif isinstance(event, MessageEdited):
            texts[event.message].append(event.seq)
        elif isinstance(event, MessageDeleted):
            deleted.add(event.message)
    return {
        seq
        for message, seqs in texts.items()
        for seq in (seqs if message in deleted else seqs[:-1])
    }


def without_text(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event of a message or edit as it is read once its text is gone."""
    content = {"mentions", "data", "data_text"}
    left = {key: value for key, value in event.items() if key not in content}
    return {**left, "body": "", "redacted": True}


def check_page(page: Page, log: Sequence[AnyEvent], size: int = 50) -> None:
    """The newest page and the events after its head make the state that the whole log makes."""
    posted = [event.id for event in log if isinstance(event, MessagePosted)]
    before = sum(isinstance(event, MessagePosted) for event in log[: page.head])
    ids = [message.id for message in page.messages]
    if page.more:  # cut to what a connection may buffer
        size = len(ids)
    demand(
        bool(ids or not before)
        and any(ids == posted[max(end - size, 0) : end] for end in range(before, len(posted) + 1)),
        f"the newest page at {page.head} has {ids}",
    )
    for message in page.messages:
        for event in log[page.head :]:
            if isinstance(event, MessageChange) and event.message == message.id:
                fold.change(message, event)
    final = {message.id: message for message in fold_log(log)}
    for message in page.messages:
        demand(message == final[message.id], f"the page at {page.head} leads to {message}")


def fold_log(log: Iterable[AnyEvent]) -> list[Message]:
    events = list(log)
    return fold.fold(
        [event for event in events if isinstance(event, MessagePosted)],
        [event for event in events if isinstance(event, MessageChange)],
    )


def roles(log: Iterable[AnyEvent]) -> dict[str, RoomRole]:
    """The members of a room after these events, with their roles."""
    found: dict[str, RoomRole] = {}
    for event in log:
        if isinstance(event, MemberJoined | MemberChanged):
            found[event.user.id] = event.role
        elif isinstance(event, MemberLeft):
            found.pop(event.user.id, None)
    return found


def check_rights(log: Sequence[AnyEvent]) -> None:
    """Each event's author had the right to it in the state that the events before it make.

    For users who have no role on the server.
    """
    roles: dict[str, RoomRole] = {}
    kind = RoomKind.PUBLIC
    posts: dict[str, str] = {}
    for event in log:
        problem = _problem(event, roles, kind, posts)
        demand(not problem, f"{event.room} {event.seq} {type(event).__name__}: {problem}")
        if isinstance(event, MessagePosted):
            posts[event.id] = event.author.id
        elif isinstance(event, MemberJoined | MemberChanged):
            roles[event.user.id] = event.role
        elif isinstance(event, MemberLeft):
            roles.pop(event.user.id, None)
        elif isinstance(event, RoomChanged):
            kind = event.kind


def _problem(
    event: AnyEvent, roles: Mapping[str, RoomRole], kind: RoomKind, posts: Mapping[str, str]
) -> str:
    author = event.author.id
    role = roles.get(author)
    rank = RANK[role] if role else 0
    if event.seq <= 2:  # the founder describes the room and comes in
        return ""
    match event:
        case MessagePosted() | ReactionAdded() | ReactionRemoved():
            return "" if rank else "not a member"
        case MessageEdited():
            return "" if rank and posts.get(event.message) == author else "not the author"
        case MessageDeleted():
            own = posts.get(event.message) == author
            return "" if rank >= 2 or (rank and own) else "neither author nor moderator"
        case PinAdded() | PinRemoved():
            return "" if rank >= 2 else "no right to pin"
        case MemberJoined():
            if event.user.id in roles:
                return "is a member already"
            if event.user.id == author:
                return "" if kind is RoomKind.PUBLIC else "came in uninvited"
            return "" if rank else "invited by a stranger"
        case MemberLeft():
            other = roles.get(event.user.id)
            if other is None:
                return "is no member"
            if event.user.id == author and len(roles) > 1 and _is_last_owner(author, roles):
                return "left its members without an owner"
            if event.user.id == author or rank == 3 or (rank == 2 and RANK[other] == 1):
                return ""
            return "removed by one of no higher rank"
        case MemberChanged():
            if event.user.id not in roles:
                return "is no member"
            if event.role is not RoomRole.OWNER and _is_last_owner(event.user.id, roles):
                return "was the last owner"
            return "" if rank == 3 else "only owners give roles"
        case RoomChanged():
            return "" if rank >= 2 else "no right to change the room"


def _is_last_owner(user: str, roles: Mapping[str, RoomRole]) -> bool:
    return [other for other, role in roles.items() if role is RoomRole.OWNER] == [user]
