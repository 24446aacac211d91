"""What users do with their own account: sessions, ways to sign in, confirmation."""

from collections.abc import Callable

from chatserver.delivery.hub import Hub
from chatserver.errors import CLOSE_REJECTED, ChatError
from chatserver.hooks.actions import LoginMethodAdd, LoginMethodRemove
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.login import Identity
from chatserver.hooks.types import AccountChange, Actor, Deed
from chatserver.interfaces import Authenticator, Store
from chatserver.model import ServerRole, User
from chatserver.runtime.clock import Clock
from chatserver.service.changes import Changes
from chatserver.service.directory import Directory
from chatserver.service.login.identities import Identities
from chatserver.service.login.sessions import OwnSession, Sessions
from chatserver.service.login.steps import Steps

RECENT_SECONDS = 600.0  # after which a user has to confirm before a sensitive action
THE_SERVER = Actor()


class OwnAccount(Directory):
    """The part of `Accounts` that is for the signed-in user."""

    def __init__(
        self,
        store: Store,
        authenticator: Authenticator,
        hooks: HookCalls,
        hub: Hub,
        changes: Changes,
        steps: Steps,
        clock: Clock,
    ) -> None:
        super().__init__(store, clock)
        self._authenticator, self._hooks = authenticator, hooks
        self._hub, self._changes, self._steps = hub, changes, steps
        self._watchers: list[Callable[[AccountChange], None]] = []
        self.sessions, self.identities = Sessions(store, authenticator), Identities(store)

    async def own_sessions(self, user: User, token: str) -> list[OwnSession]:
        """The user's sessions, newest first; that of `token` is the current one."""
        return await self.sessions.of(user.id, token)

    async def end_session(self, user: User, session: str, address: str | None = None) -> None:
        """End one of the user's sessions, by its id. Raises `ChatError` request.not_found."""
        if not await self.sessions.end(user.id, session):
            raise ChatError("request.not_found")
        await self._ended(user.id, {session}, Actor(user=user.id, address=address))

    async def end_sessions(self, user: str, method: str, sid: str = "") -> None:
        """End a user's (id) sessions that a method began, such as those of one session of its provider."""
        ended = set(await self.sessions.with_sid(user, method, sid))
        for session in ended:
            await self.sessions.end(user, session)
        await self._steps.flows.end(user)
        await self._ended(user, ended, THE_SERVER)

    async def end_other_sessions(self, user: str, token: str, by: Actor) -> None:
        """End a user's (id) sessions but that of `token`, and their sign-ins that are under way."""
        await self._steps.flows.end(user)
        current = self.sessions.id_of(token)
        others = {each for each in await self.sessions.ids(user) if each != current}
        for session in others:
            await self.sessions.end(user, session)
        await self._ended(user, others, by)

    async def end_all_sessions(self, user: User, code: int, reason: str) -> None:
        """End a user's sessions and sign-ins; connections are closed with the code and the reason."""
        await self._authenticator.close_sessions(user.id)
        await self._steps.flows.end(user.id)
        await self.sessions.forget(user.id)
        for subscriber in self._hub.of_user(user.id):
            subscriber.pipe.close(code, reason)
        await self._changes.announce("user", user.id)

    async def _ended(self, user: str, sessions: set[str], by: Actor) -> None:
        """Close the connections of sessions that have ended."""
        if not sessions:
            return
        for subscriber in self._hub.of_user(user):
            if subscriber.token and self.sessions.id_of(subscriber.token) in sessions:
                subscriber.pipe.close(CLOSE_REJECTED, "the session has ended")
        await self._changes.announce("user", user)
        self._hooks.on_account(AccountChange(what="signed_out", user=user, by=by))

    async def demand_recent(
        self, user: User, token: str | None, seconds: float = RECENT_SECONDS
    ) -> None:
        """For sensitive actions: raise `ChatError` auth.confirm unless the user confirmed to be there.

        Signing in counts, and so does a sign-in with the purpose `confirm`, in the session of `token` and in the
        last `seconds`.
        """
        if token is None or not await self.sessions.is_recent(user.id, token, seconds):
            raise ChatError("auth.confirm")

    async def allow_method(self, user: User, method: str) -> None:
        """Ask plugins whether the user may add this way to sign in. Raises `ChatError` action.refused."""
        await self._hooks.allow(LoginMethodAdd(method=method), user)

    async def link(self, user: User, identity: Identity, address: str | None = None) -> None:
        """Make an identity a way to sign in to the account. Raises `ChatError` auth.refused if it is another's."""
        if await self.identities.claim(identity, user.id) != user.id:
            raise ChatError("auth.refused", "This is a way to sign in to another account.")
        by, linked = Actor(user=user.id, address=address), self.identities.id_of(identity)
        self.tell("linked", user, by, method=identity.method, item=linked)

    async def unlink(
        self, user: User, token: str | None, linked: str, address: str | None = None
    ) -> None:
        """Remove one of the user's ways to sign in, by its id in `identities.of`.

        Raises `ChatError` request.not_found, auth.last, auth.confirm, action.refused.
        """
        await self.demand_recent(user, token)
        method = ""
        for each in await self.identities.of(user.id):
            if each.id == linked:
                method = each.method
                await self._hooks.allow(LoginMethodRemove(method=method), user)
        await self.identities.unlink(user.id, linked)
        by = Actor(user=user.id, address=address)
        self.tell("unlinked", user, by, method=method, item=linked)

    def watch(self, watcher: Callable[[AccountChange], None]) -> None:
        """Call `watcher`, which must not raise, with each change that `tell` is about."""
        self._watchers.append(watcher)

    def tell(
        self,
        what: Deed,
        user: User,
        by: Actor,
        *,
        role: ServerRole | None = None,
        was: ServerRole | None = None,
        method: str = "",
        item: str = "",
    ) -> None:
        """Tell plugins of a change of an account; a mail tells its user of some. Arguments as in `AccountChange`.

        Plugins call it for the second steps and ways to sign in that they keep by themselves.
        """
        change = AccountChange(
            what=what, user=user.id, by=by, role=role, was=was, method=method, item=item
        )
        self._hooks.on_account(change)
        for watcher in self._watchers:
            watcher(change)
