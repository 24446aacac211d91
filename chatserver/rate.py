"""How often something may be done: token buckets, one for each client address where it counts."""

import time
from collections import OrderedDict
from ipaddress import IPv4Address, IPv6Address, ip_address

from chatserver.errors import ChatError

ADDRESSES = 20_000  # whose rate is remembered; who came first makes room


class Bucket:
    """A token bucket: `rate` a second, lasting, and `burst` at once."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens = burst
        self._at = time.monotonic()

    def take(self) -> float:
        """Take one; 0 if there was one, else the seconds until there is."""
        now = time.monotonic()
        tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if tokens < 1:
            self._tokens = tokens
            return (1 - tokens) / self._rate
        self._tokens = tokens - 1
        return 0


class AddressRate:
    """A bucket for each network that clients come from; a rate of 0 sets no limit."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, address: str) -> None:
        """Count one from this address. Raises `ChatError` limit.rate."""
        if not self._rate:
            return
        source = address_network(address)
        bucket = self._buckets.get(source)
        if bucket is None:
            bucket = self._buckets[source] = Bucket(self._rate, self._burst)
            if len(self._buckets) > ADDRESSES:
                self._buckets.popitem(last=False)
        wait = bucket.take()
        if wait:
            raise ChatError("limit.rate", after_ms=int(wait * 1000) + 1)


def address_network(address: str) -> str:
    """What a client's address counts for in limits: one IPv4 address, or one IPv6 /64.

    A single customer commonly has a /64 or more (RFC 6177), so single IPv6 addresses limit nobody.
    """
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
        parsed = parsed.ipv4_mapped
    return str(parsed)
