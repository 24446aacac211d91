"""The way out to all connections of a node: bounds, counters, and one write per connection in a turn of the loop."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

from loguru import logger

from chatserver.config import LimitsConfig
from chatserver.delivery.logpages import LogPages
from chatserver.errors import CLOSE_INTERNAL
from chatserver.model import AnyEvent
from chatserver.roomlog.room import Room
from chatserver.runtime.measure import Counter, Histogram, Measures

ReadEvents = Callable[[Room, int, int], Awaitable[Sequence[AnyEvent]]]


class Pipe(Protocol):
    """A connection as delivery sees it."""

    @property
    def buffered(self) -> int:
        """Bytes that wait because the peer does not read."""

    def send(self, frames: bytes) -> int:
        """Send complete frames, now or as soon as the peer reads. Returns `buffered`. Never raises."""

    def close(self, code: int, reason: str) -> None:
        """Close after the buffered frames; later frames are dropped. Never raises."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Flushed(Protocol):
    """A connection with frames to write."""

    pipe: Pipe

    def flush(self) -> None:
        """Write the frames gathered so far."""


FlushedT = TypeVar("FlushedT", bound=Flushed)


class Outlet:
    """The bounds, counters and pages that all connections of this node share, and their writes."""

    def __init__(self, limits: LimitsConfig, read: ReadEvents, measures: Measures) -> None:
        """`read` gives at most so many events of a room after a seq, replaced texts redacted."""
        self.soft = limits.buffer_soft_bytes
        self.hard = limits.buffer_hard_bytes
        self.slow_seconds = limits.slow_seconds
        self.read = read
        self.pages = LogPages(read, self.soft // 2)
        self._due: list[Flushed] = []
        self._due_since = 0.0
        self.deliveries: Counter = measures.counter(
            "chatserver_deliveries_total", "Events handed to connections"
        )
        self.fell_behind: Counter = measures.counter(
            "chatserver_connections_fell_behind_total", "Times a connection fell behind"
        )
        self.dropped: Counter = measures.counter(
            "chatserver_connections_dropped_total", "Connections closed because they do not read"
        )
        self._seconds: Histogram = measures.histogram(
            "chatserver_delivery_lag_seconds", "From a durable event to its bytes in the sockets"
        )

    def due(self, connection: Flushed) -> None:
        """Flush this connection at the end of the present turn of the loop."""
        if not self._due:
            self._due_since = time.perf_counter()
            asyncio.get_running_loop().call_soon(self._flush)
        self._due.append(connection)

    def _flush(self) -> None:
        due, self._due = self._due, []
        for connection in due:
            try:
                connection.flush()
            except Exception:
                cut_off({connection})
        self._seconds.add(time.perf_counter() - self._due_since)


def cut_off(connections: set[FlushedT]) -> None:
    """Close connections that have missed events, and empty the set. Clients come back and catch up."""
    while connections:  # allocates nothing, as memory may be short
        connections.pop().pipe.close(CLOSE_INTERNAL, "something could not be handed over")
    with suppress(MemoryError):
        logger.exception("connections were cut off, as something could not be handed over")
