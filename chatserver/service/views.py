"""What people are shown of rooms, and what their connections are told that is in no log."""

import msgspec

from chatserver.model import RoomKind, RoomRole, UserRef


class RoomView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A room as one user sees it. `name` of a direct room is the other's."""

    id: str
    name: str | None
    kind: RoomKind
    head: int
    topic: str = ""
    joined: bool = msgspec.field(default=True)
    role: RoomRole | None = None
    read: int | None = None
    unread: int | None = None
    mentions: int | None = None


class RoomList(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rooms; `more` says that further public ones have ids above the last one's."""

    rooms: list[RoomView]
    more: bool = False


class MemberView(msgspec.Struct, frozen=True):
    id: str
    name: str
    role: RoomRole


class RoomAdded(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag="room.added"):
    """Tells a user's connections that the user is in a room now."""

    room: str
    name: str | None
    kind: RoomKind
    head: int


class RoomRemoved(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag="room.removed"):
    """Tells a user's connections that the user is in a room no longer."""

    room: str


class ReadMoved(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag="read"):
    """Tells a user's other connections how far the user has read."""

    room: str
    seq: int


class Mentioned(msgspec.Struct, frozen=True, kw_only=True):
    """Tells of a message that mentions the user.

    Not in chat.v1, whose clients follow their rooms and see it in the message.
    """

    room: str
    seq: int
    message: str
    author: UserRef


class TypingNow(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag="typing"):
    """Tells the others in a room that somebody is writing."""

    room: str
    user: UserRef
