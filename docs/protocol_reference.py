"""The generated parts of docs/protocol.md about WebSocket and errors, and the frames' JSON Schemas."""

import inspect
import json
from collections.abc import Iterable, Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import since
from wrapping import item, joined

from chatserver import errors
from chatserver.config import LimitsConfig
from chatserver.config.settings import describe, type_text
from chatserver.delivery.notices import (
    AccountPreferencesChanged,
    BlockChanged,
    PluginNotice,
    PluginsChanged,
    PreferencesChanged,
    PresenceNow,
    ReadMoved,
    RoomAdded,
    RoomPreferences,
    RoomRemoved,
    StatusChanged,
    TypingNow,
)
from chatserver.model import AnyEvent, Event, Message, Status, User
from chatserver.protocol import OPS, AnyOp, ErrorBody, Hello, Op, Sent
from chatserver.service.bans import BanList
from chatserver.service.blocks import BlockList
from chatserver.service.commands import ArgumentView, CommandOutcome, CommandView, Suggested
from chatserver.service.edits import VersionPage
from chatserver.service.following import Followed
from chatserver.service.history import EventPage, Page
from chatserver.service.interactions import Interacted
from chatserver.service.pins import PinList
from chatserver.service.preferences import PreferencesPage
from chatserver.service.search import Found
from chatserver.service.statuses import StatusList
from chatserver.service.threads import ThreadList, ThreadPage
from chatserver.service.views import MemberList, MemberView, RoomList, RoomView

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Number = int | float | None


class Empty(msgspec.Struct):
    """An empty answer."""


class SignedIn(msgspec.Struct):
    user: User
    epoch: str


class FollowedRooms(msgspec.Struct):
    rooms: dict[str, Followed]


class Changed(msgspec.Struct):
    """The seq of the event, or the room's head if nothing had to be changed."""

    seq: int


class OwnStatus(msgspec.Struct):
    """One's own status as it is now; null is none."""

    status: Status | None


class OnlineMembers(msgspec.Struct):
    """Whether each requested user is online; users who are not members are left out."""

    users: dict[str, bool]


class CommandList(msgspec.Struct):
    commands: list[CommandView]


class Suggestions(msgspec.Struct):
    suggestions: list[Suggested]


class Lagging(msgspec.Struct, tag_field="sys", tag="lagging"):
    """This connection reads too slowly. Events follow from the log once it has caught up."""


class Drain(msgspec.Struct, tag_field="sys", tag="drain"):
    """The server is about to stop: within `after_ms` it closes with 4301."""

    after_ms: int


class Fault(msgspec.Struct):
    """The answer to an operation that was not done."""

    re: Number
    error: ErrorBody


ANSWERS: dict[str, type[msgspec.Struct] | None] = {
    "auth": SignedIn,
    "rooms": RoomList,
    "sub": FollowedRooms,
    "unsub": Empty,
    "send": Sent,
    "edit": Changed,
    "delete": Changed,
    "react": Changed,
    "unreact": Changed,
    "pin": Changed,
    "unpin": Changed,
    "interact": Interacted,
    "history": Page,
    "events": EventPage,
    "read": Empty,
    "preferences": PreferencesPage,
    "prefer": RoomPreferences,
    "prefer_account": Empty,
    "typing": None,
    "presence": OnlineMembers,
    "status": OwnStatus,
    "statuses": StatusList,
    "block": Empty,
    "unblock": Empty,
    "blocks": BlockList,
    "room": RoomView,
    "create": RoomView,
    "change": Changed,
    "archive": Changed,
    "delete_room": Changed,
    "join": RoomView,
    "leave": Empty,
    "invite": Empty,
    "kick": Empty,
    "ban": Changed,
    "unban": Changed,
    "bans": BanList,
    "pins": PinList,
    "edits": VersionPage,
    "thread": ThreadPage,
    "threads": ThreadList,
    "role": Changed,
    "members": MemberList,
    "search": Found,
    "commands": CommandList,
    "command": CommandOutcome,
    "complete": Suggestions,
    "ping": Empty,
}
PASSING: tuple[type[msgspec.Struct], ...] = (
    TypingNow,
    PresenceNow,
    StatusChanged,
    ReadMoved,
    PreferencesChanged,
    AccountPreferencesChanged,
    BlockChanged,
    RoomAdded,
    RoomRemoved,
    PluginNotice,
    PluginsChanged,
)
NOTICES: tuple[type[msgspec.Struct], ...] = (Hello, Lagging, Drain)
SHAPES: dict[str, type[msgspec.Struct]] = {
    "user": User,
    "room": RoomView,
    "member": MemberView,
    "message": Message,
    "a room of `sub`": Followed,
    "command": CommandView,
    "argument of a command": ArgumentView,
    "suggestion": Suggested,
    "error": ErrorBody,
}
CLOSE_CODES = {
    errors.CLOSE_DRAINING: "The server is about to stop or restart.",
    errors.CLOSE_INTERNAL: "The server made a mistake.",
    errors.CLOSE_UNAUTHENTICATED: "The client did not sign in in time, or its session expired.",
    errors.CLOSE_SLOW: "The client does not read what it is sent.",
    errors.CLOSE_RATE: "The client sends far too many operations.",
    errors.CLOSE_BAD_FRAME: "The frame is not a text frame with a JSON object.",
    errors.CLOSE_REJECTED: "The token is not valid, or was revoked: sign in again.",
    errors.CLOSE_FORBIDDEN: "The account is locked.",
    errors.CLOSE_VERSION: "None of the offered subprotocols is spoken here.",
    errors.CLOSE_CONNECTIONS: "Too many connections of this user, this address or all together.",
}


def operations() -> str:
    items = []
    for name, kind in OPS.items():
        answer = ANSWERS[name]
        ok = "no answer" if answer is None else keys(answer)
        items.append(_item(name, own_fields(kind, Op), f"→ {ok}", _doc(kind)))
    return "\n".join(items)


def bounds() -> str:
    """A table of the bounds of each field of operations; operations with the same bound share a row."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, kind in OPS.items():
        for field in own_fields(kind, Op):
            found.setdefault((field.name, shape(field.type)), []).append(name)
    rows = ["| field | of | holds |", "|---|---|---|"]
    for (field_name, text), names in sorted(found.items()):
        many = [key for key in found if key[0] == field_name]
        others = "all that have it" if len(many) == 1 else "all others that have it"
        used = others if len(names) > 4 else ", ".join(names)
        rows.append(f"| `{field_name}` | {used} | {text} |")
    return "\n".join(rows)


def events() -> str:
    kinds = get_args(AnyEvent)
    return "\n".join(_item(tag(kind), own_fields(kind, Event), "", _doc(kind)) for kind in kinds)


def passing() -> str:
    return "\n".join(_tagged(kind) for kind in PASSING)


def notices() -> str:
    return "\n".join(_tagged(kind) for kind in NOTICES)


def shapes() -> str:
    """A list of the objects that answers consist of."""
    items = []
    for name, kind in SHAPES.items():
        fields = ", ".join(_field(field) for field in msgspec.structs.fields(kind))
        items.append(item(f"**{name}** ({fields}): {_doc(kind)}"))
    return "\n".join(items)


def error_codes() -> str:
    dates = since.recorded()["errors"]
    rows = ["| code | HTTP status | retry | | since |", "|---|---|---|---|---|"]
    rows += [
        f"| `{code}` | {meaning.status} | {meaning.retry} | {meaning.text} | {dates[code]} |"
        for code, meaning in errors.CODES.items()
    ]
    return "\n".join(rows)


def close_codes() -> str:
    rows = ["| close code | then | |", "|---|---|---|"]
    for code, text in CLOSE_CODES.items():
        then = "come back and resume" if code < errors.CLOSE_BAD_FRAME else "stop, tell the user"
        rows.append(f"| {code} | {then} | {text} |")
    return "\n".join(rows)


def limits() -> str:
    return "\n".join(
        item(f"`{setting.key}` ({setting.default}): {setting.description}")
        for setting in describe(LimitsConfig)
    )


def schemas() -> dict[str, str]:
    """File name -> JSON Schema."""
    answers = [
        msgspec.defstruct(f"{name.capitalize()}Answer", [("re", Number), ("ok", kind)])
        for name, kind in ANSWERS.items()
        if kind is not None
    ]
    return {
        "client-frame.json": _union("A frame of a client", list(get_args(AnyOp))),
        "event.json": _union("An event of a room's log", list(get_args(AnyEvent))),
        "server-frame.json": _union(
            "A frame of the server", [*NOTICES, *get_args(AnyEvent), *PASSING, Fault, *answers]
        ),
    }


def _union(title: str, kinds: list[type]) -> str:
    roots, parts = components(kinds, "#/$defs/{name}")
    unique = [json.loads(text) for text in dict.fromkeys(json.dumps(root) for root in roots)]
    return pretty({"$schema": DIALECT, "title": title, "anyOf": unique, "$defs": parts})


def components(kinds: list[type], template: str) -> tuple[Any, dict[str, Any]]:
    """The schemas of types, and of what they refer to. A plain object may be anything."""
    roots, parts = msgspec.json.schema_components(
        kinds, schema_hook=lambda kind: {"description": "Anything."}, ref_template=template
    )
    return _dedented(roots), _dedented(parts)


def _dedented(schema: Any) -> Any:
    """The schema with its descriptions as Python 3.13 has them: earlier ones keep the indentation."""
    if isinstance(schema, dict):
        return {
            key: inspect.cleandoc(value)
            if key == "description" and isinstance(value, str)
            else _dedented(value)
            for key, value in schema.items()
        }
    if isinstance(schema, list | tuple):
        return [_dedented(part) for part in schema]
    return schema


def pretty(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def tag(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)


def own_fields(
    kind: type[msgspec.Struct], base: type[msgspec.Struct]
) -> Iterator[msgspec.structs.FieldInfo]:
    """The fields that `base` does not have."""
    shared = {field.name for field in msgspec.structs.fields(base)}
    return (field for field in msgspec.structs.fields(kind) if field.name not in shared)


def shape(kind: Any) -> str:
    """The bounds of a field in words."""
    base = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(base) in (Union, UnionType):
        return " or ".join("null" if arg is NoneType else shape(arg) for arg in get_args(base))
    if base is Any:
        return "any value"
    if get_origin(base) is dict:
        key, value = get_args(base)
        return f"an object, from {shape(key)}, to {shape(value)}"
    if get_origin(base) in (list, tuple):
        return f"a list of {shape(get_args(base)[0])}"
    if get_origin(base) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(base))
    if isinstance(base, type) and issubclass(base, Enum):
        return ", ".join(f"`{member.value}`" for member in base)
    return type_text(kind)


def _tagged(kind: type[msgspec.Struct]) -> str:
    return _item(tag(kind), msgspec.structs.fields(kind), "", _doc(kind))


def _item(name: str, fields: Iterable[msgspec.structs.FieldInfo], answer: str, text: str) -> str:
    """One item: the name, its fields in brackets, what is answered, and what it means."""
    listed = ", ".join(_field(field) for field in fields)
    shown = joined([f"**`{name}`**", f"({listed})" if listed else "", answer])
    return item(f"{shown}: {text}")


def _field(field: msgspec.structs.FieldInfo) -> str:
    return f"`{field.encode_name}`" + ("" if field.required else "?")


def keys(kind: type[msgspec.Struct]) -> str:
    """An answer or a body: the name of its shape, or its keys."""
    named = {shape: f"a {name}" for name, shape in SHAPES.items()}
    fields = msgspec.structs.fields(kind)
    listed = ", ".join(field.encode_name + ("" if field.required else "?") for field in fields)
    return named.get(kind, f"`{{{listed}}}`")


def _doc(kind: type) -> str:
    return " ".join((kind.__doc__ or "").split())
