"""Who is asking: credentials, client address, and whether the page that asks may."""

import ipaddress
from collections.abc import Sequence

from tornado.httputil import HTTPServerRequest

COOKIE = "chat_session"
DEVICE_COOKIE = "chat_device"  # where somebody signed in before; opens nothing
DEVICE_SECONDS = 90 * 86400


class Access:
    """What the configuration says of proxies and origins, made ready for requests."""

    def __init__(self, trusted_proxies: Sequence[str], allowed_origins: Sequence[str]) -> None:
        self._proxies = [ipaddress.ip_network(proxy, strict=False) for proxy in trusted_proxies]
        self._origins = frozenset(allowed_origins)

    def address(self, request: HTTPServerRequest) -> str:
        """The client's address: behind trusted proxies, the last one in X-Forwarded-For that is none."""
        address = request.remote_ip or ""
        if not self._proxies or not self._is_proxy(address):
            return address
        forwarded = request.headers.get("X-Forwarded-For", "")
        for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
            if not _is_address(hop):
                return address
            address = hop
            if not self._is_proxy(hop):
                return address
        return address

    def is_secure(self, request: HTTPServerRequest) -> bool:
        """Did the client come over TLS, to us or to a trusted proxy?"""
        if request.protocol == "https":
            return True
        if not self._proxies or not self._is_proxy(request.remote_ip or ""):
            return False
        return request.headers.get("X-Forwarded-Proto", "").lower() == "https"

    def is_foreign(self, request: HTTPServerRequest) -> bool:
        """Does the request say that it comes from a page of another origin?"""
        origin = request.headers.get("Origin")
        if origin is None or origin in self._origins:
            return False
        scheme, _, host = origin.partition("://")
        # A page that was loaded without TLS may have been changed on its way: where TLS is served it is
        # foreign.
        schemes = ("https",) if self.is_secure(request) else ("http", "https")
        return scheme not in schemes or host.lower() != request.host.lower()

    def cross_origin(self, request: HTTPServerRequest) -> dict[str, str]:
        """What lets a page of an allowed origin read the answer (Fetch Standard, 3.3).

        Always one origin by name: with `*` a browser would send no credentials.
        """
        origin = request.headers.get("Origin") if self._origins else None
        if origin is None:
            return {}
        if origin not in self._origins:
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": "Retry-After",
        }

    def may_cross(self, request: HTTPServerRequest) -> bool:
        """Is this the question of a browser whether a page of an allowed origin may go on?"""
        headers = request.headers
        return headers.get("Origin") in self._origins and "Access-Control-Request-Method" in headers

    def _is_proxy(self, address: str) -> bool:
        if not _is_address(address):
            return False
        found = ipaddress.ip_address(address)
        return any(found in network for network in self._proxies)


def bearer_token(request: HTTPServerRequest) -> str | None:
    """The token of the `Authorization` header, if it has one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def cookie_token(request: HTTPServerRequest) -> str | None:
    """The token of the cookie that signing in sets, if there is one."""
    if "Cookie" not in request.headers:
        return None
    morsel = request.cookies.get(COOKIE)
    return morsel.value if morsel is not None and morsel.value else None


def device_token(request: HTTPServerRequest) -> str:
    """The token of the cookie that tells a device where somebody signed in before, or nothing."""
    morsel = request.cookies.get(DEVICE_COOKIE) if "Cookie" in request.headers else None
    return morsel.value if morsel is not None else ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
