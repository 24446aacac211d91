"""The characters that are sent in a day, counted over all nodes: of each user, and of all."""

import asyncio
from datetime import UTC, datetime, timedelta

from chatserver import ChatError, ExpiringRecords, WallClock
from chatserver_plugins.translation.refusals import refusal

KEPT_SECONDS = 2 * 86_400.0  # a count, which is of one day
TRIES = 20  # while other nodes count at the same time
ALL = "all"  # no user's id


class Budget:
    """Days are those of UTC."""

    def __init__(
        self, records: ExpiringRecords, clock: WallClock, of_user: int, of_all: int
    ) -> None:
        self._records, self._clock = records, clock
        self._of_user, self._of_all = of_user, of_all
        self._turn = asyncio.Lock()  # this node counts once at a time

    async def take(self, user: str, count: int) -> None:
        """Count characters of a user (id). Raises `ChatError` translation.spent, store.unavailable, limit.rate.

        Its detail says `of` whom the day's characters are spent: `user` or `all`.
        """
        async with self._turn:
            if not await self._add(f"user/{user}", count, self._of_user):
                raise self._spent("user")
            if not await self._add(ALL, count, self._of_all):
                await self._add(f"user/{user}", -count, self._of_user)
                raise self._spent("all")

    async def give_back(self, user: str, count: int) -> None:
        """Characters that were counted and brought nothing. Raises `ChatError` store.unavailable, limit.rate."""
        async with self._turn:
            await self._add(f"user/{user}", -count, self._of_user)
            await self._add(ALL, -count, self._of_all)

    async def _add(self, name: str, count: int, most: int) -> bool:
        """Returns False, and counts nothing, if there would be more than `most`."""
        key = f"{self._now():%Y-%m-%d}/{name}"
        for _ in range(TRIES):
            old = await self._records.get(key)
            so_far = max(0, int(old or b"0") + count)
            if count > 0 and so_far > most:
                return False
            new = str(so_far).encode()
            if old is None:
                is_counted = await self._records.add(key, new, KEPT_SECONDS)
            else:
                is_counted = await self._records.swap(key, old, new, KEPT_SECONDS)
            if is_counted:
                return True
        raise ChatError("limit.rate", after_ms=1000)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def _spent(self, of: str) -> ChatError:
        now = self._now()
        tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return refusal("translation.spent", seconds=(tomorrow - now).total_seconds(), of=of)
