"""The fields of `Mutation`: read the input, call the service, return the result."""

from typing import Any, NamedTuple

from chatserver import Message, OwnEmail, ResetLink, Room, RoomView, User
from chatserver_plugins.graphql import inputs
from chatserver_plugins.graphql.asking import Asking, MessageKey
from chatserver_plugins.graphql.inputs import read
from chatserver_plugins.graphql.resolvers.rooms import describe

Given = dict[str, Any]


class AuthPayload(NamedTuple):
    user: User
    token: str


class UserPayload(NamedTuple):
    user: User


class EndSessionPayload(NamedTuple):
    session_id: str


class ConfirmEmailPayload(NamedTuple):
    confirmed: bool


class RoomPayload(NamedTuple):
    room: RoomView


class LeaveRoomPayload(NamedTuple):
    room_id: str


class TypingPayload(NamedTuple):
    room_id: str


class ChangePayload(NamedTuple):
    seq: int
    room: RoomView
    message_id: str | None = None  # of the changed message, if there is one


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


# -- accounts --------------------------------------------------------------------------------


async def register(parent: object, info: Any, input: Given) -> AuthPayload:
    asking: Asking = info.context
    given = read(input, inputs.Register)
    accounts = asking.service.accounts
    user, asking.session = await accounts.register(
        given.username, given.password, given.name, asking.address, asking.client()
    )
    return AuthPayload(user, asking.session)


async def login(parent: object, info: Any, input: Given) -> AuthPayload:
    asking: Asking = info.context
    given = read(input, inputs.Login)
    accounts = asking.service.accounts
    user, asking.session = await accounts.login(
        given.username, given.password, asking.address, client=asking.client()
    )
    return AuthPayload(user, asking.session)


async def logout(parent: object, info: Any) -> UserPayload:
    asking: Asking = info.context
    user = asking.user
    await asking.service.accounts.logout(asking.token or "", asking.address)
    asking.session = ""
    return UserPayload(user)


async def end_session(parent: object, info: Any, input: Given) -> EndSessionPayload:
    asking: Asking = info.context
    given = read(input, inputs.EndSession)
    await asking.service.accounts.end_session(asking.user, given.session_id, asking.address)
    return EndSessionPayload(given.session_id)


async def change_password(parent: object, info: Any, input: Given) -> UserPayload:
    asking: Asking = info.context
    given = read(input, inputs.ChangePassword)
    await asking.service.accounts.change_password(
        asking.user, asking.token or "", given.old, given.new, asking.address
    )
    return UserPayload(asking.user)


async def set_user_disabled(parent: object, info: Any, input: Given) -> UserPayload:
    asking: Asking = info.context
    given = read(input, inputs.SetUserDisabled)
    accounts = asking.service.accounts
    user = await accounts.set_disabled(asking.user, given.username, given.disabled, asking.address)
    return UserPayload(user)


async def add_user(parent: object, info: Any, input: Given) -> UserPayload:
    asking: Asking = info.context
    given = read(input, inputs.AddUser)
    user = await asking.service.staff.add(
        asking.user,
        given.username,
        given.password,
        given.name,
        must_change=given.must_change,
        address=asking.address,
    )
    return UserPayload(user)


async def set_user_password(parent: object, info: Any, input: Given) -> UserPayload:
    asking: Asking = info.context
    given = read(input, inputs.SetUserPassword)
    user = await asking.service.staff.set_password(
        asking.user,
        asking.token,
        given.username,
        given.password,
        must_change=given.must_change,
        address=asking.address,
    )
    return UserPayload(user)


async def make_reset_link(parent: object, info: Any, input: Given) -> ResetLink:
    asking: Asking = info.context
    given = read(input, inputs.MakeResetLink)
    return await asking.service.staff.reset_link(
        asking.user, asking.token, given.username, asking.address
    )


async def set_email(parent: object, info: Any, input: Given) -> OwnEmail:
    asking: Asking = info.context
    given = read(input, inputs.SetEmail)
    return await asking.service.own_emails.set(
        asking.user, asking.token, given.email, address=asking.address
    )


async def confirm_email(parent: object, info: Any, input: Given) -> ConfirmEmailPayload:
    asking: Asking = info.context
    await asking.service.own_emails.confirm(read(input, inputs.ConfirmEmail).code, asking.address)
    return ConfirmEmailPayload(True)


async def set_user_email(parent: object, info: Any, input: Given) -> OwnEmail:
    asking: Asking = info.context
    given = read(input, inputs.SetUserEmail)
    return await asking.service.staff.set_email(
        asking.user, asking.token, given.username, given.email, asking.address
    )


# -- rooms -----------------------------------------------------------------------------------


async def create_room(parent: object, info: Any, input: Given) -> RoomPayload:
    asking: Asking = info.context
    given = read(input, inputs.CreateRoom)
    room = await asking.service.rooms.create(
        asking.user, given.kind, given.name, given.topic, given.members
    )
    return RoomPayload(describe(asking, room))


async def change_room(parent: object, info: Any, input: Given) -> RoomPayload:
    asking: Asking = info.context
    given = read(input, inputs.ChangeRoom)
    room = await _get(asking, given.room_id)
    await asking.service.rooms.change(asking.user, room, given.name, given.topic)
    return RoomPayload(describe(asking, room))


async def join_room(
    parent: object, info: Any, input: Given | None = None, room_id: str | None = None
) -> RoomPayload:
    asking: Asking = info.context
    room = await _get(asking, inputs.read_room(input, room_id).room_id)
    await asking.service.rooms.join(asking.user, room)
    return RoomPayload(describe(asking, room))


async def leave_room(
    parent: object, info: Any, input: Given | None = None, room_id: str | None = None
) -> LeaveRoomPayload:
    asking: Asking = info.context
    room = await _get(asking, inputs.read_room(input, room_id).room_id)
    await asking.service.rooms.leave(asking.user, room)
    return LeaveRoomPayload(room.id)


async def invite_member(parent: object, info: Any, input: Given) -> RoomPayload:
    asking: Asking = info.context
    given = read(input, inputs.OneMember)
    room = await _get(asking, given.room_id)
    await asking.service.rooms.invite(asking.user, room, given.user_id)
    return RoomPayload(describe(asking, room))


async def remove_member(parent: object, info: Any, input: Given) -> RoomPayload:
    asking: Asking = info.context
    given = read(input, inputs.OneMember)
    room = await _get(asking, given.room_id)
    await asking.service.rooms.kick(asking.user, room, given.user_id)
    return RoomPayload(describe(asking, room))


async def set_member_role(parent: object, info: Any, input: Given) -> ChangePayload:
    asking: Asking = info.context
    given = read(input, inputs.SetMemberRole)
    room = await _get(asking, given.room_id)
    seq = await asking.service.rooms.appoint(asking.user, room, given.user_id, given.role)
    return ChangePayload(seq, describe(asking, room))


async def mark_read(parent: object, info: Any, input: Given) -> ChangePayload:
    asking: Asking = info.context
    given = read(input, inputs.MarkRead)
    room = await _get(asking, given.room_id)
    seq = await asking.service.rooms.mark_read(asking.user, room, given.seq)
    return ChangePayload(seq, describe(asking, room))


async def set_typing(parent: object, info: Any, input: Given) -> TypingPayload:
    asking: Asking = info.context
    room = await _get(asking, read(input, inputs.OneRoom).room_id)
    asking.service.typing.tell(asking.user, room)
    return TypingPayload(room.id)


# -- messages --------------------------------------------------------------------------------


async def send_message(parent: object, info: Any, input: Given) -> MessagePayload:
    asking: Asking = info.context
    given = read(input, inputs.SendMessage)
    room = await _get(asking, given.room_id)
    event, repeated = await asking.service.messages.post(
        asking.user, room, given.client_id, given.body, given.reply_to, data=given.data
    )
    message = asking.message_of(event)
    return MessagePayload(message if isinstance(message, Message) else await message, repeated)


async def run_command(parent: object, info: Any, input: Given) -> CommandPayload:
    asking: Asking = info.context
    given = read(input, inputs.RunCommand)
    room = await _get(asking, given.room_id)
    outcome = await asking.service.commands.run(asking.user, room, given.text, given.client_id)
    return CommandPayload(outcome.text, outcome.repeated, room.id, outcome.message)


async def command_message(parent: CommandPayload, info: Any) -> Message | None:
    if parent.message_id is None:
        return None
    asking: Asking = info.context
    return await asking.standing.load(MessageKey(parent.room_id, parent.message_id))


async def edit_message(parent: object, info: Any, input: Given) -> ChangePayload:
    asking: Asking = info.context
    given = read(input, inputs.EditMessage)
    room = await _get(asking, given.room_id)
    messages = asking.service.messages
    seq = await messages.edit(asking.user, room, given.message_id, given.body, data=given.data)
    return ChangePayload(seq, describe(asking, room), given.message_id)


async def delete_message(parent: object, info: Any, input: Given) -> ChangePayload:
    asking: Asking = info.context
    given = read(input, inputs.OneMessage)
    room = await _get(asking, given.room_id)
    seq = await asking.service.messages.delete(asking.user, room, given.message_id)
    return ChangePayload(seq, describe(asking, room), given.message_id)


async def add_reaction(parent: object, info: Any, input: Given) -> ChangePayload:
    asking: Asking = info.context
    given = read(input, inputs.React)
    room = await _get(asking, given.room_id)
    messages = asking.service.messages
    seq = await messages.react(asking.user, room, given.message_id, given.emoji)
    return ChangePayload(seq, describe(asking, room), given.message_id)


async def remove_reaction(parent: object, info: Any, input: Given) -> ChangePayload:
    asking: Asking = info.context
    given = read(input, inputs.React)
    room = await _get(asking, given.room_id)
    messages = asking.service.messages
    seq = await messages.unreact(asking.user, room, given.message_id, given.emoji)
    return ChangePayload(seq, describe(asking, room), given.message_id)


async def pin_message(parent: object, info: Any, input: Given) -> ChangePayload:
    return await _pin(info.context, input, pinned=True)


async def unpin_message(parent: object, info: Any, input: Given) -> ChangePayload:
    return await _pin(info.context, input, pinned=False)


async def _pin(asking: Asking, input: Given, *, pinned: bool) -> ChangePayload:
    given = read(input, inputs.OneMessage)
    room = await _get(asking, given.room_id)
    seq = await asking.service.messages.pin(asking.user, room, given.message_id, pinned)
    return ChangePayload(seq, describe(asking, room), given.message_id)


async def interact(parent: object, info: Any, input: Given) -> InteractPayload:
    asking: Asking = info.context
    given = read(input, inputs.Interact)
    room = await _get(asking, given.room_id)
    done = await asking.service.interactions.interact(
        asking.user, room, given.message_id, given.part, given.values or {}
    )
    return InteractPayload(done.note, done.seq, MessageKey(room.id, given.message_id))


async def interacted_message(parent: InteractPayload, info: Any) -> Message:
    """The message as it stands after the interaction."""
    asking: Asking = info.context
    return await asking.standing.load(parent.key)


async def changed_message(parent: ChangePayload, info: Any) -> Message | None:
    """The message as it stands after the change."""
    if parent.message_id is None:
        return None
    asking: Asking = info.context
    return await asking.standing.load(MessageKey(parent.room.id, parent.message_id))


async def _get(asking: Asking, room: str) -> Room:
    """The room, for a signed-in user. Values loaded before the change are dropped."""
    user = asking.user
    asking.refresh()
    return await asking.service.rooms.get(room, user)
