"""The fields of `Message`, `Reaction`, and of a room's events."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, NamedTuple

from chatserver import (
    EVERYBODY,
    AnyEvent,
    Message,
    MessageChange,
    MessageEdited,
    MessagePosted,
    RoomView,
    ThreadView,
    body_html,
)
from chatserver_plugins.graphql.asking import Asking, MessageKey
from chatserver_plugins.graphql.inputs import bounded
from chatserver_plugins.graphql.resolvers.rooms import message_or_none, room_of

HTML_CHARS = 10  # of a body that are parsed in the time of a field
SHORT_CHARS = 200  # of bodies that are parsed without waiting for a turn of their own
USERS, USERS_MOST = 20, 100  # of one reaction
REPLIES, REPLIES_MOST = 20, 50  # of one thread
EDITS_MOST = 20  # texts of one message


class Reaction(NamedTuple):
    emoji: str
    users: list[str]  # ids, in order


class Thread(NamedTuple):
    """The replies to a message, and what its root shows of them."""

    root: Message
    view: ThreadView


def room_id(parent: Message | AnyEvent, info: Any) -> str:
    return parent.room


async def room(parent: Message, info: Any) -> RoomView:
    return await room_of(info.context, parent.room)


async def reply_to_message(parent: Message, info: Any) -> Message | None:
    if parent.reply_to is None:
        return None
    return await message_or_none(info.context, parent.room, parent.reply_to)


async def thread_message(parent: Message, info: Any) -> Message | None:
    if parent.thread is None:
        return None
    return await message_or_none(info.context, parent.room, parent.thread)


async def replies(parent: Message, info: Any) -> Thread | None:
    asking: Asking = info.context
    view = await asking.threads.load(MessageKey(parent.room, parent.id))
    return None if view is None else Thread(parent, view)


async def edits(
    parent: Message, info: Any, first: int | None = None, before: int | None = None
) -> Sequence[Any]:
    asking: Asking = info.context
    count = bounded("first", first, EDITS_MOST, EDITS_MOST)
    room = await asking.rooms.load(parent.room)
    found = asking.service.messages.edits
    return (await found.page(asking.user, room, parent.id, before, count)).versions


def thread_count(parent: Thread, info: Any) -> int:
    return parent.view.count


def thread_seq(parent: Thread, info: Any) -> int:
    return parent.view.seq


def thread_at(parent: Thread, info: Any) -> str:
    return parent.view.at


def thread_authors(parent: Thread, info: Any) -> Sequence[Any]:
    asking: Asking = info.context
    return [asking.users.load(author.id) for author in parent.view.authors]


async def thread_messages(
    parent: Thread, info: Any, last: int | None = None, before: int | None = None
) -> Sequence[Message]:
    asking: Asking = info.context
    count = bounded("last", last, REPLIES, REPLIES_MOST)
    room = await asking.rooms.load(parent.root.room)
    threads = asking.service.messages.threads
    page = await threads.page(asking.user, room, parent.root.id, before, count)
    return page.messages


def mentions(parent: Message | MessageEdited, info: Any) -> Sequence[Any]:
    asking: Asking = info.context
    return [asking.users.load(user) for user in parent.mentions if user != EVERYBODY]


def mentions_room(parent: Message | MessageEdited, info: Any) -> bool:
    return EVERYBODY in parent.mentions


def reactions(parent: Message, info: Any) -> list[Reaction]:
    return [Reaction(emoji, users) for emoji, users in parent.reactions.items()]


def reaction_count(parent: Reaction, info: Any) -> int:
    return len(parent.users)


def reaction_mine(parent: Reaction, info: Any) -> bool:
    asking: Asking = info.context
    return asking.user.id in parent.users


def reaction_users(parent: Reaction, info: Any, first: int | None = None) -> Sequence[Any]:
    asking: Asking = info.context
    count = bounded("first", first, USERS, USERS_MOST)
    return [asking.users.load(user) for user in parent.users[:count]]


def changed_message(parent: MessageChange, info: Any) -> str:
    return parent.message


def posted_id(parent: MessagePosted, info: Any) -> str:
    return parent.id


def posted_message(parent: MessagePosted, info: Any) -> Message | Awaitable[Message]:
    asking: Asking = info.context
    return asking.message_of(parent)


def posted_body(parent: MessagePosted, info: Any) -> str | Awaitable[str]:
    """The text of the event; empty if a later change replaced it."""
    message = posted_message(parent, info)
    return (
        _body(parent, message) if isinstance(message, Message) else _awaited_body(parent, message)
    )


async def _awaited_body(parent: MessagePosted, message: Awaitable[Message]) -> str:
    return _body(parent, await message)


def _body(event: MessagePosted, message: Message) -> str:
    return "" if message.deleted or message.edited_at is not None else event.body


def html(parent: Message, info: Any) -> str | Awaitable[str]:
    body = parent.body
    return body_html(body) if len(body) <= SHORT_CHARS else _html_in_turn(body, info.context)


async def _html_in_turn(body: str, asking: Asking) -> str:
    """A page of long messages takes many turns of the loop."""
    if asking.activity.pace is not None:
        await asking.activity.pace.turn(asking.activity, len(body) // HTML_CHARS)
    return body_html(body)


def data(parent: Message | MessageEdited, info: Any, namespace: str | None = None) -> Any:
    return parent.data if namespace is None else parent.data.get(namespace)


def posted_data(parent: MessagePosted, info: Any, namespace: str | None = None) -> Any:
    """The data of the event; empty if a later change replaced it."""
    message = posted_message(parent, info)
    if isinstance(message, Message):
        return _part(_standing_data(parent, message), namespace)
    return _awaited_data(parent, message, namespace)


async def _awaited_data(
    parent: MessagePosted, message: Awaitable[Message], namespace: str | None
) -> Any:
    return _part(_standing_data(parent, await message), namespace)


def _standing_data(event: MessagePosted, message: Message) -> Mapping[str, Any]:
    return event.data if message.data == event.data else {}


def _part(data: Mapping[str, Any], namespace: str | None) -> Any:
    return data if namespace is None else data.get(namespace)


def message_of_change(parent: MessageChange, info: Any) -> Awaitable[Message]:
    """The present message, perhaps after later changes."""
    asking: Asking = info.context
    return asking.standing.load(MessageKey(parent.room, parent.message))
