"""Counts HTTP connections, in all and by address; sockets and streams are counted by the gate and `service/connections.py`."""

from chatserver.runtime.measure import Measures
from chatserver.runtime.rate import address_network


class Visitors:
    """The HTTP connections of one node, from their acceptance to an upgrade, a stream, or their end."""

    def __init__(self, most: int, most_from_one: int, measures: Measures) -> None:
        self._most, self._most_from_one = most, most_from_one
        self._count = 0
        self._from: dict[str, int] = {}
        self.refused = measures.counter(
            "chatserver_http_connections_refused_total",
            "HTTP connections refused because there were too many, in all or from one address",
        )
        measures.gauge(
            "chatserver_http_connections_active", "Open HTTP connections", lambda: self._count
        )

    def has_room(self, address: str, *, is_proxy: bool, others: int, descriptors: int) -> bool:
        """Whether one more connection may come; `others` is the number of sockets and streams.

        A proxy serves many clients, so only the sum bounds it. `descriptors` is the number of connections of
        any kind that the operating system lets this process have; one address gets at most half of them.
        """
        if self._count >= self._most or self._count + others >= descriptors:
            return False
        most = min(self._most_from_one, descriptors // 2)
        return is_proxy or self._from.get(address_network(address), 0) < most

    def enter(self, address: str) -> None:
        network = address_network(address)
        self._count += 1
        self._from[network] = self._from.get(network, 0) + 1

    def leave(self, address: str) -> None:
        network = address_network(address)
        self._count -= 1
        left = self._from[network] - 1
        if left:
            self._from[network] = left
        else:
            del self._from[network]
