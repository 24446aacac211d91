"""The append path: numbering, group commit, repeated sends.

All appends of a node wait in one lane. Each entry gets its number as soon as it comes: one more than the
head that this node knows, or than the last number under way in its room. One task takes the waiting entries
and writes them as one ordered batch. While a batch is being written, the next one gathers; the store gets
the next batch before listeners and authors are told of the first.

The store's unique indexes settle races with other nodes. A batch stops at its first duplicate: the events
before it are durable, and the others are numbered again.

Rights hold at exactly the position written: they are checked in the room's state just before it. An
event that changes this state closes the room until it is durable; later entries wait without a number.

A node that is farther from the store than the others may find its numbers taken again and again. By a note
in the store it then asks them to give way in that room, and they number nothing there for a moment.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from loguru import logger

from chatserver.config import DeliveryConfig
from chatserver.errors import ChatError, StoreUnavailable
from chatserver.interfaces import Appended, Conflict, Store
from chatserver.model import AnyEvent
from chatserver.roomlog.cache import READ_EVENTS, RELOAD_EVENTS, RoomCache
from chatserver.roomlog.entries import Append, Done, Entry, Outcome, as_chat_error, awaited
from chatserver.roomlog.repeats import Send, stored_sends
from chatserver.roomlog.room import Advance, Room
from chatserver.runtime.clock import now_text
from chatserver.runtime.measure import SIZES, Measures

# Finer than the time of uvloop's loop, whose whole milliseconds would make a fifth more work of many small
# batches. Tests on virtual time put their loop's time in its place.
pace_clock = time.perf_counter
PACE_SECONDS = 0.001  # a batch has costs of its own, in the store and here, however small it is
# Each receiver costs a system call, however many events it gets at once. The pause lets receivers answer
# the events they got, so that their answers share a batch too.
PACE_PER_RECEIVER = 20e-6
PACE_MOST_SECONDS = 0.01
PACE_EVENTS = 100  # a batch of so many is written at once
CONFLICT_ROOMS = 100  # read after a conflict, the conflict's own room first
RETRY_SECONDS = 0.005  # for another node's events to become readable
PATIENCE_SECONDS = 0.5  # after losing every race in a room for so long, ask the others to give way
GIVE_WAY_SECONDS = 1.0  # at most: enough for three round trips of the node that asked
GIVE_WAY_AGAIN_SECONDS = 2.0  # so a node may write at least half of the time, whatever others ask
TRIED_EVENTS = 100  # may wait for a store that failed twice in a row; more are refused at once
FAILING_SECONDS = 5.0  # a failure counts for so long, as without sends no success can end it

Deliver = Callable[[Room, Advance], None]
Written = Callable[[Sequence[AnyEvent]], None]


class Log:
    """The lane of this node."""

    def __init__(
        self,
        store: Store,
        cache: RoomCache,
        config: DeliveryConfig,
        measures: Measures,
        *,
        deliver: Deliver,
        written: Written,
        ask: Callable[[str], Awaitable[None]],
        on_failure: Callable[[StoreUnavailable, int], None],
        now: Callable[[], str] = now_text,
    ) -> None:
        """The functions are called without being awaited, except `ask`, and must not raise.

        deliver: with a room and the events by which it has advanced, before their authors are answered
        written: with the events of a batch, after that
        ask: with the id of a room in which other nodes should `give_way`
        on_failure: with each failure of the store, and the number of events refused
        now: for the time of an event
        """
        self._store, self._cache, self._config = store, cache, config
        self._deliver, self._written = deliver, written
        self._tail = config.tail_events
        self._ask, self._on_failure, self._now = ask, on_failure, now
        self._asked_at = float("-inf")
        self._waiting: deque[Entry] = deque()  # entries with a number, then entries without
        self._unnumbered = 0  # number of entries in `_waiting` without a number
        self._most_waiting = config.queue_events
        self._failed_at: float | None = None  # time of the last failure; None once the store works
        self._in_flight: dict[Send, list[Done]] = {}
        self._task: asyncio.Task[None] | None = None
        self._batch: list[Entry] = []  # being written
        self._batch_due = 0.0  # pace_clock() at which the next batch goes, unless many wait
        self._seconds = measures.histogram(
            "chatserver_append_seconds", "From a send to its durable event"
        )
        self._sizes = measures.histogram(
            "chatserver_append_batch_events", "Events written in one batch", bounds=SIZES
        )
        self._conflicts = measures.counter(
            "chatserver_append_conflicts_total", "Batches that met a duplicate", ("conflict",)
        )
        self._refused = measures.counter(
            "chatserver_appends_refused_total",
            "Appends refused because the store did not take them",
        )
        measures.gauge("chatserver_rooms_loaded", "Rooms kept in memory", lambda: len(cache))
        measures.gauge("chatserver_append_queue", "Appends that wait", lambda: len(self._waiting))
        measures.gauge(
            "chatserver_append_oldest_seconds",
            "Age of the oldest append that is not durable yet; 0: none waits",
            self._oldest_seconds,
        )

    def submit(self, entry: Entry) -> None:
        """Queue an entry whose `check` has just passed.

        Raises `ChatError` store.unavailable if too many wait already. While the store fails, only few may
        wait, as the others would only be refused later.
        """
        if len(self._waiting) >= self._most_waiting:
            self._refused.add()
            raise StoreUnavailable("Too many messages wait for the store.")
        if entry.key is not None and self._joins_in_flight(entry):
            return
        room = entry.room
        if self._unnumbered or room.closed or room.stale or room.gives_way:
            self._unnumbered += 1
        else:
            self._number(entry)
        room.hold()
        self._waiting.append(entry)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="log")

    async def append(
        self,
        room: Room,
        build: Callable[[int, str], AnyEvent],
        check: Callable[[], None],
        *,
        changes_state: bool = False,
        erases: bool = False,
    ) -> AnyEvent:
        """Submit one entry and wait for its durable event. Raises the errors of `check` and `submit`."""
        check()
        future, done = awaited()
        self.submit(Append(room, build, check, done, changes_state=changes_state, erases=erases))
        return (await future).event

    def is_pressed(self) -> bool:
        """Whether so many appends are under way that background work should pause."""
        return len(self._batch) + len(self._waiting) >= PACE_EVENTS

    def is_failing(self) -> bool:
        """Whether the store failed within the last FAILING_SECONDS and has stored nothing since."""
        return self._failed_at is not None and time.monotonic() - self._failed_at < FAILING_SECONDS

    def give_way(self, room: Room) -> None:
        """Number nothing in a room until another node has written there, for at most GIVE_WAY_SECONDS.

        Ignored if this node itself loses races in the room, or gave way just before.
        """
        loop = asyncio.get_running_loop()
        again = loop.time() - room.gave_way_at >= GIVE_WAY_AGAIN_SECONDS
        if again and room.behind_since is None:
            room.gave_way_at, room.gives_way = loop.time(), True
            loop.call_later(GIVE_WAY_SECONDS, setattr, room, "gives_way", False)

    async def drain(self) -> None:
        """Wait until all submitted entries are settled."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def refresh(self, rooms: Iterable[Room]) -> None:
        """Bring rooms up to the store's heads, and publish the events of other nodes."""
        by_id = {room.id: room for room in rooms}
        if not by_id:
            return
        heads = await self._store.heads(list(by_id))
        for name, room in by_id.items():
            head = heads.get(name, 0)
            if head - room.head > RELOAD_EVENTS and not room.followers:
                await self._cache.reload(room)
            while room.head < head:
                before = room.head
                events = await self._store.read(name, before, READ_EVENTS)
                self.publish(room, events)
                if room.head == before:
                    break
            if head > room.numbered:  # another node wrote these events
                room.gives_way = False
            room.stale = False
            room.checked = time.monotonic()

    def publish(self, room: Room, events: Sequence[AnyEvent]) -> None:
        """Advance a room by durable events, ascending, and hand them to its listeners.

        Events at or below the head are dropped; those behind a gap are read from the store later.
        """
        for advance in room.advance(events, self._tail):
            self._deliver(room, advance)

    def _oldest_seconds(self) -> float:
        firsts = [queue[0].since for queue in (self._batch, self._waiting) if queue]
        return time.perf_counter() - min(firsts) if firsts else 0.0

    # -- the lane ------------------------------------------------------------------------------

    def _joins_in_flight(self, entry: Entry) -> bool:
        """Whether the same send (room, author, client_id) is under way, whose outcome then settles this one too."""
        assert entry.key is not None
        others = self._in_flight.get(entry.key)
        if others is None:
            self._in_flight[entry.key] = []
            return False
        others.append(entry.settled)
        return True

    async def _run(self) -> None:
        durable: list[Entry] = []  # durable, but not announced yet
        try:
            while self._waiting or durable:
                if len(self._waiting) < PACE_EVENTS:
                    self._announce(durable)
                    durable = []
                    await self._pause()
                batch = await self._take_batch(self._batch_size(len(durable)))
                self._batch = batch
                if batch:
                    self._batch_due = pace_clock() + PACE_SECONDS
                    writing = asyncio.create_task(self._write(batch))
                    await asyncio.sleep(0)  # let the store begin before announcing the last batch
                    self._announce(durable)
                    durable = await self._finish(batch, writing)
                else:
                    self._announce(durable)
                    durable = []
                    if self._waiting:  # only entries of rooms that give way
                        await asyncio.sleep(RETRY_SECONDS)
        finally:
            self._task, self._batch = None, []

    async def _pause(self) -> None:
        """Under load let more sends join the batch; a send after a quiet time is written at once."""
        wait = self._batch_due - pace_clock()
        if wait > 0 and self._waiting:
            await asyncio.sleep(wait)

    def _batch_size(self, untold: int) -> int:
        """Number of entries for the next batch: under load half of all that are under way.

        While the store writes one half, the other half is announced, and its authors send again.
        With all in one batch the store would wait for the loop, and the loop for the store.
        """
        half = (len(self._waiting) + untold + 1) // 2
        return min(max(half, PACE_EVENTS), self._config.batch_events)

    async def _take_batch(self, most: int) -> list[Entry]:
        """Take at most `most` entries that may be written now, in order, all with a number."""
        if self._unnumbered:
            try:
                await self.refresh({entry.room for entry in self._waiting if entry.room.stale})
            except Exception as error:
                self._give_up([], as_chat_error(error))
        batch: list[Entry] = []
        later: list[Entry] = []
        while self._waiting and len(batch) < most:
            entry = self._waiting.popleft()
            if entry.event is not None:
                batch.append(entry)
            elif entry.room.closed or entry.room.gives_way:
                later.append(entry)
            else:
                self._unnumbered -= 1
                try:
                    entry.check()
                    self._number(entry)
                    batch.append(entry)
                except Exception as error:
                    self._settle(entry, as_chat_error(error))
        self._waiting.extendleft(reversed(later))
        return batch

    def _number(self, entry: Entry) -> None:
        room = entry.room
        seq = max(room.head, room.numbered) + 1
        entry.event = entry.build(seq, self._now())
        room.numbered = seq
        room.closed = entry.changes_state
        if entry.erases:
            room.expect_deletion(entry.event)

    def _take_numbers_back(self, entries: list[Entry]) -> None:
        """Put entries back at the front and remove the numbers of all waiting entries."""
        self._waiting.extendleft(reversed(entries))
        for entry in self._waiting:
            if entry.erases:
                entry.room.settle_deletion(entry.event)
            entry.event = None
            entry.room.numbered = 0
            entry.room.closed = False
        self._unnumbered = len(self._waiting)

    async def _write(self, batch: list[Entry]) -> Appended:
        erasing = [index for index, entry in enumerate(batch) if entry.erases]
        async with asyncio.timeout(self._config.append_seconds):
            if erasing:
                return await self._store.append(_events(batch), erasing)
            return await self._store.append(_events(batch))

    async def _finish(self, batch: list[Entry], writing: Awaitable[Appended]) -> list[Entry]:
        """Await the write. Returns the batch if all of it is durable; the caller announces it.

        Otherwise announces the durable part, puts back or refuses the rest, and returns an empty list.
        """
        rest = batch
        try:
            stored, conflict = await writing
            self._most_waiting, self._failed_at = self._config.queue_events, None
            self._sizes.add(stored)
            if conflict is None:
                return batch
            self._announce(batch[:stored])
            rest = batch[stored:]
            self._conflicts.add(labels=(conflict.value,))
            for entry in rest:
                entry.room.numbered = 0
            if conflict is Conflict.CLIENT_ID:
                self._take_numbers_back(await self._without_repeats(rest))
            else:
                await self._read_missing(rest)
                await self._note_lost_race(rest[0].room)
                self._take_numbers_back(rest)
                self._order_by_room(last=rest[0].room)
        except Exception as error:
            self._give_up(rest, as_chat_error(error))
        return []

    async def _without_repeats(self, rest: list[Entry]) -> list[Entry]:
        """Answer the repeated sends among `rest` with the stored message; returns the others."""
        sends = [entry.key for entry in rest if entry.key is not None]
        found = await stored_sends(self._store, sends)
        others = []
        for entry in rest:
            first = found.get(entry.key) if entry.key else None
            if first is None:
                others.append(entry)
            else:
                self._settle(entry, Outcome(first, repeated=True))
        if len(others) == len(rest):
            await asyncio.sleep(RETRY_SECONDS)
        return others

    async def _read_missing(self, rest: list[Entry]) -> None:
        """Read, in one query, the events that other nodes wrote in the rooms of `rest`.

        The longer this takes, the more likely the other nodes win the next race too. Nothing is read if the event that
        took the number has come over the bus meanwhile.
        """
        self._batch_due = 0.0
        lost = rest[0]
        if lost.event is not None and lost.room.head >= lost.event.seq:
            return
        rooms = list(dict.fromkeys(entry.room for entry in rest))[:CONFLICT_ROOMS]
        before = sum(room.head for room in rooms)
        found = await self._store.ranges([(room.id, room.head) for room in rooms], READ_EVENTS)
        for room, events in zip(rooms, found, strict=True):
            self.publish(room, events)
        await self.refresh(
            room for room, events in zip(rooms, found, strict=True) if len(events) == READ_EVENTS
        )
        if sum(room.head for room in rooms) == before:
            await asyncio.sleep(RETRY_SECONDS)

    async def _note_lost_race(self, room: Room) -> None:
        """Note that another node was first in the room; after PATIENCE_SECONDS of that ask to give way."""
        room.gives_way = False
        now = asyncio.get_running_loop().time()
        if room.behind_since is None:
            room.behind_since = now
        asked, behind = now - self._asked_at, now - room.behind_since
        if min(asked, behind) > PATIENCE_SECONDS:
            self._asked_at = now
            await self._ask(room.id)

    def _order_by_room(self, last: Room) -> None:
        """Sort the waiting entries by room, with the room of the conflict at the end.

        A batch ends at the first conflict. In this order a room gets all its waiting entries written in one
        batch, or none, so a slower node, where more entries wait, gets more written for each success.
        """
        by_room: dict[Room, list[Entry]] = {}
        for entry in self._waiting:
            by_room.setdefault(entry.room, []).append(entry)
        by_room[last] = by_room.pop(last)
        self._waiting = deque(itertools.chain.from_iterable(by_room.values()))

    def _announce(self, entries: list[Entry]) -> None:
        """Tell the listeners, then the authors, of durable events."""
        if not entries:
            return
        by_room: dict[Room, list[AnyEvent]] = {}
        events = _events(entries)
        for event, entry in zip(events, entries, strict=True):
            by_room.setdefault(entry.room, []).append(event)
        receivers = 0
        for room, published in by_room.items():
            self.publish(room, published)
            room.behind_since = None
            receivers += room.followers
        pause = min(receivers * PACE_PER_RECEIVER, PACE_MOST_SECONDS)
        self._batch_due = max(self._batch_due, pace_clock() + pause)
        for event, entry in zip(events, entries, strict=True):
            self._settle(entry, Outcome(event))
        self._written(events)

    def _settle(self, entry: Entry, outcome: Outcome | ChatError) -> None:
        room = entry.room
        room.release()
        if entry.changes_state and entry.event is not None:
            room.closed = False
        if entry.erases:
            room.settle_deletion(entry.event)
        self._seconds.add(time.perf_counter() - entry.since)
        self._answer(entry.settled, outcome)
        if entry.key is None:
            return
        for settled in self._in_flight.pop(entry.key, ()):
            again = outcome if isinstance(outcome, ChatError) else Outcome(outcome.event, True)
            self._answer(settled, again)

    def _answer(self, settled: Done, outcome: Outcome | ChatError) -> None:
        try:
            settled(outcome)
        except Exception:
            logger.exception("an append could not be answered")

    def _give_up(self, rest: list[Entry], error: ChatError) -> None:
        """Refuse the rest of a batch and all entries behind it, which would only wait longer."""
        entries = [*rest, *self._waiting]
        self._waiting.clear()
        self._unnumbered = 0
        if self._failed_at is not None:  # the second failure in a row is no passing fault
            self._most_waiting = min(TRIED_EVENTS, self._config.queue_events)
        self._failed_at = time.monotonic()
        if isinstance(error, StoreUnavailable):
            self._on_failure(error, len(entries))
        self._refused.add(len(entries))
        for entry in entries:
            entry.room.stale = True
            entry.room.numbered = 0
        for entry in entries:
            self._settle(entry, error)


def _events(entries: Sequence[Entry]) -> list[AnyEvent]:
    return [entry.event for entry in entries if entry.event is not None]
