"""The reminders of all users: each is a timer with its text as payload."""

import hashlib
import secrets
from typing import NamedTuple

import msgspec

from chatserver import ChatError, Context, Due, Room, RoomKind, User

TIMER = "remind.due"
AN_HOUR = 3600.0  # how long a reminder that has come may be set once more


class Reminder(msgspec.Struct, frozen=True, kw_only=True):
    """`room` is empty for a direct message. `client_id` is that of the message to come."""

    text: str
    room: str
    client_id: str


class Waiting(NamedTuple):
    """A reminder that comes in so many seconds."""

    id: str
    seconds: float
    text: str


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Reminder).decode


class Book:
    """Each user has at most `per_user` reminders, at most `longest` seconds ahead."""

    def __init__(self, context: Context, per_user: int, longest: float) -> None:
        self._context, self._per_user, self._longest = context, per_user, longest

    async def add(self, user: str, call: str, room: str, text: str, seconds: float) -> Reminder:
        """Set a reminder; a repeated `call` replaces its first. Raises `ChatError` limit.count."""
        if seconds > self._longest:
            raise ChatError("command.invalid", "That is too far ahead.")
        # Calls at the same time may pass this together; the server lets a user have eight.
        if len(await self.list(user)) >= self._per_user:
            raise ChatError("limit.count", f"You have {self._per_user} reminders.")
        made = Reminder(text=text, room=room, client_id=secrets.token_hex(16))
        key = f"{user}/{hashlib.sha256(call.encode()).hexdigest()[:8]}"
        at = self._context.clock.now() + seconds
        await self._context.timers.set(TIMER, key, at, _encode(made))
        return made

    async def list(self, user: str) -> list[Waiting]:
        """The user's reminders, by time."""
        found = await self._context.timers.list(TIMER, f"{user}/")
        now = self._context.clock.now()
        return [
            Waiting(due.key.partition("/")[2], due.at - now, _decode(due.payload).text)
            for due in sorted(found, key=lambda due: due.at)
        ]

    async def cancel(self, user: str, id: str) -> bool:
        """Whether there was a reminder with this id."""
        return await self._context.timers.cancel(TIMER, f"{user}/{id}")

    async def last(self, user: str) -> Reminder | None:
        """The reminder that came last, if that is less than an hour ago."""
        found = await self._context.expiring.get(user)
        return None if found is None else _decode(found)

    async def post(self, due: Due) -> None:
        """Its time has come. Called again after an error or a crash: `client_id` makes that one message."""
        reminder = _decode(due.payload)
        try:
            user = await self._context.service.accounts.get(due.key.partition("/")[0])
            await self._post(user, reminder)
        except ChatError as error:
            if error.meaning.retry == "later":
                raise
            return  # the account or the room is gone, or the user may not post there any more
        await self._context.expiring.put(user.id, due.payload, AN_HOUR)

    async def _post(self, user: User, reminder: Reminder) -> None:
        service = self._context.service
        text = f"⏰ {reminder.text}"
        if reminder.room:
            room = await service.rooms.get(reminder.room, user)
            await service.messages.post(user, room, reminder.client_id, text)
        else:
            bot, room = await self._direct_room(user)
            await service.messages.post(bot, room, reminder.client_id, text)

    async def _direct_room(self, user: User) -> tuple[User, Room]:
        """The room of the plugin's own account with the user; made once."""
        bot = await self._context.bot("remind", "Reminders")
        rooms = self._context.service.rooms
        return bot, await rooms.create(bot, RoomKind.DIRECT, None, members=[user.id])
