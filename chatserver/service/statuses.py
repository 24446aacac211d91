"""Statuses: what users say of themselves for a while, as "in a meeting", and who is told.

A status is a field of its account. One that has ended stays there until the next change, and is left out by everything
that reads accounts (`directory.py:Directory.current`).
"""

from collections.abc import Sequence

import msgspec

from chatserver.delivery.hub import Hub
from chatserver.delivery.notices import StatusChanged
from chatserver.errors import ChatError
from chatserver.hooks.actions import ProfileChange
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.types import Actor
from chatserver.model import Status, User
from chatserver.runtime.clock import Clock, text_of, unix_time
from chatserver.runtime.rate import UserRate
from chatserver.service.accounts import Accounts
from chatserver.service.people import People
from chatserver.service.texts import clean_status_emoji, clean_status_text

ASKED = 200  # users at once
PER_SECOND, BURST = 0.2, 10.0  # changes by one user: each is told to everybody in their rooms


class StatusList(msgspec.Struct, frozen=True):
    """Statuses by user id; users without one are left out."""

    users: dict[str, Status]


class Statuses:
    """Sets statuses, and finds those of others."""

    def __init__(
        self, accounts: Accounts, people: People, hooks: HookCalls, hub: Hub, clock: Clock
    ) -> None:
        self._accounts, self._people = accounts, people
        self._hooks, self._hub, self._clock = hooks, hub, clock
        self._rate = UserRate(PER_SECOND, BURST)

    async def set(self, user: User, status: Status, address: str | None = None) -> User:
        """Set one's own status, as plugins want it; an empty one clears it.

        The user's connections are told, and those that follow a room which the user is in. Raises `ChatError`
        request.invalid, action.refused, limit.rate.
        """
        now = await self._accounts.get(user.id)
        wanted = ProfileChange(name=now.name, status=status)
        action = await self._hooks.allow(wanted, user, clean=self._cleaned)
        if action.status == (now.status or None):
            return now
        self._rate.take(user.id)
        by = Actor(user=user.id, address=address)
        changed = await self._accounts.set_status(now, action.status, by)
        self._hub.tell_companions(user.id, StatusChanged(user=user.id, status=action.status))
        return changed

    async def of(self, user: User, others: Sequence[str]) -> StatusList:
        """The statuses of users (ids) as `user` finds them; a guest, of those with whom they share a room.

        Raises `ChatError` limit.count for more than ASKED.
        """
        wanted = list(dict.fromkeys(others))
        if len(wanted) > ASKED:
            raise ChatError("limit.count", f"At most {ASKED} users can be asked for at once.")
        found = await self._people.known_to(user, wanted)
        return StatusList({each.id: each.status for each in found if each.status})

    def _cleaned(self, action: ProfileChange) -> ProfileChange:
        """The action with a valid status, or none. Raises `ChatError` request.invalid."""
        status = action.status or Status()
        emoji, text = clean_status_emoji(status.emoji), clean_status_text(status.text)
        if not emoji and not text:
            return msgspec.structs.replace(action, status=None)
        cleaned = Status(emoji=emoji, text=text, until=self._end(status.until))
        return msgspec.structs.replace(action, status=cleaned)

    def _end(self, until: str | None) -> str | None:
        if until is None:
            return None
        try:
            end = unix_time(until)
            found = text_of(end) if end > self._clock.now() and "T" in until.upper() else None
        except (ValueError, OverflowError):
            found = None
        if found is None:
            raise ChatError(
                "request.invalid",
                "A status ends at a time (RFC 3339) that is to come.",
                detail={"field": "until", "reason": "time"},
            )
        return found
