"""Accepts connections, and copes when the operating system has no descriptor left."""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any, Final

from chatserver.logging.repeated import Repeated

AT_ONCE: Final = 8  # connections accepted before other tasks get their turn: each costs 0.1 ms
PAUSE_SECONDS: Final = 1.0
RESERVE: Final = 65536  # bytes
_EXHAUSTED: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

_reports = Repeated()


def accept(
    listener: socket.socket, take: Callable[[socket.socket, Any], None]
) -> Callable[[], None]:
    """Hand each new connection to `take`. Returns the function that ends this."""
    return _Acceptor(listener, take).stop


class _Acceptor:
    """Reads one listening socket. It pauses when it cannot accept, as the loop would spin otherwise."""

    def __init__(self, listener: socket.socket, take: Callable[[socket.socket, Any], None]) -> None:
        self._listener, self._take = listener, take
        self._loop = asyncio.get_running_loop()
        self._resuming: asyncio.TimerHandle | None = None
        self._stopped = False
        self._reserve: bytearray | None = None  # freed for another try when memory runs out
        self._watch()

    def stop(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        self._loop.remove_reader(self._listener.fileno())
        if self._resuming is not None:
            self._resuming.cancel()

    def _watch(self) -> None:
        try:
            self._reserve = self._reserve or bytearray(RESERVE)
            self._loop.add_reader(self._listener.fileno(), self._on_readable)
            self._resuming = None
        except MemoryError:
            self._reserve = None
            self._resuming = self._loop.call_later(PAUSE_SECONDS, self._watch)

    def _on_readable(self) -> None:
        for _ in range(AT_ONCE):
            if self._stopped:
                return
            try:
                connection, address = self._listener.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._pause(error)
                return
            try:
                self._take(connection, address)
            except (OSError, MemoryError):  # client gone, or nothing left to serve it with
                connection.close()

    def _pause(self, error: OSError) -> None:
        self._resuming = self._loop.call_later(PAUSE_SECONDS, self._watch)  # may itself fail
        self._loop.remove_reader(self._listener.fileno())
        _reports.error(
            "accept",
            f"no connection can be accepted for a moment: {error.strerror}. See limits.connections, "
            "limits.http_connections and the limit of open files (ulimit -n, LimitNOFILE)",
        )
