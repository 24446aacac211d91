"""Accounts and sessions: signing up and in, roles, locks, names."""

import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec

from chatserver.config import Config
from chatserver.delivery.hub import Hub
from chatserver.errors import CLOSE_FORBIDDEN, CLOSE_REJECTED, ChatError, StoreUnavailable
from chatserver.hooks.actions import (
    AccountLock,
    ProfileChange,
    Register,
    RoleChange,
    SignIn,
)
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.login import Identity, LoginClient
from chatserver.hooks.types import AccountChange, Actor
from chatserver.interfaces import Authenticator, Store, StoredSession
from chatserver.model import ServerRole, Status, User
from chatserver.runtime.clock import SYSTEM, Clock, now_text
from chatserver.runtime.ids import new_id
from chatserver.runtime.rate import AddressRate
from chatserver.service.administration import Administration
from chatserver.service.attempts import Attempts
from chatserver.service.changes import Changes
from chatserver.service.directory import DELETED_NAME, NAMES, USERS, decode_user, folded_name
from chatserver.service.found import found_by
from chatserver.service.founding import Founding
from chatserver.service.login.steps import Challenged, Steps
from chatserver.service.names import clean_person_name, clean_username
from chatserver.service.newcomers import Newcomers
from chatserver.service.own_account import THE_SERVER, OwnAccount
from chatserver.service.owners import Owners
from chatserver.service.passwords import Passwords
from chatserver.service.rights import demand_right_to_appoint
from chatserver.service.similar import Similar, looks
from chatserver.service.tokens import Tokens

PASSWORD = "password"  # noqa: S105 - the name of the method; no plugin's has it

_encode = msgspec.json.encode


class Ended(ChatError):
    """The user signed out elsewhere while this sign-in was under way."""

    def __init__(self) -> None:
        super().__init__("auth.flow")


class Accounts(OwnAccount):
    """All accounts of the installation. `passwords` is the part about passwords."""

    def __init__(
        self,
        store: Store,
        authenticator: Authenticator,
        hooks: HookCalls,
        hub: Hub,
        changes: Changes,
        config: Config,
        administration: Administration,
        steps: Steps,
        attempts: Attempts,
        clock: Clock = SYSTEM,
    ) -> None:
        super().__init__(store, authenticator, hooks, hub, changes, steps, clock)
        self._attempts, self._config = attempts, config.server
        self._administration = administration
        self.passwords = Passwords(self, store, authenticator, hooks, attempts, config)
        self._founding, self._owners = Founding(store), Owners(store)
        self.similar, self.tokens = Similar(store), Tokens()
        self._newcomers = Newcomers(
            store, self.similar, self._founding, self.identities, self._claim, self._tell_added
        )
        hourly = config.limits.registrations_per_hour
        self._registrations = AddressRate(hourly / 3600, hourly)
        changes.watch("user", self._recheck)

    def known(self, user: str) -> User | None:
        """The user of an id if known without a query: connected here, or looked up a moment ago."""
        connected = self._hub.of_user(user)
        if connected and connected[0].user is not None:
            return msgspec.structs.replace(connected[0].user, scopes=msgspec.UNSET)
        cached = self._cache.get(user)
        return (
            self.current(cached[1]) if cached is not None and time.monotonic() < cached[0] else None
        )

    # -- signing up and in -----------------------------------------------------------------------

    async def register(
        self,
        username: str,
        password: str,
        name: str | None = None,
        address: str = "",
        client: LoginClient | None = None,
    ) -> tuple[User, str]:
        """Make an account and sign it in. The first account of the installation becomes owner.

        Each attempt counts for its `address`; attempts without an address count together. Raises
        `ChatError` auth.closed, limit.rate, action.refused, auth.challenge, and those of `add`.
        """
        client = client or LoginClient(address=address)
        user = await self.sign_up(username, password, name, address)
        identity = Identity(method=PASSWORD, subject=user.id)
        await self._demand_challenges(user, identity, client)
        await self._hooks.allow(SignIn(address=client.address, method=PASSWORD), user)
        return user, await self._new_session(user, identity, client)

    async def sign_up(
        self,
        username: str,
        password: str,
        name: str | None = None,
        address: str = "",
        *,
        is_invited: bool = False,
    ) -> User:
        """Make an account for somebody, by the rules of `register`; also if that is closed, for the invited."""
        if self._config.registration == "closed" and not is_invited:
            raise ChatError("auth.closed")
        wanted = await self.admit_newcomer(clean_username(username), name, address)
        by = Actor(address=address)
        async with self.passwords.turn(address):
            user = await self._made(username, password, wanted, None, by, must_change=False)
        by = Actor(user=user.id, address=address or None)
        self.tell("registered", user, by, role=user.role)
        return user

    async def admit_newcomer(
        self, username: str, name: str | None, address: str, method: str = PASSWORD
    ) -> str | None:
        """Count somebody who is to get an account, and ask plugins; returns the shown name as they want it.

        Raises `ChatError` limit.rate, action.refused.
        """
        self._registrations.take(address)
        action = Register(username=username, name=name, address=address, method=method)
        return (await self._hooks.allow(action, None, address, clean=cleaned)).name

    async def add(
        self,
        username: str,
        password: str,
        name: str | None = None,
        role: ServerRole | None = None,
        by: Actor = THE_SERVER,
        *,
        must_change: bool = False,
    ) -> User:
        """Make an account. With `must_change` its user chooses another password at the first sign-in.

        Raises `ChatError` user.exists, request.invalid.
        """
        user = await self._made(username, password, name, role, by, must_change=must_change)
        self._tell_added(user, by)
        return user

    def _tell_added(self, user: User, by: Actor) -> None:
        self.tell("added", user, by, role=user.role)

    async def _made(
        self,
        username: str,
        password: str,
        name: str | None,
        role: ServerRole | None,
        by: Actor,
        *,
        must_change: bool,
    ) -> User:
        folded = clean_username(username)
        shown = clean_person_name(name if name and name.strip() else username)
        # Checked before the name, so that an attempt with a weak password does not reveal taken names.
        await self.passwords.check(password, folded, shown)
        # Without this, each attempt at a taken name would cost a hash and leave its record behind.
        if await self._store.get(NAMES, folded) is not None:
            raise ChatError("user.exists")
        user = User(
            id=new_id(), username=folded, name=shown, role=role or ServerRole.MEMBER, at=now_text()
        )
        claimed = await self._claim(user, by)
        try:
            await self._authenticator.set_password(user.id, password)
            if must_change:
                await self.passwords.renewals.demand(user.id)
            if role is None:
                await self._founding.begin()
            await self._enter(user)
        except ChatError:
            with suppress(StoreUnavailable):
                await self.similar.release(user.id, claimed)
            raise
        return await self._settled(user) if role is None else self._remember(user)

    async def made_once(
        self, user: str, suggestion: str, name: str, by: Actor, *, bot: bool = False
    ) -> User:
        """The account with this id; made without a password if it does not exist, on one node.

        It gets a free user name like the suggested one. Raises `StoreUnavailable`; then the same call finishes.
        """
        raw = await self._store.get(USERS, user)
        if raw is None:
            await self._newcomers.make(user, suggestion, name, by, bot)
            raw = await self._store.get(USERS, user)
        if raw is None:
            raise ChatError("user.exists")
        found = self._remember(decode_user(raw))
        return found if bot else await self._settled(found)

    async def bot(self, key: str, suggestion: str, name: str) -> User:
        """The account of a machine under this key, made once over all nodes; nobody can sign in to it."""
        made = await self._newcomers.bot(key)
        return await self.made_once(made, suggestion, name, THE_SERVER, bot=True)

    async def add_bot(self, username: str, name: str | None, by: Actor) -> User:
        """Make the account of a machine under exactly this user name; only a plugin's tokens sign it in.

        Raises `ChatError` user.exists, request.invalid.
        """
        return self._remember(await self._newcomers.named(username, name, by))

    async def _claim(self, user: User, by: Actor) -> list[str]:
        """Claim the user's names, so that no other account gets similar ones. See `Similar.claim`.

        A shown name that is taken is let through if the server itself gives it, as for accounts that plugins
        make, or if `unique_names` is off.
        """
        claimed = await self.similar.claim(user.id, user.username, "username")
        try:
            return [*claimed, *await self.similar.claim(user.id, user.name, "name", claimed)]
        except ChatError as error:
            may_share = by == THE_SERVER or not self._config.unique_names
            if error.code == "user.exists" and may_share:
                return claimed
            await self.similar.release(user.id, claimed)
            raise

    async def _settled(self, user: User) -> User:
        """The account after the first owner has been decided, which may have made it the owner."""
        if not await self._founding.settle(user):
            return user
        raw = await self._store.get(USERS, user.id)
        return user if raw is None else self._remember(decode_user(raw))

    async def _enter(self, user: User) -> None:
        """Write the account, then its name: after a crash in between, the name is still free."""
        await self._store.put(USERS, user.id, _encode(user))
        if not await self._store.add(NAMES, user.username, user.id.encode()):
            await self._store.delete(USERS, user.id)
            raise ChatError("user.exists")

    async def login(
        self,
        username: str,
        password: str,
        address: str,
        device: str = "",
        client: LoginClient | None = None,
    ) -> tuple[User, str]:
        """Sign in. Raises `ChatError` auth.invalid, the same for every reason, limit.rate, or action.refused.

        `device` is a token of `remember_device`, if the client holds one. If the account needs a second step,
        it raises auth.challenge, with that step in its `detail`.
        """
        client = client or LoginClient(address=address, device=device)
        user, known = await self.passwords.verify(username, password, address, device)
        if user is None:
            self._attempts.tell(known, address, "wrong", PASSWORD)
            raise ChatError("auth.invalid")
        return await self.open_session(user, Identity(method=PASSWORD, subject=user.id), client)

    async def open_session(
        self, user: User, identity: Identity, client: LoginClient
    ) -> tuple[User, str]:
        """Sign a user in, whom `identity.method` has just shown to be there; returns a token.

        Raises `ChatError` auth.invalid for a locked account or a bot, action.refused, and auth.challenge if the
        account needs another step: then there is no session.
        """
        if user.disabled or user.bot:
            self._attempts.tell(user.id, client.address, "locked", identity.method)
            raise ChatError("auth.invalid")
        await self._demand_challenges(user, identity, client)
        return await self.open_challenged(user, identity, client)

    async def open_challenged(
        self, user: User, identity: Identity, client: LoginClient
    ) -> tuple[User, str]:
        """Like `open_session`, for a user who has passed all challenges."""
        if user.disabled or user.bot:
            self._attempts.tell(user.id, client.address, "locked", identity.method)
            raise ChatError("auth.invalid")
        try:
            await self._hooks.allow(SignIn(address=client.address, method=identity.method), user)
        except ChatError:
            self._attempts.tell(user.id, client.address, "refused", identity.method)
            raise
        user = await self._settled(user)
        try:
            token = await self._new_session(user, identity, client)
        except Ended:
            self._attempts.tell(user.id, client.address, "refused", identity.method)
            raise
        self._attempts.tell(user.id, client.address, "ok", identity.method)
        return user, token

    async def _demand_challenges(self, user: User, identity: Identity, client: LoginClient) -> None:
        """Raise `Challenged` if the account needs another step after this one."""
        if not self._steps.methods.are_demanded:
            return
        groups = await self._steps.demanded(user, identity)
        if not groups:
            return
        turn = await self._steps.challenge(user, identity, groups, client)
        if turn is not None:
            self._attempts.tell(user.id, client.address, "challenged", identity.method)
            raise Challenged(turn)

    async def _new_session(self, user: User, identity: Identity, client: LoginClient) -> str:
        """Open a session. Raises `Ended` if its method has heard meanwhile that it is over."""
        token = await self._authenticator.open_session(user.id)
        await self.sessions.note(user.id, token, identity, client)
        method = self._steps.methods.find(identity.method)
        if method is None or method.lasts is None:
            return token
        lasts = False
        try:
            lasts = await method.lasts(identity)
        finally:
            if not lasts:
                await self._authenticator.close_session(token)
                await self.sessions.forget(user.id, self.sessions.id_of(token))
        if not lasts:
            raise Ended
        return token

    async def remember_device(self, user: User, device: str = "") -> str:
        """A token for the device on which the user just signed in; `device` itself if it is valid."""
        try:
            return await self._authenticator.remember_device(user.id, device)
        except StoreUnavailable:  # the user is signed in all the same
            return device

    async def session(self, token: str) -> User:
        """The person of a session token. Raises `ChatError` auth.invalid."""
        return await self._let_in(await self._authenticator.session(token))

    async def signed_in(self, token: str) -> User:
        """The user of a token: a person by a session's, or a bot, with the scopes that its token has.

        Whoever calls this asks `rights.py:demand_scope` before each operation. Raises `ChatError` auth.invalid,
        plugin.failed.
        """
        kind = self.tokens.kind_of(token)
        if kind is None:
            return await self.session(token)
        holder = await kind.find(token)
        if holder is None:
            raise ChatError("auth.invalid")
        return (await self._let_in(holder.user)).within(holder.scopes)

    async def _let_in(self, found: str | None) -> User:
        """The user of an id that a token named. Raises `ChatError` auth.invalid."""
        if found is None:
            raise ChatError("auth.invalid")
        try:
            user = await self.get(found)
        except ChatError as error:
            if error.code != "user.not_found":
                raise
            raise ChatError("auth.invalid") from error
        if user.disabled:
            raise ChatError("auth.invalid")
        return user

    async def list_sessions(
        self, user: str | None, after: str, limit: int
    ) -> Sequence[StoredSession]:
        """Sessions of a user id (None: of all), by ascending id > `after`; no tokens."""
        return await self._authenticator.list_sessions(user, after, limit)

    def session_seconds(self) -> float:
        """Seconds for which an unused session stays valid."""
        return self._authenticator.session_seconds()

    async def logout(self, token: str, address: str | None = None) -> str:
        """Revoke a session; connections that use it are closed.

        Returns the address where the user's browser goes on, as to sign out elsewhere; "" for none.
        """
        user = await self._authenticator.session(token)
        await self._authenticator.close_session(token)
        leave = None
        if user is not None:
            begun = await self.sessions.begun_by(user, token)
            method = self._steps.methods.find(begun.method)
            leave = None if method is None else method.leave
            await self.sessions.forget(user, self.sessions.id_of(token))
            for subscriber in self._hub.of_user(user):
                if subscriber.token == token:
                    subscriber.pipe.close(CLOSE_REJECTED, "signed out")
            await self._changes.announce("user", user)
            change = AccountChange(
                what="signed_out", user=user, by=Actor(user=user, address=address)
            )
            self._hooks.on_account(change)
        if leave is None:
            return ""
        try:
            return await leave(begun.kept)
        except ChatError:  # logged; the session has ended all the same
            return ""

    async def recheck(self, user: str) -> None:
        """Look at a user's (id) connections again, on all nodes, and close those whose token is not valid any more."""
        await self._recheck(user)
        await self._changes.announce("user", user)

    async def settle_bots(self, seconds: float) -> Sequence[str]:
        """Close the connections whose tokens no plugin knows any more, after a switch of plugins."""
        for bot in self._hub.scoped_users():
            await self._recheck(bot)
        return ()

    async def sessions_end(self, user: str) -> None:
        """Close the connections of a user whose sessions the authenticator is ending, on all nodes."""
        await self._changes.announce("user", user)
        self._hooks.on_account(AccountChange(what="sessions_ended", user=user, by=THE_SERVER))

    # -- changing --------------------------------------------------------------------------------

    async def change_name(self, user: User, name: str, address: str | None = None) -> User:
        """Change one's own shown name, as plugins want it.

        Raises `ChatError` request.invalid, user.exists, action.refused.
        """
        wanted = ProfileChange(name=name, status=user.status or None)
        action = await self._hooks.allow(wanted, user, clean=_clean_profile)
        by = Actor(user=user.id, address=address)
        return await self.rename(user.username, name=action.name, by=by)

    async def set_status(self, user: User, status: Status | None, by: Actor) -> User:
        """Give an account a status, or none. The rules for it, and who is told: `statuses.py`."""
        changed = await self._change(user, status=status or msgspec.UNSET)
        self.tell("status", changed, by)
        return changed

    async def appoint(
        self, actor: User, username: str, role: ServerRole, address: str | None = None
    ) -> User:
        """Give an account another role on the server, for staff. `address` is the actor's.

        Raises `ChatError` user.forbidden, auth.address, user.not_found, user.last_owner, action.refused.
        """
        self._administration.demand(actor, address)
        user = await self.named(username)
        demand_right_to_appoint(actor, user.role, role)
        await self._hooks.allow(RoleChange(account=user.id, role=role), actor)
        return await self.set_role(username, role, Actor(user=actor.id, address=address))

    async def set_role(self, username: str, role: ServerRole, by: Actor = THE_SERVER) -> User:
        """Give an account another role on the server. Raises `ChatError` user.not_found, user.last_owner."""
        user = await self.named(username)
        async with self._keeping_an_owner(user, role is not ServerRole.OWNER):
            changed = await self._change(user, role=role)
        self.tell("role", changed, by, role=role, was=user.role)
        return changed

    async def set_disabled(
        self, actor: User, username: str, disabled: bool, address: str | None = None
    ) -> User:
        """Lock an account out, or let it in again. Staff of the server only; owners stay.

        `address` is the actor's. Raises `ChatError` user.forbidden, auth.address, user.not_found.
        """
        self._administration.demand(actor, address)
        user = await self.named(username)
        if user.role is ServerRole.OWNER:
            raise ChatError("user.forbidden", "An owner of the server cannot be locked out.")
        await self._hooks.allow(AccountLock(account=user.id, locked=disabled), actor)
        return await self.lock(username, disabled, Actor(user=actor.id, address=address))

    async def lock(self, username: str, locked: bool, by: Actor = THE_SERVER) -> User:
        """Lock an account out, or let it in again. Raises `ChatError` user.not_found, user.last_owner."""
        user = await self.named(username)
        async with self._keeping_an_owner(user, locked):
            changed = await self._change(user, disabled=locked)
        if locked:
            await self.end_all_sessions(user, CLOSE_FORBIDDEN, "the account is locked")
        self.tell("locked" if locked else "unlocked", changed, by)
        return changed

    async def found(self, user: User, username: str) -> User | None:
        """The user of a user name, as `user` finds them; None if there is none, or plugins leave them out."""
        known = await self.by_name(username)
        if known is None:
            return None
        return next(iter(await found_by(self._hooks, user, [known])), None)

    async def rename(
        self,
        username: str,
        new: str | None = None,
        name: str | None = None,
        by: Actor = THE_SERVER,
    ) -> User:
        """Give an account another user name, another shown name, or both.

        A shown name that equalled the user name changes with it. Messages keep the name they were written
        under. Raises `ChatError` user.not_found, user.exists, request.invalid.
        """
        user = await self.named(username)
        old = folded_name(username)
        folded = old if new is None else clean_username(new)
        if name is not None:
            shown = clean_person_name(name)
        elif new is not None and user.name.casefold() == user.username:
            shown = clean_person_name(new)
        else:
            shown = user.name
        await self._claim(msgspec.structs.replace(user, username=folded, name=shown), by)
        if folded != old:
            await self._take_name(folded, user)
        changed = await self._change(user, username=folded, name=shown)
        if folded != old:
            await self._store.delete(NAMES, old)
        await self.similar.release(user.id, looks(user) - looks(changed))
        self.tell("renamed", changed, by)
        return changed

    async def _take_name(self, folded: str, user: User) -> None:
        if not await self._store.add(NAMES, folded, user.id.encode()):
            holder = await self._store.get(NAMES, folded)
            if holder != user.id.encode():  # equal after an interrupted earlier attempt
                raise ChatError("user.exists")

    async def retire(self, username: str, by: Actor = THE_SERVER) -> User:
        """Turn an account into a shell: nobody can sign in to it, and nothing tells whose it was.

        It keeps its user name until `free_name`, so that an interrupted deletion can be repeated.
        """
        return await self.retire_user(await self.named(username), by)

    async def retire_user(self, user: User, by: Actor = THE_SERVER) -> User:
        """The same of the account, whatever its user name leads to."""
        async with self._keeping_an_owner(user, gives_up=True):
            await self.similar.release(user.id, looks(user))
            gone = await self._change(
                user,
                username=f"deleted-{user.id}",
                name=DELETED_NAME,
                role=ServerRole.MEMBER,
                disabled=True,
                deleted=True,
                status=msgspec.UNSET,
            )
            # Again, as `Similar.look` may have entered them meanwhile.
            await self.similar.release(user.id, looks(user))
        await self.end_all_sessions(user, CLOSE_FORBIDDEN, "the account is deleted")
        await self.identities.forget(user.id)
        await self.passwords.forget(user.id)
        # Neither the password nor the places where it was used remain.
        await self._authenticator.set_password(user.id, secrets.token_urlsafe(32))
        self.tell("deleted", gone, by)
        return gone

    async def free_name(self, username: str, user: str) -> None:
        """Free the user name of a retired account (id) for others, unless it is another's already."""
        await self._store.delete(NAMES, folded_name(username), user.encode())

    @asynccontextmanager
    async def _keeping_an_owner(self, user: User, gives_up: bool) -> AsyncIterator[None]:
        """If `gives_up`, make sure that another owner remains while the block runs."""
        if not gives_up or user.role is not ServerRole.OWNER or user.disabled:
            yield
            return
        async with self._owners.without(user.id):
            yield

    async def _change(self, user: User, **changes: object) -> User:
        while True:
            old = await self._store.get(USERS, user.id)
            if old is None:
                raise ChatError("user.not_found")
            changed = msgspec.structs.replace(decode_user(old), **changes)
            if await self._store.swap(USERS, user.id, old, _encode(changed)):
                self._hub.update_user(changed)
                await self._changes.announce("user", user.id)
                return self._remember(changed)

    async def _recheck(self, user: str) -> None:
        """Apply another node's change of the account to its connections on this node."""
        connected = self._hub.of_user(user)
        if not connected:
            return
        self._cache.pop(user, None)
        for subscriber in connected:
            try:
                found = await self.signed_in(subscriber.token or "")
            except ChatError as error:
                if error.code != "auth.invalid":
                    raise
                subscriber.pipe.close(CLOSE_REJECTED, "the session has ended")
            else:
                self._hub.update_user(found)


def _clean_profile(action: ProfileChange) -> ProfileChange:
    """The action with a clean name. Raises `ChatError` request.invalid."""
    return msgspec.structs.replace(action, name=clean_person_name(action.name))


def cleaned(action: Register) -> Register:
    """The action with a clean shown name. Raises `ChatError` request.invalid."""
    name = clean_person_name(action.name) if action.name and action.name.strip() else None
    return msgspec.structs.replace(action, name=name)
