"""Who lets others see what they read: what each has chosen, kept as records."""

from collections.abc import Sequence

from chatserver import Records

SHOWN, HIDDEN = b"shown", b"hidden"  # by user id; no record: nothing was chosen


class Choices:
    """What users have chosen. For those who have chosen nothing it is `shown`."""

    def __init__(self, records: Records, *, shown: bool) -> None:
        self._records, self._shown = records, shown

    async def is_shown(self, user: str) -> bool:
        """Whether others see what a user (id) reads."""
        return user in await self.showing([user])

    async def showing(self, users: Sequence[str]) -> set[str]:
        """Those of the users (ids) of whom others see what they read, in one read of the store."""
        chosen = await self._records.get_many(users)
        default = SHOWN if self._shown else HIDDEN
        return {user for user in users if chosen.get(user, default) == SHOWN}

    async def choose(self, user: str, *, shown: bool) -> None:
        await self._records.put(user, SHOWN if shown else HIDDEN)

    async def forget(self, user: str) -> None:
        """Remove the choice of a user who is gone."""
        await self._records.delete(user)
