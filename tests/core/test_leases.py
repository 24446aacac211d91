"""One of several nodes on a store holds a lease; when it falls silent, another takes it over."""

import asyncio
import itertools
from typing import Any

import msgspec
import pytest

from chatserver.cluster.leases import EXPIRE_BEATS, HOLD_BEATS, SPACE, Lease, LeaseRecord, Leases
from chatserver.errors import StoreUnavailable
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import FaultyStore
from tests.virtual_time import run

BEAT = 2.0


class Nodes:
    """Two nodes that want one lease, and who works under it when."""

    def __init__(self) -> None:
        shared = MemoryStore()
        self.stores = [FaultyStore(shared), FaultyStore(shared)]
        self.working: list[int] = []
        self.turns: list[int] = []
        self.nodes = [self.node(number) for number in range(2)]
        self.tasks: list[asyncio.Task[None]] = []

    def node(self, number: int, **options: Any) -> Leases:
        ticks = asyncio.get_running_loop().time
        store: Any = self.stores[number]
        return Leases(store, f"node {number}", beat=BEAT, ticks=ticks, **options)

    def begin(self, number: int) -> Lease:
        lease = self.nodes[number].lease("thing")
        self.nodes[number].start()
        self.tasks.append(asyncio.create_task(lease.while_held(lambda: self.work(number))))
        return lease

    async def work(self, number: int) -> None:
        assert not self.working, "two nodes work at the same time"
        self.working.append(number)
        self.turns.append(number)
        try:
            await asyncio.Event().wait()
        finally:
            self.working.remove(number)

    def kill(self, number: int) -> None:
        """No more renewals, and nobody to stop the work either: a process that is gone."""
        task = self.nodes[number]._task
        assert task is not None
        task.cancel()

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)
        for node in self.nodes:
            await node.stop()


def test_one_node_holds_it_for_as_long_as_it_lives() -> None:
    async def test() -> None:
        nodes = Nodes()
        first, second = nodes.begin(0), nodes.begin(1)
        await asyncio.sleep(100 * BEAT)
        assert (first.held, second.held) == (True, False)
        assert nodes.turns == [0]
        await nodes.end()

    run(test)


def test_a_silent_holder_is_followed_after_it_has_stopped() -> None:
    async def test() -> None:
        nodes = Nodes()
        nodes.begin(0), nodes.begin(1)
        await asyncio.sleep(5 * BEAT)
        nodes.kill(0)
        await asyncio.sleep((HOLD_BEATS + 0.5) * BEAT)
        assert nodes.working == []  # the old one has stopped by itself, the new one waits
        await asyncio.sleep((EXPIRE_BEATS - HOLD_BEATS + 1.5) * BEAT)
        assert nodes.working == [1]
        await nodes.end()

    run(test)


class Apart(MemoryStore):
    """Can swap records only one by one, and fails for one of them."""

    swap_many = None  # type: ignore[assignment]
    broken = ""

    async def swap(self, space: str, key: str, old: bytes, new: bytes) -> bool:
        if key == self.broken:
            raise StoreUnavailable
        return await super().swap(space, key, old, new)


class Together(MemoryStore):
    """Counts writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[set[str]] = []

    async def swap_many(self, space: str, changes: Any) -> set[str]:
        self.writes.append(set(changes))
        return await super().swap_many(space, changes)


def test_all_leases_of_a_node_are_renewed_by_one_write() -> None:
    async def test() -> None:
        store, ticks = Together(), asyncio.get_running_loop().time
        node = Leases(store, "node", beat=BEAT, ticks=ticks)
        leases = [node.lease(name) for name in ("a", "b", "c")]
        await store.put(SPACE, "c", msgspec.json.encode(LeaseRecord("another", 1)))
        node.start()
        await asyncio.sleep(2.5 * BEAT)
        assert [lease.held for lease in leases] == [True, True, False]
        assert store.writes == [{"a", "b"}] * 2
        await asyncio.sleep((EXPIRE_BEATS + HOLD_BEATS) * BEAT)
        assert [lease.held for lease in leases] == [True, True, True]  # the other one is silent
        assert store.writes[-1] == {"a", "b", "c"}
        await node.stop()

    run(test)


def test_a_record_that_cannot_be_written_holds_up_no_other() -> None:
    async def test() -> None:
        store, ticks = Apart(), asyncio.get_running_loop().time
        failures: list[StoreUnavailable] = []
        node = Leases(store, "node", beat=BEAT, ticks=ticks, on_failure=failures.append)
        leases = [node.lease(name) for name in ("a", "b", "c")]
        node.start()
        await asyncio.sleep(BEAT / 2)
        store.broken = "b"
        await asyncio.sleep((HOLD_BEATS + 1) * BEAT)
        assert [lease.held for lease in leases] == [True, False, True]
        assert len(failures) == HOLD_BEATS + 1
        await node.stop()

    run(test)


def test_a_lease_that_is_let_go_of_is_taken_at_once() -> None:
    async def test() -> None:
        nodes = Nodes()
        nodes.begin(0), nodes.begin(1)
        await asyncio.sleep(5 * BEAT)
        nodes.tasks[0].cancel()
        await nodes.nodes[0].stop()
        await asyncio.sleep(1.1 * BEAT)
        assert nodes.turns == [0, 1]
        await nodes.end()

    run(test)


@pytest.mark.parametrize("record", [b"", b"\xff", b'{"owner":7}'])
def test_a_record_that_cannot_be_read_is_taken_over_and_holds_up_no_other(
    record: bytes, logged: list[str]
) -> None:
    async def test() -> None:
        nodes = Nodes()
        await nodes.stores[0].behind.put(SPACE, "another", record)
        another = nodes.nodes[0].lease("another")
        assert await nodes.nodes[0].holder("another") == "unknown"
        first = nodes.begin(0)
        await asyncio.sleep(BEAT)
        assert (first.held, another.held) == (True, False)  # somebody may be acting under it
        await asyncio.sleep((EXPIRE_BEATS + 1) * BEAT)
        assert (first.held, another.held) == (True, True)
        await nodes.end()

    run(test)
    assert any("another is taken over from unknown" in line for line in logged)


@pytest.mark.parametrize("kind", ["before", "after", "much later"])
def test_a_store_that_does_not_answer_leaves_never_two(kind: str) -> None:
    async def test() -> None:
        nodes = Nodes()
        nodes.begin(0), nodes.begin(1)
        await asyncio.sleep(3 * BEAT)
        for _ in range(20):
            for store in nodes.stores:
                store.arm([(kind, BEAT * 0.7)] * 7)
            await asyncio.sleep(20 * BEAT)
        assert len(nodes.working) == 1  # and `work` has looked that there never were two
        await nodes.end()
        for store in nodes.stores:
            await store.settle()

    run(test)


def test_a_store_that_is_away_for_long_stops_the_holder() -> None:
    async def test() -> None:
        nodes = Nodes()
        nodes.begin(0)
        await asyncio.sleep(3 * BEAT)
        nodes.stores[0].arm([("before", 0.0)] * 10)
        await asyncio.sleep((HOLD_BEATS + 1) * BEAT)
        assert nodes.working == []
        nodes.stores[0].heal()
        await asyncio.sleep(2 * BEAT)
        assert nodes.working == [0]
        await nodes.end()

    run(test)


def test_a_single_node_on_a_store_waits_for_nobody() -> None:
    async def test() -> None:
        nodes = Nodes()
        nodes.begin(0)
        await asyncio.sleep(BEAT)
        nodes.tasks[0].cancel()
        nodes.kill(0)
        nodes.nodes[1] = nodes.node(1, alone=True)
        nodes.begin(1)
        await asyncio.sleep(0.1)
        assert nodes.working == [1]
        await nodes.end()

    run(test)


def test_work_that_loses_a_cancellation_ends_all_the_same() -> None:
    async def test() -> None:
        nodes, lost = Nodes(), 0

        async def deaf() -> None:
            nonlocal lost
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
                await asyncio.Event().wait()

        task = asyncio.create_task(nodes.nodes[0].lease("thing").while_held(deaf))
        nodes.tasks.append(task)
        nodes.nodes[0].start()
        await asyncio.sleep(2 * BEAT)
        task.cancel()
        async with asyncio.timeout(5 * BEAT):
            await asyncio.wait({task})
        assert (lost, task.cancelled()) == (1, True)
        await nodes.end()

    run(test)


def test_work_that_ends_or_fails_says_so() -> None:
    async def fail() -> None:
        raise ValueError("broken on purpose")

    async def test() -> None:
        nodes = Nodes()
        lease = nodes.nodes[0].lease("thing")
        nodes.nodes[0].start()
        with pytest.raises(ValueError, match="on purpose"):
            await lease.while_held(fail)
        await nodes.nodes[0].stop()

    run(test)


def test_each_failure_of_the_store_is_reported() -> None:
    async def test() -> None:
        nodes, failures = Nodes(), list[StoreUnavailable]()
        nodes.nodes[0] = nodes.node(0, on_failure=failures.append)
        nodes.begin(0)
        await asyncio.sleep(2 * BEAT)
        assert failures == []
        nodes.stores[0].arm(itertools.repeat(("before", 0.0)))
        await asyncio.sleep(3 * BEAT)
        assert len(failures) == 3
        nodes.stores[0].heal()
        await nodes.end()

    run(test)
