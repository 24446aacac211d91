"""Signing in by any method, from its first step to the session; linking accounts; confirming."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

import msgspec
from loguru import logger

from chatserver.config import Config
from chatserver.errors import ChatError
from chatserver.hooks.absent import demand_present
from chatserver.hooks.actions import SignIn
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.login import (
    Identity,
    LoginClient,
    LoginDone,
    LoginMethod,
    LoginRedirect,
    Purpose,
)
from chatserver.hooks.types import Actor
from chatserver.localized import Localized
from chatserver.model import ServerRole, User
from chatserver.runtime.ids import new_id
from chatserver.service.accounts import Accounts
from chatserver.service.login.flows import Pending, gone
from chatserver.service.login.resets import RESET
from chatserver.service.login.steps import Challenged, Steps, Turn
from chatserver.service.names import free_names
from chatserver.service.newcomers import shown_name
from chatserver.service.own_account import THE_SERVER

SWEEP_SECONDS = 600.0
BACK_CHARS = 512

Begun: TypeAlias = Literal["sign_in", "link", "confirm"]


class MethodView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sign-in method as clients see it. `icon` is the `d` of an SVG path of 24 × 24."""

    name: str
    label: Localized
    kind: Literal["form", "redirect"]
    icon: str = ""


class SignedIn(NamedTuple):
    """The last step was right, and there is a session."""

    user: User
    token: str


class Finished(NamedTuple):
    """The last step was right, and nothing else is needed: the account is linked, or the session confirmed."""

    purpose: Purpose


Progress: TypeAlias = Turn | SignedIn | Finished


class Logins:
    """All ways to sign in."""

    def __init__(self, accounts: Accounts, steps: Steps, config: Config, hooks: HookCalls) -> None:
        self._accounts, self._steps, self._hooks = accounts, steps, hooks
        self._make_accounts = config.server.methods_make_accounts
        self.public_url = config.server.public_url
        self.methods = steps.methods
        self.sweep = steps.sweep

    def listed(self, purpose: Begun = "sign_in") -> list[MethodView]:
        """The methods that may be begun for this purpose, in the order in which they are shown."""
        return [
            MethodView(name=method.name, label=method.label, kind=method.kind, icon=method.icon)
            for method in self.methods.of(purpose)
            if method.name != RESET  # begun by whoever has a link
        ]

    async def begin(
        self,
        name: str,
        client: LoginClient,
        purpose: Begun = "sign_in",
        *,
        user: User | None = None,
        token: str | None = None,
        back: str = "/",
    ) -> Progress:
        """Begin a method. To link or to confirm, `user` is signed in with the session of `token`.

        `back` is where in the page a sign-in at another server ends. Raises `ChatError` request.invalid,
        limit.rate, auth.refused, and to link auth.confirm, action.refused.
        """
        if not _is_local(back):
            raise ChatError("request.invalid", "back: expected a path of this server.")
        session = ""
        if purpose == "sign_in":
            user = None
        elif user is None or token is None:
            raise ChatError("auth.required")
        else:
            session = self._accounts.sessions.id_of(token)
            if purpose == "link":
                await self._accounts.demand_recent(user, token)
                await self._accounts.allow_method(user, name)
        turn = await self._steps.begin(name, purpose, client, user=user, session=session, back=back)
        return await self._after(turn, client)

    async def proceed(
        self, flow: str, secret: str, answer: Mapping[str, str], client: LoginClient
    ) -> Progress:
        """Answer a step.

        Raises `ChatError` auth.flow, auth.refused, auth.invalid, request.invalid, limit.rate, plugin.absent.
        """
        return await self._after(await self._steps.answer(flow, secret, answer, client), client)

    async def look(self, flow: str, secret: str) -> Turn:
        """The waiting step once more, as for a page that was loaded again."""
        return await self._steps.look(flow, secret)

    async def switch(self, flow: str, secret: str, name: str, client: LoginClient) -> Progress:
        """Take another challenge instead, of those that are alternatives."""
        return await self._after(await self._steps.switch(flow, secret, name, client), client)

    async def come_back(
        self, secret: str, query: Mapping[str, str], client: LoginClient
    ) -> tuple[Progress | str, str]:
        """A browser comes back from another server.

        Returns what is next, or the id under which `look` raises the error; and the path in the page. Raises
        `ChatError` auth.flow if this browser has no such sign-in.
        """
        flow = query.get("state", "")
        pending = await self._steps.flows.look(flow, secret)
        if not isinstance(pending.step, LoginRedirect):
            raise gone()
        try:
            return await self.proceed(flow, secret, query, client), pending.back
        except ChatError as error:
            return await self._steps.end(pending, secret, error), pending.back

    async def reset(self, name: str, user: User, by: Actor = THE_SERVER) -> bool:
        """Remove what a user has enrolled with a method; whether there was anything. For operators."""
        for method in self.methods.all():
            if method.name == name and method.reset is not None:
                was_there = await method.reset(user)
                if was_there:
                    self._accounts.tell("method_removed", user, by, method=name)
                return was_there
        raise ChatError("request.invalid", f"There is no method {name} that can be reset.")

    async def _after(self, turn: Turn, client: LoginClient) -> Progress:
        """What follows a step: the next one, or what the last one was for."""
        if not isinstance(turn.step, LoginDone):
            return turn
        pending, done = turn.pending, turn.step
        client = msgspec.structs.replace(client, secret=turn.secret)
        identity = done.identity
        if identity is not None:
            identity = msgspec.structs.replace(identity, method=pending.method)
        if pending.purpose == "sign_in":
            user = await self._user_of(pending, done, identity, client)
            shown = identity or _own_identity(pending, done, user)
            try:
                return SignedIn(*await self._accounts.open_session(user, shown, client))
            except Challenged as challenged:
                return challenged.turn
        user = await self._accounts.get(pending.user or "")
        if pending.purpose == "link":
            if identity is not None:
                await self._accounts.link(user, identity, client.address)
            return Finished("link")
        await self._demand_same(user, done, identity)
        if pending.purpose == "confirm":
            # As at a sign-in: the password alone must not be enough to remove a second step.
            shown = identity or _own_identity(pending, done, user)
            rest = await self._steps.demanded(user, shown)
        else:
            assert pending.identity is not None
            shown, rest = pending.identity, pending.groups[1:]
        following = await self._steps.challenge(user, shown, rest, client, pending.session)
        if following is not None:
            return following
        if pending.session:
            # A plugin that is away demands no challenge: what its absence refuses to sign in must not confirm either.
            await demand_present(self._hooks.active.absent, SignIn.__name__, None, user)
            await self._accounts.sessions.confirm(user.id, pending.session)
            return Finished("confirm")
        return SignedIn(*await self._accounts.open_challenged(user, shown, client))

    async def _demand_same(self, user: User, done: LoginDone, identity: Identity | None) -> None:
        """Raise `ChatError` auth.refused if somebody else than the pinned user has passed."""
        found = done.user
        if identity is not None:
            found = await self._accounts.identities.holder(identity) or ""
        if found is not None and found != user.id:
            raise ChatError("auth.refused", "This is another account.")

    async def _user_of(
        self, pending: Pending, done: LoginDone, identity: Identity | None, client: LoginClient
    ) -> User:
        """The account of somebody who signs in, made if this is their first time."""
        if identity is None and done.user is not None:
            return await self._found(done.user)
        if identity is None:
            logger.error("sign-in method {}: LoginDone() names nobody", pending.method)
            raise ChatError("plugin.failed")
        holder = await self._accounts.identities.holder(identity)
        suggestion = _suggestion(identity)
        name = shown_name(identity.name, suggestion)
        if holder is None:
            if not (self._make_accounts and self._method(pending).makes_accounts):
                raise ChatError("auth.closed")
            name = (
                await self._accounts.admit_newcomer(
                    suggestion, name, client.address, pending.method
                )
                or name
            )
            holder = await self._accounts.identities.claim(identity, new_id())
        else:
            await self._accounts.identities.enter(identity, holder)
        by = Actor(address=client.address or None)
        user = await self._accounts.made_once(holder, suggestion, name, by)
        if identity.role not in (None, user.role) and user.role is not ServerRole.OWNER:
            assert identity.role is not None
            user = await self._accounts.set_role(user.username, identity.role, by)
        return user

    async def _found(self, user: str) -> User:
        try:
            return await self._accounts.get(user)
        except ChatError as error:
            if error.code != "user.not_found":
                raise
            raise ChatError("auth.invalid") from error

    def _method(self, pending: Pending) -> LoginMethod:
        return self.methods.get(pending.method, pending.purpose)


def _own_identity(pending: Pending, done: LoginDone, user: User) -> Identity:
    """The identity of a user whom a method knows by the account alone."""
    return Identity(method=pending.method, subject=user.id, is_strong=done.is_strong)


def _suggestion(identity: Identity) -> str:
    """A valid user name to begin with; the server finds a free one like it."""
    wanted = identity.username or identity.email.partition("@")[0] or identity.name
    return next(free_names(wanted))


def _is_local(path: str) -> bool:
    """Whether a text is a path within this server, and no browser takes it for anything else."""
    return (
        path.startswith("/")
        and not path.startswith("//")
        and len(path) <= BACK_CHARS
        and all(" " < char < "\x7f" and char not in "\\#" for char in path)
    )
