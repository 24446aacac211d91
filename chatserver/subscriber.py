"""One connection's side of delivery: what is to be sent, what it follows, and how it catches up.

A connection that does not read falls behind: its rooms leave the live path and are read again
from the log once it drains. A reader that comes back is served what it missed in the same way.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from loguru import logger

from chatserver.errors import CLOSE_DRAINING, CLOSE_INTERNAL, CLOSE_SLOW, StoreUnavailable
from chatserver.frames import PLAIN, event_frames, packed_frame, text_frame
from chatserver.model import User
from chatserver.rooms import Room

if TYPE_CHECKING:
    from chatserver.hub import Hub

CATCH_UP_EVENTS = 200  # read and sent at once; also what one replay may hold in memory
RETRY_SECONDS = 1.0  # pause after the store was away in the middle of a replay


class Pipe(Protocol):
    """A connection as delivery sees it."""

    @property
    def buffered(self) -> int:
        """Bytes that wait because the peer does not read."""

    def send(self, frames: bytes) -> None:
        """Send complete frames, now or as soon as the peer reads. Never raises."""

    def close(self, code: int, reason: str) -> None:
        """Close after what is buffered."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Subscriber:
    """A connection that listens to rooms."""

    __slots__ = (
        "_behind",
        "_drained",
        "_hub",
        "_lagging",
        "_pending",
        "_size",
        "_task",
        "closed",
        "on_lost",
        "pipe",
        "rooms",
        "token",
        "user",
        "window_bits",
    )

    def __init__(self, hub: "Hub", pipe: Pipe, on_lost: Callable[[Room], None]) -> None:
        self.pipe, self.on_lost = pipe, on_lost
        self.user: User | None = None  # None until signed in
        self.token: str | None = None  # of the session it is signed in with
        self.rooms: set[Room] = set()
        self.closed = False
        self.window_bits = PLAIN  # of the compression that was negotiated, if any
        self._hub = hub
        self._pending: list[bytes] = []
        self._size = 0
        self._behind: dict[Room, int] | None = None  # room -> seq that was sent last
        self._task: asyncio.Task[None] | None = None
        self._drained: asyncio.Event | None = None
        self._lagging: asyncio.TimerHandle | None = None

    # -- sending -------------------------------------------------------------------------------

    def push(self, frames: bytes) -> None:
        """Send frames at the end of this turn of the loop, in one write with others."""
        pending = self._pending
        if not pending:
            self._hub.due(self)
        pending.append(frames)
        self._size += len(frames)
        if self._size > self._hub.soft:
            self.flush()

    def say(self, payload: bytes) -> None:
        """Push one JSON text that is for this connection alone."""
        self.push(packed_frame(payload, self.window_bits))

    def flush(self) -> None:
        pending = self._pending
        if not pending:
            return
        data = pending[0] if len(pending) == 1 else b"".join(pending)
        pending.clear()
        self._size = 0
        self.pipe.send(data)
        if self.pipe.buffered > self._hub.soft:
            self._overflow()

    @property
    def is_lagging(self) -> bool:
        return self._lagging is not None

    # -- the server stops ------------------------------------------------------------------------

    is_socket = True

    def announce_drain(self, after_ms: int) -> None:
        self.say(b'{"sys":"drain","after_ms":%d}' % after_ms)

    def hold(self) -> None:
        self.pipe.pause_reading()

    def send_away(self) -> None:
        self.flush()
        self.pipe.close(CLOSE_DRAINING, "the server is restarting")
        self.pipe.resume_reading()  # for its own close

    # -- following rooms -----------------------------------------------------------------------

    def follow(self, room: Room, after: int) -> None:
        """Listen to a room from `after` on: live if that is its head, else caught up first."""
        self.unfollow(room)
        self.rooms.add(room)
        room.followers += 1
        if after == room.head and not self.is_lagging:
            room.listeners.add(self)
        else:
            self._fall_behind(room, after)
            self._catch_up()

    def unfollow(self, room: Room) -> None:
        if room not in self.rooms:
            return
        self.rooms.discard(room)
        room.followers -= 1
        room.listeners.discard(self)
        if self._behind:
            self._behind.pop(room, None)

    def skip_to_log(self, room: Room, after: int) -> None:
        """Take the room off the live path; what follows `after` is read from the log."""
        self._fall_behind(room, after)
        self._catch_up()

    def close(self) -> None:
        """Let go of everything; the connection is gone."""
        self.closed = True
        for room in list(self.rooms):
            self.unfollow(room)
        self._behind = None
        self._pending.clear()
        if self._task is not None:
            self._task.cancel()
        if self._lagging is not None:
            self._lagging.cancel()

    # -- falling behind and catching up ------------------------------------------------------------

    def on_drained(self) -> None:
        """The pipe has room again."""
        if self._lagging is not None:
            self._lagging.cancel()
            self._lagging = None
            self.pipe.resume_reading()
        if self._drained is not None:
            self._drained.set()
        if self._behind:
            self._catch_up()

    def _overflow(self) -> None:
        if self.pipe.buffered > self._hub.hard:
            self._drop()
            return
        if self.is_lagging or self.closed:
            return
        self._lagging = asyncio.get_running_loop().call_later(self._hub.slow_seconds, self._drop)
        self._hub.fell_behind.add()
        self.pipe.pause_reading()
        for room in self.rooms:
            if self in room.listeners:
                self._fall_behind(room, room.head)
        self.pipe.send(text_frame(b'{"sys":"lagging"}'))

    def _drop(self) -> None:
        self._hub.dropped.add()
        self.pipe.close(CLOSE_SLOW, "slow consumer")

    def _fall_behind(self, room: Room, after: int) -> None:
        room.listeners.discard(self)
        if self._behind is None:
            self._behind = {}
        self._behind[room] = after

    def _catch_up(self) -> None:
        if self._task is None and not self.is_lagging:
            self._task = asyncio.create_task(self._replay())

    async def _replay(self) -> None:
        try:
            while self._behind and not self.closed:
                room = next(iter(self._behind))
                try:
                    await self._replay_room(room)
                except StoreUnavailable:
                    await asyncio.sleep(RETRY_SECONDS)
        except Exception:
            logger.exception("replay failed")
            self.pipe.close(CLOSE_INTERNAL, "replay failed")
        finally:
            self._task = None

    async def _replay_room(self, room: Room) -> None:
        while self._behind and room in self._behind:
            after = self._behind[room]
            if after >= room.head:
                # Nothing is awaited between this look at the head and the place among the listeners.
                del self._behind[room]
                room.listeners.add(self)
                return
            events = await self._hub.read(room, after, CATCH_UP_EVENTS)
            for frames, last in event_frames(events, self._hub.soft // 2, self.window_bits):
                # Meanwhile the room may be left, or followed anew from elsewhere.
                if not self._behind or self._behind.get(room) != after:
                    break
                self._behind[room] = after = last
                self.push(frames)
                self.flush()
                await self.until_drained()

    async def until_drained(self) -> None:
        """Wait until the peer has read all that was sent."""
        while self.pipe.buffered > 0 and not self.closed:
            if self._drained is None:
                self._drained = asyncio.Event()
            self._drained.clear()
            await self._drained.wait()
