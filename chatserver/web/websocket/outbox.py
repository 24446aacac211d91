"""Frames on their way to one client: straight to the socket while it accepts them, else in a queue.

The sender bounds the queue, by `buffered`.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final, Protocol

from tornado.iostream import IOStream, StreamClosedError

BUFFERS_PER_WRITE: Final = 64
BYTES_PER_WRITE: Final = 65536


class Owner(Protocol):
    """The transport of the connection, which is told of the queue's progress."""

    def took_some(self) -> None:
        """The socket has accepted a part of the queue."""

    def took_all(self) -> None:
        """The queue is empty."""

    def broke(self) -> None:
        """The connection is gone."""


class Outbox:
    """Writes to a bare socket, or to Tornado's stream if that has to stay (TLS)."""

    __slots__ = (
        "_ended", "_loop", "_owner", "_pong", "_queue", "_socket", "_stream", "_write_now",
        "_writing", "buffered",
    )  # fmt: skip

    def __init__(self, owner: Owner) -> None:
        self.buffered = 0
        """Bytes that the kernel has not accepted yet."""
        self._owner: Owner | None = owner
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._stream: IOStream | None = None
        # The socket's send() while the queue is empty and frames may be sent; None otherwise.
        self._write_now: Callable[[bytes], int] | None = None
        self._queue: deque[bytes | memoryview] | None = None
        self._writing = False
        self._pong: bytes | None = None
        self._ended = False

    def use_socket(self, bare: socket.socket) -> None:
        self._socket = bare
        self._write_now = bare.send

    def use_stream(self, stream: IOStream) -> None:
        self._stream = stream

    def send(self, data: bytes) -> int:
        """Send ready-made frames. Returns `buffered`. Never raises; a broken connection is reported to the owner."""
        write = self._write_now
        if write is None:
            self._enqueue(data)
            return self.buffered
        try:
            sent = write(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._break()
            return 0
        if sent == len(data):
            return 0
        self._enqueue(data, sent)
        return self.buffered

    def send_pong(self, pong: bytes) -> None:
        """Send this frame now; if frames wait, it replaces a pong that waits behind them.

        RFC 6455 section 5.5.3: only the latest ping needs an answer, so at most one waits.
        """
        if self.buffered:
            self._pong = pong
        else:
            self.send(pong)

    def end(self) -> None:
        """Accept no more frames; those in the queue are still sent."""
        self._write_now = None
        self._pong = None
        self._ended = True

    def drop(self) -> None:
        """Accept no more frames, and forget the queue and the owner. The socket stays open."""
        self.end()
        self._queue = None
        self.buffered = 0
        self._owner = None
        if self._socket is not None:
            self._loop.remove_writer(self._socket)
            self._socket = None

    def _enqueue(self, data: bytes, sent: int = 0) -> None:
        if self._ended:
            return
        self._write_now = None
        try:
            if self._queue is None:
                self._queue = deque()
            self._queue.append(memoryview(data)[sent:] if sent else data)
        except MemoryError:
            self._break()
            return
        self.buffered += len(data) - sent
        if self._writing:
            return
        self._writing = True
        if self._socket is not None:
            self._loop.add_writer(self._socket, self._on_writable)
        else:
            self._write_to_stream()

    def _on_writable(self) -> None:
        if self._socket is None or self._queue is None:
            return
        try:
            sent = self._socket.sendmsg(tuple(islice(self._queue, BUFFERS_PER_WRITE)))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._break()
            return
        self._took(sent)
        while sent:
            head = self._queue[0]
            if sent < len(head):
                self._queue[0] = memoryview(head)[sent:]
                return
            self._queue.popleft()
            sent -= len(head)
        if not self._queue:
            self._loop.remove_writer(self._socket)
            self._drained()

    def _write_to_stream(self) -> None:
        """Give the stream one write at a time, so that waiting frames stay shared with other connections."""
        assert self._stream is not None
        size = 0
        parts: list[bytes | memoryview] = []
        while self._queue and size < BYTES_PER_WRITE:
            parts.append(self._queue.popleft())
            size += len(parts[-1])
        try:
            future = self._stream.write(b"".join(parts))
        except StreamClosedError:
            self._break()
            return
        if future.done():
            self._loop.call_soon(self._on_stream_written, future, size)
        else:
            future.add_done_callback(lambda done: self._on_stream_written(done, size))

    def _on_stream_written(self, future: "asyncio.Future[None]", size: int) -> None:
        if self._queue is None:
            return
        if future.cancelled() or future.exception() is not None:
            self._break()
            return
        self._took(size)
        if self._queue:
            self._write_to_stream()
        else:
            self._drained()

    def _took(self, size: int) -> None:
        self.buffered -= size
        if self._owner is not None:
            self._owner.took_some()

    def _drained(self) -> None:
        self._queue = None
        self._writing = False
        if not self._ended:
            if self._socket is not None:
                self._write_now = self._socket.send
            if self._pong is not None:
                pong, self._pong = self._pong, None
                self.send(pong)
        if self._owner is not None and not self.buffered:
            self._owner.took_all()

    def _break(self) -> None:
        if self._owner is not None:
            self._owner.broke()
