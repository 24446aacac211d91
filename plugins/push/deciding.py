"""Whether a user is told of a message now: their rights, and what they have read, blocked, silenced or changed since."""

from enum import Enum, auto

from chatserver import ChatError, Context, Message, Room, User, may_read
from chatserver_plugins.push.concern import Waiting, Why
from chatserver_plugins.push.wishes import is_quiet

ACTIVE_SECONDS = (
    75.0  # for which a word of the page counts that somebody is there; it comes each minute
)


class Not(Enum):
    """Why nothing is told: never, or not while the user is there."""

    EVER = auto()
    NOW = auto()


class Deciding:
    """Decides by what stands at the moment."""

    def __init__(self, context: Context) -> None:
        self._service, self._clock, self._marks = context.service, context.clock, context.expiring

    async def active(self, user: User, here: bool) -> None:
        """The user is at one of their devices, and needs no notice on the others; or has left it."""
        if here:
            await self._marks.put(f"active/{user.id}", b"", ACTIVE_SECONDS)
        else:
            await self._marks.delete(f"active/{user.id}")

    async def message(self, user: User, room: Room, notice: Waiting) -> Message | Not:
        """The message as it stands if it is to be told."""
        if not may_read(user, room) or room.role(user.id) is None:
            return Not.EVER
        found = await self._service.history.find(user, [(room, notice.message)])
        message = found.get((room.id, notice.message))
        if message is None or message.deleted or await self._is_unwanted(user, room, message):
            return Not.EVER
        if notice.why is Why.MENTION and not message.mentions_user(user.id):
            return Not.EVER  # it was edited out
        active = await self._marks.get(f"active/{user.id}")
        return message if active is None else Not.NOW

    async def _is_unwanted(self, user: User, room: Room, message: Message) -> bool:
        views = await self._service.rooms.views(user, [room])
        if message.seq <= (views[room.id].read or 0):
            return True
        preferences = self._service.preferences
        if (await preferences.of_rooms(user, [room.id]))[room.id].muted:
            return True
        if any(
            each.id == message.author.id for each in (await self._service.blocks.list(user)).users
        ):
            return True
        return is_quiet(await preferences.account.of(user), self._clock.now())

    async def reader(self, user: str) -> User | None:
        """The user (id), unless the account is gone."""
        try:
            return await self._service.accounts.get(user)
        except ChatError as error:
            if error.code != "user.not_found":
                raise
            return None
