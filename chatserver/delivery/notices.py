"""Notices to connections that are in no log."""

from typing import Any

import msgspec

from chatserver.model import Ban, RoomKind, Status, UserRef


class RoomAdded(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag="room.added"):
    """Tells a user's connections that the user is in a room now."""

    room: str
    name: str | None
    kind: RoomKind
    head: int


class RoomRemoved(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="ev",
    tag="room.removed",
    omit_defaults=True,
):
    """Tells a user's connections that the user is in a room no longer; with a `ban`, and may not come back.

    `deleted`: the room is gone for everybody.
    """

    room: str
    ban: Ban | None = None
    deleted: bool = False


class ReadMoved(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag="read"):
    """Tells a user's other connections how far the user has read."""

    room: str
    seq: int


class RoomPreferences(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a user prefers of a room; a key is left out where it is false or empty.

    `favourite`: listed first. `section`: the user's own heading for it in the list. `muted`: nothing is told of it,
    except mentions. `unread`: marked by the user, to read it later. `watched`: the user is told of every message, not
    only of mentions and replies, unless it is muted.
    """

    favourite: bool = False
    section: str = ""
    muted: bool = False
    unread: bool = False
    watched: bool = False


class PreferencesChanged(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag="preferences"
):
    """Tells a user's other connections what the user prefers of a room."""

    room: str
    preferences: RoomPreferences


class StatusChanged(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag="status"):
    """Tells the user, and those who follow a room that the user is in, of another status; null is none."""

    user: str
    status: Status | None


Preferred = dict[str, str | None]


class AccountPreferencesChanged(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag="account.preferences"
):
    """Tells a user's other connections what the user prefers of clients: new texts by key, null for one that is gone."""

    values: Preferred


class BlockChanged(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag="blocked"):
    """Tells a user's other connections that the user blocks somebody (id) from now on, or does not any more."""

    user: str
    blocked: bool


class PluginsChanged(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag="plugins.changed"
):
    """Tells that commands, parts of the page or ways to sign in may have come or gone: ask for them again."""


class PluginNotice(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag="plugin.notice"):
    """Tells something of a plugin, which gives it a `name`. A client that is not connected misses it."""

    plugin: str
    name: str
    payload: Any = None


class Mentioned(msgspec.Struct, frozen=True, kw_only=True):
    """Tells of a message that mentions the user.

    Not in chat.v1, whose clients follow their rooms and see it in the message.
    """

    room: str
    seq: int
    message: str
    author: UserRef


class TypingNow(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag="typing"):
    """Tells the others in a room that somebody is typing."""

    room: str
    user: UserRef


class PresenceNow(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag="presence"):
    """Tells a watching connection which users have come online, or gone offline."""

    users: dict[str, bool]
