"""Users and their own e-mail address."""

from chatserver.errors import ChatError
from chatserver.hooks.types import Actor
from chatserver.model import User
from chatserver.service.accounts import Accounts
from chatserver.service.mail.emails import Emails, OwnEmail
from chatserver.service.mail.notices import Notices


class OwnEmails:
    """What a signed-in user does with their address."""

    def __init__(self, accounts: Accounts, emails: Emails, notices: Notices) -> None:
        self._accounts, self._emails, self._notices = accounts, emails, notices

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
            former = await self._emails.set(user.id, None)
            self._tell(user, former, Actor(user=user.id, address=address))
        else:
            await self._emails.propose(user, email, language)
        return await self._emails.own(user.id)

    async def confirm(self, code: str, address: str | None = None) -> None:
        """Confirm an address by the code of a link; needs no session. Raises `ChatError` auth.refused."""
        user, former = await self._emails.confirm(code)
        try:
            found = await self._accounts.get(user)
        except ChatError as error:
            if error.code == "user.not_found":
                raise ChatError("auth.refused") from error
            raise
        self._tell(found, former, Actor(user=user, address=address))

    def _tell(self, user: User, former: str | None, by: Actor) -> None:
        self._accounts.tell("email", user, by)
        self._notices.moved(user.id, former, by)
