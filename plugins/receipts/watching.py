"""Connections that are told when somebody reads a message that they watch."""

import asyncio
from collections import OrderedDict
from typing import Protocol

from chatserver import ChatError, Room, User
from chatserver_plugins.receipts.desk import Asked, Count, Desk, Standing, count_of

READ = "read"  # the notice to a connection that watches
PACE_SECONDS = 1.0  # in which what is read in one room becomes one notice
AGAIN_SECONDS = 5.0  # after the store was away
WATCHED_ROOMS = 20  # of one connection, with one message each; the oldest goes for a new one
TOLD_AT_ONCE = 10  # connections; then other tasks get their turn of the loop
SWEEP = 1000  # rooms that are watched, at which those are looked for that nobody watches any more


class Connection(Protocol):
    """What is told: a `Listener`, or a subscription. Those of the same connection are equal."""

    @property
    def user(self) -> User | None:
        """The user; None once the connection is signed in no longer."""

    @property
    def is_gone(self) -> bool: ...

    def tell(self, name: str, count: Count, /) -> bool:
        """Whether it was told."""


class Watch:
    """A message that one connection watches, and what that connection knows of it."""

    __slots__ = ("asked", "known")

    def __init__(self, asked: Asked, known: Count) -> None:
        self.asked, self.known = asked, known


class Watching:
    """All watches of this node. One task at a time looks at each room in which somebody has just read."""

    def __init__(self, desk: Desk, rooms: set[str]) -> None:
        """`rooms` is kept up to date: the ids of the rooms that are watched."""
        self._desk, self._rooms = desk, rooms
        self._watches: dict[str, dict[Connection, Watch]] = {}  # by room
        self._of: dict[Connection, OrderedDict[str, None]] = {}  # its rooms, the oldest first
        self._due: set[str] = set()  # rooms that are to be looked at
        self._looking: set[str] = set()  # rooms with a task
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweep_at = SWEEP

    async def watch(self, listener: Connection, user: User, message: str) -> Count:
        """Tell the connection of who reads the message from now on, in place of what it watched in that room.

        Returns how many have read it. Raises as `Desk.readers`.
        """
        asked, room = await self._desk.asked(user, message)
        standing = await self._desk.standing(room)
        count = count_of(await self._desk.readers_of(user, room, asked, standing))
        self._add(room.id, listener, Watch(asked, count))
        self.moved(room.id)  # somebody may have read it meanwhile
        return count

    def moved(self, room: str) -> None:
        """Look at a room (id) soon: somebody has read there."""
        if room not in self._watches:
            return
        self._due.add(room)
        if room not in self._looking:
            self._looking.add(room)
            task = asyncio.create_task(self._look(room), name="receipts: watching")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End what has not been told."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- watches -----------------------------------------------------------------------------------

    def _add(self, room: str, listener: Connection, watch: Watch) -> None:
        if listener.is_gone:
            return
        if len(self._watches) >= self._sweep_at:
            for gone in [each for each in self._of if each.is_gone]:
                self._forget(gone)
            self._sweep_at = max(SWEEP, 2 * len(self._watches))
        mine = self._of.setdefault(listener, OrderedDict())
        mine[room] = None
        mine.move_to_end(room)
        self._watches.setdefault(room, {})[listener] = watch
        self._rooms.add(room)
        if len(mine) > WATCHED_ROOMS:
            self._drop(next(iter(mine)), listener)

    def _drop(self, room: str, listener: Connection) -> None:
        """The connection does not watch this room any more."""
        mine = self._of.get(listener, OrderedDict[str, None]())
        watches = self._watches.get(room, {})
        mine.pop(room, None)
        watches.pop(listener, None)
        if not mine:
            self._of.pop(listener, None)
        if not watches:
            self._watches.pop(room, None)
            self._rooms.discard(room)

    def _forget(self, listener: Connection) -> None:
        for room in list(self._of.get(listener, ())):
            self._drop(room, listener)

    # -- telling -----------------------------------------------------------------------------------

    async def _look(self, room: str) -> None:
        """Look at a room while somebody reads there."""
        pause = PACE_SECONDS
        try:
            while room in self._due and room in self._watches:
                await asyncio.sleep(pause)
                self._due.discard(room)
                pause = PACE_SECONDS
                try:
                    all_told = await self._tell_all(room)
                except ChatError:
                    all_told, pause = False, AGAIN_SECONDS
                if not all_told:
                    self._due.add(room)
        finally:
            self._due.discard(room)
            self._looking.discard(room)

    async def _tell_all(self, room: str) -> bool:
        """Tell the connections that watch the room what is new to them; False if one could not be told now."""
        found = await self._found(room)
        standing = await self._desk.standing(found) if found is not None else None
        all_told = True
        for number, (listener, watch) in enumerate(list(self._watches.get(room, {}).items()), 1):
            if found is None or standing is None:
                self._drop(room, listener)
            elif listener.is_gone:
                self._forget(listener)
            elif not await self._tell(found, standing, listener, watch):
                all_told = False
            if number % TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)
        return all_told

    async def _tell(
        self, room: Room, standing: Standing, listener: Connection, watch: Watch
    ) -> bool:
        """Tell a connection what is new to it, unless it may not know that any more; False if that failed."""
        if (user := listener.user) is None:
            self._drop(room.id, listener)
            return True
        try:
            count = count_of(await self._desk.readers_of(user, room, watch.asked, standing))
        except ChatError as error:
            if _has_no_right(error):
                self._drop(room.id, listener)
                return True
            return False
        if count == watch.known or self._watches.get(room.id, {}).get(listener) is not watch:
            return True
        if not listener.tell(READ, count):
            return False
        watch.known = count
        return True

    async def _found(self, room: str) -> Room | None:
        """The room; None if it is gone."""
        try:
            return await self._desk.room(room)
        except ChatError as error:
            if error.code != "room.not_found":
                raise
            return None


def _has_no_right(error: ChatError) -> bool:
    """Whether the user is not to be told any more; if not, another plugin failed."""
    return error.code.partition(".")[0] in ("receipts", "room")
