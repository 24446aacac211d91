"""The fields of `Room` and `Member`. The parent of a room's fields is a `RoomView`."""

from collections.abc import Awaitable, Sequence
from typing import Any

from chatserver import (
    AnyEvent,
    BanView,
    ChatError,
    MemberView,
    Message,
    PinView,
    Room,
    RoomPreferences,
    RoomView,
)
from chatserver_plugins.graphql import connections
from chatserver_plugins.graphql.asking import Asking, EventsKey, MembersKey, MessageKey, PageKey
from chatserver_plugins.graphql.connections import Connection
from chatserver_plugins.graphql.inputs import bounded, looked_for, position
from chatserver_plugins.graphql.resolvers import pages

MESSAGES, MESSAGES_MOST = 50, 100
EVENTS_MOST = 500
MEMBERS, MEMBERS_MOST = 100, 500
BANS = 100
PINS = 50


# A list of rooms includes the unread counts; without a coroutine for each field it takes half the time.


def read(parent: RoomView, info: Any) -> int | Awaitable[int | None] | None:
    return parent.read if parent.unread is not None else _counted(parent, info.context, "read")


def unread(parent: RoomView, info: Any) -> int | Awaitable[int | None] | None:
    return parent.unread if parent.unread is not None else _counted(parent, info.context, "unread")


def mentions(parent: RoomView, info: Any) -> int | Awaitable[int | None] | None:
    if parent.unread is not None:
        return parent.mentions
    return _counted(parent, info.context, "mentions")


async def description(parent: RoomView, info: Any) -> str:
    """A list of rooms leaves it out."""
    return parent.description or (await room_of(info.context, parent.id)).description


async def preferences(parent: RoomView, info: Any) -> RoomPreferences:
    asking: Asking = info.context
    return await asking.preferences.load(parent.id)


async def messages(
    parent: RoomView, info: Any, last: int | None = None, before: int | None = None
) -> list[Message]:
    asking: Asking = info.context
    count = bounded("last", last, MESSAGES, MESSAGES_MOST)
    page = await asking.pages.load(PageKey(parent.id, position("before", before), count))
    return page.messages


async def messages_of_all(
    parents: Sequence[RoomView], info: Any, last: int | None = None, before: int | None = None
) -> list[list[Message]]:
    """The `messages` of many rooms."""
    asking: Asking = info.context
    count = bounded("last", last, MESSAGES, MESSAGES_MOST)
    seq = position("before", before)
    pages = await asking.pages.all(PageKey(parent.id, seq, count) for parent in parents)
    return [page.messages for page in pages]


async def messages_connection(
    parent: RoomView,
    info: Any,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    around: int | None = None,
) -> Connection:
    asking: Asking = info.context
    if around is not None:
        if after is not None or before is not None:
            raise ChatError("request.invalid", "before, around, after: expected one of them.")
        seq = position("around", around) or 0
        return await pages.around(asking, parent.id, seq, first)
    head = (await asking.rooms.load(parent.id)).head
    return await pages.page(asking, parent.id, head, first, after, last, before)


async def message(parent: RoomView, info: Any, id: str) -> Message | None:
    return await message_or_none(info.context, parent.id, id)


async def events(
    parent: RoomView, info: Any, after: int, first: int | None = None
) -> list[AnyEvent]:
    asking: Asking = info.context
    count = bounded("first", first, EVENTS_MOST, EVENTS_MOST)
    start = position("after", after) or 0
    return (await asking.events.load(EventsKey(parent.id, start, count))).events


async def members(
    parent: RoomView,
    info: Any,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    text: str | None = None,
) -> Connection:
    """Pages forwards by `first` and `after`, or backwards if `last` or `before` is given."""
    asking: Asking = info.context
    place = connections.id_place(after) or ""
    is_last = last is not None or before is not None
    count = bounded(
        "last" if is_last else "first", last if is_last else first, MEMBERS, MEMBERS_MOST
    )
    end = connections.id_place(before, "before")
    wanted = "" if is_last else looked_for(text)
    found = await asking.members.load(MembersKey(parent.id, place, end, count, is_last, wanted))
    if is_last:
        return connections.page_back_until(found.members, found.after, _id_of, before=before)
    return connections.page_until(found.members, found.after, _id_of, after=after)


async def member_count(parent: RoomView, info: Any) -> int:
    asking: Asking = info.context
    return len((await asking.rooms.load(parent.id)).members)


async def bans(
    parent: RoomView, info: Any, first: int | None = None, after: str | None = None
) -> list[BanView]:
    asking: Asking = info.context
    count = bounded("first", first, BANS, BANS)
    room = await asking.rooms.load(parent.id)
    return asking.service.rooms.bans.page(asking.user, room, after or "", count).bans


async def pins(
    parent: RoomView, info: Any, first: int | None = None, after: str | None = None
) -> list[PinView]:
    asking: Asking = info.context
    count = bounded("first", first, PINS, PINS)
    room = await asking.rooms.load(parent.id)
    return (await asking.service.messages.pins.page(asking.user, room, after or "", count)).pins


def member_user(parent: MemberView, info: Any) -> MemberView:
    return parent


async def room_of(asking: Asking, room: str) -> RoomView:
    """A room by id. Raises `ChatError` room.not_found."""
    return describe(asking, await asking.rooms.load(room))


def describe(asking: Asking, room: Room) -> RoomView:
    return asking.service.rooms.describe(asking.user, room)


async def message_or_none(asking: Asking, room: str, message: str) -> Message | None:
    """A message of a room; None if there is none or it was deleted."""
    try:
        found = await asking.messages.load(MessageKey(room, message))
    except ChatError as error:
        if error.code == "message.not_found":
            return None
        raise
    return None if found.deleted else found


async def _counted(view: RoomView, asking: Asking, field: str) -> int | None:
    """A field about the user's unread messages in a room."""
    found: int | None = getattr(await asking.views.load(view.id), field)
    return found


def _id_of(member: MemberView) -> str:
    return member.id
