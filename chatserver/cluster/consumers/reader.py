"""Runs one consumer: finds rooms with new events, passes the events on, and keeps its positions.

Rooms are independent of each other. Within a room events are handled in order; a failing event holds up the
later ones until it is handled or becomes a dead letter.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

from loguru import logger

from chatserver.cluster.consumers.due import DueRooms
from chatserver.cluster.consumers.hearing import Hearing
from chatserver.cluster.consumers.pause import Pause
from chatserver.cluster.consumers.recent import Recent
from chatserver.cluster.consumers.records import Ask, ConsumerRecords, DeadLetter, Positions
from chatserver.errors import ChatError, ReceiverBusy, StoreUnavailable, Undeliverable
from chatserver.hooks.guard import Call, Guard, PluginFailed
from chatserver.hooks.types import Consumer
from chatserver.interfaces import Store
from chatserver.model import AnyEvent
from chatserver.runtime.backoff import growing_pause
from chatserver.runtime.clock import now_text, unix_time
from chatserver.runtime.measure import Measures

PAGE = 1000  # rooms compared with three queries
SWEEP_SECONDS = 5.0  # between two sweeps of all rooms, which find other nodes' events …
SWEEP_SHARE = 10  # … and which take at most a tenth of the time
OLDEST_ROOMS = 100  # whose next events are read for the age of the oldest, once in a sweep
FLUSH_SECONDS = 1.0  # after a crash, the last second's events are handled again …
FLUSHES = 5  # … and those that the consumer did not want are passed again for this many seconds
RETRY_FAILURES = 3  # in a row end a retry of dead letters: the receiver seems to accept none
STORE_SECONDS = 1.0  # before the next try, if the store did not answer


class Figures:
    """The counters of all consumers."""

    def __init__(self, measures: Measures) -> None:
        self.events = measures.counter(
            "chatserver_consumer_events_total", "Events that consumers handled", ("consumer",)
        )
        self.failures = measures.counter(
            "chatserver_consumer_failures_total", "Attempts that failed", ("consumer",)
        )
        self.dead = measures.counter(
            "chatserver_consumer_dead_letters_total",
            "Events that became dead letters",
            ("consumer",),
        )


class Trouble:
    """A room with a failing event: number of attempts, and the seq up to which events go one by one."""

    def __init__(self, until: int) -> None:
        self.until = until
        self.attempts = 0


class Reader:
    """Runs one consumer. `run` is called while this node has the lease."""

    def __init__(
        self,
        plugin: str,
        consumer: Consumer,
        store: Store,
        guard: Guard,
        figures: Figures,
        recent: Recent,
        hearing: Hearing,
    ) -> None:
        self.name = consumer.name
        self.records = ConsumerRecords(store, consumer.name)
        self.lag: int | None = None  # found by the last sweep; None if another node runs it
        self.oldest: float | None = None  # Unix time of the oldest unhandled event, found likewise
        self.consumer, self._store, self._guard = consumer, store, guard
        self._figures, self._recent, self._hearing = figures, recent, hearing
        self._call = Call(plugin, consumer.handle, ("events",))
        self._kinds, self._rooms = frozenset(consumer.kinds), frozenset(consumer.rooms)
        self._due: DueRooms | None = None
        self._positions = Positions(self.records)
        self._troubles: dict[str, Trouble] = {}
        self._rest = Pause()

    def hears_of(self, kind: str) -> bool:
        return not self._kinds or kind in self._kinds

    def wants(self, event: AnyEvent) -> bool:
        return self.reads(event.room) and self._wants(event)

    def pass_by(self, room: str, before: int, last: int) -> None:
        """See `Listener`. Positions before these events, and unknown ones, are for `wake`."""
        if self._due is None or not self.reads(room):
            return
        known = self._positions.known(room)
        if known is None or known < before:
            self._due.add(room)
        elif known < last:
            self._positions.pass_by(room, last)

    def wake(self, rooms: Iterable[str]) -> None:
        """Look for events in these rooms, of other nodes."""
        if self._due is not None:
            for room in rooms:
                if self.reads(room):
                    self._due.add(room)

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            try:
                await self._begin()
                for key, ask in await self.records.asked():
                    await self._answer(ask)
                    await self.records.answered(key)
                await self._read()
            except StoreUnavailable:
                await asyncio.sleep(STORE_SECONDS)

    def reads(self, room: str) -> bool:
        return not self._rooms or room in self._rooms

    async def lag_now(self) -> int:
        """Number of events not handled yet, in all rooms, by the positions in the store."""
        total = 0
        async for heads in self._pages():
            at = await self.records.positions(list(heads))
            total += sum(max(0, head - at[room]) for room, head in heads.items())
        return total

    # -- the tasks of a run ---------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Set the first positions, in the consumer's first run and for rooms added to its `rooms` since.

        Rooms that are created later are read from the start.
        """
        before = await self.records.begun()
        if before == self._rooms:
            return
        read_all = before is not None and not before
        if self.consumer.start == "now" and not read_all:
            async for heads in self._pages():
                given = {room: seq for room, seq in heads.items() if room not in (before or ())}
                await self.records.write_positions(given, new=True)
        await self.records.set_begun(self._rooms)

    async def _read(self) -> None:
        """Read until an operator's request comes; then stop all other work."""
        due = self._due = DueRooms()
        self._positions = Positions(self.records)
        self._troubles = {}
        self._hearing.add(self)
        try:
            async with asyncio.TaskGroup() as group:
                works = [self._work(due) for _ in range(self.consumer.rooms_at_once)]
                tasks = [group.create_task(work) for work in (self._keep_positions(due), *works)]
                try:
                    await self._sweep(due)
                finally:
                    due.close()
                    for task in tasks:
                        task.cancel()
        finally:
            self._hearing.discard(self)
            self._due, self.lag, self.oldest = None, None, None
            try:
                await self._positions.flush()
            except StoreUnavailable:
                logger.warning(
                    "consumer {}: positions not written, some events will be repeated", self.name
                )

    async def _sweep(self, due: DueRooms) -> None:
        """Find rooms with new events, written by any node. Returns when an operator's request comes."""
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                if await self.records.asked():
                    return
                lag, next_events = 0, dict[str, int]()
                async for heads in self._pages():
                    behind = await self._compare(due, heads)
                    lag += sum(behind.values())
                    next_events |= {room: heads[room] - count for room, count in behind.items()}
                self.lag, self.oldest = lag, await self._oldest(next_events)
                pause = max(SWEEP_SECONDS, (loop.time() - started) * (SWEEP_SHARE - 1))
            except StoreUnavailable:
                pause = STORE_SECONDS
            await asyncio.sleep(pause)

    async def _compare(self, due: DueRooms, heads: dict[str, int]) -> dict[str, int]:
        """Queue the rooms with unhandled events; the number of these events by room."""
        at = await self._positions.get(list(heads))
        for room, head in heads.items():
            if head > at[room]:
                self._hearing.catch_up(self, room)
                at[room] = self._positions.known(room) or at[room]
        behind = {room: head - at[room] for room, head in heads.items() if head > at[room]}
        for room in behind:
            self._recent.forget(room)  # another node may have written there
            due.add(room)
        return behind

    async def _oldest(self, positions: dict[str, int]) -> float | None:
        """The time of the oldest event behind these positions, in at most OLDEST_ROOMS; None if there is none.

        The place of an event that was removed has no time.
        """
        if not positions:
            return None
        wanted = sorted(positions.items())[:OLDEST_ROOMS]
        pages = await self._store.ranges(wanted, 1)
        times = [unix_time(page[0].at) for page in pages if page and page[0].at]
        return min(times, default=None)

    async def _pages(self) -> AsyncIterator[dict[str, int]]:
        """The heads of all rooms that the consumer reads, in pages."""
        if self._rooms:
            yield await self._store.heads(sorted(self._rooms))
            return
        after = ""
        while rooms := await self._store.list_rooms(after, PAGE):
            yield await self._store.heads(rooms)
            after = rooms[-1]

    async def _keep_positions(self, due: DueRooms) -> None:
        flushes = 0
        while not due.is_closed:
            await asyncio.sleep(FLUSH_SECONDS)
            flushes += 1
            try:
                await self._positions.flush(passed=flushes % FLUSHES == 0)
            except StoreUnavailable:
                logger.warning("consumer {}: the store does not answer", self.name)

    async def _work(self, due: DueRooms) -> None:
        """Work on due rooms until cancelled, or until `due` closes if a plugin swallows the cancellation."""
        while not due.is_closed:
            room = await due.take()
            try:
                await self._rest.over()
                await self._advance(due, room)
            except StoreUnavailable:
                due.pause(room, STORE_SECONDS)
            finally:
                due.done(room)

    # -- one room ------------------------------------------------------------------------------------

    async def _advance(self, due: DueRooms, room: str) -> None:
        """Pass on the next events of a room."""
        after = (await self._positions.get([room]))[room]
        trouble = self._troubles.get(room)
        limit = 1 if trouble else self.consumer.batch
        recent = self._recent.after(room, after, limit)
        events = recent or await self._shown(room, after, limit)
        if not events:
            return
        last = events[-1].seq
        wanted = self._wanted(events)
        if wanted and (error := await self._handle(wanted)) is not None:
            trouble = trouble or self._troubles.setdefault(room, Trouble(last))
            trouble.attempts += 1
            if len(events) > 1 or not self._is_hopeless(trouble, error):
                due.pause(room, self._pause(trouble.attempts, error))
                return
            await self._bury(wanted[0], trouble.attempts, error)
        if trouble is not None:
            trouble.attempts = 0
            if last >= trouble.until:
                del self._troubles[room]
        if wanted:
            self._positions.note(room, last)
        else:
            self._positions.pass_by(room, last)
        if not recent or len(events) == limit:
            due.add(room)  # there may be more events

    async def _shown(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        (found,) = await self._store.shown([(room, after)], limit)
        return found

    def _wanted(self, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        return [event for event in events if self._wants(event)]

    def _wants(self, event: AnyEvent) -> bool:
        if self._kinds and event.__struct_config__.tag not in self._kinds:
            return False
        if self.consumer.wants is None:
            return True
        try:
            return self.consumer.wants(event)
        except Exception:
            return True  # `handle` gets it, and fails in its turn if it must

    async def _handle(self, events: Sequence[AnyEvent]) -> ChatError | None:
        """Pass events to the plugin; returns its error, or None if it succeeded."""
        seconds = self.consumer.deadline
        try:
            await self._guard.run("register_consumers", self._call, {"events": events}, seconds)
        except ChatError as error:
            self._figures.failures.add(labels=(self.name,))
            first = events[0]
            logger.warning(
                "consumer {}: room {} from event {} on: {}", self.name, first.room, first.seq, error
            )
            if isinstance(error, ReceiverBusy):
                self._rest.begin(self._asked(error))
            return error
        self._figures.events.add(len(events), (self.name,))
        return None

    def _is_hopeless(self, trouble: Trouble, error: ChatError) -> bool:
        most = self.consumer.attempts
        spent = most is not None and trouble.attempts >= most
        return spent or isinstance(error, Undeliverable)

    def _pause(self, attempts: int, error: ChatError) -> float:
        """Seconds to pause: doubled each time, with jitter, and at least as long as the error asks for."""
        drawn = growing_pause(attempts, self.consumer.backoff, self.consumer.longest_pause)
        return max(drawn, self._asked(error))

    def _asked(self, error: ChatError) -> float:
        """The pause in seconds that an error asks for, at most the consumer's `longest_pause`."""
        if isinstance(error, PluginFailed):
            return 0.0  # a crashed plugin's `after_ms` is meant for users
        return min((error.after_ms or 0) / 1000, self.consumer.longest_pause)

    async def _bury(self, event: AnyEvent, attempts: int, error: ChatError) -> None:
        letter = DeadLetter(
            room=event.room, seq=event.seq, at=now_text(), attempts=attempts, error=error.code
        )
        await self.records.bury(letter)
        self._figures.dead.add(labels=(self.name,))
        logger.error(
            "consumer {}: room {} event {} becomes a dead letter", self.name, event.room, event.seq
        )

    # -- asks of operators ---------------------------------------------------------------------------

    async def _answer(self, ask: Ask) -> None:
        """Carry out an operator's request; the consumer's other tasks do not run meanwhile."""
        logger.info("consumer {}: {} of {}", self.name, ask.what, ask.room or "all rooms")
        if ask.what == "retry":
            await self._retry(ask.room)
        elif ask.room is not None:
            await self._rewind(await self.records.positions([ask.room]), ask.after)
        else:
            async for page in self.records.all_positions():
                await self._rewind(page, ask.after)

    async def _rewind(self, positions: dict[str, int], after: int) -> None:
        """Move positions back to `after`, never forward: that would skip events."""
        ahead = {room: after for room, seq in positions.items() if seq > after}
        await self.records.write_positions(ahead)

    async def _retry(self, room: str | None) -> None:
        """Retry dead letters, one by one; those that fail again stay."""
        failures = 0
        async for letter in self.records.dead(room):
            if not await self.records.is_dead(letter):
                continue  # discarded after it was listed
            await self._rest.over()
            events = await self._shown(letter.room, letter.seq - 1, 1)
            if events and events[0].seq == letter.seq and await self._handle(events) is not None:
                failures += 1
                if failures == RETRY_FAILURES:
                    return
                continue
            failures = 0
            await self.records.forget(letter)
