"""The operations of `chat.v1`, one function each: call the service, say the answer."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from chatserver import protocol as p
from chatserver.delivery.subscriber import Subscriber
from chatserver.errors import ChatError
from chatserver.hooks.types import Draft
from chatserver.model import NO_DATA, Status, User
from chatserver.roomlog.entries import Outcome
from chatserver.service.preferences import PreferencesChange
from chatserver.service.service import Service


class Client(Protocol):
    """The connection that an operation came from."""

    @property
    def service(self) -> Service: ...

    @property
    def subscriber(self) -> Subscriber: ...

    def say(self, number: int | float | None, ok: object) -> None:
        """Answer the operation of this id."""

    def sent(self, number: int | float | None, outcome: Outcome | ChatError) -> None:
        """Answer a `send` with its outcome."""

    def may_tell_typing(self) -> bool:
        """Count a typing notice; False if the last one was a moment ago."""


async def list_rooms(client: Client, user: User, op: p.ListRooms) -> None:
    found = await client.service.rooms.visible(
        user, op.after, op.limit, op.text, archived=op.archived
    )
    client.say(op.id, found)


async def sub(client: Client, user: User, op: p.Sub) -> None:
    rooms = await client.service.following.follow(client.subscriber, op.rooms, op.epoch)
    client.say(op.id, {"rooms": rooms})


async def unsub(client: Client, user: User, op: p.Unsub) -> None:
    for feed in list(client.subscriber.feeds):
        if feed.room.id in op.rooms:
            client.subscriber.unfollow(feed)
    client.say(op.id, {})


async def send(client: Client, user: User, op: p.Send) -> None:
    done = partial(client.sent, op.id)
    await client.service.messages.send(user, op.client_id, draft_of(op), done)


def draft_of(op: p.Send) -> Draft:
    return Draft(
        room=op.room,
        body=op.body,
        reply_to=op.reply_to,
        thread=op.thread,
        broadcast=op.broadcast,
        client_id=op.client_id,
        data=op.data or NO_DATA,
    )


async def edit(client: Client, user: User, op: p.Edit) -> None:
    room = await client.service.rooms.get(op.room, user)
    seq = await client.service.messages.edit(user, room, op.message, op.body, data=op.data)
    client.say(op.id, {"seq": seq})


async def delete(client: Client, user: User, op: p.Delete) -> None:
    room = await client.service.rooms.get(op.room, user)
    client.say(op.id, {"seq": await client.service.messages.delete(user, room, op.message)})


async def react(client: Client, user: User, op: p.React) -> None:
    room = await client.service.rooms.get(op.room, user)
    seq = await client.service.messages.react(user, room, op.message, op.emoji)
    client.say(op.id, {"seq": seq})


async def unreact(client: Client, user: User, op: p.Unreact) -> None:
    room = await client.service.rooms.get(op.room, user)
    seq = await client.service.messages.unreact(user, room, op.message, op.emoji)
    client.say(op.id, {"seq": seq})


async def pin(client: Client, user: User, op: p.Pin | p.Unpin) -> None:
    room = await client.service.rooms.get(op.room, user)
    pinned = isinstance(op, p.Pin)
    seq = await client.service.messages.pin(user, room, op.message, pinned)
    client.say(op.id, {"seq": seq})


async def pins(client: Client, user: User, op: p.ListPins) -> None:
    room = await client.service.rooms.get(op.room, user)
    client.say(op.id, await client.service.messages.pins.page(user, room, op.after, op.limit))


async def thread(client: Client, user: User, op: p.ReadThread) -> None:
    room = await client.service.rooms.get(op.room, user)
    threads = client.service.messages.threads
    client.say(op.id, await threads.page(user, room, op.message, op.before, op.limit))


async def edits(client: Client, user: User, op: p.ReadEdits) -> None:
    room = await client.service.rooms.get(op.room, user)
    found = client.service.messages.edits
    client.say(op.id, await found.page(user, room, op.message, op.before, op.limit))


async def threads(client: Client, user: User, op: p.ListThreads) -> None:
    room = await client.service.rooms.get(op.room, user)
    client.say(op.id, await client.service.messages.threads.views(user, room, op.messages))


async def interact(client: Client, user: User, op: p.Interact) -> None:
    room = await client.service.rooms.get(op.room, user)
    interactions = client.service.interactions
    client.say(op.id, await interactions.interact(user, room, op.message, op.part, op.values))


async def history(client: Client, user: User, op: p.History) -> None:
    room = await client.service.rooms.get(op.room, user)
    read = client.service.history.page(
        user, room, op.before, op.limit, around=op.around, after=op.after
    )
    client.say(op.id, await read)


async def events(client: Client, user: User, op: p.Events) -> None:
    room = await client.service.rooms.get(op.room, user)
    client.say(op.id, await client.service.history.events(user, room, op.after, op.limit))


async def read(client: Client, user: User, op: p.Read) -> None:
    room = await client.service.rooms.get(op.room, user)
    await client.service.rooms.mark_read(user, room, op.seq, but=client.subscriber)
    client.say(op.id, {})


async def preferences(client: Client, user: User, op: p.Preferences) -> None:
    client.say(op.id, await client.service.preferences.page(user, op.after, op.limit))


async def prefer(client: Client, user: User, op: p.Prefer) -> None:
    room = await client.service.rooms.get(op.room, user)
    change = PreferencesChange(
        favourite=op.favourite,
        section=op.section,
        muted=op.muted,
        unread=op.unread,
        watched=op.watched,
    )
    prefers = client.service.preferences.set
    client.say(op.id, await prefers(user, room, change, but=client.subscriber))


async def prefer_account(client: Client, user: User, op: p.PreferAccount) -> None:
    change = client.service.preferences.account.change
    await change(user, op.values, but=client.subscriber)
    client.say(op.id, {})


async def typing(client: Client, user: User, op: p.Typing) -> None:
    if not client.may_tell_typing():
        return
    room = await client.service.rooms.get(op.room, user)
    await client.service.blocks.demand_talk(user, room)
    client.service.typing.tell(user, room, but=client.subscriber)


async def presence(client: Client, user: User, op: p.Presence) -> None:
    online = await client.service.presence.watch(client.subscriber, user, op.room, op.users)
    client.say(op.id, {"users": online})


async def set_status(client: Client, user: User, op: p.SetStatus) -> None:
    status = Status(emoji=op.emoji, text=op.text, until=op.until)
    changed = await client.service.statuses.set(user, status)
    client.say(op.id, {"status": changed.status or None})


async def statuses(client: Client, user: User, op: p.Statuses) -> None:
    client.say(op.id, await client.service.statuses.of(user, op.users))


async def block(client: Client, user: User, op: p.Block) -> None:
    await client.service.blocks.add(user, op.user, but=client.subscriber)
    client.say(op.id, {})


async def unblock(client: Client, user: User, op: p.Unblock) -> None:
    await client.service.blocks.remove(user, op.user, but=client.subscriber)
    client.say(op.id, {})


async def blocks(client: Client, user: User, op: p.ListBlocks) -> None:
    client.say(op.id, await client.service.blocks.list(user))


async def one_room(client: Client, user: User, op: p.OneRoom) -> None:
    rooms = client.service.rooms
    client.say(op.id, await rooms.view(user, await rooms.get(op.room, user)))


async def create(client: Client, user: User, op: p.Create) -> None:
    rooms = client.service.rooms
    room = await rooms.create(user, op.kind, op.name, op.topic, op.members, op.description)
    client.say(op.id, await rooms.view(user, room))


async def change(client: Client, user: User, op: p.Change) -> None:
    room = await client.service.rooms.get(op.room, user)
    seq = await client.service.rooms.change(
        user,
        room,
        op.name,
        op.topic,
        op.posting,
        op.description,
        op.kind,
        slow_mode=op.slow_mode,
        edit_history=op.edit_history,
    )
    client.say(op.id, {"seq": seq})


async def archive(client: Client, user: User, op: p.Archive) -> None:
    room = await client.service.rooms.get(op.room, user)
    client.say(op.id, {"seq": await client.service.rooms.archive(user, room, op.archived)})


async def delete_room(client: Client, user: User, op: p.DeleteRoom) -> None:
    room = await client.service.rooms.get(op.room, user)
    client.say(op.id, {"seq": await client.service.rooms.delete(user, room)})


async def join(client: Client, user: User, op: p.Join) -> None:
    rooms = client.service.rooms
    room = await rooms.get(op.room, user)
    await rooms.join(user, room)
    client.say(op.id, await rooms.view(user, room))


async def leave(client: Client, user: User, op: p.Leave) -> None:
    room = await client.service.rooms.get(op.room, user)
    await client.service.rooms.leave(user, room)
    client.say(op.id, {})


async def invite(client: Client, user: User, op: p.Invite) -> None:
    room = await client.service.rooms.get(op.room, user)
    await client.service.rooms.invite(user, room, op.user)
    client.say(op.id, {})


async def kick(client: Client, user: User, op: p.Kick) -> None:
    room = await client.service.rooms.get(op.room, user)
    await client.service.rooms.kick(user, room, op.user)
    client.say(op.id, {})


async def ban(client: Client, user: User, op: p.Banning) -> None:
    room = await client.service.rooms.get(op.room, user)
    add = client.service.rooms.bans.add(user, room, op.user, op.reason, op.seconds)
    client.say(op.id, {"seq": await add})


async def unban(client: Client, user: User, op: p.Unban) -> None:
    room = await client.service.rooms.get(op.room, user)
    client.say(op.id, {"seq": await client.service.rooms.bans.lift(user, room, op.user)})


async def bans(client: Client, user: User, op: p.ListBans) -> None:
    room = await client.service.rooms.get(op.room, user)
    client.say(op.id, client.service.rooms.bans.page(user, room, op.after, op.limit))


async def role(client: Client, user: User, op: p.Role) -> None:
    room = await client.service.rooms.get(op.room, user)
    seq = await client.service.rooms.appoint(user, room, op.user, op.role)
    client.say(op.id, {"seq": seq})


async def members(client: Client, user: User, op: p.Members) -> None:
    room = await client.service.rooms.get(op.room, user)
    members = await client.service.rooms.members(user, room, op.after, op.limit, op.text)
    client.say(op.id, members)


async def search(client: Client, user: User, op: p.Search) -> None:
    room = await client.service.rooms.get(op.room, user) if op.room else None
    found = await client.service.search.find(user, op.text, room, op.before, op.limit)
    client.say(op.id, found)


async def commands(client: Client, user: User, op: p.ListCommands) -> None:
    room = await client.service.rooms.get(op.room, user)
    client.say(op.id, {"commands": client.service.commands.available(user, room)})


async def command(client: Client, user: User, op: p.RunCommand) -> None:
    room = await client.service.rooms.get(op.room, user)
    client.say(op.id, await client.service.commands.run(user, room, op.text, op.client_id))


async def complete(client: Client, user: User, op: p.Complete) -> None:
    room = await client.service.rooms.get(op.room, user)
    found = await client.service.commands.complete(user, room, op.text)
    client.say(op.id, {"suggestions": found})


Run = Callable[[Client, User, Any], Awaitable[None]]
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
    p.ListPins: pins,
    p.ReadThread: thread,
    p.ListThreads: threads,
    p.ReadEdits: edits,
    p.Interact: interact,
    p.History: history,
    p.Events: events,
    p.Read: read,
    p.Preferences: preferences,
    p.Prefer: prefer,
    p.PreferAccount: prefer_account,
    p.Typing: typing,
    p.Presence: presence,
    p.SetStatus: set_status,
    p.Statuses: statuses,
    p.Block: block,
    p.Unblock: unblock,
    p.ListBlocks: blocks,
    p.OneRoom: one_room,
    p.Create: create,
    p.Change: change,
    p.Archive: archive,
    p.DeleteRoom: delete_room,
    p.Join: join,
    p.Leave: leave,
    p.Invite: invite,
    p.Kick: kick,
    p.Banning: ban,
    p.Unban: unban,
    p.ListBans: bans,
    p.Role: role,
    p.Members: members,
    p.Search: search,
    p.ListCommands: commands,
    p.RunCommand: command,
    p.Complete: complete,
}
