"""What a provider publishes: its addresses and its keys. Fetched when first needed, and kept.

A provider that is away costs one request in PAUSE_SECONDS, however many want to sign in.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from loguru import logger

from chatserver import SingleFlight
from chatserver_plugins.oidc.config import Provider, is_trusted_address
from chatserver_plugins.oidc.fetching import Fetching, Unavailable

T = TypeVar("T")

KEPT_SECONDS = 3600.0  # then it is fetched again; a provider that is away keeps what it published
PAUSE_SECONDS = 5.0  # after a failure, and between two fetches because of an unknown key
KEYS_MOST = 100
WELL_KNOWN = "/.well-known/openid-configuration"


class Metadata(msgspec.Struct, frozen=True):
    """The addresses of a provider (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    authorization_response_iss_parameter_supported: bool = False


class Kept(Generic[T]):
    """A value that is fetched once for all who wait for it."""

    def __init__(
        self,
        name: str,
        fetch: Callable[[], Awaitable[T]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._fetch, self._clock = name, fetch, clock
        self._flight: SingleFlight[T] = SingleFlight()
        self._value: T | None = None
        self._fetched = self._tried = -float("inf")
        self._failure = ""

    async def get(self) -> T:
        """The value. Raises `Unavailable` if it was never fetched."""
        if self._value is not None and self._clock() < self._fetched + KEPT_SECONDS:
            return self._value
        return await self.renewed()

    async def renewed(self) -> T:
        """The value as it is now, or as it was up to PAUSE_SECONDS ago. Raises `Unavailable`."""
        if self._clock() >= self._tried + PAUSE_SECONDS:
            try:
                return await self._flight.run((), self._renew)
            except Unavailable:
                if self._value is None:
                    raise
        if self._value is None:
            raise Unavailable(self._failure)
        return self._value

    async def _renew(self) -> T:
        try:
            self._value = await self._fetch()
        except Unavailable as error:
            self._failure = str(error)
            logger.warning("oidc {}: {}", self._name, error)
            raise
        finally:
            self._tried = self._clock()
        self._fetched = self._tried
        return self._value


class Published:
    """What one provider publishes."""

    def __init__(self, name: str, config: Provider, fetching: Fetching) -> None:
        self._config, self._fetching = config, fetching
        self._metadata = Kept(name, self._fetch_metadata)
        self._keys = Kept(name, self._fetch_keys)

    async def metadata(self) -> Metadata:
        """Raises `Unavailable`."""
        return await self._metadata.get()

    async def keys(self, kid: str | None) -> list[Mapping[str, Any]]:
        """The keys with this id, as JSON Web Keys (RFC 7517); all keys without an id. Raises `Unavailable`.

        An unknown id is looked for once more at the provider, which may have changed its keys.
        """
        found = _with_id(await self._keys.get(), kid)
        return found or _with_id(await self._keys.renewed(), kid)

    async def _fetch_metadata(self) -> Metadata:
        address = self._config.issuer.rstrip("/") + WELL_KNOWN
        try:
            found = msgspec.convert(await self._fetching.get(address), Metadata)
        except msgspec.ValidationError as error:
            raise Unavailable(f"{address}: {error}") from None
        if found.issuer != self._config.issuer:
            raise Unavailable(
                f"{address} names the issuer {found.issuer[:200]!r}, but the setting issuer is "
                f"{self._config.issuer!r}"
            )
        for each in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            _demand_trusted(address, each)
        if self._config.userinfo:
            _demand_trusted(address, found.userinfo_endpoint)
        if self._config.logout and found.end_session_endpoint:
            _demand_trusted(address, found.end_session_endpoint)
        return found

    async def _fetch_keys(self) -> list[Mapping[str, Any]]:
        address = (await self.metadata()).jwks_uri
        keys = (await self._fetching.get(address)).get("keys")
        if not isinstance(keys, list):
            raise Unavailable(f"{address} has no list of keys")
        return [key for key in keys[:KEYS_MOST] if isinstance(key, dict)]


def _with_id(keys: list[Mapping[str, Any]], kid: str | None) -> list[Mapping[str, Any]]:
    return [key for key in keys if kid is None or key.get("kid") == kid]


def _demand_trusted(address: str, named: str) -> None:
    if not is_trusted_address(named):
        raise Unavailable(f"{address} names {named[:200]!r}, expected https://…")
