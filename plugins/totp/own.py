"""What users do with their own one-time codes, at whatever door."""

from typing import Literal, TypeAlias

from chatserver import Actor, Context, LoginMethodRemove, User
from chatserver_plugins.totp.enrolments import Enrolled, Enrolments

Change: TypeAlias = Literal["method_added", "method_removed", "recovery_codes"]


class OwnCodes:
    """`token` is that of the user's session, in which they must have confirmed lately to be there (auth.confirm).

    `address` is the network address from which they ask.
    """

    def __init__(self, context: Context, enrolments: Enrolments) -> None:
        self._accounts, self._allow = context.service.accounts, context.allow
        self._enrolments = enrolments

    async def of(self, user: User) -> Enrolled | None:
        return await self._enrolments.of(user.id)

    async def remove(self, user: User, token: str | None, address: str) -> None:
        """Sign in without codes from now on. Raises `ChatError` auth.confirm, action.refused."""
        await self._accounts.demand_recent(user, token)
        await self._allow(LoginMethodRemove(method="totp"), user)
        if await self._enrolments.remove(user.id):
            self.tell("method_removed", user, address)

    async def renew_recovery(self, user: User, token: str | None, address: str) -> list[str]:
        """New recovery codes instead of the old ones; none without an enrolment. Raises `ChatError` auth.confirm."""
        await self._accounts.demand_recent(user, token)
        recovery = await self._enrolments.renew_recovery(user.id)
        if recovery is not None:
            self.tell("recovery_codes", user, address)
        return recovery or []

    def tell(self, what: Change, user: User, address: str) -> None:
        """Tell plugins, such as the audit log, and the user of the change."""
        self._accounts.tell(what, user, Actor(user=user.id, address=address), method="totp")
