"""Redaction: events go out without texts and data that an edit or a deletion has replaced.

Stores do it as they read a log for people (`interfaces.Store.shown`). The log keeps these texts and data, and
so do exact copies of it: backups and moves. Of a deleted room the log keeps no contents (`cleared`).
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from chatserver.model import (
    NO_DATA,
    AnyEvent,
    Ban,
    MemberLeft,
    MessageEdited,
    MessagePosted,
    PluginEvent,
    RoomChanged,
    UnknownEvent,
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
