"""The events of rooms as a client hands them out: in the order of each room, each once, across connections."""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec

from chatserver.model import AnyEvent, read_event

MOST = 1000  # events that wait for the one who reads them; later ones are asked for again


class Gap(msgspec.Struct, frozen=True):
    """Events of a room cannot be had any more: those up to `head`. What is known of the room is to be read anew."""

    room: str
    head: int


class Turn(msgspec.Struct, frozen=True):
    """Positions behind this are of another epoch."""

    epoch: str


class Feed:
    """Events that have come, and the positions up to which they have."""

    def __init__(self, epoch: str, positions: Mapping[str, int]) -> None:
        self.epoch = self.received_epoch = epoch  # of `positions` and of `received`
        self.positions = dict(positions)  # of what was handed out
        self.received = dict(positions)  # of what has come, handed out or not
        self.is_behind = False  # events were left out, as nobody took those before
        self._waiting: deque[AnyEvent | Gap | Turn] = deque()
        self._news = asyncio.Event()
        self._end: BaseException | None = None

    def begin(self, room: str, head: int) -> None:
        """Follow a room from here on."""
        if room not in self.received:
            self.received[room] = self.positions[room] = head

    def forget(self, room: str) -> None:
        """The client is in the room no longer; what has come of it is still handed out."""
        self.received.pop(room, None)

    def skip(self, room: str, head: int) -> None:
        """Go on behind events that cannot be had."""
        self.received[room] = head
        self._add(Gap(room, head))

    def turn_to(self, epoch: str) -> None:
        """What comes from here on is of this epoch; `positions` are, too, once the gaps before it are handed out."""
        if epoch == self.received_epoch:
            return
        if self.epoch:
            self._add(Turn(epoch))
        else:
            self.epoch = epoch
        self.received_epoch = epoch

    def take(self, fields: Mapping[str, Any]) -> bool:
        """Take an event of a log in; False if one before it is missing."""
        room, seq = fields["room"], fields["seq"]
        last = self.received.get(room)
        if last is None or seq <= last:
            return True
        if self.is_behind or len(self._waiting) >= MOST:
            self.is_behind = True
            return True
        if seq > last + 1:
            return False
        self.received[room] = seq
        self._add(read_event(fields, AnyEvent))
        return True

    def end(self, error: BaseException) -> None:
        """Nothing comes any more, for this reason."""
        self._end = error
        self._news.set()

    async def next(self) -> AnyEvent | Gap:
        """The next event, once there is one. Raises what it was ended with, after the last one."""
        while isinstance(found := await self._next(), Turn):
            self.epoch = found.epoch
        if found.room in self.positions:
            self.positions[found.room] = found.head if isinstance(found, Gap) else found.seq
        return found

    async def _next(self) -> AnyEvent | Gap | Turn:
        while not self._waiting:
            if self._end is not None:
                raise self._end
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    @property
    def is_empty(self) -> bool:
        return not self._waiting

    def _add(self, event: AnyEvent | Gap | Turn) -> None:
        self._waiting.append(event)
        self._news.set()
