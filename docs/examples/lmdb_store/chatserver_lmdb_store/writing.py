"""Writes events and their indexes, and removes texts."""

from collections.abc import Collection, Sequence

from chatserver import (
    AnyEvent,
    Appended,
    Conflict,
    MemberEvent,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    RoomChanged,
    RoomKind,
    cleared,
    message_seq,
    removed,
)
from chatserver_lmdb_store import changes
from chatserver_lmdb_store.events import decoded, encode
from chatserver_lmdb_store.tree import number
from chatserver_lmdb_store.view import APART, PUBLIC, ROOMS, SENT, USERS, View, seq


def append(view: View, events: Sequence[AnyEvent], erasing: Collection[int]) -> Appended:
    """Write events in order, up to the first that breaks a rule; those at the indexes `erasing` remove texts."""
    for stored, event in enumerate(events):
        room = view.number_for(ROOMS, event.room.encode())
        place = room + number(event.seq)
        if view.get("events", place) is not None:
            return Appended(stored, Conflict.POSITION)
        if isinstance(event, MessagePosted):
            author = view.number_for(USERS, event.author.id.encode())
            sent = author + event.client_id.encode()
            if view.number(SENT, sent) is not None:
                return Appended(stored, Conflict.CLIENT_ID)
            view.tree(SENT).put(sent, place)
        if stored in erasing and isinstance(event, MessageEdited | MessageDeleted):
            texts = changes.texts(view, room, event.room, event.message)
            gone = texts if isinstance(event, MessageDeleted) else texts[-1:]
            redact(view, event.room, gone)
        view.put("events", place, encode(event))
        _index(view, room, place, event)
    return Appended(len(events))


def _index(view: View, room: bytes, place: bytes, event: AnyEvent) -> None:
    at = number(event.seq)
    if isinstance(event, MessagePosted):
        view.put("posted", place, _counted(view, event))
        changes.add_reply(view, room, event)
    elif isinstance(event, MessageChange):
        if isinstance(event, MessageEdited | MessageDeleted):
            _mark_replaced(view, room, event)
        changes.add(view, room, event)
    elif isinstance(event, MemberEvent):
        user = view.number_for(USERS, event.user.id.encode())
        view.put("members", room + user, at)
        view.put("memberships", user + room, at)
    elif isinstance(event, RoomChanged):
        view.put("described", room, at)
        if event.kind is RoomKind.PUBLIC:
            view.tree(PUBLIC).put(event.room.encode(), room)
        else:
            view.tree(PUBLIC).delete(event.room.encode())


def _counted(view: View, event: MessagePosted) -> bytes:
    """The numbers of the author and of those who are mentioned; with a mark behind them it counts for nobody as unread."""
    users = [event.author.id, *event.mentions]
    numbers = (view.number_for(USERS, user.encode()) for user in users)
    return b"".join(numbers) + (APART if event.is_apart else b"")


def _mark_replaced(view: View, room: bytes, event: MessageEdited | MessageDeleted) -> None:
    """Note which texts this event replaces: the message's own, and that of its newest edit."""
    posted = message_seq(event.room, event.message)
    edits = [at for at, _ in changes.of(view, room, event.message, changes.EDITED)][-1:]
    gone = edits if posted is None else [posted, *edits]
    if isinstance(event, MessageEdited) and any(
        changes.of(view, room, event.message, changes.DELETED)
    ):
        gone.append(event.seq)
    for at in gone:
        view.put("replaced", room + number(at), b"")


def redact(view: View, room: str, seqs: Sequence[int]) -> None:
    """Remove the texts of those of these events that have one."""
    _rewrite(view, room, seqs, (MessagePosted, MessageEdited))


def clear(view: View, room: str, seqs: Sequence[int]) -> None:
    """Remove the contents of these events."""
    _rewrite(view, room, seqs, object)


def _rewrite(view: View, room: str, seqs: Sequence[int], kinds: type | tuple[type, ...]) -> None:
    for own in view.rooms([room]).values():
        for place in {own + seq(at) for at in seqs}:
            text = view.get("events", place)
            event = None if text is None else decoded(text, AnyEvent)
            if event is None or not isinstance(event, kinds):
                continue
            _put(view, place, cleared(event))


def remove(view: View, room: str, seqs: Sequence[int]) -> None:
    """Leave only the places of these events, and no entries of the indexes."""
    for own in view.rooms([room]).values():
        for place in {own + seq(at) for at in seqs}:
            text = view.get("events", place)
            event = None if text is None else decoded(text, AnyEvent)
            if event is None or (left := removed(event)) is event:
                continue
            view.put("events", place, encode(left))
            view.delete("replaced", place)
            if isinstance(event, MessagePosted):
                view.delete("posted", place)
                author = view.number_for(USERS, event.author.id.encode())
                view.tree(SENT).delete(author + event.client_id.encode())
                changes.remove_reply(view, own, event)
            elif isinstance(event, MessageChange):
                changes.remove(view, own, event)


def replace(view: View, pairs: Sequence[tuple[AnyEvent, AnyEvent]]) -> int:
    """Put events in the places of others that are stored as given; returns how many."""
    replaced = 0
    for old, new in pairs:
        for own in view.rooms([old.room]).values():
            place = own + number(old.seq)
            text = view.get("events", place)
            if text is not None and decoded(text, AnyEvent) == old:
                _put(view, place, new)
                replaced += 1
    return replaced


def _put(view: View, place: bytes, event: AnyEvent) -> None:
    """Put an event in the place of another of its kind and author."""
    view.put("events", place, encode(event))
    if isinstance(event, MessagePosted):
        view.put("posted", place, _counted(view, event))
