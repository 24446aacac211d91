"""Whom a message concerns, as it is written. Whether they are told is decided when the time has come."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from chatserver.hooks.telling import Concerned, Why
from chatserver.model import EVERYBODY, MessagePosted, RoomKind
from chatserver.roomlog.room import Room
from chatserver.service.history import History
from chatserver.service.notifying.wishes import folded, pattern_of
from chatserver.service.preferences import Preferences
from chatserver.service.rooms import RoomService
from chatserver.service.watchers import WORDS

MOST_MENTIONED = 100  # users who are told of one message that mentions them by name
MOST_OF_EVERYBODY = 10_000  # members of a room in which each is told of a mention of everybody
MATCHED_AT_ONCE = (
    20  # users whose words are looked for; then other tasks get their turn of the loop
)
ASKED_AT_ONCE = 500  # users whose preferences are read in one query
ALL_ASKED = 500  # members of a room all of whom are asked; of a larger one those whom the index of watchers names

Among = Callable[[Iterable[str]], Awaitable[Sequence[str]]]
Having = Callable[[Sequence[str]], Awaitable[set[str]]]


class Concerning:
    """Finds out whom messages concern."""

    def __init__(self, rooms: RoomService, history: History, preferences: Preferences) -> None:
        self._rooms, self._history, self._preferences = rooms, history, preferences

    async def of(
        self, posted: Sequence[MessagePosted], among: Among, having: Having
    ) -> list[Concerned]:
        """As `Notifying.concerned`."""
        last = posted[-1]
        rooms = await self._rooms.get_many([last.room], {last.room: last.seq})
        room = rooms.get(last.room)
        if room is None:  # deleted meanwhile
            return []
        answered = await self._history.standing(
            [(room, each.reply_to) for each in posted if each.reply_to is not None]
        )
        wide = await self._wide(room, posted, among)
        found = []
        for event in posted:
            watching = () if event.is_apart else wide[event.seq][Why.WATCHED]
            concerned = dict.fromkeys(watching, Why.WATCHED)
            concerned |= dict.fromkeys(wide[event.seq][Why.WORD], Why.WORD)
            original = answered.get((room.id, event.reply_to or ""))
            if original is not None:
                concerned[original.author.id] = Why.REPLY
            mentioned = mentioned_in(event, room)
            if len(mentioned) > MOST_MENTIONED:
                mentioned = await among(mentioned)
            concerned |= dict.fromkeys(mentioned, Why.MENTION)
            if _kind(room) is RoomKind.DIRECT:
                concerned |= dict.fromkeys(room.members, Why.DIRECT)
            concerned.pop(event.author.id, None)
            there = [user for user in concerned if room.role(user) is not None]
            told: set[str] = set()
            for start in range(0, len(there), ASKED_AT_ONCE):
                told |= await having(there[start : start + ASKED_AT_ONCE])
            found.append(
                Concerned(event, {user: concerned[user] for user in there if user in told})
            )
        return found

    async def _wide(
        self, room: Room, events: Sequence[MessagePosted], among: Among
    ) -> dict[int, dict[Why, list[str]]]:
        """By seq, those who watch the room, and those of whose words one is in the text."""
        found: dict[int, dict[Why, list[str]]] = {
            event.seq: {Why.WATCHED: [], Why.WORD: []} for event in events
        }
        members = [] if _kind(room) is RoomKind.DIRECT else await among(await self._askable(room))
        texts = {event.seq: folded(event.body) for event in events}
        for start in range(0, len(members), ASKED_AT_ONCE):
            some = members[start : start + ASKED_AT_ONCE]
            watching = await self._preferences.of_members(room, some)
            wishes = await self._preferences.account.of_many(some)
            for count, user in enumerate(some, 1):
                pattern = pattern_of(wishes.get(user, {}).get(WORDS, ""))
                for seq, text in texts.items():
                    if user in watching and watching[user].watched:
                        found[seq][Why.WATCHED].append(user)
                    elif pattern is not None and pattern.search(text):
                        found[seq][Why.WORD].append(user)
                if pattern is not None and count % MATCHED_AT_ONCE == 0:
                    await asyncio.sleep(0)
        return found

    async def _askable(self, room: Room) -> Iterable[str]:
        """The members who may watch the room, or want to be told of words; more if these are not known."""
        watchers = self._preferences.watchers
        if len(room.members) <= ALL_ASKED or not await watchers.is_whole():
            return room.members
        wanted = await watchers.of_room(room.id) | await watchers.with_words()
        return [user for user in wanted if room.role(user) is not None]


def mentioned_in(event: MessagePosted, room: Room) -> Sequence[str]:
    """The users (ids) who are told of a mention, the author among them if it is one of everybody.

    By name at most MOST_MENTIONED, and all members of a room with at most MOST_OF_EVERYBODY; of a larger one nobody.
    """
    if EVERYBODY in event.mentions:
        return list(room.members) if len(room.members) <= MOST_OF_EVERYBODY else ()
    return event.mentions[:MOST_MENTIONED]


def _kind(room: Room) -> RoomKind | None:
    return room.description.kind if room.description is not None else None
