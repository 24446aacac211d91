"""Passwords of accounts: set, changed, chosen anew at a sign-in, and reset by a link."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

import msgspec

from chatserver.config import Config
from chatserver.errors import CLOSE_REJECTED, ChatError
from chatserver.hooks.actions import PasswordChange
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.types import Actor
from chatserver.interfaces import Authenticator, Store
from chatserver.model import User
from chatserver.runtime.clock import text_of
from chatserver.service.attempts import Attempts
from chatserver.service.directory import NAMES, USERS, decode_user, folded_name
from chatserver.service.login.renewal import Renewals
from chatserver.service.login.resets import INVALID, Resets
from chatserver.service.own_account import THE_SERVER, OwnAccount

PASSWORD_CHARS = 1024  # a longer password is refused before any work is done
LINK_SECONDS = 86400.0  # for which a link of an administrator is valid


class ResetLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link by which a user chooses a new password, and the time at which it ends (RFC 3339)."""

    link: str
    expires: str


class Passwords:
    """The passwords of all accounts."""

    def __init__(
        self,
        accounts: OwnAccount,
        store: Store,
        authenticator: Authenticator,
        hooks: HookCalls,
        attempts: Attempts,
        config: Config,
    ) -> None:
        self._accounts, self._store = accounts, store
        self._authenticator, self._hooks = authenticator, hooks
        self._attempts, self._config = attempts, config.server
        self.renewals, self._resets = Renewals(store), Resets(store)
        self.sweep_resets = self._resets.sweep
        # Held by those who register, too.
        self.turn: Callable[[str], AbstractAsyncContextManager[None]] = getattr(
            authenticator, "turn", lambda address: nullcontext()
        )

    async def set(
        self, username: str, password: str, by: Actor = THE_SERVER, *, must_change: bool = False
    ) -> User:
        """Set a password and end all sessions of the account. With `must_change` its user chooses another one at
        the next sign-in. Raises `ChatError` user.not_found, request.invalid.
        """
        user = await self._accounts.named(username)
        await self.check(password, user.username, user.name)
        if must_change:  # noted first, so that nobody signs in with it before
            await self.renewals.demand(user.id)
        await self._replace(user, password, is_final=not must_change)
        self._accounts.tell("password", user, by)
        return user

    async def change(
        self, user: User, token: str, old: str, new: str, address: str, device: str = ""
    ) -> None:
        """Change one's own password; all other sessions of the account end.

        An account without a password gets its first one by a recent confirmation instead. Raises `ChatError`
        auth.invalid, auth.confirm, limit.rate, request.invalid, action.refused.
        """
        await self.check(new, user.username, user.name)
        if await self._accounts.identities.has_password(user.id):
            await self.verified(user.username, old, address, device)
        else:
            await self._accounts.demand_recent(user, token)
        await self._hooks.allow(PasswordChange(), user)
        await self._keep(user, new, is_final=True)
        by = Actor(user=user.id, address=address)
        await self._accounts.end_other_sessions(user.id, token, by)
        self._accounts.tell("password", user, by)

    async def renew(self, user: str, password: str, address: str) -> None:
        """Choose a new password at a sign-in, as a user (id) who must; it ends all sessions.

        Raises `ChatError` request.invalid, also for the present password, and limit.rate.
        """
        found = await self._accounts.get(user)
        await self.check(password, found.username, found.name)
        if await self._authenticator.is_password(user, password):
            raise ChatError(
                "request.invalid",
                "This is your present password: choose another one.",
                detail={"field": "password", "reason": "same"},
            )
        await self._replace(found, password, is_final=True)
        self._accounts.tell("password", found, Actor(user=user, address=address or None))

    async def reset_link(
        self, username: str, by: Actor = THE_SERVER, seconds: float = LINK_SECONDS
    ) -> ResetLink:
        """Make a link by which the user chooses a new password, once; an earlier one ends.

        The link is a secret: whoever has it gets into the account, unless that has a second step. Raises
        `ChatError` user.not_found; user.forbidden for a locked account and that of a machine.
        """
        user = await self._accounts.named(username)
        if user.disabled or user.bot:
            raise ChatError("user.forbidden", "Nobody can sign in to this account.")
        code, expires = await self._resets.make(user.id, seconds)
        self._accounts.tell("reset_link", user, by)
        return ResetLink(link=f"{self._config.public_url}/#reset={code}", expires=text_of(expires))

    async def of_reset_code(self, code: str) -> User | None:
        """The user of the code of a valid link."""
        found = await self._resets.find(code)
        if found is None:
            return None
        user = await self._accounts.get(found)
        return None if user.disabled else user

    async def reset(self, user: str, digest: str, password: str, address: str) -> None:
        """Set the password of a user (id) by the link whose code has this digest; it ends all sessions.

        Raises `ChatError` auth.refused if the link is not valid any more, request.invalid, limit.rate.
        """
        found = await self._accounts.get(user)
        if found.disabled:
            raise ChatError("auth.refused", INVALID)
        await self.check(password, found.username, found.name)

        async def replace() -> None:
            await self._replace(found, password, is_final=True)

        await self._resets.use(user, digest, replace)
        self._accounts.tell("password_reset", found, Actor(user=user, address=address or None))

    async def verified(self, username: str, password: str, address: str, device: str = "") -> User:
        """The account whose password this is. Raises `ChatError` auth.invalid, limit.rate."""
        user, _ = await self.verify(username, password, address, device)
        if user is None:
            raise ChatError("auth.invalid")
        return user

    async def verify(
        self, username: str, password: str, address: str, device: str
    ) -> tuple[User | None, str | None]:
        """The account if the password is right; and the id of the account of this name, if there is one."""
        account, known, user = folded_name(username)[:100], None, None
        try:
            async with self.turn(address):
                # The same reads for unknown accounts, so that the time taken does not reveal which exist.
                found = await self._store.get(NAMES, account)
                raw = await self._store.get(USERS, found.decode() if found else "-")
                user = self._accounts.current(decode_user(raw)) if raw else None
                known = user.id if user else None
                matches = len(password) <= PASSWORD_CHARS and await self._authenticator.verify(
                    known, password, account=account, address=address, device=device
                )
        except ChatError as error:
            if error.code == "limit.rate":
                self._attempts.tell_limited(account, known, address)
            raise
        return (user if matches and user is not None and not user.bot else None), known

    async def forget(self, user: str) -> None:
        """Forget what is to happen to the password of a deleted account."""
        await self.renewals.fulfil(user)
        await self._resets.forget(user)

    async def check(self, password: str, *names: str) -> None:
        """Raise `ChatError` request.invalid for a password that is too long or too easy to guess."""
        if len(password) > PASSWORD_CHARS:
            raise ChatError(
                "request.invalid",
                "This password is too long.",
                detail={"field": "password", "reason": "long"},
            )
        words = [*names, self._config.name, "chatserver"]
        await self._authenticator.check_password(password, words)

    async def _replace(self, user: User, password: str, *, is_final: bool) -> None:
        await self._keep(user, password, is_final=is_final)
        await self._accounts.end_all_sessions(user, CLOSE_REJECTED, "the password was changed")

    async def _keep(self, user: User, password: str, *, is_final: bool) -> None:
        """Store it; if it `is_final`, its user need not choose another one."""
        await self._authenticator.set_password(user.id, password)
        await self._accounts.identities.note_password(user.id, has=True)
        await self._resets.forget(user.id)
        if is_final:
            await self.renewals.fulfil(user.id)
