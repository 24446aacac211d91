"""The operations of `chat.v1`, one function each: call the service, say the answer."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from chatserver import protocol as p
from chatserver.hooks.types import Draft
from chatserver.model import User

if TYPE_CHECKING:
    from chatserver.web.websocket.session import Session


async def list_rooms(session: "Session", user: User, op: p.ListRooms) -> None:
    session.say(op.id, await session.service.rooms.visible(user, op.after, op.limit))


async def sub(session: "Session", user: User, op: p.Sub) -> None:
    rooms = await session.service.following.follow(session.subscriber, op.rooms, op.epoch)
    session.say(op.id, {"rooms": rooms})


async def unsub(session: "Session", user: User, op: p.Unsub) -> None:
    for feed in list(session.subscriber.feeds):
        if feed.room.id in op.rooms:
            session.subscriber.unfollow(feed)
    session.say(op.id, {})


async def send(session: "Session", user: User, op: p.Send) -> None:
    room = await session.service.rooms.get(op.room, user)
    draft = Draft(room=op.room, body=op.body, reply_to=op.reply_to)
    draft, mentions = await session.service.messages.prepare(user, room, draft)
    session.service.messages.submit(
        user, room, op.client_id, draft, mentions, partial(session.sent, op.id)
    )


async def edit(session: "Session", user: User, op: p.Edit) -> None:
    room = await session.service.rooms.get(op.room, user)
    seq = await session.service.messages.edit(user, room, op.message, op.body)
    session.say(op.id, {"seq": seq})


async def delete(session: "Session", user: User, op: p.Delete) -> None:
    room = await session.service.rooms.get(op.room, user)
    session.say(op.id, {"seq": await session.service.messages.delete(user, room, op.message)})


async def react(session: "Session", user: User, op: p.React) -> None:
    room = await session.service.rooms.get(op.room, user)
    seq = await session.service.messages.react(user, room, op.message, op.emoji)
    session.say(op.id, {"seq": seq})


async def unreact(session: "Session", user: User, op: p.Unreact) -> None:
    room = await session.service.rooms.get(op.room, user)
    seq = await session.service.messages.unreact(user, room, op.message, op.emoji)
    session.say(op.id, {"seq": seq})


async def pin(session: "Session", user: User, op: p.Pin | p.Unpin) -> None:
    room = await session.service.rooms.get(op.room, user)
    pinned = isinstance(op, p.Pin)
    seq = await session.service.messages.pin(user, room, op.message, pinned)
    session.say(op.id, {"seq": seq})


async def history(session: "Session", user: User, op: p.History) -> None:
    room = await session.service.rooms.get(op.room, user)
    read = session.service.history.page(user, room, op.before, op.limit, around=op.around)
    session.say(op.id, await read)


async def events(session: "Session", user: User, op: p.Events) -> None:
    room = await session.service.rooms.get(op.room, user)
    session.say(op.id, await session.service.history.events(user, room, op.after, op.limit))


async def read(session: "Session", user: User, op: p.Read) -> None:
    room = await session.service.rooms.get(op.room, user)
    await session.service.rooms.mark_read(user, room, op.seq, but=session.subscriber)
    session.say(op.id, {})


async def typing(session: "Session", user: User, op: p.Typing) -> None:
    if not session.may_tell_typing():
        return
    room = await session.service.rooms.get(op.room, user)
    session.service.typing.tell(user, room, but=session.subscriber)


async def presence(session: "Session", user: User, op: p.Presence) -> None:
    online = await session.service.presence.watch(session.subscriber, user, op.room, op.users)
    session.say(op.id, {"users": online})


async def create(session: "Session", user: User, op: p.Create) -> None:
    rooms = session.service.rooms
    room = await rooms.create(user, op.kind, op.name, op.topic, op.members)
    session.say(op.id, await rooms.view(user, room))


async def change(session: "Session", user: User, op: p.Change) -> None:
    room = await session.service.rooms.get(op.room, user)
    seq = await session.service.rooms.change(user, room, op.name, op.topic)
    session.say(op.id, {"seq": seq})


async def join(session: "Session", user: User, op: p.Join) -> None:
    rooms = session.service.rooms
    room = await rooms.get(op.room, user)
    await rooms.join(user, room)
    session.say(op.id, await rooms.view(user, room))


async def leave(session: "Session", user: User, op: p.Leave) -> None:
    room = await session.service.rooms.get(op.room, user)
    await session.service.rooms.leave(user, room)
    session.say(op.id, {})


async def invite(session: "Session", user: User, op: p.Invite) -> None:
    room = await session.service.rooms.get(op.room, user)
    await session.service.rooms.invite(user, room, op.user)
    session.say(op.id, {})


async def kick(session: "Session", user: User, op: p.Kick) -> None:
    room = await session.service.rooms.get(op.room, user)
    await session.service.rooms.kick(user, room, op.user)
    session.say(op.id, {})


async def role(session: "Session", user: User, op: p.Role) -> None:
    room = await session.service.rooms.get(op.room, user)
    seq = await session.service.rooms.appoint(user, room, op.user, op.role)
    session.say(op.id, {"seq": seq})


async def members(session: "Session", user: User, op: p.Members) -> None:
    room = await session.service.rooms.get(op.room, user)
    session.say(op.id, {"members": session.service.rooms.members(user, room, op.after, op.limit)})


async def search(session: "Session", user: User, op: p.Search) -> None:
    room = await session.service.rooms.get(op.room, user) if op.room else None
    found = await session.service.search.find(user, op.text, room, op.before, op.limit)
    session.say(op.id, found)


Run = Callable[["Session", User, Any], Awaitable[None]]
RUN: dict[type[p.Op], Run] = {
    p.ListRooms: list_rooms,
    p.Sub: sub,
    p.Unsub: unsub,
    p.Send: send,
    p.Edit: edit,
    p.Delete: delete,
    p.React: react,
    p.Unreact: unreact,
    p.Pin: pin,
    p.Unpin: pin,
    p.History: history,
    p.Events: events,
    p.Read: read,
    p.Typing: typing,
    p.Presence: presence,
    p.Create: create,
    p.Change: change,
    p.Join: join,
    p.Leave: leave,
    p.Invite: invite,
    p.Kick: kick,
    p.Role: role,
    p.Members: members,
    p.Search: search,
}
