"""Timers of plugins: one-off work at a given time. One node at a time runs each; none is passed over.

runner.py   runs a timer
records.py  its records in the store
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from math import isfinite

import msgspec
from loguru import logger

from chatserver.cluster.leasedtasks import LeasedTasks, Work
from chatserver.cluster.leases import Leases
from chatserver.cluster.timers.records import DeadTimer, Pending, TimerRecords
from chatserver.cluster.timers.runner import KEEN_SECONDS, LOOK_SECONDS, Figures, Runner
from chatserver.errors import ChatError
from chatserver.hooks.guard import Guard
from chatserver.hooks.timing import Due, Timer
from chatserver.interfaces import Store
from chatserver.runtime.clock import Clock
from chatserver.runtime.ids import new_id
from chatserver.runtime.measure import Measures

SOON_SECONDS = 2 * LOOK_SECONDS  # nodes' clocks differ
TOLD_SECONDS = KEEN_SECONDS / 2  # between two notes of one timer
RESTART_SECONDS = 5.0  # before a runner is restarted after an unexpected error
KEY_BYTES = 512
PAYLOAD_BYTES = 65_536
LATEST = 1e11  # Unix time, in the year 5138: more digits would not sort
COUNTED_SECONDS = (
    600.0  # a count of what is set is taken for right for so long, but for this node's changes
)
AGAIN_SECONDS = 10.0  # between two counts while the limit is reached


class TimerState(msgspec.Struct, frozen=True, kw_only=True):
    """A timer: number of keys that are set, seconds that the first one is late, number of dead letters."""

    name: str
    node: str
    pending: int
    late: float
    dead: int


class Timers:
    """All timers that plugins registered. Without any it does nothing."""

    def __init__(
        self,
        store: Store,
        guard: Guard,
        leases: Leases,
        measures: Measures,
        clock: Clock,
        most: int,
        *,
        announce: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        """`most` is the number of keys that one plugin may have set.

        `announce` has the other nodes `look_again` at the timer of a name; None: no other process can have this store.
        """
        self._announce = announce
        self._told: dict[str, float] = {}  # by timer: the loop's time of the last note
        self._store, self._guard, self._leases = store, guard, leases
        self.clock, self._most = clock, most
        self._figures = Figures(measures)
        self._runners: dict[str, Runner] = {}
        self._counts: dict[str, Count] = {}  # by plugin
        self._tasks = LeasedTasks(leases)
        measures.gauge(
            "chatserver_timer_late_seconds",
            "Time by which the first key of a timer on this node is late; 0: none is due",
            self._lateness,
            ("timer",),
        )

    def register(self, timers: Sequence[tuple[str, Timer]]) -> None:
        """Take over the timers of plugins, each with its plugin's name, in place of those before.

        Running tasks follow with `settle`.
        """
        before = {id(runner.timer): runner for runner in self._runners.values()}
        self._runners = {
            timer.name: before.get(id(timer)) or self._made(plugin, timer)
            for plugin, timer in timers
        }

    def _made(self, plugin: str, timer: Timer) -> Runner:
        records = TimerRecords(self._store, timer.name)
        return Runner(plugin, timer, records, self._guard, self.clock, self._figures)

    def of(self, plugin: str) -> "PluginTimers":
        """The timers as this plugin uses them."""
        return PluginTimers(self, plugin)

    def start(self) -> None:
        """Start every timer; each runs while this node has its lease."""
        self._tasks.start(self._work())

    async def settle(self, seconds: float) -> list[str]:
        """End the timers that are gone and start new ones; the names of those that do not end.

        Their interrupted attempts are repeated by the next ones, if there are any.
        """
        return await self._tasks.replace(self._work())

    async def stop(self) -> None:
        """Stop all timers. The next node that runs one repeats its interrupted attempts."""
        await self._tasks.stop()

    def _work(self) -> dict[str, Work]:
        return {
            _lease(name): Work(runner, partial(self._keep, runner))
            for name, runner in self._runners.items()
        }

    def __len__(self) -> int:
        return len(self._runners)

    # -- for plugins ---------------------------------------------------------------------------------

    async def set(self, plugin: str, name: str, key: str, at: float, payload: bytes) -> None:
        """See `chatserver.Timers`."""
        runner = self._own(plugin, name)
        if len(key.encode()) > KEY_BYTES:
            raise ValueError(f"a timer's key has at most {KEY_BYTES} bytes: {key[:40]}…")
        if len(payload) > PAYLOAD_BYTES:
            raise ValueError(f"a timer's payload has at most {PAYLOAD_BYTES} bytes")
        if not (isfinite(at) and at < LATEST):
            raise ValueError(f"expected a Unix time in seconds, got {at}")
        count = self._counts.setdefault(plugin, Count(lambda: self._count(plugin), self._most))
        if not await count.has_room() and await runner.records.get(key) is None:
            raise ChatError(
                "limit.count",
                f"The plugin {plugin} has reached its limit of timers.",
                detail={"field": "timers", "reason": "count"},
            )
        at = max(at, 0.0)
        pending = Pending(id=new_id(), key=key, at=at, next=at, payload=payload)
        count.added += await runner.records.set(pending)
        await self._wake(runner, at)

    async def cancel(self, plugin: str, name: str, key: str) -> bool:
        """See `chatserver.Timers`."""
        records = self._own(plugin, name).records
        while (found := await records.get(key)) is not None:
            if await records.remove(found):
                if (count := self._counts.get(plugin)) is not None:
                    count.added -= 1
                return True
        return False

    async def get(self, plugin: str, name: str, key: str) -> Due | None:
        """See `chatserver.Timers`."""
        found = await self._own(plugin, name).records.get(key)
        return None if found is None else _due(name, found.pending)

    async def list(
        self, plugin: str, name: str, prefix: str, after: str, limit: int
    ) -> Sequence[Due]:
        """See `chatserver.Timers`."""
        records = self._own(plugin, name).records
        return [_due(name, each) for each in await records.list(prefix, after, limit)]

    def _own(self, plugin: str, name: str) -> Runner:
        runner = self._runners.get(name)
        if runner is None or runner.plugin != plugin:
            raise ValueError(f"the plugin {plugin} has registered no timer {name!r}")
        return runner

    async def _count(self, plugin: str) -> int:
        count = 0
        for runner in self._runners.values():
            if runner.plugin == plugin:
                count += await runner.records.count(self._most - count)
        return count

    async def look_again(self, name: str) -> None:
        """Look at a timer at once, and often for a while, as another node sets keys of it for soon."""
        if (runner := self._runners.get(name)) is not None:
            runner.wake_often()

    async def _wake(self, runner: Runner, at: float) -> None:
        """Have whichever node runs the timer look at a key for this Unix time, which it would find too late by itself."""
        runner.wake()
        if self._announce is None or runner.late is not None:  # it runs here
            return
        name, now = runner.timer.name, asyncio.get_running_loop().time()
        was_told = now - self._told.get(name, float("-inf")) < TOLD_SECONDS
        if at >= self.clock.now() + SOON_SECONDS or was_told:
            return
        self._told[name] = now
        try:
            await self._announce(name)
        except BaseException:
            del self._told[name]
            raise

    # -- for operators -------------------------------------------------------------------------------

    async def states(self) -> Sequence[TimerState]:
        """The state of each timer, from the store."""
        return [await self._state(name, runner) for name, runner in self._runners.items()]

    async def dead(self, name: str) -> Sequence[DeadTimer]:
        """The dead letters of a timer. Raises `ChatError` request.not_found."""
        return await self._runner(name).records.dead()

    async def retry_dead(self, name: str, key: str | None) -> int:
        """Set dead letters again, for now: one, or all. Returns their number.

        Those whose key is set already stay. Raises `ChatError` request.not_found.
        """
        records, retried = self._runner(name).records, 0
        for letter in await self._letters(name, key):
            again = Pending(
                id=new_id(),
                key=letter.key,
                at=letter.at,
                next=self.clock.now(),
                payload=letter.payload,
            )
            if await records.add(again):
                retried += await records.forget(letter)
        await self._wake(self._runner(name), self.clock.now())
        return retried

    async def discard_dead(self, name: str, key: str | None) -> int:
        """Remove dead letters for good: one, or all. Returns their number.

        Raises `ChatError` request.not_found.
        """
        records, discarded = self._runner(name).records, 0
        for letter in await self._letters(name, key):
            discarded += await records.forget(letter)
        return discarded

    async def _letters(self, name: str, key: str | None) -> Sequence[DeadTimer]:
        found = [each for each in await self.dead(name) if key in (None, each.key)]
        if not found:
            which = "" if key is None else f" {key!r}"
            raise ChatError("request.not_found", f"{name} has no dead letter{which}.")
        return found

    async def _state(self, name: str, runner: Runner) -> TimerState:
        first = await runner.records.first(1)
        return TimerState(
            name=name,
            node=await self._leases.holder(_lease(name)),
            pending=await runner.records.count(self._most),
            late=max(0.0, self.clock.now() - first[0].at) if first else 0.0,
            dead=len(await runner.records.dead()),
        )

    def _runner(self, name: str) -> Runner:
        if name not in self._runners:
            known = ", ".join(self._runners) or "none"
            raise ChatError(
                "request.not_found", f"There is no timer {name!r} (there are: {known})."
            )
        return self._runners[name]

    def names(self) -> Sequence[str]:
        """The names of all timers."""
        return tuple(self._runners)

    # -- shared --------------------------------------------------------------------------------------

    async def _keep(self, runner: Runner) -> None:
        lease = self._leases.lease(_lease(runner.timer.name))
        while True:
            try:
                await lease.while_held(runner.run)
            except Exception:
                logger.exception("timer {} failed and is restarted", runner.timer.name)
                await asyncio.sleep(RESTART_SECONDS)

    def _lateness(self) -> Mapping[tuple[str, ...], float]:
        return {
            (name,): runner.late
            for name, runner in self._runners.items()
            if runner.late is not None
        }


class PluginTimers:
    """`chatserver.Timers` for one plugin."""

    def __init__(self, timers: Timers, plugin: str) -> None:
        self._timers, self._plugin = timers, plugin

    async def set(self, name: str, key: str, at: float, payload: bytes = b"") -> None:
        await self._timers.set(self._plugin, name, key, at, payload)

    async def cancel(self, name: str, key: str) -> bool:
        return await self._timers.cancel(self._plugin, name, key)

    async def get(self, name: str, key: str) -> Due | None:
        return await self._timers.get(self._plugin, name, key)

    async def list(
        self, name: str, prefix: str = "", after: str = "", limit: int = 100
    ) -> Sequence[Due]:
        return await self._timers.list(self._plugin, name, prefix, after, limit)


class Count:
    """The number of keys that a plugin has set: counted now and then, and kept by this node's changes.

    So other nodes may exceed the limit for some minutes.
    """

    def __init__(self, count: Callable[[], Awaitable[int]], most: int) -> None:
        self._count, self._most = count, most
        self._counted, self._at = 0, float("-inf")
        self.added = 0

    async def has_room(self) -> bool:
        """Whether one more may be set."""
        age = time.monotonic() - self._at
        is_full = self._counted + self.added >= self._most
        if age > COUNTED_SECONDS or (is_full and age > AGAIN_SECONDS):
            self._counted, self.added, self._at = await self._count(), 0, time.monotonic()
        return self._counted + self.added < self._most


def _due(name: str, pending: Pending) -> Due:
    return Due(
        name=name,
        key=pending.key,
        at=pending.at,
        payload=pending.payload,
        attempt=pending.failures + 1,
    )


def _lease(timer: str) -> str:
    return f"timer/{timer}"


__all__ = ["PluginTimers", "TimerState", "Timers"]
