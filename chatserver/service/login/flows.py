"""Sign-ins that are under way, as records of the store: any node continues them, and each answer counts once.

A pending sign-in is no session. Each of its steps has a random id; the answer takes the record away, and the
next step is a new record with another id. It belongs to the client that holds its secret: a browser has it in
a cookie. The store has hashes of both, and what the method keeps.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Any, TypeAlias

import msgspec

from chatserver.errors import ChatError
from chatserver.hooks.login import Identity, LoginForm, LoginRedirect, Purpose
from chatserver.interfaces import Store

SPACE = "login"  # record space: flow/HASH -> Pending; epoch/HASH -> time and random; failures/HASH
FLOW_SECONDS = 600.0  # from the first step to the last
SPARE_SECONDS = 600.0  # after the expiry, as some node's clock may be slow
STEPS_MOST = 20
PAGE = 1000
_PREFIX, _EPOCHS = "flow/", "epoch/"

Groups: TypeAlias = tuple[tuple[str, ...], ...]  # challenges: of each group one is enough


class Refused(msgspec.Struct, frozen=True, tag_field="kind", tag="refused"):
    """The end of a sign-in that came back from another server and failed, for the page to show."""

    code: str
    text: str
    detail: dict[str, object] = {}


class Pending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sign-in that waits for an answer to `step`. Times are Unix times."""

    method: str
    purpose: Purpose
    step: LoginForm | LoginRedirect | Refused
    holder: str  # hash of the secret
    expires: float
    kept: Mapping[str, Any] = {}
    steps: int = 1
    user: str | None = None  # id of the pinned account
    epoch: str = ""  # of that account: another one since then ends this sign-in
    identity: Identity | None = None  # that the first method found, for a challenge
    groups: Groups = ()  # challenges that are left
    session: str = ""  # id of the session that links or confirms
    back: str = "/"  # where in the page a redirect ends


_decode = msgspec.json.Decoder(Pending).decode
_encode = msgspec.json.encode


def gone() -> ChatError:
    """The same error for a sign-in that expired, was answered, is unknown, or is somebody else's."""
    return ChatError("auth.flow")


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def hashed(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Flows:
    """All pending sign-ins of the installation."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock

    def expiry(self) -> float:
        """Unix time at which a sign-in that begins now expires."""
        return self._clock() + FLOW_SECONDS

    async def put(self, flow: str, pending: Pending) -> None:
        """Store a step under its id. Raises `ChatError` auth.flow after too many steps."""
        if pending.steps > STEPS_MOST:
            raise gone()
        await self._store.put(SPACE, _PREFIX + hashed(flow), _encode(pending))

    async def look(self, flow: str, secret: str) -> Pending:
        """The pending sign-in, for the client that holds its secret. Raises `ChatError` auth.flow."""
        raw = await self._store.get(SPACE, _PREFIX + hashed(flow))
        if raw is None:
            raise gone()
        pending = _decode(raw)
        if not compare_digest(pending.holder, hashed(secret)):
            raise gone()
        if self._clock() >= pending.expires:
            raise gone()
        if pending.user is not None:
            # An epoch that began meanwhile is still there: it is kept for longer than any sign-in lasts.
            epoch = await self.epoch(pending.user)
            if epoch and epoch != pending.epoch:
                raise gone()
        return pending

    async def take(self, flow: str, secret: str) -> Pending:
        """Like `look`, for the one answer: of two at once, on any nodes, one gets it."""
        pending = await self.look(flow, secret)
        if not await self._store.delete(SPACE, _PREFIX + hashed(flow)):
            raise gone()
        return pending

    async def epoch(self, user: str) -> str:
        """A text that changes when the sessions of this user id end; "" if that was long ago."""
        return (await self._store.get(SPACE, _EPOCHS + hashed(user)) or b"").decode()

    async def end(self, user: str) -> None:
        """End all pending sign-ins of a user id, as after a new password."""
        epoch = f"{self._clock()} {secrets.token_urlsafe(8)}"
        await self._store.put(SPACE, _EPOCHS + hashed(user), epoch.encode())

    async def sweep(self) -> None:
        """Remove expired ones that were never answered, and epochs that concern none any more."""
        await self._sweep(_PREFIX, lambda raw: _decode(raw).expires)
        await self._sweep(_EPOCHS, lambda raw: float(raw.split()[0]) + FLOW_SECONDS)

    async def _sweep(self, prefix: str, expiry: Callable[[bytes], float]) -> None:
        after, now = "", self._clock()
        while rows := await self._store.scan(SPACE, prefix, after, PAGE):
            for key, raw in rows:
                if now > expiry(raw) + SPARE_SECONDS:
                    await self._store.delete(SPACE, key)
            after = rows[-1][0]
