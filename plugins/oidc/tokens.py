"""Checks signed tokens of a provider: ID tokens, and logout tokens of back-channel logout."""

import hmac
import time
import warnings
from collections.abc import Mapping
from typing import Any

import jwt

from chatserver_plugins.oidc.config import Provider
from chatserver_plugins.oidc.published import Published

TOKEN_CHARS = 65536
LEEWAY_SECONDS = 60.0  # by which the provider's clock and ours may differ
ROUNDED_SECONDS = 2.0  # times in tokens are whole seconds
LOGOUT_SECONDS = 300.0  # age of a logout token that is still accepted
KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}  # by the first letters of `alg`
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class InvalidToken(Exception):
    """A token that must not be trusted. The text says why, without the token."""


class Tokens:
    """Checks tokens of one provider for this server."""

    def __init__(self, config: Provider, published: Published) -> None:
        self._config, self._published = config, published

    async def identified(self, token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token (OpenID Connect Core 1.0, 3.1.3.7). Raises `InvalidToken`, `Unavailable`."""
        claims = await self._signed(token, "iss", "sub", "aud", "exp", "iat")
        if not hmac.compare_digest(_text(claims, "nonce").encode(), nonce.encode()):
            raise InvalidToken("another nonce than that of this sign-in")
        return claims

    async def logged_out(self, token: str) -> dict[str, Any]:
        """The claims of a logout token (OpenID Connect Back-Channel Logout 1.0, 2.6).

        Raises `InvalidToken`, `Unavailable`. Whether it was used before is for the caller to find out.
        """
        claims = await self._signed(token, "iss", "aud", "iat", "jti", "events")
        events = claims["events"]
        if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
            raise InvalidToken("no event of a logout")
        if "nonce" in claims:
            raise InvalidToken("a nonce, which a logout token has not")
        named = [name for name in ("sub", "sid") if name in claims]
        if not named or not all(_text(claims, name) for name in named):
            raise InvalidToken("neither sub nor sid, or one that is no text")
        if not _text(claims, "jti"):
            raise InvalidToken("no jti")
        if time.time() - claims["iat"] > LOGOUT_SECONDS + LEEWAY_SECONDS:
            raise InvalidToken("too old")
        return claims

    async def _signed(self, token: str, *required: str) -> dict[str, Any]:
        """The claims of a token that this provider signed for this server, in time."""
        if len(token) > TOKEN_CHARS:
            raise InvalidToken("too long")
        try:
            head = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise InvalidToken(str(error)) from None
        algorithm, kid = head.get("alg"), head.get("kid")
        if algorithm not in self._config.algorithms:
            raise InvalidToken("a signature that the setting algorithms does not name")
        keys = [
            key
            for key in await self._published.keys(kid)
            if key.get("use", "sig") == "sig"
            and key.get("alg", algorithm) == algorithm
            and key.get("kty") == KEY_TYPES[algorithm[:2]]
        ]
        if len(keys) != 1:
            raise InvalidToken(f"{len(keys) or 'no'} keys of the provider match, expected one")
        claims = _decoded(token, keys[0], algorithm, self._config, required)
        _demand_party(claims, self._config.client_id)
        return claims


def age_at_issue(claims: Mapping[str, Any]) -> float | None:
    """Seconds from when the user proved to be there to when the token was issued; None if it does not say.

    Both times are those of the provider's clock, so no difference between clocks counts.
    """
    times = claims.get("iat"), claims.get("auth_time")
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in times):
        return None
    issued, proved = times
    assert issued is not None and proved is not None
    return float(issued - proved)


def _decoded(
    token: str, key: Mapping[str, Any], algorithm: str, config: Provider, required: tuple[str, ...]
) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of keys that are too short
            claims: dict[str, Any] = jwt.decode(
                token,
                jwt.PyJWK.from_dict(dict(key), algorithm),
                algorithms=[algorithm],
                audience=config.client_id,
                issuer=config.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": list(required)},
            )
    except (jwt.PyJWTError, Warning, ValueError, TypeError) as error:
        raise InvalidToken(f"{type(error).__name__}: {error}"[:300]) from None
    return claims


def _demand_party(claims: Mapping[str, Any], client_id: str) -> None:
    """Refuse a token that was issued for others, too, unless it names this server as the one that asked."""
    audience, party = claims["aud"], claims.get("azp")
    if party not in (None, client_id):
        raise InvalidToken("azp is another client")
    if isinstance(audience, list) and len(audience) > 1 and party is None:
        raise InvalidToken("several audiences and no azp")


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = claims.get(name)
    return found if isinstance(found, str) else ""
