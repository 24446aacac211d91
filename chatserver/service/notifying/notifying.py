"""What is to be told to a user now: by their rights, and what they have read, blocked, silenced or changed since."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chatserver.hooks.calls import HookCalls
from chatserver.hooks.telling import Concerned, Reminder, Why
from chatserver.model import Message, MessagePosted, User
from chatserver.roomlog.room import Room
from chatserver.service.blocks import Blocks
from chatserver.service.history import History
from chatserver.service.notifying.concern import Among, Concerning, Having
from chatserver.service.notifying.wishes import quiet_until
from chatserver.service.preferences import Preferences
from chatserver.service.rights import may_read
from chatserver.service.rooms import RoomService

TOLD_AT_ONCE = 20  # users, in one call of a plugin, which has a deadline


class Noted(NamedTuple):
    """A message (its id) that concerned a user when it was written."""

    room: Room
    message: str
    why: Why


class Notifying:
    """One home for the rules by which users are told of messages while they look elsewhere.

    Plugins that tell them ask `concerned` as messages are written, and `standing` when they tell. How and when that
    is, and what was told already, is theirs.
    """

    def __init__(
        self,
        hooks: HookCalls,
        rooms: RoomService,
        history: History,
        preferences: Preferences,
        blocks: Blocks,
    ) -> None:
        self._hooks, self._rooms, self._history = hooks, rooms, history
        self._preferences, self._blocks = preferences, blocks
        self._concerning = Concerning(rooms, history, preferences)

    async def concerned(
        self, posted: Sequence[MessagePosted], among: Among, having: Having
    ) -> list[Concerned]:
        """Whom messages of one room, by ascending seq, concern: nobody if the room is gone.

        Those who are mentioned, or answered, or in a direct room; and those whose words are in the text or who watch the
        room. Only users in the room, and never the author. Of thousands of members, `among` leaves those whose wishes
        are worth a look; it may leave too many. `having` leaves those who are to be told.
        """
        return await self._concerning.of(posted, among, having)

    async def standing(self, user: User, noted: Sequence[Noted]) -> list[Message]:
        """Of what concerned the user, the messages that are to be told now, in the same order.

        That are those that stand, in rooms that the user is in, may read and has not muted, of people whom the user
        does not block; not read, in the room or in its thread, and of a mention, not edited out. Of reminders, all that
        stand and may be read.
        """
        inside = [
            each
            for each in noted
            if may_read(user, each.room) and (each.why is Why.REMINDER or _is_in(user, each.room))
        ]
        found = await self._history.find(user, [(each.room, each.message) for each in inside])
        if not found:
            return []
        rooms = list({each.room.id: each.room for each in inside}.values())
        views = await self._rooms.views(user, rooms)
        preferences = await self._preferences.of_rooms(user, [room.id for room in rooms])
        blocked = {each.id for each in (await self._blocks.list(user)).users}
        replies = {each.thread for each in found.values() if each.thread is not None}
        threads = await self._hooks.threads_read(user, sorted(replies)) if replies else {}
        told = []
        for room, id, why in inside:
            message = found.get((room.id, id))
            if message is None or message.deleted:
                continue
            if why is Why.REMINDER or (
                room.id in views
                and not _is_read(message, views[room.id].read or 0, threads)
                and not preferences[room.id].muted
                and message.author.id not in blocked
                and (why is not Why.MENTION or message.mentions_user(user.id))
            ):
                told.append(message)
        return told

    async def concern(self, event: MessagePosted, users: Mapping[str, Why]) -> None:
        """Have plugins tell those users who are in the room of a message, for reasons that `concerned` cannot know."""
        room = (await self._rooms.get_many([event.room], {event.room: event.seq})).get(event.room)
        if room is None:  # deleted meanwhile
            return
        there = [
            (user, why)
            for user, why in users.items()
            if user != event.author.id and room.role(user) is not None
        ]
        for start in range(0, len(there), TOLD_AT_ONCE):
            some = dict(there[start : start + TOLD_AT_ONCE])
            await self._hooks.on_concerned(Concerned(event, some))

    async def remind(self, reminder: Reminder) -> None:
        """Have the plugins that tell users do so, which ask `standing` in turn."""
        await self._hooks.on_reminder(reminder)

    async def quiet_until(self, user: User, at: float) -> float | None:
        """If the user does not want to be disturbed at the Unix time, when that ends (infinity: never); else None."""
        return quiet_until(await self._preferences.account.of(user), at)


def _is_read(message: Message, read: int, threads: Mapping[str, int]) -> bool:
    """Whether it is read in its room, which is read up to a seq, or in its thread, if that is known of it."""
    if message.thread is None or message.thread not in threads:
        return message.seq <= read
    return message.seq <= threads[message.thread] or (message.broadcast and message.seq <= read)


def _is_in(user: User, room: Room) -> bool:
    return room.role(user.id) is not None
