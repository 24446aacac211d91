"""Events as lines of a table, and as JSON."""

import msgspec

from chatserver import (
    AnyEvent,
    EventRemoved,
    MemberEvent,
    MemberLeft,
    MessageEdited,
    MessagePosted,
    PluginEvent,
    ReactionAdded,
    ReactionRemoved,
    RoomChanged,
    UnknownEvent,
)
from chatserver_plugins.browser.frame import HOME
from chatserver_plugins.browser.markup import Markup, element, join, link, theirs, time

HEADINGS = ("seq", "at", "by", "event", "what")


def kind(event: AnyEvent) -> str:
    """The name of the event's kind, such as `message.posted`."""
    return str(event.__struct_config__.tag)


def row(event: AnyEvent) -> tuple[str, ...]:
    """The cells below `HEADINGS`."""
    return (
        link(str(event.seq), f"{HOME}/event", room=event.room, seq=str(event.seq)),
        time(event.at),
        user_link(event.author.id, event.author.name),
        kind(event),
        _content(event),
    )


def user_link(user: str, shown: str) -> Markup:
    """A link to a user's page."""
    return link(theirs(shown, 60), f"{HOME}/user", user=user)


def room_link(room: str, shown: str) -> Markup:
    """A link to a room's page."""
    return link(theirs(shown, 60), f"{HOME}/room", room=room)


def pretty(event: AnyEvent) -> str:
    """The event as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(event), indent=2).decode()


def _content(event: AnyEvent) -> Markup:
    if isinstance(event, MessagePosted):
        return theirs(event.body)
    if isinstance(event, RoomChanged):
        texts = (event.name or "", event.topic, event.description)
        return join((event.kind, *(part for text in texts for part in (" ", theirs(text)))))
    if isinstance(event, MemberEvent):
        role = "" if isinstance(event, MemberLeft) else f" · {event.role}"
        return join((user_link(event.user.id, event.user.name), role))
    if isinstance(event, PluginEvent):
        return theirs(event.type)
    if isinstance(event, UnknownEvent):
        return theirs(event.unknown)
    if isinstance(event, EventRemoved):
        return join(())
    parts: list[str] = [_message_link(event.room, event.message)]
    if isinstance(event, MessageEdited):
        parts += [" ", theirs(event.body)]
    elif isinstance(event, ReactionAdded | ReactionRemoved):
        parts += [" ", theirs(event.emoji)]
    return join(parts)


def _message_link(room: str, message: str) -> Markup:
    seq = message.rpartition("-")[2]
    return link(element("code", message), f"{HOME}/event", room=room, seq=seq)
