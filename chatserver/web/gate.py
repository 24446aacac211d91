"""What all connections of a node pass on their way in: limits, draining, measures."""

import time

from chatserver.config import Config
from chatserver.errors import CLOSE_INTERNAL
from chatserver.measure import Measures
from chatserver.rate import AddressRate
from chatserver.service import Service
from chatserver.web.access import Access
from chatserver.web.heartbeat import Heartbeat

BAD_CODES = (1002, 1007, 1008, 1009, 1011)  # RFC 6455 section 7.4.1: one side did something wrong


class Gate:
    """The entrance of one node."""

    def __init__(self, config: Config, service: Service, measures: Measures) -> None:
        self.config, self.service, self.measures = config, service, measures
        self.access = Access(config.server.trusted_proxies, config.server.allowed_origins)
        self.heartbeat = Heartbeat(config.limits.heartbeat_seconds)
        self.draining = False
        self.takes_connections = "connections" in config.server.roles
        self.started = time.monotonic()
        self.http_seconds = measures.histogram(
            "http_request_duration_seconds", "Time of HTTP requests", ("method", "route", "status")
        )
        self._socket_errors = measures.counter(
            "websocket_errors_total", "WebSocket connections that ended badly", ("code",)
        )
        self._by_address: dict[str, int] = {}
        rate = config.limits.requests_per_second
        self._requests = AddressRate(rate, 2 * rate)

    def check_rate(self, address: str) -> None:
        """Count an HTTP request. Raises `ChatError` limit.rate."""
        self._requests.take(address)

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
