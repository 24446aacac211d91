"""The data model: users, rooms, and the events of a room's log.

Frozen structs without behaviour. An event's encoding is its wire form; the tag `ev` is its kind. Imports
nothing of the project. They hold plain values alone, so that no circle of references leads through one: the garbage
collector need not go through them (`gc=False`), of which a server has most.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NoReturn, TypeAlias

import msgspec


class _NoData(dict[str, Any]):
    """An empty dict that stays empty, as all messages without data share it."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the data of a message does not change")

    __setitem__ = update = setdefault = __ior__ = _refuse


NO_DATA: Mapping[str, Any] = _NoData()
EVERYBODY = "@room"  # among the mentioned users of a message: all members of its room


class ServerRole(StrEnum):
    """A user's role on the server, strongest first."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"


class Scope(StrEnum):
    """What a token of a bot is for. Without any, it shows only that its bot is there."""

    READ = "read"  # rooms, their members and messages, as far as the bot may read them
    WRITE = "write"  # messages, reactions, files of the bot's own
    ROOMS = "rooms"  # make, change, join and leave rooms, and put others into them
    MODERATE = "moderate"  # pins, messages of others, members and their roles


class RoomRole(StrEnum):
    """A member's role in a room, strongest first."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


DIRECT_MEMBERS = 10  # of a direct room, at most
SLOWEST_SECONDS = 21_600  # between two messages of a member, in a room with slow mode


class RoomKind(StrEnum):
    """The kind of a room: decides which users find it, and which may join it."""

    PUBLIC = "public"  # listed; members of the server may read and join
    PRIVATE = "private"  # does not exist for others than its members
    DIRECT = "direct"  # of its first members, at most DIRECT_MEMBERS, for ever


class Posting(StrEnum):
    """Who may write messages in a room: all its members, or only those who moderate it."""

    EVERYONE = "everyone"
    MODERATORS = "moderators"


class EditHistory(StrEnum):
    """Who sees what the messages of a room said before they were edited. Authors see their own, unless nobody does."""

    NONE = "none"
    MODERATORS = "moderators"
    MEMBERS = "members"  # whoever may read the room


class Status(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a user says of themselves for a while: an emoji, a short text, or both. It ends at `until` (RFC 3339)."""

    emoji: str = ""
    text: str = ""
    until: str | None = None


class User(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An account. `at` is the time when it was made (RFC 3339, UTC, milliseconds).

    A deleted account is a shell with an id, so that its messages have an author. `bot` is there, and true, for the
    account of a machine. `status` is there if the user has set one that has not ended. `scopes` is there for a bot
    that acts by one of its tokens, wherever that is about what it may do: it is no part of the account.
    """

    id: str
    username: str
    name: str
    role: ServerRole
    at: str
    disabled: bool = False
    deleted: bool = False
    bot: bool | msgspec.UnsetType = msgspec.UNSET
    status: Status | msgspec.UnsetType = msgspec.UNSET
    scopes: tuple[Scope, ...] | msgspec.UnsetType = msgspec.UNSET

    def within(self, scopes: tuple[Scope, ...] | msgspec.UnsetType) -> "User":
        """The user as somebody who acts with these scopes: then never as staff of the server."""
        if scopes is msgspec.UNSET:
            return self
        is_staff = self.role in (ServerRole.OWNER, ServerRole.ADMIN)
        role = ServerRole.MEMBER if is_staff else self.role
        return msgspec.structs.replace(self, role=role, scopes=scopes)


class UserRef(msgspec.Struct, frozen=True, gc=False):
    """A user as events show one: the id, and the name at that time. `bot` is there, and true, for a machine."""

    id: str
    name: str
    bot: bool | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(cls, user: User) -> "UserRef":
        return cls(user.id, user.name, user.bot)


_NOBODY = UserRef("", "")


class Event(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", omit_defaults=True, gc=False
):
    """One entry of a room's log: number `seq` (1, 2, 3, …), done by `author` at `at`."""

    room: str
    seq: int
    at: str
    author: UserRef


class MessagePosted(Event, frozen=True, kw_only=True, omit_defaults=True, tag="message.posted"):
    """A message. `mentions` holds user ids, and "@room" for everybody in it; `reply_to` a message id of the same room.

    `thread` is the id of the message, of the same room, under which it is a reply of a thread; a `broadcast` one is
    shown in the room as well.

    `data` holds what plugins, and clients by their rules, add to the text: a value for each namespace.
    `data_text` is its text for search, and for clients that cannot show the data. `redacted`: the text was
    edited, deleted or removed since; `body`, `mentions`, `data` and `data_text` are empty.
    """

    id: str
    body: str
    client_id: str
    reply_to: str | None = None
    thread: str | None = None
    broadcast: bool = False
    mentions: tuple[str, ...] = ()
    redacted: bool = False
    data: Mapping[str, Any] = NO_DATA
    data_text: str = ""

    def mentions_user(self, user: str) -> bool:
        """Whether it mentions the user (id), by name or with everybody."""
        return user in self.mentions or EVERYBODY in self.mentions

    @property
    def is_apart(self) -> bool:
        """Whether it is in a thread alone: not part of what is said in the room, nor counted there."""
        return self.thread is not None and not self.broadcast


class MessageEdited(Event, frozen=True, kw_only=True, omit_defaults=True, tag="message.edited"):
    """The message `message` has another text or other data; these are its text and data from here on.

    `mentions` are those of the text, as user ids. If only the data changed, `edited_at` is the time of
    the last edit of the text, empty if there was none. `data`, `data_text` and `redacted` as in `MessagePosted`.
    """

    message: str
    body: str
    mentions: tuple[str, ...] = ()
    redacted: bool = False
    data: Mapping[str, Any] = NO_DATA
    data_text: str = ""
    edited_at: str | None = None


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
    """`user` joined with this role; if `author` is another user, that user added them."""

    user: UserRef
    role: RoomRole


class Ban(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody may not come back into a room `until` a time (RFC 3339), or for good; `reason` is for them to read."""

    reason: str = ""
    until: str | None = None


class MemberLeft(Event, frozen=True, kw_only=True, tag="member.left"):
    """`user` left; if `author` is another user, that user removed them.

    With a `ban` they are also kept out, members or not. It ends at its time, or by the next event about them.
    """

    user: UserRef
    ban: Ban | None = None


class MemberChanged(Event, frozen=True, kw_only=True, tag="member.changed"):
    """The member `user` has another role."""

    user: UserRef
    role: RoomRole


class RoomChanged(Event, frozen=True, kw_only=True, omit_defaults=True, tag="room.changed"):
    """The room's complete description from here on. The first event of every room.

    `topic` is a line, `description` a text of several lines that says what the room is about. An `archived` room is
    kept for reading: nothing is posted, changed, or joined there. `posting` says who may write. With a `slow_mode` a
    member who does not moderate sends one message in so many seconds. `edit_history` says who sees earlier texts of
    messages, as far as they were replaced after the seq `edits_since`, by which that was chosen. What is older than the
    room keeps has been removed: of the messages with a seq below `kept_from` only pinned ones are left.
    A `deleted` room exists for nobody any more, and has lost its contents; such a description is private, archived
    and without a name, so that servers and clients that do not know the field hide the room.
    """

    name: str | None
    kind: RoomKind
    topic: str = ""
    description: str = ""
    archived: bool = False
    posting: Posting = Posting.EVERYONE
    slow_mode: int = 0
    edit_history: EditHistory = EditHistory.NONE
    edits_since: int = 0
    kept_from: int = 0
    deleted: bool = False


class PluginEvent(Event, frozen=True, kw_only=True, omit_defaults=True, tag="plugin.event"):
    """Something that a plugin noted in the room. `type` begins with the plugin's name, as in `poll.closed`.

    The server itself notes `chatserver.erased` where it takes a deleted account out of the events before: with the id
    of the `user`, and in `messages` with `anonymise` or, if the texts go too, `redact`.
    """

    type: str
    payload: Any = None


class EventRemoved(Event, frozen=True, kw_only=True, tag="event.removed"):
    """The place of an event that the room kept for its time: nothing else is left of it.

    `at` and the author's id and name are empty. Only below `RoomChanged.kept_from`, where people are shown no events.
    """

    @classmethod
    def of(cls, room: str, seq: int) -> "EventRemoved":
        return cls(room=room, seq=seq, at="", author=_NOBODY)


class UnknownEvent(Event, frozen=True, kw_only=True, tag="event.unknown"):
    """An event that only a newer version can read: `unknown` is its `ev`, `fields` has its other fields."""

    unknown: str
    fields: dict[str, Any]


MessageChange: TypeAlias = (
    MessageEdited | MessageDeleted | ReactionAdded | ReactionRemoved | PinAdded | PinRemoved
)
MemberEvent: TypeAlias = MemberJoined | MemberLeft | MemberChanged
AnyEvent: TypeAlias = (
    MessagePosted
    | MessageChange
    | MemberEvent
    | RoomChanged
    | PluginEvent
    | EventRemoved
    | UnknownEvent
)


class _Entry(msgspec.Struct, frozen=True):
    """The fields that every event has, whatever its kind."""

    ev: str
    room: str
    seq: int
    at: str
    author: UserRef


# msgspec looks up a struct's fields when it first decodes one; if two threads do that at the same time, the
# process crashes (0.22). Stores may read in threads, so it is done here, before there are any.
for _kind in (AnyEvent, _Entry):
    msgspec.json.Decoder(_kind)


def read_event(fields: Mapping[str, Any], kinds: Any) -> Any:
    """Decode an event from its fields; `kinds` is the struct of one kind, or a union of several.

    While servers are updated one by one, a newer version may have written events that this one cannot read.
    If `kinds` is `AnyEvent` such an event becomes an `UnknownEvent`, so that its room can be read past it;
    otherwise the result is None, and the event is to be left out. Raises `msgspec.ValidationError` if the
    fields are not an event at all.
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
    """A message after all changes to it. A deleted message keeps its place, not its text and data.

    `reactions` maps an emoji to the ids of the users who chose it, in order. `edited_at` is the time of the last
    change of the text. `thread`, `broadcast`, `data` and `data_text` are those of `message.posted`.
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
    thread: str | None = None
    broadcast: bool = False
    mentions: tuple[str, ...] = ()
    edited_at: str | None = None
    deleted: bool = False
    pinned: bool = False
    data: Mapping[str, Any] = NO_DATA
    data_text: str = ""

    def mentions_user(self, user: str) -> bool:
        """Whether it mentions the user (id), by name or with everybody."""
        return user in self.mentions or EVERYBODY in self.mentions


def message_id(room: str, seq: int) -> str:
    """The id of the message that the event `seq` of `room` posted."""
    return f"{room}-{seq}"


def message_seq(room: str, message: str) -> int | None:
    """The seq that a message id names, or None if it is no message id of this room."""
    prefix, _, number = message.rpartition("-")
    if prefix != room or not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    return int(number)
