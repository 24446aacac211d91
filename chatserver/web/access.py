"""Reads from a request its credentials, the client's address, and whether its page's origin is allowed."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from tornado.httputil import HTTPServerRequest

from chatserver.logging.repeated import Repeated
from chatserver.runtime.networks import Networks, is_address

COOKIE: Final = "chat_session"
# Over TLS only. A browser accepts a cookie with this prefix only from the host itself, never from a
# neighbour under the same domain (RFC 6265bis, 4.1.3.2).
HOST_COOKIE: Final = "__Host-chat_session"
DEVICE_COOKIE: Final = "chat_device"  # tells that somebody signed in here before; grants no access
DEVICE_SECONDS = 90 * 86400
# The secret that binds the steps of a sign-in to this browser; the second name as above.
LOGIN_COOKIE: Final = "chat_login"
HOST_LOGIN_COOKIE: Final = "__Host-chat_login"
# Headers of all answers that pages of allowed origins may read.
REPLY_HEADERS: Final = ("Retry-After", "X-Request-Id")
# Headers that a proxy adds to a request.
FORWARDED: Final = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded")

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_warnings = Repeated()


class Access:
    """The configured proxies, hosts, origins and networks, prepared for checking requests."""

    def __init__(
        self,
        trusted_proxies: Sequence[str],
        allowed_origins: Sequence[str],
        allowed_hosts: Sequence[str] = (),
        internal_networks: Sequence[str] = (),
    ) -> None:
        self._proxies = Networks(trusted_proxies)
        self._internal = Networks(internal_networks)
        self._origins = frozenset(allowed_origins)
        self._hosts = frozenset(host.lower() for host in allowed_hosts)
        self.is_proxy = lru_cache(4096)(self._is_proxy)
        """Whether a peer is one of the trusted proxies."""

    def is_own_host(self, host: str) -> bool:
        """Whether a Host header, with or without a port, names this server."""
        return not self._hosts or without_port(host.lower()) in self._hosts

    def is_internal(self, request: HTTPServerRequest) -> bool:
        """Whether the request comes from a network of operators, through no proxy."""
        return (request.remote_ip or "") in self._internal and not any(
            name in request.headers for name in FORWARDED
        )

    def warn_of_proxy(self, request: HTTPServerRequest) -> None:
        """Log a warning if a request claims to come through a proxy that is not trusted."""
        headers, peer = request.headers, request.remote_ip or ""
        if "X-Forwarded-For" not in headers and "X-Forwarded-Proto" not in headers:
            return
        if not self.is_proxy(peer):
            _warnings.warning(
                "proxy",
                f"X-Forwarded-* headers of {peer} are not believed: every client behind it counts as "
                f"one address, and cookies lack Secure. If it is your proxy, put {peer} into "
                "server.trusted_proxies; else it is a client that tries to look like another",
            )

    def address(self, request: HTTPServerRequest) -> str:
        """The client's address: behind trusted proxies, the last other one in X-Forwarded-For."""
        return self.behind(request.remote_ip or "", request.headers.get("X-Forwarded-For", ""))

    def behind(self, peer: str, forwarded: str) -> str:
        """The client's address, from that of the peer and the text of X-Forwarded-For."""
        address = peer
        if not self.is_proxy(address):
            return address
        for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
            if not is_address(hop):
                return address
            address = hop
            if not self.is_proxy(hop):
                return address
        return address

    def is_secure(self, request: HTTPServerRequest) -> bool:
        """Whether the client came over TLS, to us or to a trusted proxy."""
        if request.protocol == "https":
            return True
        if not self.is_proxy(request.remote_ip or ""):
            return False
        return request.headers.get("X-Forwarded-Proto", "").lower() == "https"

    def is_foreign(self, request: HTTPServerRequest) -> bool:
        """Whether the request says that it comes from a page of another origin."""
        origin = request.headers.get("Origin")
        if origin is None or origin in self._origins:
            return False
        scheme, _, host = origin.partition("://")
        # A page that was loaded without TLS may have been changed on its way, so a server with TLS treats
        # it as foreign.
        schemes = ("https",) if self.is_secure(request) else ("http", "https")
        return scheme not in schemes or host.lower() != request.host.lower()

    def cross_origin(
        self, request: HTTPServerRequest, reply_headers: Sequence[str] = ()
    ) -> dict[str, str]:
        """The headers that let a page of an allowed origin read the answer (Fetch Standard, 3.3).

        They name the one origin: with `*` a browser would send no credentials. `reply_headers` are headers of the
        answer that the page may read, beside those of all answers.
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
            "Access-Control-Expose-Headers": ", ".join((*REPLY_HEADERS, *reply_headers)),
        }

    def may_cross(self, request: HTTPServerRequest) -> bool:
        """Whether this is the preflight request of a page of an allowed origin."""
        headers = request.headers
        return headers.get("Origin") in self._origins and "Access-Control-Request-Method" in headers

    def _is_proxy(self, address: str) -> bool:
        return address in self._proxies


def bearer_token(request: HTTPServerRequest) -> str | None:
    """The token of the `Authorization` header, if it has one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def cookie_token(request: HTTPServerRequest) -> str | None:
    """The token of the cookie that signing in sets, if there is one."""
    if "Cookie" not in request.headers:
        return None
    for name in (HOST_COOKIE, COOKIE):  # a page of a neighbouring host may have planted the second
        morsel = request.cookies.get(name)
        if morsel is not None and morsel.value:
            return morsel.value
    return None


def session_cookies(token: str, seconds: int, *, secure: bool) -> list[str]:
    """The Set-Cookie headers that sign a page in for `seconds`; "" and 0 sign it out.

    Over TLS there are two cookies. The first one counts; the second has the name that programs know.
    """
    rest = f"={token}; Path=/; Max-Age={seconds}; HttpOnly;{' Secure;' * secure} SameSite=Lax"
    return [HOST_COOKIE + rest, COOKIE + rest] if secure else [COOKIE + rest]


def without_port(host: str) -> str:
    """The name or address in a Host header."""
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdigit() or not port) and not name.endswith(":") else host


def device_token(request: HTTPServerRequest) -> str:
    """The token of the cookie that marks a device on which somebody signed in before; "" without one."""
    morsel = request.cookies.get(DEVICE_COOKIE) if "Cookie" in request.headers else None
    return morsel.value if morsel is not None else ""


def login_secret(request: HTTPServerRequest, *, secure: bool) -> str:
    """The browser's secret for the steps of a sign-in; "" without one. Over TLS a neighbour cannot plant it."""
    name = HOST_LOGIN_COOKIE if secure else LOGIN_COOKIE
    morsel = request.cookies.get(name) if "Cookie" in request.headers else None
    return morsel.value if morsel is not None and _SECRET.fullmatch(morsel.value) else ""
