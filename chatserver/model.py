"""What the server is about: users, rooms, and the events of a room's log.

Frozen structs, no behaviour beyond what their fields say. An event encodes to its wire form
as it stands: the tag `ev` is its kind. Imports nothing of the project.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec


class ServerRole(StrEnum):
    """What a user may do on the server, strongest first."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"


class RoomRole(StrEnum):
    """What a member may do in a room, strongest first."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class RoomKind(StrEnum):
    """Who finds a room, and who may join it."""

    PUBLIC = "public"  # listed; members of the server may read and join
    PRIVATE = "private"  # to others it does not exist
    DIRECT = "direct"  # between its first members, for ever


class User(msgspec.Struct, frozen=True, kw_only=True):
    """An account. `at` is when it was made (RFC 3339, UTC, milliseconds).

    A deleted one is a shell with an id, so that what it wrote has an author.
    """

    id: str
    username: str
    name: str
    role: ServerRole
    at: str
    disabled: bool = False
    deleted: bool = False


class UserRef(msgspec.Struct, frozen=True):
    """A user as events show one: the id, and the name at that time."""

    id: str
    name: str


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", omit_defaults=True):
    """One entry of a room's log: number `seq` (1, 2, 3, …), done by `author` at `at`."""

    room: str
    seq: int
    at: str
    author: UserRef


class MessagePosted(Event, frozen=True, kw_only=True, omit_defaults=True, tag="message.posted"):
    """A message. `mentions` holds user ids; `reply_to` a message id of the same room.

    `redacted`: the text was edited or deleted since; `body` and `mentions` are empty.
    """

    id: str
    body: str
    client_id: str
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()
    redacted: bool = False


class MessageEdited(Event, frozen=True, kw_only=True, omit_defaults=True, tag="message.edited"):
    """The message `message` has another text. `mentions` are those of the new text, as user ids.

    `redacted` as in `MessagePosted`.
    """

    message: str
    body: str
    mentions: tuple[str, ...] = ()
    redacted: bool = False


class MessageDeleted(Event, frozen=True, kw_only=True, tag="message.deleted"):
    """The message `message` is deleted. It keeps its place, and stays deleted."""

    message: str


class ReactionAdded(Event, frozen=True, kw_only=True, tag="reaction.added"):
    """`author` reacts to the message `message` with `emoji`."""

    message: str
    emoji: str


class ReactionRemoved(Event, frozen=True, kw_only=True, tag="reaction.removed"):
    """`author` takes the reaction `emoji` to the message `message` back."""

    message: str
    emoji: str


class PinAdded(Event, frozen=True, kw_only=True, tag="pin.added"):
    """The message `message` is pinned."""

    message: str


class PinRemoved(Event, frozen=True, kw_only=True, tag="pin.removed"):
    """The message `message` is pinned no longer."""

    message: str


class MemberJoined(Event, frozen=True, kw_only=True, tag="member.joined"):
    """`user` joined with this role, or was taken in where `author` is another."""

    user: UserRef
    role: RoomRole


class MemberLeft(Event, frozen=True, kw_only=True, tag="member.left"):
    """`user` left, or was removed where `author` is another."""

    user: UserRef


class MemberChanged(Event, frozen=True, kw_only=True, tag="member.changed"):
    """The member `user` has another role."""

    user: UserRef
    role: RoomRole


class RoomChanged(Event, frozen=True, kw_only=True, omit_defaults=True, tag="room.changed"):
    """The room's complete description from here on. The first event of every room."""

    name: str | None
    kind: RoomKind
    topic: str = ""


class UnknownEvent(Event, frozen=True, kw_only=True, tag="event.unknown"):
    """An event that only a newer version can read: `unknown` is its `ev`, `fields` what else it has."""

    unknown: str
    fields: dict[str, Any]


MessageChange: TypeAlias = (
    MessageEdited | MessageDeleted | ReactionAdded | ReactionRemoved | PinAdded | PinRemoved
)
MemberEvent: TypeAlias = MemberJoined | MemberLeft | MemberChanged
AnyEvent: TypeAlias = MessagePosted | MessageChange | MemberEvent | RoomChanged | UnknownEvent


class _Entry(msgspec.Struct, frozen=True):
    """What every event has, whatever its kind."""

    ev: str
    room: str
    seq: int
    at: str
    author: UserRef


# msgspec finds out what a struct's fields are when one is read first; where two threads do that at the
# same time, the process crashes (0.22). Stores may read in threads, so it is done before there are any.
for _kind in (AnyEvent, _Entry):
    msgspec.json.Decoder(_kind)


def read_event(fields: Mapping[str, Any], kinds: Any) -> Any:
    """The event that these fields make, of `kinds`: its struct, or the union of some.

    While servers are updated one by one, a newer version may have written it. What this one cannot
    read is an `UnknownEvent` if `kinds` is `AnyEvent`, so that its room can be read past it; else it
    is None, and to be left out. Raises `msgspec.ValidationError` if it is no event at all.
    """
    try:
        return msgspec.convert(fields, kinds)
    except msgspec.ValidationError:
        entry = msgspec.convert(fields, _Entry)
    if kinds != AnyEvent:
        return None
    others = {name: value for name, value in fields.items() if name not in _Entry.__struct_fields__}
    return UnknownEvent(
        room=entry.room,
        seq=entry.seq,
        at=entry.at,
        author=entry.author,
        unknown=entry.ev,
        fields=others,
    )


class Message(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A message as it stands after all changes to it. A deleted one keeps its place, not its text.

    `reactions` maps an emoji to the ids of the users who chose it, in order.
    """

    id: str
    room: str
    seq: int
    author: UserRef
    at: str
    body: str
    client_id: str
    reactions: dict[str, list[str]]
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()
    edited_at: str | None = None
    deleted: bool = False
    pinned: bool = False


def message_id(room: str, seq: int) -> str:
    """The id of the message that the event `seq` of `room` posted."""
    return f"{room}-{seq}"


def message_seq(room: str, message: str) -> int | None:
    """The seq that a message id names, or None if it is no message id of this room."""
    prefix, _, number = message.rpartition("-")
    if prefix != room or not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    return int(number)
