"""The bus of workers that have no other: a lane to each of them, a pair of sockets that their parent made.

Each worker reads from the one end of its lane, and all others write to the other end. The parent keeps both ends, so
that the successor of a worker has them. Frames are datagrams: nothing is in between that could be away, and nothing
is kept but what a worker has not read yet.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from chatserver.errors import BusUnavailable
from chatserver.interfaces import BUS_FRAME_BYTES

BUFFER_BYTES = (
    1 << 20
)  # the kernel may give less; a worker that stands still has so much waiting for it
FRAMES_A_TURN = 100  # taken in one turn of the loop
FULL_SECONDS = (
    0.1  # to wait for a worker whose lane is full; then it finds the events when heads are compared
)
RETRY_SECONDS = 0.002


class Lane(NamedTuple):
    """The two ends of one worker's lane."""

    hear: socket.socket
    tell: socket.socket

    @classmethod
    def new(cls) -> "Lane":
        hear, tell = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        tell.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        return cls(hear, tell)

    def close(self) -> None:
        self.hear.close()
        self.tell.close()


class LanesBus:
    """One worker's end of the lanes."""

    is_private = True

    def __init__(self, hear: int, tell: Sequence[int]) -> None:
        """`hear` is the inherited end of this worker's own lane, `tell` those of the others' lanes."""
        self._hear_number, self._tell_numbers = hear, tell
        self._hear: socket.socket | None = None  # while open
        self._tell: list[socket.socket] = []
        self._full: set[socket.socket] = set()  # lanes that had no room for their last frame
        self._receive: Callable[[bytes], None] = lambda frame: None

    async def open(self, receive: Callable[[bytes], None], restored: Callable[[], None]) -> None:
        hear = self._hear = _inherited(self._hear_number)
        self._tell = [_inherited(number) for number in self._tell_numbers]
        while _read(hear) is not None:  # it was for the process before this one
            pass
        self._receive = receive
        asyncio.get_running_loop().add_reader(hear.fileno(), self._on_readable)
        restored()

    def is_connected(self) -> bool:
        return self._hear is not None

    async def publish(self, frames: Sequence[bytes]) -> None:
        rest = self.publish_now(frames)
        if rest is not None:
            await rest

    def publish_now(self, frames: Sequence[bytes]) -> Awaitable[None] | None:
        """Send what there is room for; None if that is all, otherwise the rest is to be awaited. See `publish`."""
        if self._hear is None:
            raise BusUnavailable("not open")
        left = {lane: rest for lane in self._tell if (rest := _send(lane, frames))}
        if left or self._full:
            return self._wait(left)
        return None

    async def _wait(self, left: dict[socket.socket, Sequence[bytes]]) -> None:
        """Try for a moment to send what is left, but for lanes that had no room before."""
        waiting = {lane: rest for lane, rest in left.items() if lane not in self._full}
        for _ in range(int(FULL_SECONDS / RETRY_SECONDS)):
            if not waiting or self._hear is None:
                break
            await asyncio.sleep(RETRY_SECONDS)
            waiting = {lane: rest for lane, old in waiting.items() if (rest := _send(lane, old))}
        self._full = (self._full & left.keys()) | waiting.keys()

    async def close(self) -> None:
        if self._hear is not None:
            asyncio.get_running_loop().remove_reader(self._hear.fileno())
            for each in (self._hear, *self._tell):
                each.close()
        self._hear, self._tell = None, []

    def _on_readable(self) -> None:
        for _ in range(FRAMES_A_TURN):
            frame = None if self._hear is None else _read(self._hear)
            if frame is None:
                return
            self._receive(frame)


def _inherited(number: int) -> socket.socket:
    found = socket.socket(fileno=number)
    found.setblocking(False)
    return found


def _read(lane: socket.socket) -> bytes | None:
    """The next frame, or None if there is none."""
    try:
        return lane.recv(BUS_FRAME_BYTES + 1)
    except (BlockingIOError, InterruptedError):
        return None


def _send(lane: socket.socket, frames: Sequence[bytes]) -> Sequence[bytes]:
    """Send as many frames as there is room for; returns the others."""
    for number, frame in enumerate(frames):
        try:
            lane.send(frame)
        except OSError:
            return frames[number:]
    return ()
