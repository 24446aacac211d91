"""Addresses of pages that may be fetched, and why others may not. Where a name leads to is the resolver's to judge."""

import re
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple
from urllib.parse import quote, urljoin, urlsplit

from chatserver_plugins.link_previews.card import URL_BYTES

Reason = Literal[
    "address", "blocked", "network", "time", "redirects", "status", "kind", "answer", "page"
]

_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?\.?|[0-9a-f:.]{2,45}", re.ASCII)
_BARRED = re.compile(r"[\x00-\x20\x7f\\]")
_KEPT = "%/:=&?~#+!$,;'@()*[]"  # of a path and a query, RFC 3986


class Refused(Exception):
    """A page of which nothing is shown. `reason` says why, for the metrics."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class Address(NamedTuple):
    """A page at a server. `target` is its path and query, as they are asked for."""

    is_secure: bool
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The host for the request, with the port where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_secure else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.is_secure else 'http'}://{self.authority}{self.target}"


class Gate:
    """The addresses that may be asked at all."""

    def __init__(self, ports: Collection[int], blocked: Sequence[str]) -> None:
        self._ports = frozenset(ports)
        self._blocked = frozenset(host.lower().strip(".") for host in blocked)

    def address(self, url: str, base: Address | None = None) -> Address:
        """The address that a text names, which may be relative to `base`. Raises `Refused`."""
        try:
            found = _parsed(urljoin(base.url, url) if base else url)
        except ValueError:  # UnicodeError among them
            raise Refused("address") from None
        if found.port not in self._ports:
            raise Refused("address")
        if self._is_blocked(found.host):
            raise Refused("blocked")
        return found

    def _is_blocked(self, host: str) -> bool:
        """Whether the host or a domain above it is blocked."""
        parts = host.strip(".").split(".")
        return any(".".join(parts[place:]) in self._blocked for place in range(len(parts)))


def _parsed(url: str) -> Address:
    """Raises `ValueError`."""
    if len(url.encode()) > URL_BYTES or _BARRED.search(url):
        raise ValueError("no address")
    split = urlsplit(url)
    if split.scheme not in ("http", "https") or "@" in split.netloc:
        raise ValueError("no address of a page")
    host = split.hostname or ""
    if not host.isascii():
        host = host.encode("idna").decode()
    if not _HOST.fullmatch(host):
        raise ValueError("no host")
    is_secure = split.scheme == "https"
    port = split.port if split.port is not None else (443 if is_secure else 80)
    query = f"?{quote(split.query, safe=_KEPT)}" if split.query else ""
    return Address(is_secure, host, port, quote(split.path or "/", safe=_KEPT) + query)
