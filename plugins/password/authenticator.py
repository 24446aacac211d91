"""Implements `chatserver.Authenticator` with hashing, limits and sessions."""

import contextlib
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from chatserver import ChatError, Records, address_network
from chatserver_plugins.password import limiter, strength
from chatserver_plugins.password.breached import BreachedFile
from chatserver_plugins.password.hashing import Hasher, secret_bytes
from chatserver_plugins.password.limiter import FailureLimit, GrowingDelay, Key, Limit
from chatserver_plugins.password.places import Places
from chatserver_plugins.password.sessions import Sessions

NOBODY = ""  # no user has this id


def password_key(user: str) -> str:
    return f"password/{user}"


Counted: TypeAlias = Sequence[tuple[Limit, Key]]


class LoginLimits(NamedTuple):
    """Limits on failed logins."""

    here: FailureLimit  # for one account, from one network or known device
    addresses: FailureLimit  # from one network, for all accounts
    strangers: GrowingDelay  # for one account, from all unknown networks and devices


class PasswordAuthenticator:
    """Passwords and sessions in `records`; answers never reveal which accounts exist."""

    def __init__(
        self,
        records: Records,
        hasher: Hasher,
        sessions: Sessions,
        places: Places,
        limits: LoginLimits,
        length: strength.Length,
        breached: BreachedFile | None,
    ) -> None:
        self._records = records
        self._hasher = hasher
        self._sessions = sessions
        self._places = places
        self._limits = limits
        self._length, self._breached = length, breached
        self.open_session = sessions.open
        self.session = sessions.user
        self.list_sessions = sessions.stored
        self.session_id = sessions.id_of
        self.end_session = sessions.end
        self.close_session = sessions.close
        self.close_sessions = sessions.close_all

    def turn(self, address: str) -> contextlib.AbstractAsyncContextManager[None]:
        return self._hasher.turn(address_network(address))

    def session_seconds(self) -> float:
        return self._sessions.lifetime

    async def check_password(self, password: str, words: Sequence[str]) -> None:
        strength.check(password, words, self._length)
        if self._breached is None:
            return
        try:
            is_breached = await self._hasher.run(self._breached.has, password)
        except OSError as error:
            raise ChatError("plugin.failed") from error
        if is_breached:
            raise strength.refusal("breached")

    async def set_password(self, user: str, password: str) -> None:
        strength.check(password, length=self._length)
        secret = secret_bytes(password)
        assert secret is not None
        encoded = await self._hasher.hash(secret)
        await self._records.put(password_key(user), encoded.encode("ascii"))
        await self._places.forget(user)  # with the old password, others may have signed in

    async def verify(
        self, user: str | None, password: str, *, account: str, address: str, device: str = ""
    ) -> bool:
        network = address_network(address)
        counted = await self._counted(NOBODY if user is None else user, account, network, device)
        wait_ms = max(limit.wait_ms(key) for limit, key in counted)
        if wait_ms:
            raise ChatError("limit.rate", after_ms=wait_ms)
        # Counted in advance, so that a thousand concurrent guesses do not count as one.
        for limit, key in counted:
            limit.count(key)
        try:
            matches = await self._matches(user, password)
        except ChatError:
            _take_back(counted)
            raise
        if matches and user is not None:
            _take_back(counted)
            self._limits.here.reset(counted[0][1])
            await self._places.remember(user, "network", network)
        return matches

    async def is_password(self, user: str, password: str) -> bool:
        return await self._matches(user, password)

    async def remember_device(self, user: str, device: str = "") -> str:
        if device and await self._places.is_device(user, device):
            await self._places.remember(user, "device", device)
            return device
        return await self._places.new_device(user)

    async def _counted(self, user: str, account: str, network: str, device: str) -> Counted:
        """The limits that an attempt counts against, without `limits.strangers` for a device or network that
        the account knows.
        """
        limits = self._limits
        if device and await self._places.is_device(user, device):
            return [(limits.here, limiter.key(account, "device", device))]
        here: Counted = [
            (limits.here, limiter.key(account, network)),
            (limits.addresses, limiter.key(network)),
        ]
        if any(limit.wait_ms(key) for limit, key in here):
            return here  # the attempt is refused anyway
        if await self._places.is_known(user, "network", network):
            return here
        return [*here, (limits.strangers, limiter.key(account))]

    async def _matches(self, user: str | None, password: str) -> bool:
        """Verify a password, in the same steps if the user or password does not exist."""
        secret = secret_bytes(password)
        if secret is None:
            return False
        value = await self._records.get(password_key(NOBODY if user is None else user))
        encoded = self._hasher.dummy if value is None else value.decode("ascii")
        if not await self._hasher.verify(encoded, secret) or value is None:
            return False
        if user is not None and self._hasher.outdated(encoded):
            with contextlib.suppress(ChatError):  # the next login tries again
                renewed = await self._hasher.hash(secret)
                await self._records.swap(password_key(user), value, renewed.encode("ascii"))
        return user is not None


def _take_back(counted: Counted) -> None:
    for limit, key in counted:
        limit.take_back(key)
