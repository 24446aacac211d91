"""Makes entries of the events in the log."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from chatserver import (
    AnyEvent,
    Context,
    Message,
    MessagePosted,
    ReactionAdded,
    Room,
    Why,
    for_each,
    mentioned_in,
)
from chatserver_plugins.inbox.book import Book, Entry, Kind
from chatserver_plugins.inbox.following import Following

KINDS = ("message.posted", "reaction.added")
BEGUN_BY_NAME = 100  # users who follow a thread as one message there mentions them
TOLD_AT_ONCE = 50  # users whose clients are told that there is something new; then others get their turn of the loop
MOST_FOLLOWERS = 100  # of a thread, who get an entry of one reply

Messages = Mapping[tuple[str, str], Message]  # by room and id


class Collecting:
    """Handles events, in the order of each room. Repeats change nothing."""

    def __init__(self, context: Context, book: Book, following: Following) -> None:
        self._context, self._book, self._following = context, book, following

    async def handle(self, events: Sequence[AnyEvent]) -> None:
        service = self._context.service
        since = {event.room: event.seq for event in events}  # the last of each room
        rooms = await service.rooms.get_many(list(since), since)
        there = [event for event in events if event.room in rooms]
        wanted = [
            (rooms[event.room], id)
            for event in there
            for id in (_answers(event), _thread(event))
            if id
        ]
        messages = await service.history.standing(wanted)
        told: set[str] = set()
        for event in there:
            members = rooms[event.room]
            entries = dict(_entries(event, messages, members))
            if isinstance(event, MessagePosted) and event.thread is not None:
                told_there, begun = await self._of_thread(event, event.thread, messages, members)
                entries = told_there | entries
                told |= begun
            reached = [
                user
                for user, entry in entries.items()
                if user != entry.by and members.role(user) is not None
            ]
            await self._note(reached, event.seq, entries)
            told.update(reached)
            following = [user for user, entry in entries.items() if entry.kind is Kind.THREAD]
            if following and isinstance(event, MessagePosted):
                await self._context.concern(event, dict.fromkeys(following, Why.THREAD))
        for count, user in enumerate(told, 1):
            self._context.tell("changed", user=user)
            if count % TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _note(self, users: Sequence[str], seq: int, entries: Mapping[str, Entry]) -> None:
        async def note(user: str) -> None:
            await self._book.add(user, seq, entries[user])

        await for_each(users, note)

    async def _of_thread(
        self, event: MessagePosted, thread: str, messages: Messages, room: Room
    ) -> tuple[dict[str, Entry], set[str]]:
        """What those are told who follow the thread, and who (user ids) does from now on, which is noted."""
        root = messages.get((event.room, thread))
        if root is None:
            return {}, set()
        begin = self._following.begin
        begun = set()
        if await begin(root.author.id, thread, root.seq):
            begun.add(root.author.id)
        if await begin(event.author.id, thread, event.seq, writes=True):
            begun.add(event.author.id)
        for user in event.mentions[:BEGUN_BY_NAME]:
            if room.role(user) is not None and await begin(user, thread, event.seq):
                begun.add(user)
        entry = _entry(Kind.THREAD, event)
        followers = await self._following.followers(thread, MOST_FOLLOWERS)
        return dict.fromkeys(followers, entry), begun


def concerns(event: AnyEvent) -> bool:
    """Whether somebody may get an entry of the event."""
    return bool(_answers(event) or _mentions(event) or _thread(event))


def _thread(event: AnyEvent) -> str | None:
    """The id of the message in whose thread this one is a reply."""
    return event.thread if isinstance(event, MessagePosted) else None


def _answers(event: AnyEvent) -> str | None:
    """The id of the message that this one answers."""
    if isinstance(event, ReactionAdded):
        return event.message
    return event.reply_to if isinstance(event, MessagePosted) else None


def _mentions(event: AnyEvent) -> tuple[str, ...]:
    return event.mentions if isinstance(event, MessagePosted) else ()


def _entries(event: AnyEvent, messages: Messages, room: Room) -> Iterator[tuple[str, Entry]]:
    """The users (ids) whom an event concerns by itself, each with what they are told, once."""
    answered = messages.get((event.room, _answers(event) or ""))
    if isinstance(event, MessagePosted):
        mentioned = mentioned_in(event, room)
        yield from dict.fromkeys(mentioned, _entry(Kind.MENTION, event)).items()
        if answered is not None and answered.author.id not in mentioned:
            yield answered.author.id, _entry(Kind.REPLY, event)
    elif isinstance(event, ReactionAdded) and answered is not None:
        yield answered.author.id, _entry(Kind.REACTION, event)


def _entry(kind: Kind, event: MessagePosted | ReactionAdded) -> Entry:
    message, emoji = (
        (event.message, event.emoji) if isinstance(event, ReactionAdded) else (event.id, "")
    )
    at = int(datetime.fromisoformat(event.at).timestamp() * 1000)
    return Entry(
        kind=kind, room=event.room, message=message, by=event.author.id, at=at, emoji=emoji
    )
