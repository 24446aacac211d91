"""What all connections of a node share on their way in: limits, draining, measures."""

import time
from collections import OrderedDict

from chatserver.config import Config
from chatserver.errors import CLOSE_INTERNAL, ChatError
from chatserver.measure import Measures
from chatserver.service import Service
from chatserver.web.access import Access
from chatserver.web.heartbeat import Heartbeat

BAD_CODES = (1002, 1007, 1008, 1009, 1011)  # RFC 6455 section 7.4.1: one side did something wrong
ADDRESSES = 20_000  # whose request rate is remembered


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


class Gate:
    """The entrance of one node."""

    def __init__(self, config: Config, service: Service, measures: Measures) -> None:
        self.config, self.service, self.measures = config, service, measures
        self.access = Access(config.server.trusted_proxies, config.server.allowed_origins)
        self.heartbeat = Heartbeat(config.limits.heartbeat_seconds)
        self.draining = False
        self.started = time.monotonic()
        self.http_seconds = measures.histogram(
            "http_request_duration_seconds", "Time of HTTP requests", ("method", "route", "status")
        )
        self._socket_errors = measures.counter(
            "websocket_errors_total", "WebSocket connections that ended badly", ("code",)
        )
        self._by_address: dict[str, int] = {}
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def check_rate(self, address: str) -> None:
        """Count an HTTP request. Raises `ChatError` limit.rate."""
        rate = self.config.limits.requests_per_second
        if not rate:
            return
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._buckets[address] = Bucket(rate, 2 * rate)
            if len(self._buckets) > ADDRESSES:
                self._buckets.popitem(last=False)
        wait = bucket.take()
        if wait:
            raise ChatError("limit.rate", after_ms=int(wait * 1000) + 1)

    def has_room(self, address: str) -> bool:
        """May one more WebSocket connection or stream come from this address?"""
        limits = self.config.limits
        return (
            self.service.hub.connections() < limits.connections
            and self._by_address.get(address, 0) < limits.connections_per_address
        )

    def enter(self, address: str) -> None:
        self._by_address[address] = self._by_address.get(address, 0) + 1

    def leave(self, address: str) -> None:
        left = self._by_address.get(address, 0) - 1
        if left > 0:
            self._by_address[address] = left
        else:
            self._by_address.pop(address, None)

    def count_close(self, code: int | None) -> None:
        """A WebSocket connection has ended, with the code of whoever closed first."""
        if code is None or code >= CLOSE_INTERNAL or code in BAD_CODES:
            self._socket_errors.add(labels=("none" if code is None else str(code),))
