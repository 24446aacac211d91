"""Events that other nodes sent along with their hints: used without a read of the store, where that is safe.

An event is published only if it is the next one of a room that is followed here. All others are left to the hint that
comes with them, which is for the store to answer (`hints.py`): those behind a hole, and those that have been under way
for so long that their texts may have been erased meanwhile. Readers of the log (`cluster/consumers/`) are told of
events of all rooms, followed or not.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from loguru import logger

from chatserver.cluster.bus.envelopes import Events
from chatserver.cluster.bus.keys import Keys
from chatserver.cluster.bus.runs import Run, Unreadable
from chatserver.model import AnyEvent
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.log import Log
from chatserver.roomlog.room import Room
from chatserver.runtime.cancelling import cancel_or_name
from chatserver.runtime.clock import Clock
from chatserver.runtime.measure import Measures

FRESH_SECONDS = 2.0  # by the clocks of two nodes; healthy buses take milliseconds
# After a room's log was rewritten: frames that were sealed before may be on their way for so long, by clocks that
# differ as much as they may, and the notice of it takes a second.
REWRITTEN_SECONDS = 2 * FRESH_SECONDS + 5.0
NOTED_ROOMS = 20_000  # of which the highest seq is remembered

Decode = Callable[[], Sequence[AnyEvent]]


class Arrivals:
    """The receiving side of events on the bus."""

    def __init__(
        self, cache: RoomCache, log: Log, keys: Keys, clock: Clock, measures: Measures
    ) -> None:
        self._cache, self._log, self._keys, self._clock = cache, log, keys, clock
        self._task: asyncio.Task[None] | None = None
        self._on_events: Callable[[str, Decode], bool] | None = None
        self._highest: dict[str, int] = {}  # the highest seqs that were announced, by room
        self._received = measures.counter(
            "chatserver_bus_events_received_total",
            "Events that came over the bus, of rooms that are followed here",
            ("kind",),
        )
        self._refused = measures.counter(
            "chatserver_bus_contents_refused_total",
            "Parts of frames whose events were left to the store",
            ("reason",),
        )

    def take(self, item: Events) -> None:
        """Publish the events that may be. Never raises."""
        key = self._keys.of(item.key)
        if key is None:
            self._refused.add(labels=("key",))
            self._ask()
            return
        try:
            opened = key.open(item)
        except Unreadable:
            self._refused.add(labels=("damaged",))
        else:
            self.take_written(opened.at, opened.runs)

    def take_written(self, at: float, runs: Iterable[Run]) -> None:
        """The same for events that were sent as they are, at this Unix time."""
        if abs(self._clock.now() - at) > FRESH_SECONDS:
            self._refused.add(labels=("age",))
            return
        try:
            for run in runs:
                self._take(run)
        except Unreadable:
            self._refused.add(labels=("damaged",))
        except Exception:
            logger.exception("events of another node could not be taken")

    def watch(self, watcher: Callable[[str, Decode], bool]) -> None:
        """Call `watcher` with each room (id) of which events come, and a function that decodes them.

        It returns whether it takes them, and then needs no hint of them.
        """
        self._on_events = watcher

    def head(self, room: str, seq: int) -> bool:
        """Note that a room has events up to `seq`; returns whether that was known, as the watcher has got them."""
        is_new = seq > self._highest.get(room, 0)
        if is_new:
            self._note(room, seq)
        return not is_new

    async def close(self) -> None:
        if self._task is not None:
            await cancel_or_name([self._task])

    def _take(self, run: Run) -> None:
        room = self._cache.known(run.room)
        if room is not None and time.monotonic() - room.rewritten < REWRITTEN_SECONDS:
            self._received.add(len(run.raw), ("rewritten",))
            return
        decode = _once(run.events)
        if room is not None and room.followers:
            self._publish(room, run, decode)
        # Those behind the highest may have been replaced by it.
        is_next = run.first > self._highest.get(run.room, 0)
        if is_next and self._on_events is not None and self._on_events(run.room, decode):
            self._note(run.room, run.last)

    def _note(self, room: str, seq: int) -> None:
        if len(self._highest) >= NOTED_ROOMS:
            self._highest.clear()
        self._highest[room] = seq

    def _publish(self, room: Room, run: Run, decode: Decode) -> None:
        if run.last <= room.head:
            self._received.add(len(run.raw), ("known",))
        elif run.first > room.head + 1:
            self._received.add(len(run.raw), ("early",))
        else:
            events = next_of(room, decode())
            self._received.add(len(events), ("taken",))
            self._log.publish(room, events)

    def _ask(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keys.ask(), name="bus keys")


def _once(decode: Decode) -> Decode:
    """The function with its result kept. `functools.cache` takes longer to make than most events to decode."""
    found: list[Sequence[AnyEvent]] = []

    def decoded() -> Sequence[AnyEvent]:
        if not found:
            found.append(decode())
        return found[0]

    return decoded


def next_of(room: Room, events: Sequence[AnyEvent]) -> list[AnyEvent]:
    """Those of the events, ascending, that lead on from the room's head without a hole."""
    head, found = room.head, list[AnyEvent]()
    for event in events:
        if event.seq == head + 1:
            found.append(event)
            head += 1
        elif event.seq > head:
            break
    return found
