"""The queue of rooms with events for a consumer: each room at most once, with one task at a time."""

import asyncio

BOUND = 10_000  # waiting rooms, and as many pausing; the next sweep finds others again


class DueRooms:
    """A queue of rooms without duplicates."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._queued: set[str] = set()
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._pausing: dict[str, asyncio.TimerHandle] = {}
        self.is_closed = False

    def add(self, room: str) -> None:
        """Queue the room; if a task works on it or it pauses, queue it after that."""
        if room in self._pausing or room in self._queued:
            return
        if room in self._busy:
            self._again.add(room)
        elif len(self._queued) < BOUND:
            self._queued.add(room)
            self._queue.put_nowait(room)

    def pause(self, room: str, seconds: float) -> None:
        """Hold the room back for `seconds`, then queue it."""
        if len(self._pausing) < BOUND and not self.is_closed:
            loop = asyncio.get_running_loop()
            self._pausing[room] = loop.call_later(seconds, self._resume, room)

    async def take(self) -> str:
        """Wait for the next room. The caller must call `done` with it afterwards."""
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
        """End all pauses and accept no more rooms."""
        self.is_closed = True
        for timer in self._pausing.values():
            timer.cancel()

    def _resume(self, room: str) -> None:
        del self._pausing[room]
        self.add(room)
