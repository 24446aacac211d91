"""Slow mode: who does not moderate a room sends one message there in so many seconds, on all nodes together."""

from chatserver.errors import ChatError
from chatserver.hooks.expiring import ExpiringSpace
from chatserver.interfaces import Store
from chatserver.model import User
from chatserver.roomlog.room import Room
from chatserver.runtime.clock import Clock
from chatserver.service.rights import may_moderate

SPACE = "slow mode"  # no name of a plugin. "room/user" -> Unix time in ms of the last message, its client_id


class SlowMode:
    """The turns of all members in the rooms that are slow. A turn is one record, so that no two nodes give one twice."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._turns, self._clock = ExpiringSpace(store, SPACE, clock), clock

    def is_in(self, room: Room) -> bool:
        """Whether anybody may have to wait in the room."""
        return room.description is not None and room.description.slow_mode > 0

    async def take_turn(self, user: User, room: Room, client_id: str) -> None:
        """Take the user's turn for the message of this `client_id`, again if it is sent again.

        Raises `ChatError` room.slow_mode with the time to wait; the detail has the `seconds` between two messages.
        """
        if room.description is None or may_moderate(user, room):
            return
        seconds, now = room.description.slow_mode, int(self._clock.now() * 1000)
        key, turn = f"{room.id}/{user.id}", f"{now} {client_id}".encode()
        while not await self._turns.add(key, turn, seconds):
            last = await self._turns.get(key)
            if last is None:  # it ended just now
                continue
            at, _, taken_by = last.decode().partition(" ")
            if taken_by == client_id:
                return
            wait = int(at) + seconds * 1000 - now
            if wait > 0:
                raise ChatError("room.slow_mode", after_ms=wait, detail={"seconds": seconds})
            if await self._turns.swap(
                key, last, turn, seconds
            ):  # it is from when the room was slower
                return
