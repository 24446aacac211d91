"""Ends sessions when a provider reports a sign-out (OpenID Connect Back-Channel Logout 1.0)."""

import secrets
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

from chatserver import ExpiringRecords, Identity, Service
from chatserver_plugins.oidc.claims import subject_of
from chatserver_plugins.oidc.tokens import LEEWAY_SECONDS, LOGOUT_SECONDS

# A session that is in use for longer ends only by a logout token that names its user.
SID_SECONDS = 180 * 86400.0
USED_SECONDS = LOGOUT_SECONDS + 2 * LEEWAY_SECONDS  # an older token is refused by its `iat`


# From the first step of a sign-in to its session: ten minutes at most, and as long for clocks that differ.
UNDER_WAY_SECONDS = 1200.0
HINT_CHARS = 6000  # of an ID token that is kept for the sign-out: it goes into an address


class Ended(msgspec.Struct, frozen=True):
    """A sign-out that a provider reported: when, by its clock, and when it arrived, by ours. Unix times."""

    issued: float
    arrived: float


class Kept(msgspec.Struct, frozen=True):
    """What the server keeps with a session: when its ID token was issued, when its sign-in began, and a key."""

    issued: float
    began: float
    hint: str = ""


class ProviderSessions:
    """Which user a provider's session is of.

    Records: sid/HASH -> subject; used/HASH of logout tokens; ended/HASH of a session or subject -> `Ended`; hint/RANDOM
    -> an ID token.
    """

    def __init__(self, records: ExpiringRecords, service: Service) -> None:
        self._records, self._service = records, service

    async def note(
        self, method: str, identity: Identity, issued: float, began: float, hint: str = ""
    ) -> str:
        """Note the session of a provider with which somebody signs in; returns the `kept` of the identity.

        `issued` is the `iat` of the ID token, `began` when the sign-in began here. `hint` is the ID token, if it is to be
        shown to the provider at the end.
        """
        if identity.sid:
            key = _key("sid", method, identity.sid)
            await self._records.put(key, identity.subject.encode(), SID_SECONDS)
        name = ""
        if hint and len(hint) <= HINT_CHARS:
            name = secrets.token_urlsafe(16)
            await self._records.put(f"hint/{name}", hint.encode(), SID_SECONDS)
        return msgspec.json.encode(Kept(issued, began, name)).decode()

    async def take_hint(self, kept: str) -> str:
        """The ID token of a session that has ended, once; "" if it was not kept."""
        name = _decode_kept(kept).hint if kept else ""
        found = await self._records.get(f"hint/{name}") if name else None
        if found is None:
            return ""
        await self._records.delete(f"hint/{name}")
        return found.decode()

    async def lasts(self, identity: Identity) -> bool:
        """Whether the provider has reported no sign-out that concerns a session opened just now.

        `end` notes a sign-out first and then ends the sessions that there are, so one of the two finds it.
        """
        method = identity.method
        kept = _decode_kept(identity.kept) if identity.kept else Kept(0.0, 0.0)
        if identity.sid and await self._records.get(_key("ended", method, "sid", identity.sid)):
            return False
        raw = await self._records.get(_key("ended", method, "sub", identity.subject))
        if raw is None:
            return True
        ended = _decode_ended(raw)
        if kept.issued != ended.issued:
            return kept.issued > ended.issued
        return kept.began > ended.arrived  # within one second of the provider's clock

    async def end(self, method: str, issuer: str, claims: Mapping[str, Any]) -> bool:
        """End the sessions that a checked logout token names; False if it was used before.

        Raises `StoreUnavailable`; then the same token may come again. One that comes twice at once counts twice.
        """
        used = _key("used", method, claims["jti"])
        if await self._records.get(used) is not None:
            return False
        await self._note_end(method, issuer, claims)
        user = await self._user(method, issuer, claims)
        if user is not None:
            await self._service.accounts.end_sessions(user, method, claims.get("sid", ""))
        # Last: if this process is killed before, the provider's second attempt does it all again.
        await self._records.put(used, b"", USED_SECONDS)
        return True

    async def _note_end(self, method: str, issuer: str, claims: Mapping[str, Any]) -> None:
        """Note a sign-out for sessions that are about to be opened; also if nobody is known by it yet."""
        if "sid" in claims:
            key = _key("ended", method, "sid", claims["sid"])
        else:
            key = _key("ended", method, "sub", subject_of(issuer, claims["sub"]))
        ended = Ended(claims["iat"], time.time())
        await self._records.put(key, msgspec.json.encode(ended), UNDER_WAY_SECONDS)

    async def _user(self, method: str, issuer: str, claims: Mapping[str, Any]) -> str | None:
        """The id of the user whom a logout token names."""
        if "sub" in claims:
            subject = subject_of(issuer, claims["sub"])
        else:
            found = await self._records.get(_key("sid", method, claims["sid"]))
            if found is None:
                return None
            subject = found.decode()
        identity = Identity(method=method, subject=subject)
        return await self._service.accounts.identities.holder(identity)


_decode_ended = msgspec.json.Decoder(Ended).decode
_decode_kept = msgspec.json.Decoder(Kept).decode


def _key(kind: str, *texts: str) -> str:
    """A key of fixed size, whatever a provider sends."""
    digest = sha256()
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return f"{kind}/{digest.hexdigest()}"
