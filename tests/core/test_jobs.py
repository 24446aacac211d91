"""Jobs run once in the cluster, in their rhythm, and one that fails is named and does not stop others."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest

from chatserver import StartupError
from chatserver.app import Server
from chatserver.cluster.jobs import (
    RESTART_SECONDS,
    RETRY_SECONDS,
    SPACE,
    Jobs,
    LastRun,
    UnreadableRun,
)
from chatserver.cluster.leases import Leases
from chatserver.hooks.guard import Guard
from chatserver.hooks.types import Job
from chatserver.runtime.measure import Measures
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import FaultyStore, config
from tests.core.test_plugins import loaded
from tests.virtual_time import run

EVERY = 1000.0


class Node:
    """A node with some jobs, each of the plugin `p`."""

    def __init__(self, store: Any, *jobs: Job, name: str = "node") -> None:
        self.measures = Measures()
        guard = Guard(config().plugins, self.measures)
        self.leases = Leases(store, name, ticks=asyncio.get_running_loop().time)
        given = [("p", job) for job in jobs]
        self.jobs = Jobs(given, store, guard, self.leases, self.measures)

    def start(self) -> None:
        self.jobs.start()
        self.leases.start()

    async def stop(self) -> None:
        await self.jobs.stop()
        await self.leases.stop()

    def values(self, name: str) -> Any:
        measure: Any = next(each for each in self.measures if each.name == name)
        return measure.values


class Work:
    """A job that notes when it runs."""

    def __init__(self, error: bool = False, seconds: float = 0.0) -> None:
        self.times: list[float] = []
        self.error, self.seconds = error, seconds
        self.job = Job(name="p.work", every=EVERY, run=self.run)

    async def run(self) -> None:
        self.times.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.seconds)
        if self.error:
            raise RuntimeError("broken on purpose")

    @property
    def gaps(self) -> list[int]:
        return [round(b - a) for a, b in zip(self.times, self.times[1:], strict=False)]


def test_a_job_runs_at_once_and_then_in_its_rhythm() -> None:
    async def test() -> None:
        work = Work()
        node = Node(MemoryStore(), work.job)
        node.start()
        await asyncio.sleep(3.5 * EVERY)
        assert work.times[0] < 5
        assert work.gaps == [1000, 1000, 1000]
        assert node.values("chatserver_jobs_total") == {("p.work", "ok"): 4}
        [(_, last)] = await node.jobs.last_runs()
        assert last is not None and (last.failures, last.node) == (0, "node")
        await node.stop()

    run(test)


def test_the_time_that_a_run_takes_does_not_delay_the_next_one() -> None:
    async def test() -> None:
        work = Work(seconds=50)
        node = Node(MemoryStore(), work.job)
        node.start()
        await asyncio.sleep(3.5 * EVERY)
        assert work.gaps == [1000, 1000, 1000]
        [(_, last)] = await node.jobs.last_runs()
        assert last is not None and last.seconds == 50
        await node.stop()

    run(test)


def test_a_hurried_job_runs_at_once_but_not_repeatedly() -> None:
    async def test() -> None:
        work = Work()
        node = Node(MemoryStore(), work.job)
        node.start()
        await asyncio.sleep(EVERY / 2)
        node.jobs.hurry("nothing of this name")
        node.jobs.hurry("p.work")
        node.jobs.hurry("p.work")
        await asyncio.sleep(1)
        assert work.gaps == [EVERY / 2]
        node.jobs.hurry("p.work")
        await asyncio.sleep(EVERY)
        assert work.gaps[1:] == [RETRY_SECONDS]
        await node.stop()

    run(test)


def test_a_failed_job_is_not_hurried_before_its_pause_is_over() -> None:
    async def test() -> None:
        work = Work(error=True)
        node = Node(MemoryStore(), work.job)
        node.start()
        for _ in range(10):
            await asyncio.sleep(RETRY_SECONDS / 4)
            node.jobs.hurry("p.work")
        assert work.gaps == [RETRY_SECONDS]
        await node.stop()

    run(test)


def test_it_runs_on_one_node_and_on_another_when_that_one_is_gone() -> None:
    async def test() -> None:
        store, first, second = MemoryStore(), Work(), Work()
        nodes = [Node(store, work.job, name=str(work)) for work in (first, second)]
        for node in nodes:
            node.start()
        await asyncio.sleep(2.5 * EVERY)
        assert (len(first.times), len(second.times)) == (3, 0)
        await nodes[0].stop()
        await asyncio.sleep(10)
        assert second.times == []  # not due: the last run was just now
        await asyncio.sleep(EVERY)
        assert len(second.times) == 1
        await nodes[1].stop()

    run(test)


def test_a_job_that_fails_is_named_and_tried_again_and_others_go_on(logged: list[str]) -> None:
    async def test() -> None:
        bad, good = Work(error=True), Work()
        other = msgspec.structs.replace(good.job, name="p.other")
        node = Node(MemoryStore(), bad.job, other)
        node.start()
        await asyncio.sleep(3.5 * EVERY)
        assert bad.gaps[:5] == [RETRY_SECONDS * 2**n for n in range(4)] + [960]
        assert max(bad.gaps) <= EVERY
        assert good.gaps == [1000, 1000, 1000]
        failed = node.values("chatserver_jobs_total")[("p.work", "error")]
        assert failed == len(bad.times)
        [(_, last), _] = await node.jobs.last_runs()
        assert last is not None and last.failures == failed
        await node.stop()

    run(test)
    assert any("plugin p: register_jobs failed" in line for line in logged)
    assert any("job p.work failed" in line for line in logged)


def test_a_job_that_hangs_is_given_up_at_its_deadline(logged: list[str]) -> None:
    async def test() -> None:
        work = Work(seconds=1e6)
        job = msgspec.structs.replace(work.job, deadline=7.0)
        node = Node(MemoryStore(), job)
        node.start()
        await asyncio.sleep(20)
        assert node.values("chatserver_jobs_total") == {("p.work", "error"): 1}
        await node.stop()

    run(test)
    assert any("plugin p: register_jobs did not answer in time" in line for line in logged)


def test_a_run_that_takes_no_notice_of_its_end_is_named_and_left(logged: list[str]) -> None:
    async def test() -> None:
        store, second, enough = MemoryStore(), Work(), asyncio.Event()

        async def stubborn() -> None:
            while not enough.is_set():
                with suppress(asyncio.CancelledError):
                    await enough.wait()

        first = Node(store, Job(name="p.work", every=EVERY, run=stubborn), name="first")
        first.start()
        await asyncio.sleep(5)
        async with asyncio.timeout(10):
            await first.stop()
        other = Node(store, second.job, name="second")
        other.start()
        await asyncio.sleep(10)
        assert second.times == []  # who knows what the first one still does
        await asyncio.sleep(10)
        assert len(second.times) == 1
        await other.stop()
        enough.set()
        await asyncio.sleep(1)

    run(test)
    assert any("job/p.work does not end" in line for line in logged)


def test_a_run_that_is_cut_off_by_the_end_of_its_node_is_made_up_for() -> None:
    async def test() -> None:
        store, first, second = MemoryStore(), Work(seconds=50), Work()
        node = Node(store, first.job, name="first")
        node.start()
        await asyncio.sleep(10)
        await node.stop()
        assert (len(first.times), await node.jobs.last_runs()) == (1, [(first.job, None)])
        follower = Node(store, second.job, name="second")
        follower.start()
        await asyncio.sleep(10)
        assert len(second.times) == 1
        await follower.stop()

    run(test)


def test_a_store_that_is_away_delays_a_job_and_no_more() -> None:
    async def test() -> None:
        store, work = FaultyStore(MemoryStore()), Work()
        node = Node(store, work.job)
        store.arm([("before", 1.0)] * 20)
        node.start()
        await asyncio.sleep(100)
        assert len(work.times) == 1
        await node.stop()

    run(test)


@pytest.mark.parametrize("hours", [-1, 1, -87_600, 87_600])
def test_a_clock_that_was_wrong_delays_a_job_by_one_period_at_most(hours: int) -> None:
    async def test() -> None:
        store, work = MemoryStore(), Work()
        at = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
        last = LastRun(at=at, seconds=1.0, failures=0, node="another")
        await store.put(SPACE, "p.work", msgspec.json.encode(last))
        node = Node(store, work.job)
        node.start()
        await asyncio.sleep(EVERY + 10)
        assert work.times
        await node.stop()

    run(test)


@pytest.mark.parametrize(
    "record",
    [b"", b"\xff\xfe", b"[1]", b'{"at":"x","seconds":1,"failures":0,"node":"n"}', b"[" * 10**5],
)
def test_an_unreadable_record_is_logged_and_kept_and_the_job_runs(
    record: bytes, logged: list[str]
) -> None:
    async def test() -> None:
        store, work = MemoryStore(), Work()
        await store.put(SPACE, "p.work", record)
        node = Node(store, work.job)
        assert await node.jobs.last_runs() == [(work.job, UnreadableRun())]
        node.start()
        await asyncio.sleep(2.5 * EVERY)
        assert len(work.times) == 3
        [(_, last)] = await node.jobs.last_runs()
        assert isinstance(last, LastRun)
        assert [kept for _, kept in await store.scan(SPACE, "unreadable/p.work/")] == [record]
        assert node.values("chatserver_job_records_unreadable_total") == {("p.work",): 1}
        await node.stop()

    run(test)
    [line] = [line for line in logged if "cannot be read" in line]
    assert line.startswith("ERROR record p.work of job cannot be read and is kept as unreadable/")


def test_an_error_of_the_server_is_logged_and_the_job_continues(logged: list[str]) -> None:
    async def test() -> None:
        store, work, asked = MemoryStore(), Work(), 0
        get = store.get

        async def broken_twice(space: str, key: str) -> bytes | None:
            nonlocal asked
            asked += 1
            if asked <= 2:
                raise ValueError("broken on purpose")
            return await get(space, key)

        with mock.patch.object(store, "get", broken_twice):
            node = Node(store, work.job)
            node.start()
            await asyncio.sleep(3 * RESTART_SECONDS)
            assert len(work.times) == 1
            await node.stop()

    run(test)
    assert sum("job p.work failed and is restarted" in line for line in logged) == 2


async def test_a_job_without_a_period_refuses_to_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"plugin bad_job: job bad_job.work: its times"):
        Server(loaded(tmp_path, "memory", "password", "bad_job"))


@pytest.mark.virtual_time
@pytest.mark.parametrize("role", ["connections", "jobs"])
async def test_jobs_run_where_the_role_is(tmp_path: Path, role: str) -> None:
    given = loaded(tmp_path, "memory", "password", server__roles=[role])
    async with Server(given).opened() as server, server.working():
        await asyncio.sleep(10)
        runs = {job.name: last for job, last in await server.jobs.last_runs()}
        assert runs.keys() == {
            *("accounts.erase", "expired", "password.expired"),
            *("rooms.erase", "rooms.watchers", "sessions.addresses", "texts.erase"),
        }
        assert all((last is not None) is (role == "jobs") for last in runs.values())
