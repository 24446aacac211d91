"""Limits of memberships: of rooms that a user made or joined, and of those that others put the user into.

The two are counted apart, and an invitation also counts for its inviter, so that invitations by others never
keep a user from making and joining rooms.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from weakref import WeakValueDictionary

from chatserver.config import LimitsConfig
from chatserver.errors import ChatError
from chatserver.interfaces import Store
from chatserver.model import MemberEvent, MemberLeft, User
from chatserver.runtime.rate import Bucket
from chatserver.service.rights import is_staff

INVITERS = 20_000  # whose rate is remembered; the oldest are forgotten first
# Ended memberships stay in the log and are read with the others: reading ten times as many as a user may
# have at once takes some 50 ms.
EVER = 10


class Invitations:
    """The limits of memberships."""

    def __init__(self, store: Store, limits: LimitsConfig) -> None:
        self._store, self._limits = store, limits
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def lock(self, user: User) -> asyncio.Lock:
        """The lock to hold from a check until its memberships are written.

        Otherwise many requests at the same moment would all find room for one more.
        """
        return self._locks.setdefault(user.id, asyncio.Lock())

    async def check_own(self, user: User) -> None:
        """Raises `ChatError` limit.count if the user can make or join no further room."""
        events = await self._store.memberships(user.id)
        own = [event for event in events if event.author.id == user.id]
        if _is_full(own, self._limits.rooms_per_user):
            raise ChatError(
                "limit.count",
                "This user has reached the limit of rooms.",
                detail={"field": "rooms", "reason": "count"},
            )

    async def check_invited(self, inviter: User, invited: Sequence[User]) -> None:
        """Count invitations. Raises `ChatError` limit.count, limit.rate if they are too many.

        For staff of the server there is no limit on the rate, but the same ones on memberships.
        """
        if not is_staff(inviter):
            self._count(inviter, len(invited))
        for user in invited:
            events = await self._store.memberships(user.id)
            others = [
                event for event in events if event.author.id != user.id and not _is_ban(event)
            ]
            if _is_full(others, self._limits.invited_rooms_per_user):
                raise ChatError(
                    "limit.count",
                    "Others have put this user into the most rooms allowed.",
                    detail={"field": "rooms", "reason": "invited"},
                )
            mine = sum(event.author.id == inviter.id for event in others)
            if mine >= self._limits.rooms_per_inviter and not is_staff(inviter):
                raise ChatError(
                    "limit.count",
                    "You have reached your limit of rooms for this user.",
                    detail={"field": "rooms", "reason": "inviter"},
                )

    def _count(self, inviter: User, count: int) -> None:
        hourly = self._limits.invitations_per_hour
        if not hourly or not count:
            return
        if count > hourly:
            raise ChatError(
                "limit.count",
                f"At most {hourly} users can be invited at once.",
                detail={"field": "members", "reason": "invitations", "most": hourly},
            )
        bucket = self._buckets.setdefault(inviter.id, Bucket(hourly / 3600, hourly))
        self._buckets.move_to_end(inviter.id)
        if len(self._buckets) > INVITERS:
            self._buckets.popitem(last=False)
        for _ in range(count):
            if wait := bucket.take():
                raise ChatError("limit.rate", after_ms=int(wait * 1000) + 1)


def _is_ban(event: MemberEvent) -> bool:
    return isinstance(event, MemberLeft) and event.ban is not None


def _is_full(events: Sequence[MemberEvent], most: int) -> bool:
    """Whether a user with these newest events, one for each room, may get no further membership."""
    now = sum(not isinstance(event, MemberLeft) for event in events)
    return now >= most or len(events) >= EVER * most
