"""What people get of their own data, and staff of that of others; each is counted, as it reads all of it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from chatserver import ChatError, Context, Held, User, UserRate

REPORTS_PER_SECOND, REPORTS_AT_ONCE = 1 / 60, 10.0
EXPORTS_PER_SECOND, EXPORTS_AT_ONCE = 1 / 1200, 3.0
# For which an export under way keeps the user's others away, on all nodes, if the node that makes it is gone.
EXPORT_SECONDS = 3600.0


class Desk:
    """Answers people and staff."""

    def __init__(self, context: Context) -> None:
        self._service, self._under_way = context.service, context.expiring
        self._reports = UserRate(REPORTS_PER_SECOND, REPORTS_AT_ONCE)
        self._exports = UserRate(EXPORTS_PER_SECOND, EXPORTS_AT_ONCE)

    async def held(self, user: User) -> Held:
        """How much is held about the user. Raises `ChatError` limit.rate."""
        self._reports.take(user.id)
        return await self._service.privacy.report.of(user.id)

    async def held_of(self, user: User, address: str, other: str) -> Held:
        """How much is held about another user (id), for staff.

        Raises `ChatError` user.forbidden, auth.address, user.not_found, limit.rate.
        """
        self._service.administration.demand(user, address)
        found = await self._service.accounts.get(other)
        self._reports.take(user.id)
        return await self._service.privacy.report.of(found.id)

    async def demand_export(self, user: User, token: str | None) -> None:
        """Raises `ChatError` auth.confirm unless the user has just confirmed to be there."""
        await self._service.accounts.demand_recent(user, token)

    async def export(
        self, user: User, token: str | None, language: str
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of the user's archive, one at a time on all nodes.

        Raises `ChatError` auth.confirm, limit.rate, limit.count.
        """
        await self.demand_export(user, token)
        self._exports.take(user.id)
        if not await self._under_way.add(user.id, b"", EXPORT_SECONDS):
            raise ChatError(
                "limit.count",
                "Your data is being put together for you already.",
                detail={"field": "export", "reason": "count", "most": 1},
            )
        return self._parts(await self._service.accounts.get(user.id), language)

    async def _parts(self, user: User, language: str) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(self._service.privacy.archive.of(user, language)) as parts:
                async for part in parts:
                    yield part
        finally:
            await self._under_way.delete(user.id)
