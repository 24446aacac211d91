"""Mutations of rooms, of their members, and of what their members tell each other in passing."""

from typing import Any, NamedTuple

from chatserver import PreferencesChange, RoomView, read_input
from chatserver_plugins.graphql import inputs
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.resolvers.given import Given, asked, room_of
from chatserver_plugins.graphql.resolvers.payloads import ChangePayload
from chatserver_plugins.graphql.resolvers.rooms import describe


class RoomPayload(NamedTuple):
    room: RoomView


class LeaveRoomPayload(NamedTuple):
    room_id: str


class DeleteRoomPayload(NamedTuple):
    room_id: str
    seq: int


class TypingPayload(NamedTuple):
    room_id: str


async def create_room(parent: object, info: Any, input: Given) -> RoomPayload:
    asking, given = asked(info, input, inputs.CreateRoom)
    room = await asking.service.rooms.create(
        asking.user, given.kind, given.name, given.topic, given.members, given.description
    )
    return RoomPayload(describe(asking, room))


async def change_room(parent: object, info: Any, input: Given) -> RoomPayload:
    asking, given = asked(info, input, inputs.ChangeRoom)
    room = await room_of(asking, given.room_id)
    await asking.service.rooms.change(
        asking.user,
        room,
        given.name,
        given.topic,
        given.posting,
        given.description,
        given.kind,
        slow_mode=given.slow_mode,
        edit_history=given.edit_history,
    )
    return RoomPayload(describe(asking, room))


async def set_room_archived(parent: object, info: Any, input: Given) -> ChangePayload:
    asking, given = asked(info, input, inputs.SetRoomArchived)
    room = await room_of(asking, given.room_id)
    seq = await asking.service.rooms.archive(asking.user, room, given.archived)
    return ChangePayload(seq, describe(asking, room))


async def delete_room(parent: object, info: Any, input: Given) -> DeleteRoomPayload:
    asking, given = asked(info, input, inputs.OneRoom)
    room = await room_of(asking, given.room_id)
    return DeleteRoomPayload(room.id, await asking.service.rooms.delete(asking.user, room))


async def join_room(
    parent: object, info: Any, input: Given | None = None, room_id: str | None = None
) -> RoomPayload:
    asking: Asking = info.context
    room = await room_of(asking, inputs.read_room(input, room_id).room_id)
    await asking.service.rooms.join(asking.user, room)
    return RoomPayload(describe(asking, room))


async def leave_room(
    parent: object, info: Any, input: Given | None = None, room_id: str | None = None
) -> LeaveRoomPayload:
    asking: Asking = info.context
    room = await room_of(asking, inputs.read_room(input, room_id).room_id)
    await asking.service.rooms.leave(asking.user, room)
    return LeaveRoomPayload(room.id)


async def invite_member(parent: object, info: Any, input: Given) -> RoomPayload:
    asking, given = asked(info, input, inputs.OneMember)
    room = await room_of(asking, given.room_id)
    await asking.service.rooms.invite(asking.user, room, given.user_id)
    return RoomPayload(describe(asking, room))


async def remove_member(parent: object, info: Any, input: Given) -> RoomPayload:
    asking, given = asked(info, input, inputs.OneMember)
    room = await room_of(asking, given.room_id)
    await asking.service.rooms.kick(asking.user, room, given.user_id)
    return RoomPayload(describe(asking, room))


async def ban_member(parent: object, info: Any, input: Given) -> ChangePayload:
    asking, given = asked(info, input, inputs.BanMember)
    room = await room_of(asking, given.room_id)
    add = asking.service.rooms.bans.add
    seq = await add(asking.user, room, given.user_id, given.reason, given.seconds)
    return ChangePayload(seq, describe(asking, room))


async def lift_ban(parent: object, info: Any, input: Given) -> ChangePayload:
    asking, given = asked(info, input, inputs.OneMember)
    room = await room_of(asking, given.room_id)
    seq = await asking.service.rooms.bans.lift(asking.user, room, given.user_id)
    return ChangePayload(seq, describe(asking, room))


async def set_member_role(parent: object, info: Any, input: Given) -> ChangePayload:
    asking, given = asked(info, input, inputs.SetMemberRole)
    room = await room_of(asking, given.room_id)
    seq = await asking.service.rooms.appoint(asking.user, room, given.user_id, given.role)
    return ChangePayload(seq, describe(asking, room))


async def mark_read(parent: object, info: Any, input: Given) -> ChangePayload:
    asking, given = asked(info, input, inputs.MarkRead)
    room = await room_of(asking, given.room_id)
    seq = await asking.service.rooms.mark_read(asking.user, room, given.seq)
    return ChangePayload(seq, describe(asking, room))


async def set_room_preferences(parent: object, info: Any, input: Given) -> RoomPayload:
    asking, given = asked(info, input, inputs.SetRoomPreferences)
    room = await room_of(asking, given.room_id)
    change = PreferencesChange(
        favourite=given.favourite,
        section=given.section,
        muted=given.muted,
        unread=given.unread,
        watched=given.watched,
    )
    await asking.service.preferences.set(asking.user, room, change)
    return RoomPayload(describe(asking, room))


async def set_typing(parent: object, info: Any, input: Given) -> TypingPayload:
    asking: Asking = info.context
    room = await room_of(asking, read_input(input, inputs.OneRoom).room_id)
    await asking.service.blocks.demand_talk(asking.user, room)
    asking.service.typing.tell(asking.user, room)
    return TypingPayload(room.id)
