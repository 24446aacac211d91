"""Suggestions for a command that is being typed: its name, or the value of an argument."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from chatserver.hooks.arguments import ABOUT_CHARS, Argument, ArgumentKind
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.commands import Command, Completion, Suggestion
from chatserver.localized import Localized, cut
from chatserver.model import User
from chatserver.roomlog.room import Room
from chatserver.service.accounts import Accounts
from chatserver.service.commands.words import Call, quoted, word_at
from chatserver.service.found import found_by
from chatserver.service.rooms import RoomService

MOST = 10  # suggestions in one answer
MEMBERS = 200  # of a room, whose names are looked at
VALUE_CHARS = 200  # of a plugin's suggestion


class Suggested(msgspec.Struct, frozen=True, omit_defaults=True):
    """A suggestion: `text` is the whole text of the command with it, `label` is what to show in a list."""

    text: str
    label: str
    about: Localized = ""


class Place(NamedTuple):
    """The argument that is being typed: its beginning, the words before it, and where it is in the text."""

    argument: Argument
    value: str
    before: tuple[str, ...]
    start: int
    is_last: bool


class Completer:
    """Suggests values for arguments."""

    def __init__(self, hooks: HookCalls, rooms: RoomService, accounts: Accounts) -> None:
        self._hooks, self._rooms, self._accounts = hooks, rooms, accounts

    async def complete(
        self,
        user: User,
        room: Room,
        plugin: str,
        command: Command,
        arguments: Sequence[Argument],
        text: str,
        call: Call,
    ) -> list[Suggested]:
        """At most MOST suggestions for the argument at the end of the text."""
        place = place_in(arguments, text, call.start)
        if place is None:
            return []
        completion = Completion(
            user=user,
            room=room,
            argument=place.argument.name,
            value=place.value,
            before=place.before,
        )
        given = await self._hooks.complete_command(plugin, command, completion)
        if given is None:
            given = await self._own(user, room, place)
        head = text[: place.start]
        return [
            _suggested(head, place, each)
            for each in given[:MOST]
            if each.value and len(each.value) <= VALUE_CHARS
        ]

    async def _own(self, user: User, room: Room, place: Place) -> list[Suggestion]:
        match place.argument.kind:
            case ArgumentKind.USER:
                return await self._users(user, room, place.value.removeprefix("@").casefold())
            case ArgumentKind.ROOM:
                wanted = place.value.removeprefix("#").casefold()
                rooms = await self._rooms.shown(user, await self._rooms.joined(user))
                names = [self._rooms.name(user, each) for each in rooms]
                return [Suggestion(f"#{name}") for name in _beginning(wanted, filter(None, names))]
            case ArgumentKind.YES_NO:
                choices: Sequence[str] = ("yes", "no")
            case _:
                choices = place.argument.choices
        return [Suggestion(each) for each in _beginning(place.value.casefold(), choices)]

    async def _users(self, user: User, room: Room, wanted: str) -> list[Suggestion]:
        """Members of the room whose names begin so; in large rooms, of the first ones only."""
        known = await self._accounts.get_many(list(islice(room.members, MEMBERS)))
        fitting = [
            each
            for each in known.values()
            if any(name.startswith(wanted) for name in (each.username, each.name.casefold()))
        ]
        found = await found_by(self._hooks, user, fitting)
        return [
            Suggestion(f"@{each.username}", each.name)
            for each in sorted(found, key=lambda each: each.username)
        ]


def place_in(arguments: Sequence[Argument], text: str, start: int) -> Place | None:
    """The argument at the end of the text, whose arguments begin at `start`; None if it has no more."""
    before: list[str] = []
    end = start
    for index, argument in enumerate(arguments):
        is_last = index == len(arguments) - 1
        word = word_at(text, end)
        if word is None:
            return Place(argument, "", tuple(before), len(text), is_last)
        if argument.kind is ArgumentKind.REST:
            return Place(argument, text[word.start :], tuple(before), word.start, is_last)
        if word.is_open or word.end == len(text):
            return Place(argument, word.value, tuple(before), word.start, is_last)
        before.append(word.value)
        end = word.end
    return None


def _beginning(wanted: str, values: Iterable[str]) -> list[str]:
    return [value for value in values if value.casefold().startswith(wanted)]


def _suggested(head: str, place: Place, suggestion: Suggestion) -> Suggested:
    value = suggestion.value
    typed = value if place.argument.kind is ArgumentKind.REST else quoted(value)
    text = f"{head}{typed}{'' if place.is_last else ' '}"
    return Suggested(text, value, cut(suggestion.about, ABOUT_CHARS))
