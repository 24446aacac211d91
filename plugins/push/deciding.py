"""Whether a user is told of a message now: their rights, and what they have read, blocked, silenced or changed since."""

from enum import Enum, auto

from chatserver import ChatError, Context, Message, Noted, Room, User, Why
from chatserver_plugins.push.concern import Waiting

ACTIVE_SECONDS = (
    75.0  # for which a word of the page counts that somebody is there; it comes each minute
)


class Not(Enum):
    """Why nothing is told: never, or not while the user is there or does not want to be disturbed."""

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
        notifying = self._service.notifying
        standing = await notifying.standing(user, [Noted(room, notice.message, notice.why)])
        if not standing:
            return Not.EVER
        is_quiet = await notifying.quiet_until(user, self._clock.now()) is not None
        is_active = await self._marks.get(f"active/{user.id}") is not None
        if notice.why is Why.REMINDER:  # of which the page tells by itself whoever is there
            return Not.EVER if is_active else Not.NOW if is_quiet else standing[0]
        return Not.EVER if is_quiet else Not.NOW if is_active else standing[0]

    async def reader(self, user: str) -> User | None:
        """The user (id), unless the account is gone."""
        try:
            return await self._service.accounts.get(user)
        except ChatError as error:
            if error.code != "user.not_found":
                raise
            return None
