"""Whom a message concerns, as it is written. Whether they are told is decided when the time has come (`deciding.py`)."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from chatserver import EVERYBODY, AnyEvent, Context, MessagePosted, Room, RoomKind
from chatserver_plugins.push.devices import Devices
from chatserver_plugins.push.roster import Roster
from chatserver_plugins.push.wishes import WORDS, folded, pattern_of

KINDS = ("message.posted",)
TIMER = "push.tell"
MOST_MENTIONED = 100  # users who are told of one message that mentions them
WAITING, WAITING_OF_ROOM = 200, 20  # notices of one user that wait, in all and of one room
LONGEST_SECONDS = 86400.0  # after which nothing is told any more
MATCHED_AT_ONCE = (
    20  # users whose words are looked for; then other tasks get their turn of the loop
)
ASKED_AT_ONCE = 500  # users whose preferences are read in one query


class Why(StrEnum):
    """Why a message concerns a user."""

    DIRECT = "direct"
    MENTION = "mention"
    REPLY = "reply"
    WORD = "word"
    WATCHED = "watched"


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A notice that waits for its time. `at` is the Unix time of its message; `tries` were made in vain."""

    message: str
    why: Why
    at: float
    tries: int = 0


encode = msgspec.json.encode
decode = msgspec.json.Decoder(Waiting).decode


class Concern:
    """Sets a timer for each user whom a message concerns. Events that come again change nothing."""

    def __init__(self, context: Context, devices: Devices, roster: Roster, delay: float) -> None:
        self._service, self._timers, self._clock = context.service, context.timers, context.clock
        self._devices, self._roster, self._delay = devices, roster, delay
        self._left_out = context.measures.counter(
            "push_left_out_total", "Notices that were not pushed because too many of their user waited"
        )  # fmt: skip

    async def handle(self, events: Sequence[AnyEvent]) -> None:
        since = self._clock.now() - LONGEST_SECONDS
        posted = [each for each in events if isinstance(each, MessagePosted) and _at(each) > since]
        if not posted:
            return
        last = posted[-1]
        rooms = await self._service.rooms.get_many([last.room], {last.room: last.seq})
        room = rooms.get(last.room)
        if room is None:  # deleted meanwhile
            return
        answered = await self._service.history.standing(
            [(room, each.reply_to) for each in posted if each.reply_to is not None]
        )
        wide = await self._wide(room, posted)
        for event in posted:
            watching = () if event.is_apart else wide[event.seq][Why.WATCHED]
            concerned = dict.fromkeys(watching, Why.WATCHED)
            concerned |= dict.fromkeys(wide[event.seq][Why.WORD], Why.WORD)
            original = answered.get((room.id, event.reply_to or ""))
            if original is not None:
                concerned[original.author.id] = Why.REPLY
            concerned |= dict.fromkeys(_mentioned(event, room), Why.MENTION)
            if _kind(room) is RoomKind.DIRECT:
                concerned |= dict.fromkeys(room.members, Why.DIRECT)
            concerned.pop(event.author.id, None)
            there = [user for user in concerned if room.role(user) is not None]
            for user in await self._devices.having(there) if there else ():
                await self._wait(user, event, concerned[user])

    async def _wait(self, user: str, event: MessagePosted, why: Why) -> None:
        key, of_room = f"{user}/{event.room}/{event.seq:012}", f"{user}/{event.room}/"
        waiting = await self._timers.list(TIMER, f"{user}/", limit=WAITING)
        in_room = sum(each.key.startswith(of_room) for each in waiting)
        if len(waiting) >= WAITING or in_room >= WAITING_OF_ROOM:
            self._left_out.add()
            return
        notice = Waiting(message=event.id, why=why, at=_at(event))
        due = max(self._clock.now(), notice.at) + self._delay
        await self._timers.set(TIMER, key, due, encode(notice))

    async def _wide(
        self, room: Room, events: Sequence[MessagePosted]
    ) -> dict[int, dict[Why, list[str]]]:
        """By seq, those who watch the room, and those of whose words one is in the text."""
        found: dict[int, dict[Why, list[str]]] = {
            event.seq: {Why.WATCHED: [], Why.WORD: []} for event in events
        }
        members = [] if _kind(room) is RoomKind.DIRECT else await self._roster.among(room.members)
        texts = {event.seq: folded(event.body) for event in events}
        preferences = self._service.preferences
        for start in range(0, len(members), ASKED_AT_ONCE):
            some = members[start : start + ASKED_AT_ONCE]
            watching = await preferences.of_members(room, some)
            wishes = await preferences.account.of_many(some)
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


def _mentioned(event: MessagePosted, room: Room) -> Sequence[str]:
    """The users (ids) who are told of a mention; of one of everybody only in a room that is not large."""
    if EVERYBODY in event.mentions:
        return list(room.members) if len(room.members) <= MOST_MENTIONED else ()
    return event.mentions[:MOST_MENTIONED]


def _kind(room: Room) -> RoomKind | None:
    return room.description.kind if room.description is not None else None


def _at(event: MessagePosted) -> float:
    return datetime.fromisoformat(event.at).timestamp()
