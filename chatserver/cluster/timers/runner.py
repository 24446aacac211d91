"""Runs one timer: finds the keys whose time has come, passes them on, and tries again those that fail."""

import asyncio
from math import inf

from loguru import logger

from chatserver.cluster.timers.records import DeadTimer, Found, Place, TimerRecords
from chatserver.errors import ChatError, StoreUnavailable, Undeliverable
from chatserver.hooks.guard import Call, Guard, PluginFailed
from chatserver.hooks.timing import Due, Timer
from chatserver.runtime.backoff import growing_pause
from chatserver.runtime.clock import Clock
from chatserver.runtime.measure import Measures

# Between two looks for keys that other nodes set for later, and as the machine's clock may have been set.
LOOK_SECONDS = 5.0
# Once a node has told that it sets keys for soon, a runner looks more often for a while. The node tells that again
# before the while is over, but not of each key: a note costs every node a read and a deletion.
KEEN_LOOK_SECONDS, KEEN_SECONDS = 0.5, 10.0
BATCH = 100  # places read in one look
STORE_SECONDS = 1.0  # before the next try, if the store did not answer


class Figures:
    """The counters of all timers."""

    def __init__(self, measures: Measures) -> None:
        self.runs = measures.counter(
            "chatserver_timers_total", "Attempts of timers", ("timer", "outcome")
        )
        self.dead = measures.counter(
            "chatserver_timer_dead_letters_total",
            "Keys of timers that became dead letters",
            ("timer",),
        )


class Runner:
    """Runs one timer. `run` is called while this node has the lease."""

    def __init__(
        self,
        plugin: str,
        timer: Timer,
        records: TimerRecords,
        guard: Guard,
        clock: Clock,
        figures: Figures,
    ) -> None:
        self.plugin, self.timer, self.records = plugin, timer, records
        self.late: float | None = None  # seconds, of the first key; None if another node runs it
        self._guard, self._clock, self._figures = guard, clock, figures
        self._call = Call(plugin, timer.run, ("due",))
        self._woken = asyncio.Event()
        self._keen_until = 0.0  # by the loop's time
        self._slots = asyncio.Semaphore(timer.at_once)
        self._busy: set[str] = set()  # ids under way

    def wake(self) -> None:
        """Look at once, as a key was set."""
        self._woken.set()

    def wake_often(self) -> None:
        """Look at once, and often for KEEN_SECONDS, as another node sets keys for soon."""
        self._keen_until = asyncio.get_running_loop().time() + KEEN_SECONDS
        self._woken.set()

    async def run(self) -> None:
        """Run what comes due, until cancelled."""
        self._slots, self._busy = asyncio.Semaphore(self.timer.at_once), set()
        try:
            await self._mend()
            async with asyncio.TaskGroup() as group:
                while True:
                    self._woken.clear()
                    await self._rest(await self._look(group))
        finally:
            self.late = None

    async def _mend(self) -> None:
        while True:
            try:
                return await self.records.mend()
            except StoreUnavailable:
                await asyncio.sleep(STORE_SECONDS)

    async def _look(self, group: asyncio.TaskGroup) -> float:
        """Begin an attempt for each key whose time has come; seconds until the next one comes."""
        now = self._clock.now()
        try:
            places = await self.records.first(1)
            if places and places[0].at <= now:
                places = await self.records.first(BATCH)
        except StoreUnavailable:
            return STORE_SECONDS
        self.late = max(0.0, now - places[0].at) if places else 0.0
        for place in places:
            if place.at > now:
                return place.at - now
            if place.id not in self._busy:
                await self._slots.acquire()
                self._busy.add(place.id)
                group.create_task(self._attempt(place), name=f"timer {self.timer.name}")
        return inf

    async def _rest(self, seconds: float) -> None:
        """Sleep until the next key comes, or something has changed."""
        is_keen = asyncio.get_running_loop().time() < self._keen_until
        poll = KEEN_LOOK_SECONDS if is_keen else LOOK_SECONDS
        if not self._busy:
            await self._clock.sleep(seconds, self._woken, poll=poll)
        else:  # the end of an attempt wakes
            try:
                async with asyncio.timeout(min(seconds, poll)):
                    await self._woken.wait()
            except TimeoutError:
                return

    # -- one key -------------------------------------------------------------------------------------

    async def _attempt(self, place: Place) -> None:
        try:
            found = await self.records.at(place)
            if found is not None:
                await self._pass_on(found)
        except StoreUnavailable:
            logger.warning("timer {}: the store does not answer", self.timer.name)
            await asyncio.sleep(STORE_SECONDS)
        finally:
            self._busy.discard(place.id)
            self._slots.release()
            self._woken.set()

    async def _pass_on(self, found: Found) -> None:
        """Call the plugin, and note the outcome."""
        name, pending = self.timer.name, found.pending
        attempt = pending.failures + 1
        due = Due(
            name=name, key=pending.key, at=pending.at, payload=pending.payload, attempt=attempt
        )
        try:
            await self._guard.run("register_timers", self._call, {"due": due}, self.timer.deadline)
        except ChatError as error:
            self._figures.runs.add(labels=(name, "error"))
            logger.warning("timer {}: {}: attempt {}: {}", name, pending.key, attempt, error)
            if self._is_hopeless(attempt, error):
                await self._bury(found, attempt, error)
            else:
                until = self._clock.now() + self._pause(attempt, error)
                await self.records.postpone(found, until)
        else:
            self._figures.runs.add(labels=(name, "ok"))
            await self.records.remove(found)

    def _is_hopeless(self, attempt: int, error: ChatError) -> bool:
        most = self.timer.attempts
        return (most is not None and attempt >= most) or isinstance(error, Undeliverable)

    def _pause(self, attempt: int, error: ChatError) -> float:
        """Seconds until the next attempt, at least those that the error asks for."""
        longest = self.timer.longest_pause
        # A crashed plugin's `after_ms` is meant for users.
        asked = 0.0 if isinstance(error, PluginFailed) else (error.after_ms or 0) / 1000
        return max(growing_pause(attempt, self.timer.backoff, longest), min(asked, longest))

    async def _bury(self, found: Found, attempts: int, error: ChatError) -> None:
        pending = found.pending
        letter = DeadTimer(
            key=pending.key,
            at=pending.at,
            payload=pending.payload,
            attempts=attempts,
            error=error.code,
            given_up=self._clock.text(),
        )
        await self.records.bury(found, letter)
        self._figures.dead.add(labels=(self.timer.name,))
        logger.error("timer {}: {} becomes a dead letter", self.timer.name, pending.key)
