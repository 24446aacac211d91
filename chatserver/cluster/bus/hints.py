"""Hints from other nodes about new events and changed users, kept until this node has read the store.

A hint costs nothing if nobody on this node follows the room. Many hints cost few queries, as new ones are
gathered while a query runs.
"""

import asyncio
from collections.abc import Awaitable, Callable

from loguru import logger

from chatserver.delivery.hub import Hub
from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Store
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.log import Log
from chatserver.roomlog.room import Room
from chatserver.runtime.cancelling import cancel_or_name
from chatserver.runtime.measure import Measures

PACE_SECONDS = 0.005  # between two rounds: under load one query serves many hints
FETCH_ROOMS = 100  # per query
FETCH_EVENTS = 200  # per room and query; the next query reads the rest


class Hints:
    """Rooms and users that may have changed, and the task that reads them from the store."""

    def __init__(
        self,
        store: Store,
        cache: RoomCache,
        log: Log,
        hub: Hub,
        recheck: Callable[[str], Awaitable[None]],
        measures: Measures,
    ) -> None:
        """`recheck` is called with the id of a user who is connected here and may have changed."""
        self._store, self._cache, self._log, self._hub = store, cache, log, hub
        self._recheck = recheck
        self._heads: dict[str, int] = {}  # announced heads of rooms that are followed here
        self._users: set[str] = set()  # changed users who are connected here
        self._compare = False
        self._task: asyncio.Task[None] | None = None
        self._rooms_read = measures.counter(
            "chatserver_bus_rooms_read_total",
            "Rooms whose announced events were read from the store, as they did not come over the bus",
        )

    def head(self, room: str, seq: int) -> None:
        """Note that a room has events up to `seq`."""
        found = self._cache.known(room)
        if found is None or seq <= found.head:
            return
        if not found.followers:
            found.mark_stale()
            return
        self._heads[room] = max(seq, self._heads.get(room, 0))
        self._wake()

    def user(self, user: str) -> None:
        """Note that a user has changed."""
        if self._hub.of_user(user):
            self._users.add(user)
            self._wake()

    def compare(self) -> None:
        """Compare the heads of all rooms that are followed here, as hints may have been lost."""
        self._compare = True
        self._wake()

    async def close(self) -> None:
        if self._task is not None:
            await cancel_or_name([self._task])

    def _wake(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="hints")

    async def _run(self) -> None:
        try:
            while self._compare or self._heads or self._users:
                try:
                    await self._look()
                except StoreUnavailable:
                    logger.debug("the store does not answer: hints are left to the next comparison")
                except Exception:
                    logger.exception("reading announced events failed")
                await asyncio.sleep(PACE_SECONDS)
        finally:
            self._task = None

    async def _look(self) -> None:
        if self._compare:
            self._compare = False
            await self._log.refresh(self._cache.followed())
        while self._users:
            await self._recheck(self._users.pop())
        if self._heads:
            await self._fetch(self._take())

    def _take(self) -> dict[Room, int]:
        wanted: dict[Room, int] = {}
        for name in list(self._heads)[:FETCH_ROOMS]:
            head, room = self._heads.pop(name), self._cache.known(name)
            if room is not None and room.followers and head > room.head:
                wanted[room] = head
        return wanted

    async def _fetch(self, wanted: dict[Room, int]) -> None:
        """Publish the missing events of these rooms, as far as the store has them."""
        if not wanted:
            return
        self._rooms_read.add(len(wanted))
        found = await self._store.ranges([(room.id, room.head) for room in wanted], FETCH_EVENTS)
        for (room, head), events in zip(wanted.items(), found, strict=True):
            self._log.publish(room, events)
            if len(events) == FETCH_EVENTS:
                self.head(room.id, head)
