"""The gate that all connections of a node pass on their way in: limits, draining, metrics."""

import time
from typing import Final

from loguru import logger

from chatserver.config import Config
from chatserver.errors import (
    CLOSE_BAD_FRAME,
    CLOSE_CONNECTIONS,
    CLOSE_FORBIDDEN,
    CLOSE_INTERNAL,
    CLOSE_RATE,
    CLOSE_REJECTED,
    CLOSE_SLOW,
    CLOSE_UNAUTHENTICATED,
    CLOSE_VERSION,
)
from chatserver.interfaces import Tracer
from chatserver.roomlog.room import NEWEST_PAGE
from chatserver.runtime.measure import Measures
from chatserver.runtime.rate import AddressRate, address_network
from chatserver.service.service import Service
from chatserver.web.access import Access
from chatserver.web.response_heads import transport_security
from chatserver.web.visitors import Visitors
from chatserver.web.websocket.heartbeat import Heartbeat

BAD_CODES = (
    1002,
    1003,
    1007,
    1008,
    1009,
    1011,
)  # RFC 6455 section 7.4.1: one side did something wrong
OUR_BAD_CODES = (
    CLOSE_INTERNAL,
    CLOSE_RATE,
    CLOSE_BAD_FRAME,
    CLOSE_REJECTED,
    CLOSE_VERSION,
    CLOSE_CONNECTIONS,
)
# Codes of ours from 4400 on say so too, but these ends are rightful: no sign-in, and an account that is locked.
RIGHTFUL_CODES = (CLOSE_UNAUTHENTICATED, CLOSE_FORBIDDEN)
SPARE_DESCRIPTORS: Final = 200  # for the store, files, and connections being refused


class Gate:
    """The entrance of one node."""

    def __init__(
        self,
        config: Config,
        service: Service,
        measures: Measures,
        descriptors: int = 2**31,
        tracer: Tracer | None = None,
    ) -> None:
        """`descriptors` is the number of files and sockets that the process may have open."""
        self.config, self.service, self.measures = config, service, measures
        self.tracer = tracer
        server, limits = config.server, config.limits
        self.access = Access(
            server.trusted_proxies,
            server.allowed_origins,
            server.allowed_hosts,
            server.internal_networks,
        )
        self.security = transport_security(server.hsts_seconds)
        self.visitors = Visitors(
            limits.http_connections, limits.http_connections_per_address, measures
        )
        self._descriptors = max(descriptors - SPARE_DESCRIPTORS, descriptors // 2)
        self.heartbeat = Heartbeat(config.limits.heartbeat_seconds)
        self.draining = False
        self.leaving = False  # another process takes new connections at the same port
        self.takes_connections = "connections" in config.server.roles
        self.started = time.monotonic()
        self.http_seconds = measures.histogram(
            "http_request_duration_seconds", "Time of HTTP requests", ("method", "route", "status")
        )
        self._socket_errors = measures.counter(
            "websocket_errors_total",
            "WebSocket connections that ended with an error, by the code of the side that closed first",
            ("code",),
        )
        self._socket_ends = measures.counter(
            "chatserver_websocket_closed_total",
            "WebSocket connections that ended: clean, error, or vanished (broken, silent, or no longer reading)",
            ("end",),
        )
        for code in (*BAD_CODES, *OUR_BAD_CODES):
            self._socket_errors.add(0, (str(code),))  # else a rate would not see the first error
        self._by_address: dict[str, int] = {}
        rate = config.limits.requests_per_second
        self._requests = AddressRate(rate, 2 * rate)

    def check_rate(self, address: str) -> None:
        """Count an HTTP request. Raises `ChatError` limit.rate."""
        self._requests.take(address)

    def may_ask(self, peer: str, forwarded: str) -> bool:
        """Count an HTTP request, by its peer and its X-Forwarded-For; whether it is within the limit."""
        if not self.config.limits.requests_per_second:
            return True
        return not self._requests.bucket(self.access.behind(peer, forwarded)).take()

    @property
    def answers_shortly(self) -> bool:
        """Whether the commonest reads may be answered the short way, without a handler."""
        limits = self.config.limits
        return (
            self.takes_connections
            and not self.draining
            and not self.leaving
            and not self.config.logging.access
            and self.tracer is None
            and limits.history_page >= NEWEST_PAGE
        )

    def has_room_for_visitor(self, address: str) -> bool:
        """Whether one more HTTP connection may come from this address."""
        return self.visitors.has_room(
            address,
            is_proxy=self.access.is_proxy(address),
            others=len(self.service.connections),
            descriptors=self._descriptors,
        )

    def access_line(
        self, method: str, route: str, status: int, seconds: float, address: str, **more: object
    ) -> None:
        """One line of the access log (`logging.access`)."""
        logger.bind(
            method=method, route=route, status=status, ms=round(seconds * 1000, 2), address=address
        ).bind(**more).info("request")

    def has_room(self, address: str) -> bool:
        """Whether one more WebSocket connection or stream may come from this address."""
        limits = self.config.limits
        return (
            len(self.service.connections) < limits.connections
            and self._by_address.get(address_network(address), 0) < limits.connections_per_address
        )

    def begin_draining(self) -> None:
        """Take no further connections, as the server stops."""
        self.draining = True

    def begin_leaving(self) -> None:
        """Answer each connection once more, and close it, as another process takes the new ones."""
        self.leaving = True

    def enter(self, address: str) -> None:
        network = address_network(address)
        self._by_address[network] = self._by_address.get(network, 0) + 1

    def leave(self, address: str) -> None:
        network = address_network(address)
        left = self._by_address.get(network, 0) - 1
        if left > 0:
            self._by_address[network] = left
        else:
            self._by_address.pop(network, None)

    def count_close(self, code: int | None) -> None:
        """Count the end of a WebSocket connection; `code` is that of the side that closed first.

        None: the connection broke, or answered no heartbeat. A phone out of reach also ends as a slow reader,
        if bytes waited for it.
        """
        if code is None or code == CLOSE_SLOW:
            end = "vanished"
        elif code in BAD_CODES or (code >= CLOSE_INTERNAL and code not in RIGHTFUL_CODES):
            end = "error"
            self._socket_errors.add(labels=(str(code),))
        else:
            end = "clean"
        self._socket_ends.add(labels=(end,))
