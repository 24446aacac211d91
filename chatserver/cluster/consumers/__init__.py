"""Consumers: durable readers of the log for plugins. One node at a time runs each; none misses an event.

reader.py   runs a consumer; due.py: the queue of rooms; pause.py: a pause that its receiver asked for
hearing.py  tells the readers what was just written; recent.py keeps it, so that nobody reads it again
records.py  its records in the store
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import msgspec
from loguru import logger

from chatserver.cluster.consumers.hearing import Hearing
from chatserver.cluster.consumers.reader import Figures, Reader
from chatserver.cluster.consumers.recent import Recent
from chatserver.cluster.consumers.records import Ask, DeadLetter
from chatserver.cluster.leasedtasks import LeasedTasks, Work
from chatserver.cluster.leases import Leases
from chatserver.errors import ChatError
from chatserver.hooks.guard import Guard
from chatserver.hooks.types import Consumer
from chatserver.interfaces import Store
from chatserver.model import AnyEvent
from chatserver.runtime.measure import Measures

RESTART_SECONDS = 5.0  # before a reader is restarted after an unexpected error


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A consumer's lag (number of events not handled yet) and number of dead letters."""

    name: str
    node: str
    lag: int
    dead: int


class Consumers:
    """All consumers that plugins registered, each with the plugin's name."""

    def __init__(
        self,
        consumers: Sequence[tuple[str, Consumer]],
        store: Store,
        guard: Guard,
        leases: Leases,
        measures: Measures,
    ) -> None:
        self._leases, self._store = leases, store
        self._guard, self._figures = guard, Figures(measures)
        self._recent, self._hearing = Recent(), Hearing()
        self._readers: dict[str, Reader] = {}
        self._tasks = LeasedTasks(leases)
        self.register(consumers)
        measures.gauge(
            "chatserver_consumer_lag_events",
            "Events that a consumer on this node has not handled yet",
            self._lags,
            ("consumer",),
        )
        measures.gauge(
            "chatserver_consumer_oldest_seconds",
            "Age of the oldest event that a consumer on this node has not handled; 0: there is none",
            self._ages,
            ("consumer",),
        )

    def register(self, consumers: Sequence[tuple[str, Consumer]]) -> None:
        """Take over the consumers of plugins, in place of those before. Running tasks follow with `settle`."""
        before = {id(reader.consumer): reader for reader in self._readers.values()}
        self._readers = {
            consumer.name: before.get(id(consumer))
            or Reader(
                plugin,
                consumer,
                self._store,
                self._guard,
                self._figures,
                self._recent,
                self._hearing,
            )
            for plugin, consumer in consumers
        }

    def start(self) -> None:
        """Start every consumer; each runs while this node has its lease."""
        self._tasks.start(self._work())

    async def settle(self, seconds: float) -> list[str]:
        """End the consumers that are gone and start new ones; the names of those that do not end.

        Their interrupted events are repeated by the next ones, if there are any.
        """
        return await self._tasks.replace(self._work())

    async def stop(self) -> None:
        """Stop all consumers. The next node that runs one repeats its interrupted events."""
        await self._tasks.stop()

    def _work(self) -> dict[str, Work]:
        return {
            _lease(name): Work(reader, partial(self._keep, reader))
            for name, reader in self._readers.items()
        }

    def heard(self, events: Sequence[AnyEvent]) -> None:
        """Tell the consumers of events that this node has written, each room's in their order."""
        if not self._hearing.readers:
            return
        written: dict[str, list[AnyEvent]] = {}
        for event in events:
            written.setdefault(event.room, []).append(event)
        self._recent.heard(written)
        self._hearing.heard(written)

    def came(self, room: str, decode: Callable[[], Sequence[AnyEvent]]) -> bool:
        """Tell the consumers of events of a room (id) that another node has written, ascending, moments ago.

        `decode` returns them. The result is whether they are taken; otherwise `wake` them.
        """
        if not self._hearing.readers:
            return False
        events = decode()
        if not self._recent.came(room, events):
            return False
        self._hearing.heard({room: events})
        return True

    def wake(self, rooms: Iterable[str]) -> None:
        """Tell the consumers of new events in these rooms, which other nodes have written."""
        rooms = list(rooms)
        for room in rooms:
            self._recent.forget(room)
        for reader in self._readers.values():
            reader.wake(rooms)

    @property
    def are_started(self) -> bool:
        return self._tasks.are_started

    def __bool__(self) -> bool:
        return bool(self._readers)

    def names(self) -> list[str]:
        """The names of all consumers."""
        return list(self._readers)

    # -- for operators -----------------------------------------------------------------------------

    async def states(self) -> list[State]:
        """The state of each consumer, from the store."""
        return [
            State(
                name=name,
                node=await self._leases.holder(_lease(name)),
                lag=await reader.lag_now(),
                dead=await reader.records.count_dead(),
            )
            for name, reader in self._readers.items()
        ]

    async def replay(self, name: str, room: str | None, after: int) -> None:
        """Replay events with seq > `after`, of one room or of all.

        The node that runs the consumer begins within seconds. Raises `ChatError` room.not_found,
        request.invalid.
        """
        reader = self._reader(name)
        if room is not None:
            head = await self._head(room)
            if not reader.reads(room):
                raise ChatError("request.invalid", f"{name} does not read the room {room}.")
            if after >= head:
                text = f"There is no event {after + 1} in {room} yet: the last one is {head}."
                raise ChatError("request.invalid", text)
        await reader.records.ask(Ask(what="replay", room=room, after=after))

    async def retry_dead(self, name: str, room: str | None) -> None:
        """Request a retry of dead letters. Raises `ChatError` room.not_found."""
        reader = self._reader(name)
        if room is not None:
            await self._head(room)
        await reader.records.ask(Ask(what="retry", room=room))

    async def dead(self, name: str, room: str | None) -> list[DeadLetter]:
        return [letter async for letter in self._reader(name).records.dead(room)]

    async def discard_dead(self, name: str, room: str | None, seq: int | None = None) -> int:
        """Discard dead letters for good: all, those of a room, or one. Returns their number.

        Takes effect at once, also while the consumer runs; a letter in the middle of a retry may still be
        handled. The events stay in the log. Raises `ChatError` room.not_found, and
        request.not_found if there is nothing to discard.
        """
        reader = self._reader(name)
        if room is not None:
            await self._head(room)
        discarded = 0
        async for letter in reader.records.dead(room):
            if seq in (None, letter.seq):
                discarded += await reader.records.forget(letter)
        if not discarded:
            where = "" if room is None else f" in {room}" if seq is None else f" {seq} in {room}"
            raise ChatError("request.not_found", f"{name} has no dead letter{where}.")
        return discarded

    def _reader(self, name: str) -> Reader:
        if name not in self._readers:
            known = ", ".join(self._readers) or "none"
            raise ChatError(
                "request.not_found", f"There is no consumer {name!r} (there are: {known})."
            )
        return self._readers[name]

    async def _head(self, room: str) -> int:
        head = (await self._store.heads([room])).get(room, 0)
        if not head:
            raise ChatError("room.not_found", f"There is no room {room!r}.")
        return head

    # -- shared --------------------------------------------------------------------------------------

    async def _keep(self, reader: Reader) -> None:
        lease = self._leases.lease(_lease(reader.name))
        while True:
            try:
                await lease.while_held(reader.run)
            except Exception:
                logger.exception("consumer {} failed and is restarted", reader.name)
                await asyncio.sleep(RESTART_SECONDS)

    def _lags(self) -> Mapping[tuple[str, ...], float]:
        return {
            (reader.name,): reader.lag
            for reader in self._readers.values()
            if reader.lag is not None
        }

    def _ages(self) -> Mapping[tuple[str, ...], float]:
        return {
            (reader.name,): 0.0 if reader.oldest is None else max(0.0, time.time() - reader.oldest)
            for reader in self._readers.values()
            if reader.lag is not None
        }


def _lease(consumer: str) -> str:
    return f"consumer/{consumer}"


__all__ = ["Consumers", "State"]
