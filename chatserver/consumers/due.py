"""Rooms that have something for a consumer: each waits once, and is worked on by one task at a time."""

import asyncio

BOUND = 10_000  # rooms that wait, and others that pause; more are found again by the next sweep


class DueRooms:
    """A queue of rooms without doubles."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._queued: set[str] = set()
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._pausing: dict[str, asyncio.TimerHandle] = {}
        self.is_closed = False

    def add(self, room: str) -> None:
        """It is due, once it is not being worked on nor pausing."""
        if room in self._pausing or room in self._queued:
            return
        if room in self._busy:
            self._again.add(room)
        elif len(self._queued) < BOUND:
            self._queued.add(room)
            self._queue.put_nowait(room)

    def pause(self, room: str, seconds: float) -> None:
        """Nothing of this room for so long; then it is due."""
        if len(self._pausing) < BOUND and not self.is_closed:
            loop = asyncio.get_running_loop()
            self._pausing[room] = loop.call_later(seconds, self._resume, room)

    async def take(self) -> str:
        """The next room. `done` must follow."""
        room = await self._queue.get()
        self._queued.discard(room)
        self._busy.add(room)
        return room

    def done(self, room: str) -> None:
        self._busy.discard(room)
        if room in self._again:
            self._again.discard(room)
            self.add(room)

    def close(self) -> None:
        """Nobody is to take any more."""
        self.is_closed = True
        for timer in self._pausing.values():
            timer.cancel()

    def _resume(self, room: str) -> None:
        del self._pausing[room]
        self.add(room)
