"""The arguments of a command, read from the fields of a struct: their kinds, order and usage.

Nothing is parsed or looked up here: that is done for each call by `chatserver/service/commands/`.
"""

import inspect
import re
from collections.abc import Sequence
from enum import Enum, StrEnum
from itertools import pairwise
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

from chatserver.hooks.commands import Command
from chatserver.localized import is_localized
from chatserver.model import RoomRole, ServerRole, User
from chatserver.roomlog.room import Room

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
ABOUT_CHARS = 200  # shown in a line of a list
DEADLINE_SECONDS = 10.0  # at most: clients that get no answer for 15 s take the connection for dead


class ArgumentKind(StrEnum):
    """How an argument is typed, and what it becomes: one word, except for `rest`, which takes what is left."""

    TEXT = "text"
    REST = "rest"
    WHOLE = "whole"
    NUMBER = "number"
    YES_NO = "yes_no"
    CHOICE = "choice"
    USER = "user"
    ROOM = "room"


_KINDS = {
    str: ArgumentKind.TEXT,
    int: ArgumentKind.WHOLE,
    float: ArgumentKind.NUMBER,
    bool: ArgumentKind.YES_NO,
    User: ArgumentKind.USER,
    Room: ArgumentKind.ROOM,
}
_SHOWN = {
    ArgumentKind.REST: "{name}…",
    ArgumentKind.USER: "@{name}",
    ArgumentKind.ROOM: "#{name}",
    ArgumentKind.YES_NO: "yes|no",
}


class Argument(NamedTuple):
    """One argument. `type` is that of its field, with the bounds in its `Meta` and without None."""

    name: str
    kind: ArgumentKind
    type: Any
    required: bool
    choices: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        shown = _SHOWN.get(self.kind, "{name}").format(name=self.name)
        shown = "|".join(self.choices) if self.choices else shown
        return shown if self.required else f"[{shown}]"


def arguments_of(kind: type[msgspec.Struct]) -> tuple[Argument, ...]:
    """The arguments of a struct, in order. Raises `TypeError` for a field that cannot be one."""
    found = tuple(map(_argument, msgspec.structs.fields(kind)))
    for before, after in pairwise(found):
        if before.kind is ArgumentKind.REST:
            raise TypeError(f"{before.name} takes the rest of the text, so it must be the last")
        if after.required and not before.required:
            raise TypeError(f"{after.name} has no default, but {before.name} before it has one")
    return found


def usage_of(command: Command, arguments: Sequence[Argument]) -> str:
    """How the command is typed: `/remind minutes text…`."""
    derived = " ".join([f"/{command.name}", *(argument.usage for argument in arguments)])
    return command.usage or derived


def check_command(command: Command) -> None:
    """Raise `TypeError` or `ValueError` for a command that cannot be offered."""
    if not NAME.fullmatch(command.name):
        raise ValueError("its name must be 1 to 32 of a-z, 0-9 and -")
    if not is_localized(command.about, ABOUT_CHARS):
        raise ValueError(
            f"about must be a sentence of at most {ABOUT_CHARS} characters, or one for each language"
        )
    for name in ("run", "complete"):
        function = getattr(command, name)
        is_left_out = name == "complete" and function is None
        if not is_left_out and not inspect.iscoroutinefunction(function):
            raise TypeError(f"{name} must be async def")
    if not isinstance(command.who, RoomRole | ServerRole):
        raise TypeError("who must be a RoomRole or a ServerRole")
    if command.deadline is not None and not 0 < command.deadline <= DEADLINE_SECONDS:
        raise ValueError(f"deadline must be above 0 and at most {DEADLINE_SECONDS:g}")
    arguments_of(command.arguments)


def _argument(field: msgspec.structs.FieldInfo) -> Argument:
    kind = _without_none(field.type)
    base = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    choices = _choices(field.name, base)
    if choices:
        return Argument(field.name, ArgumentKind.CHOICE, kind, field.required, choices)
    if base not in _KINDS:
        raise TypeError(f"{field.name}: {base!r} is no type of an argument")
    return Argument(
        field.name, ArgumentKind.REST if _is_rest(kind) else _KINDS[base], kind, field.required
    )


def _without_none(kind: Any) -> Any:
    if get_origin(kind) not in (Union, UnionType):
        return kind
    others = [each for each in get_args(kind) if each is not NoneType]
    return others[0] if len(others) == 1 else kind


def _choices(name: str, base: Any) -> tuple[str, ...]:
    if get_origin(base) is Literal:
        values = get_args(base)
    elif isinstance(base, type) and issubclass(base, Enum):
        values = tuple(each.value for each in base)
    else:
        return ()
    for value in values:
        if (
            not isinstance(value, str)
            or not value
            or value != value.casefold()
            or value.split() != [value]
        ):
            raise TypeError(f"{name}: {value!r} is no choice; expected a word in lower case")
    return values


def _is_rest(kind: Any) -> bool:
    return any(
        isinstance(each, msgspec.Meta) and (each.extra or {}).get("argument") == "rest"
        for each in getattr(kind, "__metadata__", ())
    )
