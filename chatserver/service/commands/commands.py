"""The commands of all plugins: which a user may run in a room, and running them. Every door comes through here."""

import difflib
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from chatserver.config import LimitsConfig
from chatserver.errors import ChatError
from chatserver.hooks.actions import RunCommand
from chatserver.hooks.arguments import Argument, ArgumentKind, arguments_of, usage_of
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.commands import Command, Invocation
from chatserver.interfaces import Store
from chatserver.localized import Localized
from chatserver.model import ServerRole, User
from chatserver.roomlog.repeats import stored_sends
from chatserver.roomlog.room import Room
from chatserver.service.accounts import Accounts
from chatserver.service.commands.completing import Completer, Suggested
from chatserver.service.commands.reading import Reader
from chatserver.service.commands.runs import CommandOutcome, Runs
from chatserver.service.commands.words import Call, called
from chatserver.service.messages import Messages
from chatserver.service.rights import Right, demand, may_run
from chatserver.service.rooms import RoomService
from chatserver.service.texts import check_body

SHOWN_CHARS = 32  # of an unknown name, in an error


class ArgumentView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An argument of a command. `kind` says how it is typed; with `choices`, it is one of them."""

    name: str
    kind: ArgumentKind
    required: bool
    choices: tuple[str, ...] = ()


class CommandView(msgspec.Struct, frozen=True, kw_only=True):
    """A command that a user may run in a room.

    `who` is the lowest role that may: `room.` or `server.` and the name of a role there.
    """

    name: str
    usage: str
    about: Localized
    who: str
    arguments: tuple[ArgumentView, ...]


class _Registered(NamedTuple):
    plugin: str
    command: Command
    arguments: tuple[Argument, ...]
    view: CommandView


class Commands:
    """Lists, runs and completes commands for users."""

    def __init__(
        self,
        store: Store,
        hooks: HookCalls,
        rooms: RoomService,
        messages: Messages,
        accounts: Accounts,
        limits: LimitsConfig,
    ) -> None:
        self._store, self._hooks, self._messages, self._limits = store, hooks, messages, limits
        self._reader = Reader(rooms, accounts)
        self._completer = Completer(hooks, rooms, accounts)
        self._runs = Runs()
        self._known: dict[str, _Registered] = {}

    def register(self, commands: Sequence[tuple[str, Command]]) -> None:
        """Offer these commands, each with the plugin that brings it, in place of those before."""
        self._known = {
            command.name: _registered(plugin, command)
            for plugin, command in sorted(commands, key=lambda each: each[1].name)
        }

    def all(self) -> list[Command]:
        """All commands, whoever may run them, by name."""
        return [each.command for each in self._known.values()]

    def available(self, user: User, room: Room) -> list[CommandView]:
        """The commands that the user may run in the room, by name."""
        demand(user, room, Right.READ)
        return [each.view for each in self._known.values() if _is_offered(user, room, each.command)]

    async def run(self, user: User, room: Room, text: str, client_id: str) -> CommandOutcome:
        """Run "/name arguments" and return its outcome once a posted message is durable.

        A repeat of the same client_id runs nothing if the first call posted a message, or ended a short while
        ago on this node. Raises `ChatError` command.unknown, command.forbidden, command.invalid,
        action.refused, plugin.failed, limit.rate, those of posting a message, and those of the command.
        """
        demand(user, room, Right.READ)
        check_body(text, self._limits.message_chars)
        known, call = self._called(user, room, text)
        run = partial(self._run, user, room, known, call, client_id)
        return await self._runs.once(user.id, client_id, (room.id, text), run)

    async def complete(self, user: User, room: Room, text: str) -> list[Suggested]:
        """Suggestions for a command that is being typed. None for a text that is no command."""
        demand(user, room, Right.READ)
        check_body(text, self._limits.message_chars)
        if not text.startswith("/"):
            return []
        typed = text[1:].casefold()
        if not typed or typed.split() == [typed]:
            found = [each for each in self.available(user, room) if each.name.startswith(typed)]
            return [Suggested(f"/{each.name} ", each.usage, each.about) for each in found]
        call = called(text)
        known = None if call is None else self._known.get(call.name)
        if call is None or known is None or not _is_offered(user, room, known.command):
            return []
        return await self._completer.complete(
            user, room, known.plugin, known.command, known.arguments, text, call
        )

    async def stop(self) -> None:
        """End the commands that still run."""
        await self._runs.stop()

    def _called(self, user: User, room: Room, text: str) -> tuple[_Registered, Call]:
        call = called(text)
        known = None if call is None else self._known.get(call.name)
        if call is None or known is None or not _exists(room, known.command):
            raise self._unknown(user, room, "" if call is None else call.name)
        _demand(user, room, known.command)
        return known, call

    def _unknown(self, user: User, room: Room, name: str) -> ChatError:
        names = [each.name for each in self.available(user, room)]
        shown = name[:SHOWN_CHARS]
        close = difflib.get_close_matches(shown, names, n=1)
        text = f"There is no command /{shown} here."
        if close:
            text += f" Did you mean /{close[0]}?"
        return ChatError("command.unknown", text, detail={"command": shown})

    async def _run(
        self, user: User, room: Room, known: _Registered, call: Call, client_id: str
    ) -> CommandOutcome:
        if posted := await self._posted(user, room, client_id):
            return posted
        command = known.command
        arguments = await self._reader.read(
            user, room, command.arguments, known.arguments, call.text
        )
        action = RunCommand(room=room.id, command=command.name, text=call.text)
        await self._hooks.allow(action, user)
        _demand(user, room, command)  # a role may have been lost meanwhile
        invocation = Invocation(
            user=user, room=room, arguments=arguments, text=call.text, client_id=client_id
        )
        answer = await self._hooks.run_command(known.plugin, command, invocation)
        if answer is None:
            return CommandOutcome()
        if answer.to == "user":
            return CommandOutcome(text=answer.text[: self._limits.message_chars])
        event, repeated = await self._messages.post(user, room, client_id, answer.text)
        return CommandOutcome(message=event.id, seq=event.seq, repeated=repeated)

    async def _posted(self, user: User, room: Room, client_id: str) -> CommandOutcome | None:
        """The message that an earlier call posted, on any node, at any time."""
        send = (room.id, user.id, client_id)
        event = (await stored_sends(self._store, [send])).get(send)
        if event is None:
            return None
        if event.room != room.id:
            raise ChatError("message.client_id_reused")
        return CommandOutcome(message=event.id, seq=event.seq, repeated=True)


def _registered(plugin: str, command: Command) -> _Registered:
    arguments = arguments_of(command.arguments)
    scope = "server" if isinstance(command.who, ServerRole) else "room"
    view = CommandView(
        name=command.name,
        usage=usage_of(command, arguments),
        about=command.about,
        who=f"{scope}.{command.who}",
        arguments=tuple(map(_shown, arguments)),
    )
    return _Registered(plugin, command, arguments, view)


def _shown(argument: Argument) -> ArgumentView:
    return ArgumentView(
        name=argument.name,
        kind=argument.kind,
        required=argument.required,
        choices=argument.choices,
    )


def _demand(user: User, room: Room, command: Command) -> None:
    if not may_run(user, room, command.who):
        raise ChatError("command.forbidden", detail={"command": command.name})


def _exists(room: Room, command: Command) -> bool:
    return room.description is not None and room.description.kind in command.rooms


def _is_offered(user: User, room: Room, command: Command) -> bool:
    return _exists(room, command) and may_run(user, room, command.who)
