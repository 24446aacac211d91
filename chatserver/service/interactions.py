"""Uses of the buttons, menus and forms of messages: checked here, then handed to the plugin that gave them."""

from collections.abc import Mapping, Sequence

import msgspec

from chatserver.errors import ChatError
from chatserver.hooks.actions import Interact
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.types import Interaction
from chatserver.model import Message, User
from chatserver.parts import NAMESPACE, Button, Form, Menu, Parts, WrongValues, checked
from chatserver.roomlog.room import Room
from chatserver.service.contexts import Contexts
from chatserver.service.history import History
from chatserver.service.messages import Messages
from chatserver.service.rights import Right, demand

NOTE_CHARS = 4000


class Interacted(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of an interaction. `note` is for the user alone; `seq` that of a change of the message."""

    note: str | None = None
    seq: int | None = None


class Interactions:
    """Hands interactions to plugins."""

    def __init__(
        self, history: History, messages: Messages, hooks: HookCalls, contexts: Contexts
    ) -> None:
        self._history, self._messages = history, messages
        self._hooks, self._contexts = hooks, contexts

    async def interact(
        self,
        user: User,
        room: Room,
        message: str,
        part: str,
        values: Mapping[str, Sequence[str]],
    ) -> Interacted:
        """Let the plugin of the message answer.

        Raises `ChatError` room.not_found, room.archived, message.not_found, message.part_not_found, request.invalid
        for values that do not fit the part, action.refused, and plugin.failed, also while the plugin is off.
        """
        demand(user, room, Right.INTERACT)
        found = await self._history.message(room, message)
        parts = _parts_of(found)
        used = parts.find(part) if parts is not None else None
        if parts is None or used is None:
            raise ChatError("message.part_not_found")
        given = _checked(used, values)
        kind = self._messages.data.kind(parts.of)
        if kind is None or kind.data.interact is None:
            raise ChatError("plugin.failed", "The plugin of this message is off.")
        action = Interact(
            room=room.id, message=message, namespace=parts.of, part=part, values=given
        )
        await self._hooks.allow(action, user)
        interaction = Interaction(
            user=user,
            message=found,
            part=part,
            values=given,
            context=await self._contexts.of(found),
        )
        reply = await self._hooks.interact(kind.plugin, kind.data.interact, interaction)
        seq = None
        if reply.change is not None:
            change = self._hooks.contained_change(kind.plugin, reply.change)
            seq = await self._messages.change_data(kind.plugin, room, message, change)
        return Interacted(reply.note[:NOTE_CHARS] if reply.note else None, seq)


def _parts_of(message: Message) -> Parts | None:
    """The parts of a message; None without any, or if a newer version wrote what this one does not know."""
    try:
        return msgspec.convert(message.data[NAMESPACE], Parts)
    except (KeyError, msgspec.ValidationError):
        return None


def _checked(
    part: Button | Menu | Form, values: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    try:
        return checked(part, values)
    except WrongValues as error:
        raise ChatError(
            "request.invalid", f"values: {error}.", detail={"field": "values", "reason": "form"}
        ) from error
