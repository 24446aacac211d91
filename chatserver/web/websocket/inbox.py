"""The receiving side of one client: reads its bytes, takes them apart into messages, passes these on.

It reads from the bare socket, or from Tornado's stream if that has to stay (TLS). The transport decides what
happens to a message, or to a client that breaks the protocol.
"""

import asyncio
import socket
from typing import Final, Protocol

from tornado.iostream import IOStream, StreamClosedError

from chatserver.delivery.encoding import BINARY, POLICY_VIOLATION, TEXT
from chatserver.web.websocket.frames import FrameError, FrameReader

READ_SIZE: Final = 65536
MESSAGES_PER_TURN: Final = 64
"""Messages of one connection after which the others get their turn."""

# All connections read into one buffer: a fresh one of this size costs more than the read.
_buffer = bytearray(READ_SIZE)
_received_part = memoryview(_buffer)


class Owner(Protocol):
    """The transport of the connection, which gets the messages."""

    def on_message(self, opcode: int, data: bytes) -> None:
        """A whole message, or a control frame. Never raises."""

    def on_failure(self, error: Exception) -> None:
        """Nothing more can be read; `error` is a `FrameError` if the client broke the protocol."""

    def broke(self) -> None:
        """The connection is gone."""


class Inbox:
    """Reads for one connection. Passes nothing on before `open`, nor after `discard` or `drop`."""

    __slots__ = (
        "_discarding", "_loop", "_message_seconds", "_owner", "_reader", "_resumed",
        "_slow", "_socket", "_yielded", "heard", "paused",
    )  # fmt: skip

    def __init__(self, owner: Owner, message_seconds: float) -> None:
        """message_seconds: the longest time from the first byte of a message to its last."""
        self.heard = True
        """Whether bytes have come since this was last set to False."""
        self._owner: Owner | None = owner
        self._message_seconds = message_seconds
        self._loop = asyncio.get_running_loop()
        self._reader: FrameReader | None = None
        self._socket: socket.socket | None = None
        self.paused = False
        self._resumed: asyncio.Event | None = None  # None unless a stream is read
        self._yielded = False  # other connections have their turn; _go_on will be called
        self._discarding = False
        self._slow: asyncio.TimerHandle | None = None

    def open(self, reader: FrameReader) -> None:
        """Begin to pass messages on, taken apart by this reader."""
        self._reader = reader

    def read_socket(self, bare: socket.socket, early: bytes) -> None:
        """Read from a socket whenever it has bytes; the bytes `early` have come already."""
        self._socket = bare
        if early and self._reader is not None:
            self._reader.feed(early)
        if not self.paused:
            self._watch(bare)

    async def read_stream(self, stream: IOStream) -> None:
        """Read from Tornado's stream until it is closed."""
        self._resumed = asyncio.Event()
        try:
            while True:
                self._received(await stream.read_bytes(READ_SIZE, partial=True))
                while self.paused or self._yielded:
                    self._resumed.clear()
                    await self._resumed.wait()
                    self._deliver()
        except StreamClosedError:
            self._break()

    def pause(self) -> None:
        """Stop reading: the client's bytes then wait in the kernel, and in the client."""
        if not self.paused:
            self.paused = True
            self._stop_timing()
            if self._socket is not None and not self._discarding:
                self._loop.remove_reader(self._socket)

    def resume(self) -> None:
        if self.paused:
            self.paused = False
            if self._resumed is not None:
                self._resumed.set()
            elif self._socket is not None and not self._discarding:
                self._watch(self._socket)

    def discard(self) -> None:
        """Read on, to notice when the client ends its side, but throw the bytes away."""
        self._stop_timing()
        self._reader = None
        self._discarding = True
        if self.paused:
            self.resume()
            if self._socket is not None:
                self._loop.add_reader(self._socket, self._on_readable)

    def drop(self) -> None:
        """Stop reading and forget the owner. The socket stays open."""
        self._stop_timing()
        self._reader = None
        self._owner = None
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket = None

    def has_hung_up(self) -> bool:
        """Whether the client is gone, which reading would show if it were not paused."""
        if self._socket is None:
            return False
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    # -- bytes -------------------------------------------------------------------------------------

    def _watch(self, bare: socket.socket) -> None:
        self._loop.add_reader(bare, self._on_readable)
        self._yield()  # handles bytes that came already, or were left when reading was paused

    def _on_readable(self) -> None:
        if self._yielded or self._socket is None:
            return
        try:
            data = bytes(_received_part[: self._socket.recv_into(_buffer)])
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, MemoryError):  # a stream with a gap in it is useless
            data = b""
        if data:
            self._received(data)
        else:
            self._break()

    def _received(self, data: bytes) -> None:
        self.heard = True
        if self._reader is None:
            return
        try:
            self._reader.feed(data)
        except MemoryError:
            self._break()
        else:
            self._deliver()

    # -- messages ----------------------------------------------------------------------------------

    def _deliver(self) -> None:
        owner = self._owner
        if owner is None:
            return
        try:
            for _ in range(MESSAGES_PER_TURN):
                if self.paused or self._reader is None:
                    return
                message = self._reader.next_message()
                if message is None:
                    self._time_message()
                    return
                if self._slow is not None and message[0] in (TEXT, BINARY):
                    self._stop_timing()
                owner.on_message(*message)
        except Exception as error:
            owner.on_failure(error)
        else:
            if self._reader is not None and self._reader.waiting:
                self._yield()

    def _yield(self) -> None:
        if not self._yielded:
            self._yielded = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._yielded = False
        if self._resumed is not None:
            self._resumed.set()
        else:
            self._deliver()

    def _time_message(self) -> None:
        """Start the timer for the rest of a message that has begun."""
        if self._slow is None and self._reader is not None and self._reader.is_inside:
            self._slow = self._loop.call_later(self._message_seconds, self._too_slow)

    def _too_slow(self) -> None:
        if self._owner is not None:
            self._owner.on_failure(FrameError(POLICY_VIOLATION, "too slow"))

    def _stop_timing(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _break(self) -> None:
        if self._owner is not None:
            self._owner.broke()
