"""Calls of the `on_` hooks: each observing plugin has its own bounded queue and task."""

import asyncio
from collections import OrderedDict
from contextvars import ContextVar
from typing import Any, Literal

from loguru import logger

from chatserver.hooks import door
from chatserver.hooks.guard import Call, Guard, PluginFailed
from chatserver.runtime.ages import QueueAge
from chatserver.runtime.measure import Measures
from chatserver.runtime.rate import Bucket

# Of events that an observer's own answers cause: one that answers each of them with another would never end.
OWN_PER_SECOND, OWN_BURST = 5.0, 50.0
ACTORS = 1000  # users as whom an observer acted, that are remembered


class Observer:
    """One plugin's queue of `on_` calls, worked off in order by one task."""

    def __init__(self, plugin: str, bound: int, guard: Guard) -> None:
        self.plugin = plugin
        self._queue: asyncio.Queue[tuple[str, Call, dict[str, Any], str]] = asyncio.Queue(bound)
        self._guard = guard
        self._taken, self._age = 0, QueueAge()  # `_taken` counts those that are finished
        self._working = False
        self._task: asyncio.Task[None] | None = None
        self._passed = asyncio.Event()  # set whenever one is finished
        self._actors: OrderedDict[str, None] = OrderedDict()
        self._own = Bucket(OWN_PER_SECOND, OWN_BURST)

    def __len__(self) -> int:
        return self._queue.qsize()

    def oldest_seconds(self) -> float:
        """The age of the oldest observation that is not finished; 0 if there is none."""
        return self._age.seconds(self._taken, len(self) + self._working)

    def tell(
        self, hook: str, call: Call, given: dict[str, Any], user: str
    ) -> Literal["", "queue_full", "answers_itself"]:
        """Queue an observation; returns the reason if it is dropped."""
        if user in self._actors and self._own.take():
            return "answers_itself"
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name=f"observer {self.plugin}")
        try:
            self._queue.put_nowait((hook, call, given, user))
        except asyncio.QueueFull:
            return "queue_full"
        return ""

    def acts_as(self, user: str) -> None:
        """Note that the observer does something as this user, of which it will be told, too."""
        self._actors[user] = None
        self._actors.move_to_end(user)
        if len(self._actors) > ACTORS:
            self._actors.popitem(last=False)

    async def passed(self, seconds: float) -> bool:
        """Wait at most `seconds` until all that is queued now is finished; whether it is."""
        last = self._taken + len(self) + self._working
        try:
            async with asyncio.timeout(seconds):
                while self._taken < last:
                    self._passed.clear()
                    await self._passed.wait()
        except TimeoutError:
            return False
        return True

    async def close(self, seconds: float) -> None:
        """Work off the queue, for at most `seconds`, then stop."""
        if self._task is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            logger.error("plugin {}: {} observations dropped at shutdown", self.plugin, len(self))
        self._task.cancel()

    async def _work(self) -> None:
        door.enter(self.plugin)
        _observing.set(self)
        while True:
            hook, call, given, user = await self._queue.get()
            self._working = True
            try:
                await self._guard.run(hook, call, given, user=user)
            except PluginFailed:
                pass  # logged and counted already; the observed action stands
            finally:
                self._working = False
                self._taken += 1
                self._passed.set()
                self._queue.task_done()


_observing: ContextVar[Observer | None] = ContextVar("observing", default=None)


def note_actor(user: str) -> None:
    """Somebody acts as this user (id): if it is an observer, what it is told of that is bounded."""
    observer = _observing.get()
    if observer is not None:
        observer.acts_as(user)


class Observers:
    """The queues of all observing plugins, each made on first use."""

    def __init__(self, guard: Guard, bound: int, measures: Measures) -> None:
        self._guard, self._bound = guard, bound
        self._observers: dict[str, Observer] = {}
        measures.gauge(
            "chatserver_observer_queue",
            "Observations that wait for plugins",
            lambda: sum(map(len, self._observers.values())),
        )
        measures.gauge(
            "chatserver_observer_oldest_seconds",
            "Age of the oldest observation that a plugin has not finished, at most one scrape too low",
            lambda: {(each.plugin,): each.oldest_seconds() for each in self._observers.values()},
            ("plugin",),
        )

    def tell(self, hook: str, call: Call, given: dict[str, Any], user: str) -> None:
        """Queue an observation of an action of `user`, or drop and count it.

        It is dropped if the queue is full, or if the plugin's own answers cause too many.
        """
        observer = self._observers.get(call.plugin)
        if observer is None:
            observer = self._observers[call.plugin] = Observer(
                call.plugin, self._bound, self._guard
            )
        if reason := observer.tell(hook, call, given, user):
            self._guard.count(hook, call.plugin, reason)

    async def passed(self, plugin: str, seconds: float) -> bool:
        """Wait at most `seconds` until a plugin has finished what it was told up to now; whether it has."""
        observer = self._observers.get(plugin)
        return observer is None or await observer.passed(seconds)

    async def drop(self, plugin: str) -> None:
        """Forget the queue of a plugin that is off."""
        observer = self._observers.pop(plugin, None)
        if observer is not None:
            await observer.close(0)

    async def close(self, seconds: float) -> None:
        """Let each observer work off its queue, for at most `seconds`."""
        for observer in self._observers.values():
            await observer.close(seconds)
