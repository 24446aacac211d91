"""What the staff of the server does with the accounts of others, over the network."""

from chatserver.errors import CLOSE_REJECTED
from chatserver.hooks.actions import PasswordReset, Register
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.types import Actor
from chatserver.model import ServerRole, User
from chatserver.service.accounts import Accounts, cleaned
from chatserver.service.administration import Administration
from chatserver.service.mail.emails import Emails, OwnEmail
from chatserver.service.mail.notices import Notices
from chatserver.service.names import clean_username
from chatserver.service.passwords import ResetLink
from chatserver.service.rights import demand_over_account


class Staff:
    """Operations on accounts for owners and admins. `address` is the actor's, `token` that of their session.

    All of them raise `ChatError` user.forbidden, auth.address and action.refused.
    """

    def __init__(
        self,
        accounts: Accounts,
        emails: Emails,
        notices: Notices,
        hooks: HookCalls,
        administration: Administration,
    ) -> None:
        self._accounts, self._emails, self._notices = accounts, emails, notices
        self._hooks, self._administration = hooks, administration

    async def appoint(
        self,
        actor: User,
        token: str | None,
        username: str,
        role: ServerRole,
        address: str | None = None,
    ) -> User:
        """Give an account another role on the server.

        Raises `ChatError` user.not_found, user.last_owner, auth.confirm.
        """
        self._administration.demand(actor, address)
        await self._accounts.demand_recent(actor, token)
        return await self._accounts.appoint(actor, username, role, address)

    async def add(
        self,
        actor: User,
        username: str,
        password: str,
        name: str | None = None,
        *,
        must_change: bool = True,
        address: str | None = None,
    ) -> User:
        """Make an account for somebody, a member. Raises `ChatError` user.exists, request.invalid."""
        self._administration.demand(actor, address)
        action = Register(username=clean_username(username), name=name, address=address or "")
        name = (await self._hooks.allow(action, actor, clean=cleaned)).name
        by = Actor(user=actor.id, address=address)
        return await self._accounts.add(
            username, password, name, ServerRole.MEMBER, by, must_change=must_change
        )

    async def set_password(
        self,
        actor: User,
        token: str | None,
        username: str,
        password: str,
        *,
        must_change: bool = True,
        address: str | None = None,
    ) -> User:
        """Set another user's password and end their sessions.

        Raises `ChatError` user.not_found, request.invalid, and auth.confirm unless the actor confirmed lately.
        """
        by = await self._allowed(actor, token, username, address, by_link=False)
        passwords = self._accounts.passwords
        return await passwords.set(username, password, by, must_change=must_change)

    async def end_sessions(
        self, actor: User, token: str | None, username: str, address: str | None = None
    ) -> User:
        """Sign another user out everywhere. Raises `ChatError` user.not_found, auth.confirm."""
        self._administration.demand(actor, address)
        user = await self._accounts.named(username)
        demand_over_account(actor, user)
        await self._accounts.demand_recent(actor, token)
        await self._accounts.end_all_sessions(user, CLOSE_REJECTED, "the session has ended")
        by = Actor(user=actor.id, address=address)
        self._accounts.tell("signed_out", user, by)
        return user

    async def reset_link(
        self, actor: User, token: str | None, username: str, address: str | None = None
    ) -> ResetLink:
        """Make a link by which another user sets a password. Raises `ChatError` user.not_found, auth.confirm."""
        by = await self._allowed(actor, token, username, address, by_link=True)
        return await self._accounts.passwords.reset_link(username, by)

    async def email(self, actor: User, username: str, address: str | None = None) -> OwnEmail:
        """The e-mail address of another user. Raises `ChatError` user.not_found."""
        self._administration.demand(actor, address)
        return await self._emails.own((await self._accounts.named(username)).id)

    async def set_email(
        self,
        actor: User,
        token: str | None,
        username: str,
        email: str | None,
        address: str | None = None,
    ) -> OwnEmail:
        """Set another user's e-mail address, or remove it (None): whoever reads it can set a new password.

        Raises `ChatError` user.not_found, request.invalid, auth.confirm.
        """
        by = await self._allowed(actor, token, username, address, by_link=True)
        return await self.email_by_operator(username, email, by, change=True)

    async def email_by_operator(
        self, username: str, email: str | None, by: Actor, *, change: bool
    ) -> OwnEmail:
        """The address of a user for an operator, who sets or removes it first if they `change` it."""
        user = await self._accounts.named(username)
        if change:
            former = await self._emails.set(user.id, email)
            self._accounts.tell("email", user, by)
            self._notices.moved(user.id, former, by)
        return await self._emails.own(user.id)

    async def _allowed(
        self, actor: User, token: str | None, username: str, address: str | None, *, by_link: bool
    ) -> Actor:
        self._administration.demand(actor, address)
        user = await self._accounts.named(username)
        demand_over_account(actor, user)
        await self._accounts.demand_recent(actor, token)
        await self._hooks.allow(PasswordReset(account=user.id, by_link=by_link), actor)
        return Actor(user=actor.id, address=address)
