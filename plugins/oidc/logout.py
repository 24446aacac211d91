"""Ends sessions when a provider reports a sign-out (OpenID Connect Back-Channel Logout 1.0)."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from chatserver import ExpiringRecords, Identity, Service
from chatserver_plugins.oidc.claims import subject_of
from chatserver_plugins.oidc.tokens import LEEWAY_SECONDS, LOGOUT_SECONDS

# A session that is in use for longer ends only by a logout token that names its user.
SID_SECONDS = 180 * 86400.0
USED_SECONDS = LOGOUT_SECONDS + 2 * LEEWAY_SECONDS  # an older token is refused by its `iat`


class ProviderSessions:
    """Which user a provider's session is of. Records: sid/HASH -> subject; used/HASH of logout tokens."""

    def __init__(self, records: ExpiringRecords, service: Service) -> None:
        self._records, self._service = records, service

    async def note(self, method: str, identity: Identity) -> None:
        """Note the session of a provider with which somebody signs in."""
        if identity.sid:
            key = _key("sid", method, identity.sid)
            await self._records.put(key, identity.subject.encode(), SID_SECONDS)

    async def end(self, method: str, issuer: str, claims: Mapping[str, Any]) -> bool:
        """End the sessions that a checked logout token names; False if it was used before.

        Raises `StoreUnavailable`; then the same token may come again.
        """
        used = _key("used", method, claims["jti"])
        if not await self._records.add(used, b"", USED_SECONDS):
            return False
        try:
            user = await self._user(method, issuer, claims)
            if user is not None:
                await self._service.accounts.end_sessions(user, method, claims.get("sid", ""))
        except BaseException:
            await self._records.delete(used)
            raise
        return True

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


def _key(kind: str, *texts: str) -> str:
    """A key of fixed size, whatever a provider sends."""
    digest = sha256()
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return f"{kind}/{digest.hexdigest()}"
