"""Rate limits: token buckets, one for each user, or for each client address."""

import time
from collections import OrderedDict
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from chatserver.errors import ChatError

ADDRESSES = 20_000  # with remembered buckets; the oldest are forgotten first
USERS = 50_000  # likewise; one bucket takes about 150 bytes
UNLIMITED = 1e9  # a second
ANONYMOUS_BURST = 10  # seconds' worth of operations that an address without a session may do


class Bucket:
    """A token bucket: `rate` tokens a second, at most `burst` at once."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens = burst
        self._at = time.monotonic()

    def take(self, count: float = 1) -> float:
        """Take `count` tokens and return 0, or take none and return the seconds until enough are there.

        More than the burst can be taken only from a full bucket, whose balance then is negative.
        """
        now = time.monotonic()
        tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        needed = count if count < self._burst else self._burst
        if tokens < needed:
            self._tokens = tokens
            return (needed - tokens) / self._rate
        self._tokens = tokens - count
        return 0

    def owe(self, count: float) -> None:
        """Take tokens for operations that were done already; the balance may become negative."""
        self._tokens -= count

    @property
    def left(self) -> float:
        """Number of tokens in the bucket, negative if it owes some."""
        return min(self._burst, self._tokens + (time.monotonic() - self._at) * self._rate)


class AddressRate:
    """A bucket for each network that clients come from; a rate of 0 sets no limit."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, address: str) -> None:
        """Count one operation from this address. Raises `ChatError` limit.rate."""
        if not self._rate:
            return
        _demand(self.bucket(address).take())

    def bucket(self, address: str) -> Bucket:
        """The bucket of the network of this address."""
        source = address_network(address)
        bucket = self._buckets.get(source)
        if bucket is None:
            bucket = self._buckets[source] = Bucket(self._rate, self._burst)
            if len(self._buckets) > ADDRESSES:
                self._buckets.popitem(last=False)
        return bucket


class UserRate:
    """A bucket for each user (id); that of the one not seen for the longest time is forgotten first."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, user: str, count: float = 1) -> None:
        """Count operations of this user. Raises `ChatError` limit.rate."""
        _demand(self.bucket(user).take(count))

    def bucket(self, user: str) -> Bucket:
        """The bucket of this user."""
        bucket = self._buckets.get(user)
        if bucket is None:
            bucket = self._buckets[user] = Bucket(self._rate, self._burst)
            if len(self._buckets) > USERS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(user)
        return bucket


class Rates:
    """Limits of the operations of each user, and of each address without a session, on this node.

    A user has one bucket for all connections and interfaces. A request with several operations takes as many
    tokens.
    """

    def __init__(self, per_second: float, burst: float, anonymous_per_second: float) -> None:
        """An `anonymous_per_second` of 0 sets no limit for addresses without a session."""
        self._users = UserRate(per_second, burst)
        rate = anonymous_per_second or UNLIMITED
        self._addresses = AddressRate(rate, rate * ANONYMOUS_BURST)

    def of_user(self, user: str) -> Bucket:
        """The bucket of a user id."""
        return self._users.bucket(user)

    def of(self, user: str | None, address: str) -> Bucket:
        """The bucket of a user id, or of the address if nobody is signed in."""
        return self._addresses.bucket(address) if user is None else self.of_user(user)

    def take(self, user: str | None, address: str = "", count: float = 1) -> None:
        """Count operations of a user, or of an address. Raises `ChatError` limit.rate."""
        _demand(self.of(user, address).take(count))


def too_fast(wait: float) -> ChatError:
    """The refusal of an operation that may be repeated after `wait` seconds."""
    return ChatError("limit.rate", after_ms=int(wait * 1000) + 1)


def _demand(wait: float) -> None:
    if wait:
        raise too_fast(wait)


def address_network(address: str) -> str:
    """The network by which limits count a client's address: one IPv4 address, or one IPv6 /64.

    A single customer commonly has a /64 or more (RFC 6177), so a limit for single IPv6 addresses would have
    no effect.
    """
    return _network(address)


@lru_cache(4096)  # one request asks several times
def _network(address: str) -> str:
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
        parsed = parsed.ipv4_mapped
    return str(parsed)
