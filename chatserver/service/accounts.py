"""Accounts and sessions: who somebody is, and what they may do on the server."""

import time
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import msgspec

from chatserver.clock import now_text
from chatserver.config import Config
from chatserver.delivery.hub import Hub
from chatserver.errors import CLOSE_FORBIDDEN, CLOSE_REJECTED, ChatError, StoreUnavailable
from chatserver.hooks import HookCalls
from chatserver.hooktypes import LoginAttempt
from chatserver.interfaces import Authenticator, Store, StoredSession
from chatserver.model import ServerRole, User
from chatserver.rate import AddressRate
from chatserver.service.changes import Changes
from chatserver.service.founding import Founding
from chatserver.service.rights import demand_staff
from chatserver.service.texts import clean_name, clean_username, new_id

USERS = "user"  # record space: id -> User
NAMES = "username"  # record space: folded name -> id
CACHE_SECONDS = 0.25  # what another node changed about a user is in force here after this
CACHE_USERS = 50_000
PASSWORD_CHARS = 1024  # more is refused before any work is done

_decode = msgspec.json.Decoder(User).decode
_encode = msgspec.json.encode


class Accounts:
    """All accounts of the installation."""

    def __init__(
        self,
        store: Store,
        authenticator: Authenticator,
        hooks: HookCalls,
        hub: Hub,
        changes: Changes,
        config: Config,
    ) -> None:
        self._store, self._authenticator, self._hooks = store, authenticator, hooks
        self._hub, self._config = hub, config.server
        self._cache: OrderedDict[str, tuple[float, User]] = OrderedDict()
        self._founding = Founding(store)
        hourly = config.limits.registrations_per_hour
        self._registrations = AddressRate(hourly / 3600, hourly)
        self._changes = changes
        changes.watch("user", self._recheck)

    # -- finding -------------------------------------------------------------------------------

    async def get(self, user: str) -> User:
        """The user of an id. Raises `ChatError` user.not_found."""
        cached = self._cache.get(user)
        if cached is not None and time.monotonic() < cached[0]:
            return cached[1]
        raw = await self._store.get(USERS, user)
        if raw is None:
            raise ChatError("user.not_found")
        return self._remember(_decode(raw))

    async def get_many(self, users: Sequence[str]) -> dict[str, User]:
        """The users of these ids, in one query; unknown ones are left out."""
        now = time.monotonic()
        cached = {user: self._cache[user] for user in users if user in self._cache}
        found = {user: kept for user, (until, kept) in cached.items() if now < until}
        missing = [user for user in users if user not in found]
        if missing:
            rows = await self._store.get_many(USERS, missing)
            found |= {user: self._remember(_decode(raw)) for user, raw in rows.items()}
        return found

    def known(self, user: str) -> User | None:
        """The user of an id if that takes no query: connected here, or looked up a moment ago."""
        connected = self._hub.of_user(user)
        if connected:
            return connected[0].user
        cached = self._cache.get(user)
        return cached[1] if cached is not None and time.monotonic() < cached[0] else None

    async def by_name(self, username: str) -> User | None:
        folded = unicodedata.normalize("NFKC", username).strip().casefold()
        found = await self._store.get(NAMES, folded)
        return None if found is None else await self.get(found.decode())

    async def ids_of(self, names: Iterable[str]) -> list[str]:
        """The ids of the folded user names that exist."""
        wanted = list(names)
        found = await self._store.get_many(NAMES, wanted)
        return [found[name].decode() for name in wanted if name in found]

    async def list(self, after: str = "", limit: int = 1000) -> list[User]:
        """Users by ascending id."""
        rows = await self._store.scan(USERS, "", after, limit)
        return [_decode(raw) for _, raw in rows]

    # -- signing up and in -----------------------------------------------------------------------

    async def register(
        self, username: str, password: str, name: str | None = None, address: str = ""
    ) -> tuple[User, str]:
        """Make an account and sign it in. The first one of the installation becomes owner.

        Each attempt counts for its `address`; attempts through a door that gives none count as of
        one address. Raises `ChatError` auth.closed, limit.rate, and as `add`.
        """
        if self._config.registration == "closed":
            raise ChatError("auth.closed")
        self._registrations.take(address)
        user = await self.add(username, password, name)
        return user, await self._authenticator.open_session(user.id)

    async def add(
        self,
        username: str,
        password: str,
        name: str | None = None,
        role: ServerRole | None = None,
    ) -> User:
        """Make an account. Raises `ChatError` user.exists, request.invalid."""
        folded = clean_username(username)
        shown = clean_name(name, unicodedata.normalize("NFKC", username).strip())
        _check_password(password)
        # Else each attempt at a taken name would cost a hash and leave its record behind.
        if await self._store.get(NAMES, folded) is not None:
            raise ChatError("user.exists")
        user = User(
            id=new_id(), username=folded, name=shown, role=role or ServerRole.MEMBER, at=now_text()
        )
        await self._authenticator.set_password(user.id, password)
        if role is not None:
            return await self._enter(user)
        await self._founding.begin()
        return await self._settled(await self._enter(user))

    async def _settled(self, user: User) -> User:
        """The account as it is once it is certain which one is the first owner."""
        if not await self._founding.settle(user):
            return user
        raw = await self._store.get(USERS, user.id)
        return user if raw is None else self._remember(_decode(raw))

    async def _enter(self, user: User) -> User:
        """Write the account; the name last: after a crash between, the name is free to take."""
        await self._store.put(USERS, user.id, _encode(user))
        if not await self._store.add(NAMES, user.username, user.id.encode()):
            await self._store.delete(USERS, user.id)
            raise ChatError("user.exists")
        return self._remember(user)

    async def login(
        self, username: str, password: str, address: str, device: str = ""
    ) -> tuple[User, str]:
        """Raises `ChatError` auth.invalid, the same for every reason, or limit.rate.

        `device` is a token of `remember_device`, if the client holds one.
        """
        account = unicodedata.normalize("NFKC", username).strip().casefold()[:100]
        # The same reads for accounts that are not there: time tells nobody which are.
        found = await self._store.get(NAMES, account)
        raw = await self._store.get(USERS, found.decode() if found else "-")
        user = _decode(raw) if raw else None
        ok = len(password) <= PASSWORD_CHARS and await self._authenticator.verify(
            user.id if user else None, password, account=account, address=address, device=device
        )
        ok = ok and user is not None and not user.disabled
        self._hooks.on_login(LoginAttempt(user=user.id if user else None, address=address, ok=ok))
        if not ok or user is None:
            raise ChatError("auth.invalid")
        user = await self._settled(user)
        return user, await self._authenticator.open_session(user.id)

    async def remember_device(self, user: User, device: str = "") -> str:
        """A token to keep where the user has just signed in, or `device` if that is one already."""
        try:
            return await self._authenticator.remember_device(user.id, device)
        except StoreUnavailable:  # whoever has signed in is in all the same
            return device

    async def session(self, token: str) -> User:
        """The user of a session token. Raises `ChatError` auth.invalid."""
        found = await self._authenticator.session(token)
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
        """For how long a session that is not used stays valid."""
        return self._authenticator.session_seconds()

    async def logout(self, token: str) -> None:
        """Revoke a session; connections that use it are closed."""
        user = await self._authenticator.session(token)
        await self._authenticator.close_session(token)
        if user is not None:
            for subscriber in self._hub.of_user(user):
                if subscriber.token == token:
                    subscriber.pipe.close(CLOSE_REJECTED, "signed out")
            await self._changes.announce("user", user)

    # -- changing --------------------------------------------------------------------------------

    async def set_password(self, username: str, password: str) -> None:
        """Set a password and end all sessions of the account."""
        user = await self._named(username)
        _check_password(password)
        await self._authenticator.set_password(user.id, password)
        await self._authenticator.close_sessions(user.id)
        self._disconnect(user.id, CLOSE_REJECTED, "the password was changed")
        await self._changes.announce("user", user.id)

    async def set_role(self, username: str, role: ServerRole) -> User:
        return await self._change(await self._named(username), role=role)

    async def set_disabled(self, actor: User, username: str, disabled: bool) -> User:
        """Lock an account out, or let it in again. Staff of the server only; owners stay."""
        demand_staff(actor)
        user = await self._named(username)
        if user.role is ServerRole.OWNER:
            raise ChatError("user.forbidden", "An owner of the server cannot be locked out.")
        changed = await self._change(user, disabled=disabled)
        if disabled:
            await self._authenticator.close_sessions(user.id)
            self._disconnect(user.id, CLOSE_FORBIDDEN, "the account is locked")
        return changed

    async def _named(self, username: str) -> User:
        user = await self.by_name(username)
        if user is None:
            raise ChatError("user.not_found")
        return user

    async def _change(self, user: User, **changes: object) -> User:
        while True:
            old = await self._store.get(USERS, user.id)
            if old is None:
                raise ChatError("user.not_found")
            changed = msgspec.structs.replace(_decode(old), **changes)
            if await self._store.swap(USERS, user.id, old, _encode(changed)):
                self._hub.update_user(changed)
                await self._changes.announce("user", user.id)
                return self._remember(changed)

    async def _recheck(self, user: str) -> None:
        """Another node changed the account: its connections here act by what it is now."""
        connected = self._hub.of_user(user)
        if not connected:
            return
        self._cache.pop(user, None)
        for subscriber in connected:
            try:
                found = await self.session(subscriber.token or "")
            except ChatError as error:
                if error.code != "auth.invalid":
                    raise
                subscriber.pipe.close(CLOSE_REJECTED, "the session has ended")
            else:
                self._hub.update_user(found)

    def _disconnect(self, user: str, code: int, reason: str) -> None:
        for subscriber in self._hub.of_user(user):
            subscriber.pipe.close(code, reason)

    def _remember(self, user: User) -> User:
        self._cache[user.id] = (time.monotonic() + CACHE_SECONDS, user)
        self._cache.move_to_end(user.id)
        if len(self._cache) > CACHE_USERS:
            self._cache.popitem(last=False)
        return user


def _check_password(password: str) -> None:
    if len(password) > PASSWORD_CHARS:
        raise ChatError("request.invalid", "This password is too long.")
