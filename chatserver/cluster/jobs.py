"""Periodic jobs of plugins and of the server: each runs on one node at a time, contained, with a record of its last run."""

import asyncio
from collections.abc import Sequence
from functools import partial

import msgspec
from loguru import logger

from chatserver.cluster.leasedtasks import LeasedTasks, Work
from chatserver.cluster.leases import Leases
from chatserver.cluster.quarantine import UNREADABLE, set_aside
from chatserver.errors import StoreUnavailable
from chatserver.hooks.guard import Call, Guard, PluginFailed
from chatserver.hooks.types import Job
from chatserver.interfaces import Store
from chatserver.runtime.clock import SYSTEM, Clock, unix_time
from chatserver.runtime.measure import Measures

SPACE = "job"  # record space: name -> LastRun
RETRY_SECONDS = 60.0  # after a failure; doubles with each further one, up to the job's period
RESTART_SECONDS = 5.0  # before a job is restarted after an unexpected error
BOUNDS = (0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0)

_encode = msgspec.json.encode


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """The last run of a job: time, node and outcome. `failures` is the number of failures in a row."""

    at: str  # when it began
    seconds: float
    failures: int
    node: str


class UnreadableRun(msgspec.Struct, frozen=True):
    """Stands for a last run whose record cannot be read."""

    unreadable: bool = True


_decode = msgspec.json.Decoder(LastRun).decode


class Jobs:
    """All jobs that plugins registered, each with the plugin's name."""

    def __init__(
        self,
        jobs: Sequence[tuple[str, Job]],
        store: Store,
        guard: Guard,
        leases: Leases,
        measures: Measures,
        clock: Clock = SYSTEM,
    ) -> None:
        """`jobs` are those that always run; `register` adds those of plugins."""
        self._own, self._store, self._guard, self._leases = list(jobs), store, guard, leases
        self._jobs = self._own
        self._clock = clock
        self._tasks = LeasedTasks(leases)
        self._running: set[str] = set()  # leases of the jobs that are under way
        self._hurried = {job.name: asyncio.Event() for _, job in jobs}
        self._succeeded: dict[tuple[str, ...], float] = {}
        self._runs = measures.counter("chatserver_jobs_total", "Runs of jobs", ("job", "outcome"))
        self._unreadable = measures.counter(
            "chatserver_job_records_unreadable_total",
            "Records of last runs that could not be read and were moved to quarantine",
            ("job",),
        )
        self._seconds = measures.histogram(
            "chatserver_job_seconds", "Time that a job took", ("job",), BOUNDS
        )
        measures.gauge(
            "chatserver_job_last_success_timestamp_seconds",
            "Time at which a job last succeeded on this node",
            lambda: self._succeeded,
            ("job",),
        )

    def register(self, jobs: Sequence[tuple[str, Job]]) -> None:
        """Take over the jobs of plugins, in place of those before. Running tasks follow with `settle`."""
        self._jobs = [*jobs, *self._own]
        for _, job in self._jobs:
            self._hurried.setdefault(job.name, asyncio.Event())

    def start(self) -> None:
        """Start all jobs; each runs when it is due, on the node that has its lease."""
        self._tasks.start(self._work())

    async def settle(self, seconds: float) -> list[str]:
        """End the jobs that are gone and start new ones; the names of those that do not end.

        A run that is under way may finish, for at most `seconds`.
        """
        under_way = [
            task
            for name, task in self._tasks.replaced(self._work()).items()
            if name in self._running
        ]
        if under_way:
            await asyncio.wait(under_way, timeout=seconds)
        return await self._tasks.replace(self._work())

    async def stop(self) -> None:
        """Cancel running jobs; a cancelled run does not count."""
        await self._tasks.stop()

    def _work(self) -> dict[str, Work]:
        return {
            _lease(job): Work(job, partial(self._keep, plugin, job)) for plugin, job in self._jobs
        }

    def _is_gone(self, job: Job) -> bool:
        return all(each is not job for _, each in self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)

    def hurry(self, name: str) -> None:
        """Run a job of this node early, but never before the pause after a failure is over."""
        if name in self._hurried:
            self._hurried[name].set()

    async def last_runs(self) -> list[tuple[Job, LastRun | UnreadableRun | None]]:
        """Each job with its last run in the cluster, if there was one."""
        found = await self._store.get_many(SPACE, [job.name for _, job in self._jobs])
        runs = {name: _read(record) for name, record in found.items()}
        return [(job, runs.get(job.name)) for _, job in self._jobs]

    async def _keep(self, plugin: str, job: Job) -> None:
        lease = self._leases.lease(_lease(job))
        while not self._is_gone(job):
            try:
                await lease.while_held(lambda: self._repeat(plugin, job))
            except Exception:
                logger.exception("job {} failed and is restarted", job.name)
                await asyncio.sleep(RESTART_SECONDS)

    async def _repeat(self, plugin: str, job: Job) -> None:
        last = await self._last_run(job)
        wait, least = self._until_due(job, last), 0.0
        while not self._is_gone(job):
            await self._due(job, wait, wait if last and last.failures else min(least, wait))
            began = self._clock.ticks()
            self._running.add(_lease(job))
            try:
                last = await self._run(plugin, job, last.failures if last else 0)
            finally:
                self._running.discard(_lease(job))
            self._hurried[job.name].clear()
            took = self._clock.ticks() - began
            wait, least = max(0.0, _pause(job, last) - took), RETRY_SECONDS

    async def _due(self, job: Job, wait: float, least: float) -> None:
        """Sleep for `wait` seconds, or only `least` seconds if the job is hurried."""
        await self._clock.sleep(least)
        await self._clock.sleep(wait - least, self._hurried[job.name])

    async def _run(self, plugin: str, job: Job, failures: int) -> LastRun:
        """Run the job once, under its deadline, and note the outcome."""
        at, started = self._clock.text(), self._clock.ticks()
        call = Call(plugin, job.run, ())
        try:
            await self._guard.run("register_jobs", call, {}, deadline=job.deadline)
        except PluginFailed:
            failures += 1
            logger.error("job {} failed, {} times in a row", job.name, failures)
        else:
            failures = 0
            self._succeeded[(job.name,)] = self._clock.now()
        seconds = self._clock.ticks() - started
        self._runs.add(labels=(job.name, "error" if failures else "ok"))
        self._seconds.add(seconds, (job.name,))
        last = LastRun(at=at, seconds=seconds, failures=failures, node=self._leases.node)
        try:
            await self._store.put(SPACE, job.name, _encode(last))
        except StoreUnavailable:
            logger.warning("job {}: its run is not recorded: the store does not answer", job.name)
        return last

    def _until_due(self, job: Job, last: LastRun | None) -> float:
        """Seconds left of the pause after another node's last run.

        That node's clock may have been wrong, so the wait is limited to one pause.
        """
        if last is None:
            return 0.0
        age = self._clock.now() - unix_time(last.at)
        pause = _pause(job, last)
        return min(max(0.0, pause - age), pause)

    async def _last_run(self, job: Job) -> LastRun | None:
        while True:
            try:
                return await self._look_up(job)
            except StoreUnavailable:
                await asyncio.sleep(1)

    async def _look_up(self, job: Job) -> LastRun | None:
        """The last run; None if there is none, or if its record cannot be read, so that the job continues."""
        record = await self._store.get(SPACE, job.name)
        if record is None:
            return None
        last = _read(record)
        if isinstance(last, LastRun):
            return last
        self._unreadable.add(labels=(job.name,))
        await set_aside(self._store, SPACE, job.name, record)
        return None


def _read(record: bytes) -> LastRun | UnreadableRun:
    try:
        last = _decode(record)
        unix_time(last.at)
    except (*UNREADABLE, ValueError):
        return UnreadableRun()
    return last


def _lease(job: Job) -> str:
    return f"job/{job.name}"


def _pause(job: Job, last: LastRun) -> float:
    """Seconds between the beginnings of the last run and the next one."""
    if not last.failures:
        return job.every
    doubled: float = RETRY_SECONDS * 2.0 ** min(last.failures - 1, 20)
    return min(job.every, doubled)
