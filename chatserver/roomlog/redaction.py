"""Redaction: texts and data that an edit or a deletion has replaced go, from what is read and from the store.

A store removes them with the edit or deletion that replaces them (`erased`, `interfaces.Store.append`). Where it has
them still, as the room keeps its history of edits or an older server wrote the change, it leaves them out as it reads a
log for people (`interfaces.Store.shown`). Of a deleted room the log keeps no contents (`cleared`), and of what a room does
not keep any longer only the places (`removed`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from chatserver.model import (
    NO_DATA,
    AnyEvent,
    Ban,
    EventRemoved,
    MemberEvent,
    MemberLeft,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PluginEvent,
    RoomChanged,
    UnknownEvent,
    message_seq,
)

Said = TypeVar("Said", bound=MessagePosted | MessageEdited)


def redacted(event: Said) -> Said:
    """The event without its text and data; the same event if it is redacted already."""
    if event.redacted:
        return event
    return msgspec.structs.replace(
        event, body="", mentions=(), data=NO_DATA, data_text="", redacted=True
    )


def cleared(event: AnyEvent) -> AnyEvent:
    """The event without anything that somebody wrote; the same event if it has nothing of the kind.

    Left are its place, kind, author and time, and what it changes: the message, the member, their role, a reaction.
    """
    match event:
        case MessagePosted() | MessageEdited():
            return redacted(event)
        case RoomChanged() if event.name is not None or event.topic or event.description:
            return msgspec.structs.replace(event, name=None, topic="", description="")
        case MemberLeft() if event.ban is not None and event.ban.reason:
            return msgspec.structs.replace(event, ban=Ban(until=event.ban.until))
        case PluginEvent() if event.payload is not None:
            return msgspec.structs.replace(event, payload=None)
        case UnknownEvent() if event.fields:
            return msgspec.structs.replace(event, fields={})
    return event


def removed(event: AnyEvent) -> AnyEvent:
    """The place of the event; the event itself if the room cannot do without it: one of a member, or a description.

    That may be so of an unknown one, too.
    """
    if isinstance(event, MemberEvent | RoomChanged | EventRemoved | UnknownEvent):
        return event
    return EventRemoved.of(event.room, event.seq)


class Erasing(NamedTuple):
    """A batch without the texts that its own events erase, and the seqs, by room, of stored ones that they erase."""

    batch: list[AnyEvent]
    stored: dict[str, list[int]]


def replaced_by(
    events: Sequence[AnyEvent], erasing: Collection[int]
) -> dict[tuple[str, str], type[MessageEdited] | type[MessageDeleted]]:
    """The (room, message) whose texts these edits and deletions (indexes in `events`) erase, each with the strongest."""
    found: dict[tuple[str, str], type[MessageEdited] | type[MessageDeleted]] = {}
    for index in sorted(erasing):
        match events[index]:
            case MessageDeleted(room=room, message=message):
                found[room, message] = MessageDeleted
            case MessageEdited(room=room, message=message):
                found.setdefault((room, message), MessageEdited)
    return found


def erased(
    events: Sequence[AnyEvent],
    erasing: Collection[int],
    edits: Mapping[tuple[str, str], Sequence[int]],
) -> Erasing:
    """What `interfaces.Store.append` with `erasing` does to a batch that is stored as a whole, and to stored events.

    `edits` has the seqs of stored edits, ascending, by (room, message) of `replaced_by`: for one that is deleted all of
    them, else at least the newest.
    """
    texts: dict[tuple[str, str], list[int]] = {}
    for room, message in replaced_by(events, erasing):
        posted = message_seq(room, message)
        texts[room, message] = [*([posted] if posted else []), *edits.get((room, message), ())]
    gone: dict[str, set[int]] = {}
    for index, event in enumerate(events):
        if not isinstance(event, MessageEdited | MessageDeleted):
            continue
        if (of := texts.get((event.room, event.message))) is None:
            continue
        is_edit = isinstance(event, MessageEdited)
        if index in erasing:
            gone.setdefault(event.room, set()).update(of[-1:] if is_edit else of)
        if is_edit:
            of.append(event.seq)
    batch: list[AnyEvent] = []
    for event in events:
        seqs = gone.get(event.room)
        if seqs and event.seq in seqs and isinstance(event, MessagePosted | MessageEdited):
            event = redacted(event)
        batch.append(event)
    own = {(event.room, event.seq) for event in events}
    left = {
        room: [seq for seq in sorted(seqs) if (room, seq) not in own] for room, seqs in gone.items()
    }
    return Erasing(batch, {room: seqs for room, seqs in left.items() if seqs})


def redact(events: list[AnyEvent], seqs: Iterable[int]) -> None:
    """Redact those of these events in place, one room's without holes, that have the seqs.

    Seqs before or after them, and of events without a text, change nothing.
    """
    if not events:
        return
    first = events[0].seq
    for seq in seqs:
        if first <= seq < first + len(events):
            event = events[seq - first]
            if isinstance(event, MessagePosted | MessageEdited):
                events[seq - first] = redacted(event)


def as_it_stands(event: AnyEvent, newest: Mapping[tuple[str, str], int]) -> AnyEvent:
    """The event, redacted unless its text is the newest of its message.

    `newest` holds, by (room, message), the seq of the newest edit, or 0 if the message is deleted.
    """
    if isinstance(event, MessagePosted):
        return redacted(event) if (event.room, event.id) in newest else event
    if isinstance(event, MessageEdited):
        stands = newest.get((event.room, event.message)) == event.seq
        return event if stands else redacted(event)
    return event
