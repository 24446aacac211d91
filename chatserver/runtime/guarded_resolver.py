"""Restricts the addresses of receivers that others name. A name is resolved once, and the checked address is used."""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Network = IPv4Network | IPv6Network
THREADS = 8
# Routed, where they are, to the IPv4 address in the last four bytes: RFC 6052, RFC 2765, and RFC 4291, 2.5.5.1.
EMBEDDING = tuple(map(IPv6Network, ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")))
# Not public either, which not every version of Python knows: RFC 8215, where any part may hold the IPv4 address.
LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")


class NotAllowed(OSError):
    """All addresses of the receiver are forbidden."""


class GuardedResolver:
    """Resolves names to public addresses, and to addresses in the given networks: a resolver for a Tornado client.

    `SimpleAsyncHTTPClient(force_instance=True, resolver=GuardedResolver(["10.1.0.0/16"]))` connects nowhere else,
    whatever a name resolves to at the next moment. Names that do not resolve hold up nobody else: it has threads of
    its own.
    """

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._allowed: list[Network] = [ip_network(network) for network in allowed]
        self._threads = ThreadPoolExecutor(THREADS, "resolver")  # which begin when they are needed

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[tuple[int, Any]]:
        """The allowed ones of the (family, address) of a host. Raises `OSError` if there is none."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, socket.getaddrinfo, host, port, family, socket.SOCK_STREAM
        )
        kept: list[tuple[int, Any]] = [
            (kind, address) for kind, _, _, _, address in found if self._may(address[0])
        ]
        if not kept:
            raise NotAllowed("the receiver is in a network that is not allowed")
        return kept

    def close(self) -> None:
        """End the threads, once what they resolve has ended."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _may(self, text: str | int) -> bool:
        address = _target(ip_address(str(text).partition("%")[0]))
        return is_public(address) or any(address in network for network in self._allowed)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and (address.is_site_local or address in LOCAL_NAT64):
        return False
    return address.is_global and not address.is_multicast


def _target(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 address that contains one, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if not address.is_loopback and any(address in network for network in EMBEDDING):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
