"""Notes whom a message concerns, as it is written, and who wants to be reminded of one.

Whether they are told is decided when the time has come (`deciding.py`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from chatserver import (
    AnyEvent,
    Concerned,
    Context,
    Localized,
    MessagePosted,
    Reminder,
    Why,
    for_each,
)
from chatserver_plugins.push.devices import Devices
from chatserver_plugins.push.roster import Roster

KINDS = ("message.posted",)
TIMER = "push.tell"
WAITING, WAITING_OF_ROOM = 200, 20  # notices of one user that wait, in all and of one room
LONGEST_SECONDS = 86400.0  # after which nothing is told any more


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A notice that waits for its time. `at` is the Unix time of its message, or of the reminder, whose `title` and
    `text` it has; `tries` were made in vain.
    """

    message: str
    why: Why
    at: float
    tries: int = 0
    title: Localized = ""
    text: str = ""


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

    def may_have_users(self) -> bool:
        """Whether messages may concern somebody who has a device: as long as nobody has one, none is looked at."""
        return not self._roster.is_known_to_be_empty

    async def handle(self, events: Sequence[AnyEvent]) -> None:
        if await self._roster.is_empty():
            return
        since = self._clock.now() - LONGEST_SECONDS
        posted = [each for each in events if isinstance(each, MessagePosted) and _at(each) > since]
        if not posted:
            return
        notifying, roster = self._service.notifying, self._roster
        for event, users in await notifying.concerned(posted, roster.among, self._devices.having):
            await self._wait_each(event, users)

    async def concerned(self, concerned: Concerned) -> None:
        """Set a timer for each of the users who is to be told, unless the message is too old."""
        event, users = concerned
        if _at(event) <= self._clock.now() - LONGEST_SECONDS:
            return
        having = await self._devices.having(list(users))
        await self._wait_each(event, {user: users[user] for user in having})

    async def remind(self, reminder: Reminder) -> None:
        """Set a timer for a reminder, for now. One that comes again changes nothing."""
        user, message = reminder.user, reminder.message
        if not await self._devices.having([user]):
            return
        room, _, seq = message.rpartition("-")
        notice = Waiting(
            message=message,
            why=Why.REMINDER,
            at=self._clock.now(),
            title=reminder.title,
            text=reminder.text,
        )
        await self._set(user, room, f"{seq}-{int(reminder.at * 1000)}", notice, notice.at)

    async def _wait_each(self, event: MessagePosted, users: Mapping[str, Why]) -> None:
        async def wait(user: str) -> None:
            notice = Waiting(message=event.id, why=users[user], at=_at(event))
            due = max(self._clock.now(), notice.at) + self._delay
            await self._set(user, event.room, f"{event.seq:012}", notice, due)

        await for_each(users, wait)

    async def _set(self, user: str, room: str, name: str, notice: Waiting, due: float) -> None:
        key, of_room = f"{user}/{room}/{name}", f"{user}/{room}/"
        waiting = await self._timers.list(TIMER, f"{user}/", limit=WAITING)
        in_room = sum(each.key.startswith(of_room) for each in waiting)
        if len(waiting) >= WAITING or in_room >= WAITING_OF_ROOM:
            self._left_out.add()
            return
        await self._timers.set(TIMER, key, due, encode(notice))


def _at(event: MessagePosted) -> float:
    return datetime.fromisoformat(event.at).timestamp()
