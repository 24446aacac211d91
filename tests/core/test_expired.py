"""Records that expire are removed a part at a time, and not by a clock that is wrong."""

from typing import Any
from unittest import mock

import pytest

from chatserver.cluster import expired
from chatserver.cluster.expired import EVERY, SPARE_SECONDS, Sweep
from chatserver.hooks.expiring import SPACES, ExpiringSpace
from chatserver.testing.clock import FakeClock
from chatserver_plugins.memory import MemoryStore

pytestmark = pytest.mark.virtual_time
OVER = SPARE_SECONDS + 1000


async def swept(store: Any, clock: FakeClock) -> int:
    """Number of records that a run removes, EVERY after the last."""
    before = await count(store)
    await clock.advance(EVERY)
    await Sweep(store, clock).run()
    return before - await count(store)


async def count(store: Any) -> int:
    return sum([len(await store.scan(each, "")) for each in await store.spaces() if SPACES in each])


async def test_a_clock_that_jumps_removes_nothing_at_first() -> None:
    clock, store = FakeClock(), MemoryStore()
    await ExpiringSpace(store, "p", clock).put("k", b"", 10)
    await Sweep(store, clock).run()
    await clock.advance(10 * 365 * 86400)
    await Sweep(store, clock).run()
    assert await count(store) == 1
    clock._now -= 10 * 365 * 86400
    await Sweep(store, clock).run()
    assert await count(store) == 1
    assert await swept(store, clock) == 1


async def test_a_value_that_has_just_ended_is_kept_for_nodes_whose_clock_is_slow() -> None:
    clock, store = FakeClock(), MemoryStore()
    await ExpiringSpace(store, "p", clock).put("k", b"", EVERY - 10)
    await Sweep(store, clock).run()
    assert [await swept(store, clock) for _ in range(2)] == [0, 1]


async def test_a_run_looks_at_so_many_and_the_next_one_continues() -> None:
    clock, store = FakeClock(), MemoryStore()
    for plugin in ("p", "q"):
        for n in range(25):
            await ExpiringSpace(store, plugin, clock).put(f"{n:02}", b"", 10)
    await Sweep(store, clock).run()
    with mock.patch.multiple(expired, MOST=20, PAGE=10):
        removed = [await swept(store, clock) for _ in range(5)]
    assert removed == [20, 25, 5, 0, 0]  # a page is looked at as a whole
    assert await count(store) == 0


async def test_a_value_that_was_set_again_meanwhile_stays() -> None:
    clock, store = FakeClock(), MemoryStore()
    space = ExpiringSpace(store, "p", clock)
    await space.put("k", b"old", 10)
    await Sweep(store, clock).run()
    real_scan = store.scan

    async def scan(*given: Any) -> Any:
        rows = await real_scan(*given)
        if rows and await space.get("k") is None:
            await space.put("k", b"new", 1e6)
        return rows

    with mock.patch.object(store, "scan", scan):
        await clock.advance(EVERY)
        await Sweep(store, clock).run()
    assert await space.get("k") == b"new"


@pytest.mark.parametrize("record", [b"", b"[1]", b"\xff"])
async def test_an_unreadable_note_of_the_last_run_is_as_none(record: bytes) -> None:
    clock, store = FakeClock(), MemoryStore()
    await store.put(expired.SPACE, expired.KEY, record)
    await Sweep(store, clock).run()
    await ExpiringSpace(store, "p", clock).put("k", b"", -OVER)
    assert await swept(store, clock) == 1
