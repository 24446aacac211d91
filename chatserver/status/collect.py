"""Gathers the report, within a time limit. What does not answer is missing in it, and is a problem."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec

from chatserver.cluster.consumers import Consumers
from chatserver.cluster.installation import EPOCH, META
from chatserver.cluster.jobs import Jobs, UnreadableRun
from chatserver.cluster.quarantine import PREFIX
from chatserver.cluster.timers import Timers
from chatserver.cluster.wrappers import open_wrapped_to_read
from chatserver.config import Config
from chatserver.errors import ChatError, StartupError, StoreUnavailable
from chatserver.hooks.providing import Provided
from chatserver.hooks.targets import BackupScheme
from chatserver.interfaces import Store, StoreFacts
from chatserver.runtime.clock import now_text
from chatserver.status import problems
from chatserver.status.alerts import AlertsUnavailable, firing
from chatserver.status.backups import backups
from chatserver.status.nodes import WAIT_SECONDS, live, nodes
from chatserver.status.report import (
    Alert,
    BusReport,
    ConsumerReport,
    JobReport,
    Member,
    NodeReport,
    Pending,
    Problem,
    Status,
    StoreReport,
    TimerReport,
)
from chatserver.status.targets import targets
from chatserver.version import __version__

T = TypeVar("T")

LIMIT_SECONDS = 15.0
NODES_SHARE = 0.9  # of the limit, in which a silent node may show that it lives
READS = 3  # of which the latency is the median
PAGE = 1000
OVERDUE = 1.5  # times a job's period …
OVERDUE_SECONDS = 900.0  # … and this, as it may take its time


class Looked(Protocol):
    """The parts of a server that the collector asks."""

    config: Config
    store: Store
    provided: Provided
    jobs: Jobs
    consumers: Consumers
    timers: Timers

    @property
    def store_plugin(self) -> str: ...
    @property
    def bus_plugin(self) -> str: ...
    def backup_schemes(self) -> Sequence[BackupScheme]: ...


class Collector:
    """One look at an installation, by a server that is not started, or, with `is_open`, by one that runs."""

    def __init__(
        self, server: Looked, limit: float = LIMIT_SECONDS, *, is_open: bool = False
    ) -> None:
        self._server, self._limit, self._is_open = server, limit, is_open
        self._problems: list[Problem] = []

    async def look(self, alertmanager: str) -> Status:
        """The report. `alertmanager` is its address, or empty. Never raises for what is away."""
        alerts = asyncio.create_task(self._alerts(alertmanager))
        remote = asyncio.create_task(
            targets(
                self._server.config.backup,
                self._schemes(),
                self._limit,
            )
        )
        store = await self._store()
        wait = min(WAIT_SECONDS, NODES_SHARE * self._limit)
        found: list[NodeReport] = []
        jobs: list[JobReport] = []
        consumers: list[ConsumerReport] = []
        timers: list[TimerReport] = []
        unreadable = 0
        if store.state == "ok":
            try:
                try:
                    if not self._is_open:
                        await self._within(open_wrapped_to_read(self._server.store))
                    store = await self._timed(store)
                    found = await self._part("the nodes", nodes(self._server.store, wait), [])
                    jobs = await self._part("the jobs", self._jobs(found), [])
                    consumers = await self._part("the consumers", self._consumers(), [])
                    timers = await self._part("the timers", self._timers(), [])
                    unreadable = await self._part("the records", self._unreadable(), 0)
                except (StoreUnavailable, StartupError, TimeoutError) as error:
                    store = msgspec.structs.replace(store, state="away", error=_reason(error))
            finally:
                if not self._is_open:
                    await self._server.store.close()
        copies = await asyncio.to_thread(backups, self._server.config)
        bus = self._bus(found)
        alarms, there = await alerts, await remote
        wrong = [
            *problems.all_of(
                problems.of_store(store),
                problems.of_nodes(found, __version__) if store.state == "ok" else iter(()),
                problems.of_bus(bus, found),
                problems.of_jobs(jobs),
                problems.of_consumers(consumers, found),
                problems.of_timers(timers, found),
                problems.of_backups(copies, self._server.config.backup.ship_seconds, found),
                problems.of_targets(there, copies),
                problems.of_records(unreadable),
                problems.of_alerts(alarms),
            ),
            *self._problems,
        ]
        return Status(
            ok=not wrong,
            at=now_text(),
            version=__version__,
            store=store,
            nodes=found,
            bus=bus,
            jobs=jobs,
            consumers=consumers,
            timers=timers,
            backups=copies,
            targets=there,
            unreadable=unreadable,
            alerts=alarms,
            problems=wrong,
        )

    def _schemes(self) -> Sequence[BackupScheme]:
        """The kinds of backup targets, asked only where there are targets."""
        return self._server.backup_schemes() if self._server.config.backup.targets else ()

    # -- the store -----------------------------------------------------------------------------------

    async def _store(self) -> StoreReport:
        """The store as it tells about itself, before it is opened."""
        plugin = self._server.store_plugin
        asked = self._server.provided.store()  # one of its own, as it is closed after that
        try:
            facts = await self._within(self._facts(asked))
            steps = [] if facts and not facts.pending else await self._within(asked.plan())
        except (StartupError, StoreUnavailable, TimeoutError) as error:
            return StoreReport(plugin=plugin, state="away", error=_reason(error))
        return _described(plugin, facts, steps)

    async def _facts(self, store: Store) -> StoreFacts | None:
        ask = getattr(store, "facts", None)
        if ask is None:
            return None
        found: StoreFacts = await ask()
        return found

    async def _timed(self, store: StoreReport) -> StoreReport:
        """The report with its latency."""
        times = []
        for _ in range(READS):
            began = time.perf_counter()
            await self._within(self._server.store.get(META, EPOCH))
            times.append(time.perf_counter() - began)
        return msgspec.structs.replace(store, latency_ms=round(statistics.median(times) * 1000, 2))

    async def _unreadable(self) -> int:
        """Number of records in quarantine."""
        store, total = self._server.store, 0
        for space in await store.spaces():
            after = ""
            while page := await store.scan(space, PREFIX, after, PAGE):
                total, after = total + len(page), page[-1][0]
                if len(page) < PAGE:
                    break
        return total

    # -- the work ------------------------------------------------------------------------------------

    async def _jobs(self, found: list[NodeReport]) -> list[JobReport]:
        since = min(
            (_unix(node.started) for node in live(found) if "jobs" in node.roles), default=0.0
        )
        reports = []
        for job, last in await self._server.jobs.last_runs():
            if last is None:
                overdue = bool(since) and time.time() - since > OVERDUE_SECONDS
                reports.append(JobReport(name=job.name, every=job.every, overdue=overdue))
            elif isinstance(last, UnreadableRun):
                reports.append(JobReport(name=job.name, every=job.every, unreadable=True))
            else:
                late = time.time() - _unix(last.at) > OVERDUE * job.every + OVERDUE_SECONDS
                reports.append(
                    JobReport(
                        name=job.name,
                        every=job.every,
                        at=last.at,
                        seconds=last.seconds,
                        failures=last.failures,
                        node=last.node,
                        overdue=late,
                    )
                )
        return reports

    async def _consumers(self) -> list[ConsumerReport]:
        return [
            ConsumerReport(name=state.name, node=state.node, lag=state.lag, dead=state.dead)
            for state in await self._server.consumers.states()
        ]

    async def _timers(self) -> list[TimerReport]:
        return [
            TimerReport(
                name=state.name,
                node=state.node,
                pending=state.pending,
                late=state.late,
                dead=state.dead,
            )
            for state in await self._server.timers.states()
        ]

    def _bus(self, found: list[NodeReport]) -> BusReport:
        alive = live(found)
        connected = sum(1 for node in alive if node.bus)
        return BusReport(plugin=self._server.bus_plugin, connected=connected, nodes=len(alive))

    async def _alerts(self, address: str) -> list[Alert] | None:
        if not address:
            return None
        try:
            return await firing(address)
        except AlertsUnavailable as error:
            text = f"Alertmanager does not answer: {error}"
            self._problems.append(problems.problem("alertmanager.away", text))
            return None

    # -- the time limit --------------------------------------------------------------------------------

    async def _within(self, work: Awaitable[T]) -> T:
        async with asyncio.timeout(self._limit):
            return await work

    async def _part(self, what: str, work: Awaitable[T], missing: T) -> T:
        """The result of `work`, or `missing` if it takes too long."""
        try:
            return await self._within(work)
        except TimeoutError:
            text = f"{what} were not read within {self._limit:g} s."
            self._problems.append(problems.problem("status.slow", text[0].upper() + text[1:]))
            return missing


def _described(plugin: str, facts: StoreFacts | None, steps: list[str]) -> StoreReport:
    report = StoreReport(
        plugin=plugin, state="outdated" if steps else "ok", error=steps[0] if steps else ""
    )
    if facts is None:
        return report
    return msgspec.structs.replace(
        report,
        software=facts.software,
        schema=facts.schema,
        known=facts.known,
        bytes=facts.bytes,
        rows=dict(facts.rows),
        members=[Member(**each._asdict()) for each in facts.members],
        pending=[Pending(**each._asdict()) for each in facts.pending],
        warnings=list(facts.warnings),
    )


def _unix(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer within the time limit"
    if isinstance(error, StoreUnavailable):
        return error.reason or error.text
    return error.text if isinstance(error, ChatError) else str(error)
