"""Issues, looks up, renews and revokes session tokens. The store holds only their hashes.

A token is `USER.SECRET` with 256 random bits, so one prefix holds all sessions of a user.
"""

import contextlib
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256

import msgspec

from chatserver import Records, StoredSession, StoreUnavailable
from chatserver_plugins.password.clock import cautious_now

SECRET_BYTES = 32
RENEW_SECONDS = 86400.0  # between two writes that prolong a session in use
PAGE = 1000
PREFIX = "session/"  # of all keys; the user's id, a slash and the token's hash follow
SHOWN_DIGITS = 12  # of a hash: enough to distinguish a user's sessions, useless otherwise
AFTER_DIGITS = "~"  # above every digit

_USER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{43}")


class Session(msgspec.Struct, frozen=True):
    """Unix times of a session. Each node computes its expiry from `renewed`, with its own settings and clock.
    So a change of settings takes effect at once, and a wrong clock affects only its own node."""

    created: float
    renewed: float


_decode = msgspec.json.Decoder(Session).decode
_encode = msgspec.json.Encoder().encode


def renewed_at(value: bytes) -> float:
    """Unix time of a session's last recorded use, from its record."""
    return _decode(value).renewed


def _prefix(user: str) -> str:
    return f"{PREFIX}{user}/"


def _id(user: str, digest: str) -> str:
    return f"{user}/{digest[:SHOWN_DIGITS]}"


def _place(token: str) -> tuple[str, str] | None:
    """The user and record key of a token; None if it cannot be a token."""
    if _TOKEN.fullmatch(token) is None:
        return None
    user = token.partition(".")[0]
    return user, _prefix(user) + sha256(token.encode("ascii")).hexdigest()


class Sessions:
    """All sessions of the server, with a short-lived cache of valid tokens."""

    def __init__(
        self,
        records: Records,
        *,
        lifetime: float,
        per_user: int,
        cache_seconds: float,
        cache_size: int,
        clock: Callable[[], float] = cautious_now,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._records = records
        self.lifetime = lifetime
        self._renew_after = min(RENEW_SECONDS, lifetime / 2)
        self._per_user = per_user
        self._cache_seconds = cache_seconds
        self._cache_size = cache_size
        self._clock = clock
        self._ticks = ticks
        # token -> (user, trusted until), by age, as all are trusted equally long.
        self._cache: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._revocations = 0
        self.ending: Callable[[str], Awaitable[None]] | None = (
            None  # called with the user whose sessions end
        )

    async def open(self, user: str) -> str:
        if _USER.fullmatch(user) is None:
            raise ValueError("a user id is 1 to 64 of A-Z a-z 0-9 _ -")
        await self._make_room(user)
        token = f"{user}.{secrets.token_urlsafe(SECRET_BYTES)}"
        place = _place(token)
        assert place is not None
        now = self._clock()
        await self._records.put(place[1], _encode(Session(created=now, renewed=now)))
        return token

    async def user(self, token: str) -> str | None:
        entry = self._cache.get(token)
        if entry is not None and entry[1] > self._ticks():
            return entry[0]
        return await self._look_up(token)

    async def stored(self, user: str | None, after: str, limit: int) -> list[StoredSession]:
        """See `chatserver.Authenticator`. A session's id is the user's id and the hash's first digits."""
        prefix = PREFIX if user is None else _prefix(user)
        last = f"{PREFIX}{after}{AFTER_DIGITS}" if after else ""
        return [self._shown(*row) for row in await self._records.scan(prefix, last, limit)]

    def _shown(self, key: str, value: bytes) -> StoredSession:
        user, _, digest = key.removeprefix(PREFIX).partition("/")
        session = _decode(value)
        return StoredSession(
            id=_id(user, digest),
            user=user,
            created=session.created,
            expires=session.renewed + self.lifetime,
        )

    def id_of(self, token: str) -> str:
        place = _place(token)
        if place is None:
            return ""
        user, key = place
        return _id(user, key.removeprefix(_prefix(user)))

    async def end(self, session: str) -> None:
        """See `chatserver.Authenticator`."""
        user, _, digits = session.partition("/")
        if _USER.fullmatch(user) is None or len(digits) != SHOWN_DIGITS:
            return
        found = await self._records.scan(f"{PREFIX}{session}")
        if found:
            await self._revoke(user, [key for key, _ in found])

    async def close(self, token: str) -> None:
        place = _place(token)
        if place is not None:
            await self._revoke(place[0], [place[1]])

    async def close_all(self, user: str) -> None:
        while page := await self._records.scan(_prefix(user), limit=PAGE):
            await self._revoke(user, [key for key, _ in page])
        self._forget(user)

    async def _look_up(self, token: str) -> str | None:
        place = _place(token)
        if place is None:
            return None
        user, key = place
        while True:
            revocations, asked = self._revocations, self._ticks()
            value = await self._records.get(key)
            if value is None or not await self._valid(key, value):
                return None
            # A session revoked during the read of the store must neither pass nor enter the cache.
            if revocations == self._revocations:
                self._remember(token, user, asked + self._cache_seconds)
                return user

    async def _valid(self, key: str, value: bytes) -> bool:
        session, now = _decode(value), self._clock()
        if now >= session.renewed + self.lifetime:
            return False
        if now >= session.renewed + self._renew_after:
            renewed = _encode(Session(created=session.created, renewed=now))
            # Only a prolongation is lost. `swap`, because `put` could undo a revocation.
            with contextlib.suppress(StoreUnavailable):
                await self._records.swap(key, value, renewed)
        return True

    async def _make_room(self, user: str) -> None:
        """Drop expired sessions and, if too many remain, the least recently used."""
        expired_at = self._clock() - self.lifetime
        found = await self._records.scan(_prefix(user), limit=PAGE)
        kept = sorted((_decode(value).renewed, key) for key, value in found)
        surplus = len(kept) - (self._per_user - 1)
        gone = [
            key
            for index, (renewed, key) in enumerate(kept)
            if index < surplus or renewed <= expired_at
        ]
        if gone:
            if self.ending is not None:  # called first, so that no error can suppress it
                await self.ending(user)
            await self._revoke(user, gone)

    async def _revoke(self, user: str, keys: list[str]) -> None:
        try:
            for key in keys:
                await self._records.delete(key)
        finally:
            self._forget(user)

    def _forget(self, user: str) -> None:
        """Drop this user's tokens from the cache, also those being looked up now."""
        self._revocations += 1
        start = f"{user}."
        for token in [token for token in self._cache if token.startswith(start)]:
            del self._cache[token]

    def _remember(self, token: str, user: str, until: float) -> None:
        self._cache[token] = user, until
        self._cache.move_to_end(token)
        while len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)
