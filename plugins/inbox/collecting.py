"""Makes entries of the events in the log."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from chatserver import AnyEvent, Context, Message, MessagePosted, ReactionAdded
from chatserver_plugins.inbox.book import Book, Entry, Kind

KINDS = ("message.posted", "reaction.added")
MOST_MENTIONED = 100  # users who get an entry of one message; rooms count mentions for all

Messages = Mapping[tuple[str, str], Message]  # by room and id


class Collecting:
    """Handles events, in the order of each room. Repeats change nothing."""

    def __init__(self, context: Context, book: Book) -> None:
        self._context, self._book = context, book

    async def handle(self, events: Sequence[AnyEvent]) -> None:
        concerning = [event for event in events if _answers(event) or _mentions(event)]
        if not concerning:
            return
        service = self._context.service
        since = {event.room: event.seq for event in concerning}  # the last of each room
        rooms = await service.rooms.get_many(list(since), since)
        there = [event for event in concerning if event.room in rooms]
        answered = [(rooms[event.room], id) for event in there if (id := _answers(event))]
        messages = await service.history.standing(answered)
        told = set()
        for event in there:
            members = rooms[event.room]
            for user, entry in _entries(event, messages):
                if user != entry.by and members.role(user) is not None:
                    await self._book.add(user, event.seq, entry)
                    told.add(user)
        for user in told:
            self._context.tell("changed", user=user)


def _answers(event: AnyEvent) -> str | None:
    """The id of the message that this one answers."""
    if isinstance(event, ReactionAdded):
        return event.message
    return event.reply_to if isinstance(event, MessagePosted) else None


def _mentions(event: AnyEvent) -> tuple[str, ...]:
    return event.mentions if isinstance(event, MessagePosted) else ()


def _entries(event: AnyEvent, messages: Messages) -> Iterator[tuple[str, Entry]]:
    """The users (ids) whom an event concerns, each with what they are told, once."""
    by = event.author.id
    at = int(datetime.fromisoformat(event.at).timestamp() * 1000)
    answered = messages.get((event.room, _answers(event) or ""))
    if isinstance(event, MessagePosted):
        mentioned = _mentions(event)[:MOST_MENTIONED]
        entry = Entry(kind=Kind.MENTION, room=event.room, message=event.id, by=by, at=at)
        yield from ((user, entry) for user in mentioned)
        if answered is not None and answered.author.id not in mentioned:
            reply = Entry(kind=Kind.REPLY, room=event.room, message=event.id, by=by, at=at)
            yield answered.author.id, reply
    elif isinstance(event, ReactionAdded) and answered is not None:
        yield (
            answered.author.id,
            Entry(
                kind=Kind.REACTION,
                room=event.room,
                message=event.message,
                by=by,
                at=at,
                emoji=event.emoji,
            ),
        )
