"""The append path: group commit, numbering, repeated sends.

All appends of a node wait in one lane. Whoever finds it idle takes what waits, numbers it from the
heads this node knows, and writes it as one ordered batch. The store's unique indexes settle races
with other nodes: what came before a duplicate stands, the rest is numbered again. The rights of
each entry are checked when it is numbered, so they hold at exactly the position it is written to.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from loguru import logger

from chatserver.config import DeliveryConfig
from chatserver.errors import ChatError, StoreUnavailable
from chatserver.interfaces import Conflict, Store
from chatserver.measure import SIZES, Measures
from chatserver.model import AnyEvent
from chatserver.rooms import READ_EVENTS, RELOAD_EVENTS, Room, Rooms


class Outcome(NamedTuple):
    """What became of an entry: the durable event, and whether it was there before (a repeat)."""

    event: AnyEvent
    repeated: bool = False


PACE_SECONDS = 0.003  # a batch costs about 0.4 ms of CPU in the driver, however small it is
# And each receiver costs a system call, however many events it gets at once: leave those who answer
# what they got the time to do so, that their answers go together too.
PACE_PER_RECEIVER = 20e-6
PACE_MOST_SECONDS = 0.01
PACE_EVENTS = 100  # from here on a batch is worth its price at once
RETRY_SECONDS = 0.005  # what another node wrote is not safe to read yet

Key = tuple[str, str]  # (author id, client_id)
Done = Callable[[Outcome | ChatError], None]
Publish = Callable[[Room, Sequence[AnyEvent]], None]
Written = Callable[[AnyEvent], None]


class Entry:
    """Something that is to become the next event of a room.

    `check` raises `ChatError` if it may not, in the room's state just before it; `build` makes the
    event from its seq and time. `changes_state` keeps later entries of the room out of the same
    batch, so that their checks see it. `done` is called once, from the lane.
    """

    __slots__ = ("build", "changes_state", "check", "done", "key", "room", "since")

    def __init__(
        self,
        room: Room,
        build: Callable[[int, str], AnyEvent],
        check: Callable[[], None],
        done: Done,
        *,
        key: Key | None = None,
        changes_state: bool = False,
    ) -> None:
        self.room, self.build, self.check, self.done = room, build, check, done
        self.key, self.changes_state = key, changes_state
        self.since = time.perf_counter()


Numbered = tuple[Entry, AnyEvent]


class Log:
    """The lane of this node."""

    def __init__(
        self,
        store: Store,
        rooms: Rooms,
        publish: Publish,
        written: Written,
        config: DeliveryConfig,
        measures: Measures,
    ) -> None:
        self._store, self._rooms, self._config = store, rooms, config
        self._publish, self._written = publish, written
        self._waiting: deque[Entry] = deque()
        self._in_flight: dict[Key, list[Done]] = {}
        self._task: asyncio.Task[None] | None = None
        self._next_batch = 0.0  # when it is due, unless many wait
        self._seconds = measures.histogram(
            "chatserver_append_seconds", "From a send to its durable event"
        )
        self._sizes = measures.histogram(
            "chatserver_append_batch_events", "Events written in one batch", bounds=SIZES
        )
        self._conflicts = measures.counter(
            "chatserver_append_conflicts_total", "Batches that met a duplicate", ("conflict",)
        )
        measures.gauge("chatserver_append_queue", "Appends that wait", lambda: len(self._waiting))

    def submit(self, entry: Entry) -> None:
        """Queue the entry. Raises `ChatError` store.unavailable if too many wait already."""
        if len(self._waiting) >= self._config.queue_events:
            raise StoreUnavailable("Too many messages wait for the store.")
        if entry.key is not None and self._is_in_flight(entry):
            return
        entry.room.holders += 1
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
    ) -> AnyEvent:
        """Submit one entry and wait for its durable event."""
        future, done = awaited()
        self.submit(Entry(room, build, check, done, changes_state=changes_state))
        return (await future).event

    async def drain(self) -> None:
        """Wait until all that was submitted is settled."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def refresh(self, rooms: Iterable[Room]) -> None:
        """Bring rooms up to the store's heads, publishing what other nodes wrote."""
        by_id = {room.id: room for room in rooms}
        if not by_id:
            return
        heads = await self._store.heads(list(by_id))
        for name, room in by_id.items():
            head = heads.get(name, 0)
            if head - room.head > RELOAD_EVENTS and not room.followers:
                await self._rooms.reload(room)
            while room.head < head:
                before = room.head
                events = await self._store.read(name, before, READ_EVENTS)
                self._publish(room, events)
                if room.head == before:
                    break
            room.stale = False
            room.checked = time.monotonic()

    # -- the lane ------------------------------------------------------------------------------

    def _is_in_flight(self, entry: Entry) -> bool:
        """Join a send that is under way with the same client_id; it settles both."""
        assert entry.key is not None
        others = self._in_flight.get(entry.key)
        if others is None:
            self._in_flight[entry.key] = []
            return False
        others.append(entry.done)
        return True

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._pace()
                count = min(len(self._waiting), self._config.batch_events)
                await self._write([self._waiting.popleft() for _ in range(count)])
        finally:
            self._task = None

    async def _pace(self) -> None:
        """Under load let a few more sends join a batch; after a pause write at once."""
        now = time.perf_counter()
        wait = self._next_batch - now
        if wait > 0 and len(self._waiting) < PACE_EVENTS:
            await asyncio.sleep(wait)
        self._next_batch = time.perf_counter() + PACE_SECONDS

    async def _write(self, batch: list[Entry]) -> None:
        pending = batch
        try:
            while pending:
                await self.refresh({entry.room for entry in pending if entry.room.stale})
                numbered, pending = self._number(pending)
                if numbered:
                    pending = await self._append(numbered) + pending
        except Exception as error:
            self._give_up(pending, as_chat_error(error))

    def _number(self, entries: list[Entry]) -> tuple[list[Numbered], list[Entry]]:
        """Number what may be written now; the second list has to wait for the next round."""
        at = now_text()
        heads: dict[Room, int] = {}
        closed: set[Room] = set()
        numbered: list[Numbered] = []
        later: list[Entry] = []
        for entry in entries:
            room = entry.room
            if room in closed or (entry.changes_state and room in heads):
                closed.add(room)
                later.append(entry)
                continue
            try:
                entry.check()
                seq = heads.get(room, room.head) + 1
                numbered.append((entry, entry.build(seq, at)))
            except Exception as error:
                self._settle(entry, as_chat_error(error))
                continue
            heads[room] = seq
            if entry.changes_state:
                closed.add(room)
        return numbered, later

    async def _append(self, numbered: list[Numbered]) -> list[Entry]:
        """Write one batch and settle what stands; returns what has to be numbered again."""
        rest = numbered
        try:
            async with asyncio.timeout(self._config.append_seconds):
                stored, conflict = await self._store.append([event for _, event in numbered])
            self._sizes.add(stored)
            self._stand(numbered[:stored])
            rest = numbered[stored:]
            if conflict is None:
                return []
            self._conflicts.add(labels=(conflict.value,))
            if conflict is Conflict.CLIENT_ID:
                return await self._without_repeats(rest)
            before = sum(entry.room.head for entry, _ in rest)
            await self.refresh({entry.room for entry, _ in rest})
            if sum(entry.room.head for entry, _ in rest) == before:
                await asyncio.sleep(RETRY_SECONDS)
            return [entry for entry, _ in rest]
        except Exception as error:
            for entry, _ in rest:
                entry.room.stale = True
                self._settle(entry, as_chat_error(error))
            raise

    async def _without_repeats(self, rest: list[Numbered]) -> list[Entry]:
        """Answer all repeated sends among `rest` with the first; returns the others."""
        keys = [entry.key for entry, _ in rest if entry.key is not None]
        found = await self._store.repeats(keys)
        others = []
        for entry, _ in rest:
            first = found.get(entry.key) if entry.key else None
            if first is None:
                others.append(entry)
            else:
                self._settle(entry, Outcome(first, repeated=True))
        if len(others) == len(rest):
            await asyncio.sleep(RETRY_SECONDS)
        return others

    def _stand(self, numbered: list[Numbered]) -> None:
        """Tell the listeners, then the authors, of events that are durable now."""
        by_room: dict[Room, list[AnyEvent]] = {}
        for entry, event in numbered:
            by_room.setdefault(entry.room, []).append(event)
        receivers = 0
        for room, events in by_room.items():
            self._publish(room, events)
            receivers += len(room.listeners)
        pause = min(receivers * PACE_PER_RECEIVER, PACE_MOST_SECONDS)
        self._next_batch = max(self._next_batch, time.perf_counter() + pause)
        for entry, event in numbered:
            self._settle(entry, Outcome(event))
            self._written(event)

    def _settle(self, entry: Entry, outcome: Outcome | ChatError) -> None:
        entry.room.holders -= 1
        self._seconds.add(time.perf_counter() - entry.since)
        self._tell(entry.done, outcome)
        if entry.key is None:
            return
        for done in self._in_flight.pop(entry.key, ()):
            again = outcome if isinstance(outcome, ChatError) else Outcome(outcome.event, True)
            self._tell(done, again)

    def _tell(self, done: Done, outcome: Outcome | ChatError) -> None:
        try:
            done(outcome)
        except Exception:
            logger.exception("an append could not be answered")

    def _give_up(self, pending: list[Entry], error: ChatError) -> None:
        """Settle all that is left of a batch, and what waits behind it: nobody waits twice."""
        waiting = list(self._waiting)
        self._waiting.clear()
        for entry in pending + waiting:
            entry.room.stale = True
            self._settle(entry, error)


def awaited() -> tuple["asyncio.Future[Outcome]", Done]:
    """A future, and what settles it. Nobody need wait any more when it is settled."""
    future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def done(outcome: Outcome | ChatError) -> None:
        if future.done():
            return
        if isinstance(outcome, ChatError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    return future, done


def as_chat_error(error: Exception) -> ChatError:
    """The error itself if a client may see it; else log it and say only that the server erred."""
    if isinstance(error, ChatError):
        return error
    if isinstance(error, TimeoutError):
        return StoreUnavailable()
    logger.opt(exception=error).error("append failed")
    return ChatError("server.internal")


def now_text() -> str:
    """The time as events carry it: RFC 3339, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
