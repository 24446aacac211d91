"""How many rooms one may be in, and how many others may put one into: nobody fills what is another's.

What somebody made or joined counts for them. What others did counts on its own, and for those who did
it, so that it never keeps anybody from making and joining rooms.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from weakref import WeakValueDictionary

from chatserver.config import LimitsConfig
from chatserver.errors import ChatError
from chatserver.interfaces import Store
from chatserver.model import MemberEvent, MemberLeft, User
from chatserver.rate import Bucket
from chatserver.service.rights import is_staff

INVITERS = 20_000  # whose rate is remembered; who came first makes room
# A membership that has ended stays in the log, and is read with the others: ten times as many as
# there may be at once take some 50 ms.
EVER = 10


class Invitations:
    """The limits of memberships."""

    def __init__(self, store: Store, limits: LimitsConfig) -> None:
        self._store, self._limits = store, limits
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def turn(self, user: User) -> asyncio.Lock:
        """To be held from a check until its memberships are written.

        Else many at the same moment would all find that there is room for one more.
        """
        return self._turns.setdefault(user.id, asyncio.Lock())

    async def check_own(self, user: User) -> None:
        """Raises `ChatError` limit.count if the user can make or join no further room."""
        events = await self._store.memberships(user.id)
        own = [event for event in events if event.author.id == user.id]
        if _is_full(own, self._limits.rooms_per_user):
            raise ChatError(
                "limit.count",
                "This user is in as many rooms as one can be in.",
                detail={"field": "rooms", "reason": "count"},
            )

    async def check_invited(self, inviter: User, invited: Sequence[User]) -> None:
        """Count invitations. Raises `ChatError` limit.count, limit.rate if they cannot be made.

        Staff of the server may invite as often as they like, but no more than others into rooms.
        """
        if not is_staff(inviter):
            self._count(inviter, len(invited))
        for user in invited:
            events = await self._store.memberships(user.id)
            others = [event for event in events if event.author.id != user.id]
            if _is_full(others, self._limits.invited_rooms_per_user):
                raise ChatError(
                    "limit.count",
                    "This user was put into as many rooms as others can put one.",
                    detail={"field": "rooms", "reason": "invited"},
                )
            mine = sum(event.author.id == inviter.id for event in others)
            if mine >= self._limits.rooms_per_inviter and not is_staff(inviter):
                raise ChatError(
                    "limit.count",
                    "You have put this user into as many rooms as you can.",
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


def _is_full(events: Sequence[MemberEvent], most: int) -> bool:
    """Whether these newest events in each room leave no place for another membership."""
    now = sum(not isinstance(event, MemberLeft) for event in events)
    return now >= most or len(events) >= EVER * most
