"""Mutations of messages: posting, commands, changes, reactions, pins, and the use of their parts."""

from typing import Any, NamedTuple

from chatserver import Message, read_input
from chatserver_plugins.graphql import inputs
from chatserver_plugins.graphql.asking import Asking, MessageKey
from chatserver_plugins.graphql.resolvers.given import Given, asked, room_of
from chatserver_plugins.graphql.resolvers.payloads import ChangePayload
from chatserver_plugins.graphql.resolvers.rooms import describe


class InteractPayload(NamedTuple):
    note: str | None
    seq: int | None
    key: MessageKey


class MessagePayload(NamedTuple):
    message: Message
    repeated: bool


class CommandPayload(NamedTuple):
    text: str | None
    repeated: bool
    room_id: str
    message_id: str | None


async def send_message(parent: object, info: Any, input: Given) -> MessagePayload:
    asking, given = asked(info, input, inputs.SendMessage)
    room = await room_of(asking, given.room_id)
    event, repeated = await asking.service.messages.post(
        asking.user,
        room,
        given.client_id,
        given.body,
        given.reply_to,
        thread=given.thread,
        broadcast=given.broadcast,
        data=given.data,
    )
    message = asking.message_of(event)
    return MessagePayload(message if isinstance(message, Message) else await message, repeated)


async def run_command(parent: object, info: Any, input: Given) -> CommandPayload:
    asking, given = asked(info, input, inputs.RunCommand)
    room = await room_of(asking, given.room_id)
    outcome = await asking.service.commands.run(asking.user, room, given.text, given.client_id)
    return CommandPayload(outcome.text, outcome.repeated, room.id, outcome.message)


async def command_message(parent: CommandPayload, info: Any) -> Message | None:
    if parent.message_id is None:
        return None
    asking: Asking = info.context
    return await asking.standing.load(MessageKey(parent.room_id, parent.message_id))


async def edit_message(parent: object, info: Any, input: Given) -> ChangePayload:
    asking, given = asked(info, input, inputs.EditMessage)
    room = await room_of(asking, given.room_id)
    messages = asking.service.messages
    seq = await messages.edit(asking.user, room, given.message_id, given.body, data=given.data)
    return ChangePayload(seq, describe(asking, room), given.message_id)


async def delete_message(parent: object, info: Any, input: Given) -> ChangePayload:
    asking, given = asked(info, input, inputs.OneMessage)
    room = await room_of(asking, given.room_id)
    seq = await asking.service.messages.delete(asking.user, room, given.message_id)
    return ChangePayload(seq, describe(asking, room), given.message_id)


async def add_reaction(parent: object, info: Any, input: Given) -> ChangePayload:
    asking, given = asked(info, input, inputs.React)
    room = await room_of(asking, given.room_id)
    messages = asking.service.messages
    seq = await messages.react(asking.user, room, given.message_id, given.emoji)
    return ChangePayload(seq, describe(asking, room), given.message_id)


async def remove_reaction(parent: object, info: Any, input: Given) -> ChangePayload:
    asking, given = asked(info, input, inputs.React)
    room = await room_of(asking, given.room_id)
    messages = asking.service.messages
    seq = await messages.unreact(asking.user, room, given.message_id, given.emoji)
    return ChangePayload(seq, describe(asking, room), given.message_id)


async def pin_message(parent: object, info: Any, input: Given) -> ChangePayload:
    return await _pin(info.context, input, pinned=True)


async def unpin_message(parent: object, info: Any, input: Given) -> ChangePayload:
    return await _pin(info.context, input, pinned=False)


async def _pin(asking: Asking, input: Given, *, pinned: bool) -> ChangePayload:
    given = read_input(input, inputs.OneMessage)
    room = await room_of(asking, given.room_id)
    seq = await asking.service.messages.pin(asking.user, room, given.message_id, pinned)
    return ChangePayload(seq, describe(asking, room), given.message_id)


async def interact(parent: object, info: Any, input: Given) -> InteractPayload:
    asking, given = asked(info, input, inputs.Interact)
    room = await room_of(asking, given.room_id)
    done = await asking.service.interactions.interact(
        asking.user, room, given.message_id, given.part, given.values or {}
    )
    return InteractPayload(done.note, done.seq, MessageKey(room.id, given.message_id))


async def interacted_message(parent: InteractPayload, info: Any) -> Message:
    """The message as it stands after the interaction."""
    asking: Asking = info.context
    return await asking.standing.load(parent.key)
