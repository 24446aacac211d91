"""The index of what was done to each message: edits, deletions, reactions, pins, replies in its thread."""

from collections.abc import Iterator

import msgspec

from chatserver import (
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PinAdded,
    ReactionAdded,
    ReactionRemoved,
    Tally,
    message_seq,
)
from chatserver_lmdb_store.tree import number, value_of
from chatserver_lmdb_store.view import MESSAGES, View

EDITED, DELETED, REACTION, PIN, REPLY = b"e", b"d", b"r", b"p", b"t"


class Change(msgspec.Struct, frozen=True, array_like=True):
    """What the index keeps of a change."""

    author: str
    is_added: bool = True
    emoji: str = ""


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Change).decode


def add(view: View, room: bytes, event: MessageChange) -> None:
    """Take a change into the index."""
    kind = _kind(event)
    emoji = event.emoji if isinstance(event, ReactionAdded | ReactionRemoved) else ""
    is_added = isinstance(event, ReactionAdded | PinAdded)
    message = view.number_for(MESSAGES, room + event.message.encode())
    change = Change(event.author.id, is_added, emoji)
    view.put("changes", message + kind + number(event.seq), _encode(change))


def remove(view: View, room: bytes, event: MessageChange) -> None:
    """Take a change out of the index."""
    message = view.number_for(MESSAGES, room + event.message.encode())
    view.delete("changes", message + _kind(event) + number(event.seq))


def add_reply(view: View, room: bytes, event: MessagePosted) -> None:
    """Take a reply into the index of its thread."""
    if event.thread is not None:
        message = view.number_for(MESSAGES, room + event.thread.encode())
        view.put("changes", message + REPLY + number(event.seq), _encode(Change(event.author.id)))


def remove_reply(view: View, room: bytes, event: MessagePosted) -> None:
    """Take a reply out of the index of its thread."""
    if event.thread is not None:
        message = view.number_for(MESSAGES, room + event.thread.encode())
        view.delete("changes", message + REPLY + number(event.seq))


def of(view: View, room: bytes, message: str, kind: bytes) -> Iterator[tuple[int, Change]]:
    """The seq of each change of this kind, ascending, and what it was."""
    own = view.number(MESSAGES, room + message.encode())
    for key, value in () if own is None else view.items("changes", own + kind):
        yield value_of(key[-8:]), _decode(value)


def texts(view: View, own: bytes, room: str, message: str) -> list[int]:
    """The seqs of the message, in the room with this number and id, and of its edits; ascending."""
    edits = [at for at, _ in of(view, own, message, EDITED)]
    posted = message_seq(room, message)
    if posted is None or view.get("posted", own + number(posted)) is None:
        return edits
    return [posted, *edits]


def standing(view: View, room: bytes, message: str) -> list[int]:
    """The seqs of the changes that lead to the message's present state; see `Store.changes`."""
    found: list[int] = []
    for kind in (EDITED, DELETED):
        found += [seq for seq, _ in of(view, room, message, kind)][-1:]
    pins = list(of(view, room, message, PIN))[-1:]
    reactions = {
        (change.emoji, change.author): (seq, change)
        for seq, change in of(view, room, message, REACTION)
    }
    return found + [seq for seq, change in (*pins, *reactions.values()) if change.is_added]


def tally(view: View, room: bytes, message: str, user: str) -> Tally:
    """See `Store.tally`."""
    edits = sum(1 for _ in of(view, room, message, EDITED))
    others = [
        change.author for kind in (REACTION, PIN) for _, change in of(view, room, message, kind)
    ]
    return Tally(edits, len(others), others.count(user))


def _kind(event: MessageChange) -> bytes:
    match event:
        case MessageEdited():
            return EDITED
        case MessageDeleted():
            return DELETED
        case ReactionAdded() | ReactionRemoved():
            return REACTION
        case _:
            return PIN
