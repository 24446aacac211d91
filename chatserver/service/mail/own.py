"""Users and their own e-mail address."""

from chatserver.errors import ChatError
from chatserver.hooks.types import Actor
from chatserver.model import User
from chatserver.service.accounts import Accounts
from chatserver.service.mail.emails import Emails, OwnEmail


class OwnEmails:
    """What a signed-in user does with their address."""

    def __init__(self, accounts: Accounts, emails: Emails) -> None:
        self._accounts, self._emails = accounts, emails

    async def get(self, user: User) -> OwnEmail:
        return await self._emails.own(user.id)

    async def set(
        self,
        user: User,
        token: str | None,
        email: str | None,
        *,
        language: str = "",
        address: str | None = None,
    ) -> OwnEmail:
        """Send a link to a new address, which counts once the link is opened; None removes the present one.

        Raises `ChatError` auth.confirm, request.invalid, limit.rate, mail.none.
        """
        await self._accounts.demand_recent(user, token)
        if email is None:
            await self._emails.set(user.id, None)
            self._accounts.tell("email", user, Actor(user=user.id, address=address))
        else:
            await self._emails.propose(user, email, language)
        return await self._emails.own(user.id)

    async def confirm(self, code: str, address: str | None = None) -> None:
        """Confirm an address by the code of a link; needs no session. Raises `ChatError` auth.refused."""
        user = await self._emails.confirm(code)
        try:
            found = await self._accounts.get(user)
        except ChatError as error:
            if error.code == "user.not_found":
                raise ChatError("auth.refused") from error
            raise
        self._accounts.tell("email", found, Actor(user=user, address=address))
