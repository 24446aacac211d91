"""The domain that passkeys belong to, and the addresses of pages that may use them."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from chatserver import StartupError

_PORTS = {"https": 443, "http": 80}


class RelyingParty(NamedTuple):
    domain: str
    origins: tuple[str, ...]


def relying_party(public_url: str, domain: str, origins: Sequence[str]) -> RelyingParty:
    """From `server.public_url` and the settings. Raises `StartupError` if browsers would refuse them."""
    if not public_url:
        raise StartupError("server.public_url is missing: passkeys belong to the host in it")
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    if _is_address(host):
        raise StartupError(f"server.public_url: passkeys need a host name, got {host}")
    if parts.scheme != "https" and host != "localhost" and not host.endswith(".localhost"):
        raise StartupError(f"server.public_url: passkeys need https, got {public_url}")
    domain = domain.lower() or host
    if host != domain and not host.endswith(f".{domain}"):
        raise StartupError(
            f"domain: expected {host} of server.public_url, or a domain above it, got {domain}"
        )
    shown = host if parts.port in (None, _PORTS[parts.scheme]) else f"{host}:{parts.port}"
    return RelyingParty(domain, (f"{parts.scheme}://{shown}", *origins))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
