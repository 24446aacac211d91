"""Links by mail for users who forgot their password.

The answer is the same whether an account exists, has an address, or had too many mails: all of that is looked at in
the background, after the answer.
"""

from collections.abc import Mapping

from chatserver.errors import ChatError
from chatserver.hooks.login import LoginField, LoginFlow, LoginForm, LoginMethod, LoginStep
from chatserver.hooks.mail import Mail
from chatserver.hooks.types import Actor
from chatserver.interfaces import Store
from chatserver.model import User
from chatserver.runtime.rate import AddressRate
from chatserver.service.accounts import Accounts
from chatserver.service.login.resets import FORGOTTEN, ResetSteps
from chatserver.service.mail.emails import Emails
from chatserver.service.mail.meter import Meter
from chatserver.service.mail.outbox import Outbox
from chatserver.service.mail.texts import RESET, language_of, written

LINK_SECONDS = 3600.0
MAILS_PER_HOUR = 3  # to one user
ASKED_PER_HOUR = 20  # from one address

_NAME = LoginForm(
    text="A link for a new password is sent to the e-mail address of your account.",
    fields=(LoginField(name="username", label="User name", kind="username"),),
)
_SENT = LoginForm(
    text="If this account has an e-mail address, a mail is on its way. Open its link, or copy its code here: what "
    "stands behind “reset=”.",
    fields=(LoginField(name="code", label="Code of the link"),),
    keep={"sent": True},
)


class Forgotten:
    """The method `forgotten`: asks for a user name, sends a mail, and goes on as behind the link."""

    def __init__(
        self, store: Store, accounts: Accounts, emails: Emails, outbox: Outbox, server: str
    ) -> None:
        self._accounts, self._emails, self._outbox = accounts, emails, outbox
        self._server = server
        self._steps = ResetSteps(accounts.passwords.of_reset_code, accounts.passwords.reset, _SENT)
        self._meter = Meter(store, MAILS_PER_HOUR, 3600.0)
        self._asked = AddressRate(ASKED_PER_HOUR / 3600, ASKED_PER_HOUR)

    def method(self) -> LoginMethod:
        return LoginMethod(
            name=FORGOTTEN,
            label="Forgot your password?",
            begin=self._begin,
            proceed=self._proceed,
            purposes=("sign_in",),
            deadline=60.0,
        )

    async def _begin(self, flow: LoginFlow) -> LoginStep:
        return _NAME

    async def _proceed(self, flow: LoginFlow, answer: Mapping[str, str]) -> LoginStep:
        if flow.kept:
            return await self._steps.proceed(flow, answer)
        self._asked.take(flow.address)
        username, address, accepted = answer["username"], flow.address, flow.language

        async def compose() -> Mail | None:
            return await self._letter(username, address, accepted)

        self._outbox.put(compose)
        return _SENT

    async def _letter(self, username: str, address: str, accepted: str) -> Mail | None:
        user = await self._accounts.by_name(username)
        email = None if user is None else await self._emails.of(user.id)
        if user is None or email is None or not await self._meter.take("reset", user.id):
            return None
        return await self._to(user, email, address, accepted)

    async def _to(self, user: User, email: str, address: str, accepted: str) -> Mail | None:
        try:
            by = Actor(address=address or None)
            made = await self._accounts.passwords.reset_link(user.username, by, LINK_SECONDS)
        except ChatError as error:
            if error.code != "user.forbidden":  # that of a locked account
                raise
            return None
        return written(
            RESET,
            email,
            made.link,
            language_of(accepted),
            name=user.name,
            username=user.username,
            server=self._server,
        )
