"""The contract of `chatserver.Authenticator`, put together from hashing, limits and sessions."""

import contextlib

from chatserver import ChatError, Records, address_network
from chatserver_plugins.password import limiter
from chatserver_plugins.password.hashing import MAX_BYTES, MIN_CHARACTERS, Hasher, secret_bytes
from chatserver_plugins.password.limiter import FailureLimit
from chatserver_plugins.password.sessions import Sessions

NOBODY = ""  # no user has this id


def _key(user: str) -> str:
    return f"password/{user}"


class PasswordAuthenticator:
    """Passwords and sessions in `records`; nobody learns from it which accounts there are."""

    def __init__(
        self,
        records: Records,
        hasher: Hasher,
        sessions: Sessions,
        *,
        accounts: FailureLimit,
        addresses: FailureLimit,
    ) -> None:
        self._records = records
        self._hasher = hasher
        self._sessions = sessions
        self._accounts = accounts
        self._addresses = addresses
        self.open_session = sessions.open
        self.session = sessions.user
        self.list_sessions = sessions.stored
        self.close_session = sessions.close
        self.close_sessions = sessions.close_all

    def session_seconds(self) -> float:
        return self._sessions.lifetime

    async def set_password(self, user: str, password: str) -> None:
        secret = secret_bytes(password)
        if secret is None:
            raise _unfit(f"A password has at most {MAX_BYTES} bytes.")
        if len(password) < MIN_CHARACTERS:
            raise _unfit(f"A password has at least {MIN_CHARACTERS} characters.")
        encoded = await self._hasher.hash(secret)
        await self._records.put(_key(user), encoded.encode("ascii"))

    async def verify(self, user: str | None, password: str, *, account: str, address: str) -> bool:
        name, source = limiter.key(account), limiter.key(address_network(address))
        wait_ms = max(self._accounts.wait_ms(name), self._addresses.wait_ms(source))
        if wait_ms:
            raise ChatError("limit.rate", after_ms=wait_ms)
        # Counted beforehand, so that a thousand guesses at the same time are not one.
        self._accounts.count(name)
        self._addresses.count(source)
        try:
            matches = await self._matches(user, password)
        except ChatError:
            self._accounts.take_back(name)
            self._addresses.take_back(source)
            raise
        if matches:
            self._accounts.reset(name)
            self._addresses.take_back(source)
        return matches

    async def _matches(self, user: str | None, password: str) -> bool:
        """The same steps whether or not there is such a user and it has a password."""
        secret = secret_bytes(password)
        if secret is None:
            return False
        value = await self._records.get(_key(NOBODY if user is None else user))
        encoded = self._hasher.dummy if value is None else value.decode("ascii")
        if not await self._hasher.verify(encoded, secret) or value is None:
            return False
        if user is not None and self._hasher.outdated(encoded):
            with contextlib.suppress(ChatError):  # the next login tries again
                renewed = await self._hasher.hash(secret)
                await self._records.swap(_key(user), value, renewed.encode("ascii"))
        return user is not None


def _unfit(text: str) -> ChatError:
    return ChatError("request.invalid", text, detail={"field": "password"})
