"""The arguments of one call of a command: its words, checked, with users and rooms looked up."""

import math
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from chatserver.errors import ChatError
from chatserver.hooks.arguments import Argument, ArgumentKind
from chatserver.model import ServerRole, User
from chatserver.roomlog.room import Room
from chatserver.service.accounts import Accounts
from chatserver.service.commands.words import word_at
from chatserver.service.rights import may_read
from chatserver.service.rooms import RoomService

WHY_CHARS = 500  # of a plugin's reason
SHOWN_CHARS = 40  # of a word in an error
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
YES, NO = ("yes", "on", "true", "1"), ("no", "off", "false", "0")
# Field and reason as the page looks up its texts; the argument's name is added.
_WRONG: dict[ArgumentKind, tuple[str, dict[str, object]]] = {
    ArgumentKind.WHOLE: ("expected a whole number", {"field": "argument", "reason": "whole"}),
    ArgumentKind.NUMBER: ("expected a number", {"field": "argument", "reason": "number"}),
    ArgumentKind.YES_NO: ("expected yes or no", {"field": "argument", "reason": "yes"}),
    ArgumentKind.CHOICE: ("expected {choices}", {"field": "argument", "reason": "choice"}),
    ArgumentKind.USER: ("there is no such user", {"field": "argument", "reason": "user"}),
    ArgumentKind.ROOM: ("there is no such room", {"field": "argument", "reason": "room"}),
}


class Reader:
    """Reads arguments for a user in a room."""

    def __init__(self, rooms: RoomService, accounts: Accounts) -> None:
        self._rooms, self._accounts = rooms, accounts

    async def read(
        self,
        user: User,
        room: Room,
        kind: type[msgspec.Struct],
        arguments: Sequence[Argument],
        text: str,
    ) -> msgspec.Struct:
        """The struct `kind` with the values in the text. Raises `ChatError` command.invalid."""
        values: dict[str, Any] = {}
        place = 0
        for argument in arguments:
            if argument.kind is ArgumentKind.REST:
                rest = text[place:].strip()
                place = len(text)
                if rest:
                    values[argument.name] = _bounded(argument, rest)
            elif (word := word_at(text, place)) is not None:
                if word.is_open:
                    raise _invalid(
                        argument.name,
                        "its quotes do not end",
                        {"field": "argument", "reason": "quote"},
                    )
                place = word.end
                values[argument.name] = await self._value(user, room, argument, word.value)
            if argument.required and argument.name not in values:
                raise _invalid(
                    argument.name, "it is missing", {"field": "argument", "reason": "missing"}
                )
        if (extra := word_at(text, place)) is not None:
            shown = extra.value[:SHOWN_CHARS]
            raise _invalid(shown, "this is too much", {"field": "argument", "reason": "extra"})
        try:
            return kind(**values)
        except ValueError as error:  # of the struct's own check
            raise ChatError("command.invalid", str(error)[:WHY_CHARS]) from error

    async def _value(self, user: User, room: Room, argument: Argument, word: str) -> Any:
        found: User | Room | None
        match argument.kind:
            case ArgumentKind.USER:
                found = await self._user(user, room, word)
            case ArgumentKind.ROOM:
                found = await self._room(user, word)
            case _:
                return _bounded(argument, _plain(argument, word))
        if found is None:
            raise _wrong(argument)
        return found

    async def _user(self, user: User, room: Room, word: str) -> User | None:
        """The user of this name; guests know only users of the same room."""
        found = await self._accounts.by_name(word.removeprefix("@"))
        if found is None or found.disabled or found.deleted:
            return None
        if user.role is ServerRole.GUEST and room.role(found.id) is None:
            return None
        return found

    async def _room(self, user: User, word: str) -> Room | None:
        """The only one of the user's rooms with this name, or the room of this id, if the user may read it."""
        wanted = word.removeprefix("#")
        name = wanted.casefold()
        joined = await self._rooms.joined(user)
        named = [each for each in joined if (self._rooms.name(user, each) or "").casefold() == name]
        if len(named) == 1:
            return named[0]
        try:
            found = await self._rooms.get(wanted, user)
        except ChatError as error:
            if error.code != "room.not_found":
                raise
            return None
        return found if may_read(user, found) else None


def _plain(argument: Argument, word: str) -> Any:
    """The value of a word that stands for itself. Raises `ChatError` command.invalid."""
    folded = word.casefold()
    match argument.kind:
        case ArgumentKind.WHOLE if _WHOLE.fullmatch(word):
            return int(word)
        case ArgumentKind.NUMBER:
            try:
                number = float(word)
            except ValueError:
                raise _wrong(argument) from None
            if math.isfinite(number):
                return number
        case ArgumentKind.YES_NO if folded in (*YES, *NO):
            return folded in YES
        case ArgumentKind.CHOICE if folded in argument.choices:
            return folded
        case ArgumentKind.TEXT:
            return word
    raise _wrong(argument)


def _bounded(argument: Argument, value: Any) -> Any:
    """The value in the argument's type, within its bounds. Raises `ChatError` command.invalid."""
    try:
        return msgspec.convert(value, argument.type)
    except msgspec.ValidationError as error:
        raise _invalid(argument.name, str(error), {"field": "argument", "reason": "bounds"}) from (
            error
        )


def _wrong(argument: Argument) -> ChatError:
    text, detail = _WRONG[argument.kind]
    choices = " or ".join(argument.choices)
    more = {"choices": choices} if argument.choices else {}
    return _invalid(argument.name, text.format(choices=choices), detail | more)


def _invalid(name: str, text: str, detail: dict[str, object]) -> ChatError:
    return ChatError("command.invalid", f"{name}: {text}.", detail={**detail, "argument": name})
