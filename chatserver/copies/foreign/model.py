"""What an export of another chat has, in terms that all formats share. Readers (`reading.py`) make it.

Ids are those of the source, as texts. Times are milliseconds since 1970; 0 stands for one that the export does not have.
"""

from collections.abc import Mapping

import msgspec

from chatserver.model import RoomKind, RoomRole, ServerRole


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An account. `email` is empty if there is none, or its user never showed that it is theirs."""

    id: str
    username: str
    name: str = ""
    email: str = ""
    role: ServerRole = ServerRole.MEMBER
    locked: bool = False
    bot: bool = False
    at: int = 0


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A room. `members` is None where the export does not list them: then those who did something there are.

    A conversation of more people than a direct room can have is a private room.
    """

    id: str
    name: str
    kind: RoomKind
    topic: str = ""
    description: str = ""
    archived: bool = False
    at: int = 0
    creator: str = ""
    members: Mapping[str, RoomRole] | None = None


class Enclosure(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a message. `path` is its name in the export, None if its content is not there."""

    id: str
    name: str
    path: str | None
    media_type: str = ""


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """`user` reacted with `emoji`: a character, or `:name:` of one that the server has as a picture."""

    emoji: str
    user: str
    at: int = 0


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """A message is pinned; `by` is empty if the export does not say who did that."""

    by: str = ""
    at: int = 0


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A message with all that happened to it. The body is in our Markdown, with our mentions, of any length.

    `thread` is the id of the message under which it is a reply. `edited` is the time of the last change of the text.
    A `deleted` one only keeps its place.
    """

    room: str
    id: str
    at: int
    author: str
    body: str
    thread: str | None = None
    broadcast: bool = False
    reply_to: str | None = None
    edited: int = 0
    deleted: bool = False
    pin: Pin | None = None
    reactions: tuple[Reaction, ...] = ()
    files: tuple[Enclosure, ...] = ()


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """`user` came into a room, or left it."""

    room: str
    user: str
    at: int
    joined: bool
