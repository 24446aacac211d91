"""A node with one consumer, and what that was handed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

from chatserver import ChatError
from chatserver.cluster.consumers import Consumers
from chatserver.cluster.leases import Leases
from chatserver.hooks.guard import Guard
from chatserver.hooks.types import Consumer
from chatserver.model import AnyEvent
from chatserver.runtime.measure import Measures
from chatserver.testing.samples import posted
from tests.core.nodes import config


class Sink:
    """A consumer that records the events it is handed, and fails on demand."""

    def __init__(self) -> None:
        self.got: list[tuple[str, int]] = []
        self.fails: Callable[[AnyEvent], bool] = lambda event: False
        self.error = ChatError("plugin.failed")
        self.most_at_once = 0
        self.busy: set[str] = set()
        self.overlaps = 0  # calls for a room that another call was at
        self.seconds = 0.001  # that a call takes

    async def handle(self, events: Sequence[AnyEvent]) -> None:
        rooms = {event.room for event in events}
        assert len(rooms) == 1
        self.overlaps += len(rooms & self.busy)
        self.busy |= rooms
        self.most_at_once = max(self.most_at_once, len(self.busy))
        try:
            await asyncio.sleep(self.seconds)
            for event in events:
                if self.fails(event):
                    raise self.error
                self.got.append((event.room, event.seq))
        finally:
            self.busy -= rooms

    def of(self, room: str) -> list[int]:
        return [seq for name, seq in self.got if name == room]

    def first(self, room: str) -> list[int]:
        """Without repeats."""
        return list(dict.fromkeys(self.of(room)))


class Node:
    """A node with one consumer."""

    def __init__(self, store: Any, sink: Sink, name: str = "node", **options: Any) -> None:
        self.measures = Measures()
        guard = Guard(config().plugins, self.measures)
        self.leases = Leases(store, name, ticks=asyncio.get_running_loop().time)
        given: dict[str, Any] = {"name": "p.sink", "handle": sink.handle, "start": "beginning"}
        consumer = Consumer(**given | options)
        self.consumers = Consumers([("p", consumer)], store, guard, self.leases, self.measures)
        self.consumers.start()
        self.leases.start()

    async def stop(self) -> None:
        await self.consumers.stop()
        await self.leases.stop()

    async def crash(self) -> None:
        """Nothing is written any more, nothing released."""
        assert self.leases._task is not None
        tasks = [*self.consumers._tasks.all(), self.leases._task]
        with mock.patch("chatserver.cluster.consumers.reader.Positions.flush", nothing):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def count(self, name: str) -> float:
        measure: Any = next(each for each in self.measures if each.name == name)
        total: float = sum(measure.values.values())
        return total


async def nothing(*_: object, **__: object) -> None: ...


@asynccontextmanager
async def node(store: Any, sink: Sink, **options: Any) -> AsyncIterator[Node]:
    made = Node(store, sink, **options)
    yield made
    await made.stop()


async def write(store: Any, room: str, first: int, last: int) -> list[AnyEvent]:
    events: list[AnyEvent] = [posted(room, seq, "ada") for seq in range(first, last + 1)]
    await store.append(events)
    return events
