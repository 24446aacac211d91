"""What users ask the server to do, as plugins see it before it is done.

One struct for each action, whichever interface it came by. New and edited messages have hooks of their own.
"""

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from chatserver.model import RoomKind, RoomRole


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all actions. `changeable` names the fields that a plugin may replace; all others stay."""

    changeable: ClassVar[tuple[str, ...]] = ()


class Register(Action, frozen=True, kw_only=True):
    """Somebody makes an account; there is no user yet, unless a member of the staff makes it for them.

    `name` is the shown name, None if it was not given.
    """

    changeable = ("name",)

    username: str
    name: str | None
    address: str


class SignIn(Action, frozen=True, kw_only=True):
    """The user, whom the sign-in method has shown to be there, begins a session from this address."""

    address: str
    method: str = "password"


class RoomCreate(Action, frozen=True, kw_only=True):
    """The user makes a room with these members (ids) besides. A direct room has no name."""

    changeable = ("name", "topic")

    kind: RoomKind
    name: str | None
    topic: str
    members: tuple[str, ...]


class RoomChange(Action, frozen=True, kw_only=True):
    """The user gives a room another name, another topic, or both; None leaves it as it is."""

    changeable = ("name", "topic")

    room: str
    name: str | None
    topic: str | None


class RoomJoin(Action, frozen=True, kw_only=True):
    """The user joins a public room."""

    room: str


class RoomLeave(Action, frozen=True, kw_only=True):
    """The user leaves a room."""

    room: str


class RoomInvite(Action, frozen=True, kw_only=True):
    """The user puts another user (id) into a room."""

    room: str
    member: str


class RoomRemove(Action, frozen=True, kw_only=True):
    """The user removes a member (id) from a room."""

    room: str
    member: str


class RoomAppoint(Action, frozen=True, kw_only=True):
    """The user gives a member (id) another role in a room."""

    room: str
    member: str
    role: RoomRole


class MessageDelete(Action, frozen=True, kw_only=True):
    """The user deletes a message (id), which somebody else may have written."""

    room: str
    message: str
    author: str


class React(Action, frozen=True, kw_only=True):
    """The user adds a reaction to a message (id), or takes it back."""

    room: str
    message: str
    emoji: str
    added: bool


class Pin(Action, frozen=True, kw_only=True):
    """The user pins a message (id), or unpins it."""

    room: str
    message: str
    pinned: bool


class Interact(Action, frozen=True, kw_only=True):
    """The user uses a button, menu or form (`part`, its id) of a message (id).

    `values` are those of `Interaction`, and `namespace` is the data whose plugin gets them.
    """

    room: str
    message: str
    namespace: str
    part: str
    values: Mapping[str, tuple[str, ...]]


class RunCommand(Action, frozen=True, kw_only=True):
    """The user runs a command in a room; `text` is what stands behind its name."""

    room: str
    command: str
    text: str


class AccountLock(Action, frozen=True, kw_only=True):
    """The user, of the staff, locks an account (id) out, or lets it in again."""

    account: str
    locked: bool


class PasswordReset(Action, frozen=True, kw_only=True):
    """The user, of the staff, sets the password of an account (id), or makes a link to set it (`by_link`), or
    sets the e-mail address to which such links are sent.
    """

    account: str
    by_link: bool


ACTIONS: tuple[type[Action], ...] = tuple(Action.__subclasses__())
