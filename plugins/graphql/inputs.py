"""The inputs of mutations, with the same bounds as in the other interfaces."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from chatserver import (
    ChatError,
    EditHistory,
    Posting,
    RoomKind,
    RoomRole,
    ServerRole,
    read_input,
)

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Token = Annotated[str, Meta(max_length=200)]
Data = Annotated[dict[Id, Any], Meta(max_length=8)]
Values = Annotated[
    dict[Id, Annotated[list[Annotated[str, Meta(max_length=4000)]], Meta(max_length=50)]],
    Meta(max_length=10),
]
LOOKED_FOR_CHARS = 100
Topic = Annotated[str, Meta(max_length=1000)]
Description = Annotated[str, Meta(max_length=4000)]


class Input(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The base of all inputs: fields as in the schema."""


class Register(Input, frozen=True, kw_only=True, rename="camel"):
    username: Annotated[str, Meta(max_length=200)]
    password: str
    name: str | None = None


class Login(Input, frozen=True, kw_only=True, rename="camel"):
    username: Annotated[str, Meta(max_length=200)]
    password: str


class LoginPurpose(StrEnum):
    """What a sign-in by steps is for."""

    SIGN_IN = "sign_in"
    LINK = "link"
    CONFIRM = "confirm"

    @property
    def begun(self) -> Literal["sign_in", "link", "confirm"]:
        """The purpose as the service has it."""
        return self.value


class BeginLogin(Input, frozen=True, kw_only=True, rename="camel"):
    method: Id
    purpose: LoginPurpose
    back: Annotated[str, Meta(max_length=1000)]


class ProceedLogin(Input, frozen=True, kw_only=True, rename="camel"):
    flow: Token
    secret: Token
    answer: dict[str, str] | None = None
    method: Id | None = None


class EndSession(Input, frozen=True, kw_only=True, rename="camel"):
    session_id: Id


class ChangeProfile(Input, frozen=True, kw_only=True, rename="camel"):
    name: str


class SetStatus(Input, frozen=True, kw_only=True, rename="camel"):
    emoji: Annotated[str, Meta(max_length=64)]
    text: Annotated[str, Meta(max_length=500)]
    until: Annotated[str, Meta(max_length=64)] | None = None


class OneUser(Input, frozen=True, kw_only=True, rename="camel"):
    user_id: Id


class UnlinkIdentity(Input, frozen=True, kw_only=True, rename="camel"):
    identity_id: Id


class ChangePassword(Input, frozen=True, kw_only=True, rename="camel"):
    old: str
    new: str


class SetUserDisabled(Input, frozen=True, kw_only=True, rename="camel"):
    username: Annotated[str, Meta(max_length=200)]
    disabled: bool


class SetUserRole(Input, frozen=True, kw_only=True, rename="camel"):
    username: Annotated[str, Meta(max_length=200)]
    role: ServerRole


class AddUser(Register, frozen=True, kw_only=True, rename="camel"):
    must_change: bool


class SetUserPassword(Input, frozen=True, kw_only=True, rename="camel"):
    username: Annotated[str, Meta(max_length=200)]
    password: str
    must_change: bool


class EndUserSessions(Input, frozen=True, kw_only=True, rename="camel"):
    username: Annotated[str, Meta(max_length=200)]


class MakeResetLink(Input, frozen=True, kw_only=True, rename="camel"):
    username: Annotated[str, Meta(max_length=200)]


class SetEmail(Input, frozen=True, kw_only=True, rename="camel"):
    email: str | None = None


class ConfirmEmail(Input, frozen=True, kw_only=True, rename="camel"):
    code: Annotated[str, Meta(max_length=200)]


class SetUserEmail(SetEmail, frozen=True, kw_only=True, rename="camel"):
    username: Annotated[str, Meta(max_length=200)]


class CreateRoom(Input, frozen=True, kw_only=True, rename="camel"):
    kind: RoomKind
    topic: Topic
    description: Description
    members: list[Id]
    name: str | None = None


class ChangeRoom(Input, frozen=True, kw_only=True, rename="camel"):
    room_id: Id
    name: str | None = None
    topic: Topic | None = None
    description: Description | None = None
    posting: Posting | None = None
    slow_mode: Annotated[int, Meta(ge=0, le=21_600)] | None = None
    edit_history: EditHistory | None = None
    kind: RoomKind | None = None


class SetRoomArchived(Input, frozen=True, kw_only=True, rename="camel"):
    room_id: Id
    archived: bool


class OneRoom(Input, frozen=True, kw_only=True, rename="camel"):
    room_id: Id


class OneMember(Input, frozen=True, kw_only=True, rename="camel"):
    room_id: Id
    user_id: Id


class BanMember(OneMember, frozen=True, kw_only=True, rename="camel"):
    reason: Annotated[str, Meta(max_length=500)] = ""
    seconds: Annotated[int, Meta(ge=1, le=315_360_000)] | None = None


class SetMemberRole(OneMember, frozen=True, kw_only=True, rename="camel"):
    role: RoomRole


class MarkRead(Input, frozen=True, kw_only=True, rename="camel"):
    room_id: Id
    seq: Annotated[int, Meta(ge=0)]


class SetRoomPreferences(Input, frozen=True, kw_only=True, rename="camel"):
    room_id: Id
    favourite: bool | None = None
    section: str | None = None
    muted: bool | None = None
    unread: bool | None = None
    watched: bool | None = None


class Preference(Input, frozen=True, kw_only=True, rename="camel"):
    key: Annotated[str, Meta(max_length=64)]
    value: Annotated[str, Meta(max_length=4000)] | None = None


class SetPreferences(Input, frozen=True, kw_only=True, rename="camel"):
    preferences: Annotated[list[Preference], Meta(max_length=200)]


class SendMessage(Input, frozen=True, kw_only=True, rename="camel"):
    room_id: Id
    body: str
    client_id: Id
    reply_to: Id | None = None
    thread: Id | None = None
    broadcast: bool = False
    data: Data | None = None


class RunCommand(Input, frozen=True, kw_only=True, rename="camel"):
    room_id: Id
    text: str
    client_id: Id


class OneMessage(Input, frozen=True, kw_only=True, rename="camel"):
    room_id: Id
    message_id: Id


class EditMessage(OneMessage, frozen=True, kw_only=True, rename="camel"):
    body: str
    data: Data | None = None


class Interact(OneMessage, frozen=True, kw_only=True, rename="camel"):
    part: Id
    values: Values | None = None


class React(OneMessage, frozen=True, kw_only=True, rename="camel"):
    emoji: Annotated[str, Meta(min_length=1, max_length=32)]


def read_room(given: dict[str, Any] | None, room_id: str | None) -> OneRoom:
    """A room given as an input, or by older clients as an id. Raises `ChatError` request.invalid."""
    if (given is None) == (room_id is None):
        raise ChatError("request.invalid", "input: expected a room.")
    return read_input({"roomId": room_id} if given is None else given, OneRoom)


def bounded(name: str, value: int | None, default: int, most: int) -> int:
    """The requested size of a list, or `default`. Raises `ChatError` request.invalid unless 1 to `most`."""
    if value is None:
        return default
    if value < 1:
        raise ChatError("request.invalid", f"{name}: expected a whole number of at least 1.")
    if value > most:
        raise ChatError("request.invalid", f"{name}: at most {most}.", detail={"limit": most})
    return value


def looked_for(text: str | None) -> str:
    """A text that rooms or members are looked for by. Raises `ChatError` request.invalid if it is too long."""
    if text is not None and len(text) > LOOKED_FOR_CHARS:
        raise ChatError("request.invalid", f"text: expected at most {LOOKED_FOR_CHARS} characters.")
    return text or ""


def position(name: str, value: int | None) -> int | None:
    """A seq. Raises `ChatError` request.invalid below 0."""
    if value is not None and value < 0:
        raise ChatError("request.invalid", f"{name}: expected a whole number of at least 0.")
    return value
