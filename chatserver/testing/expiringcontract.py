"""Contract of records that expire, which the server keeps in the plain records of any store."""

import asyncio

import pytest

from chatserver import ExpiringRecords, Store
from chatserver.cluster.expired import EVERY, SPARE_SECONDS, Sweep
from chatserver.hooks.expiring import SPACES, ExpiringSpace
from chatserver.testing.clock import FakeClock

PLUGIN = "p"


class ExpiringContract:
    """A part of `StoreContract`."""

    async def test_a_value_ends_after_its_time(self, store: Store) -> None:
        clock = FakeClock()
        space = spaces(clock, store)
        await space.put("k", b"1", 10)
        await space.put("longer", b"", 100)
        await clock.advance(9.5)
        assert await space.get("k") == b"1"
        await clock.advance(0.5)
        assert await space.get("k") is None
        assert await space.scan("") == [("longer", b"")]
        await space.put("k", b"2", 10)
        assert await space.get("k") == b"2"
        await space.put("over", b"", -1)
        await space.put("at once", b"", 0)
        assert [key for key, _ in await space.scan("")] == ["k", "longer"]

    async def test_a_new_value_has_its_own_time(self, store: Store) -> None:
        clock = FakeClock()
        space = spaces(clock, store)
        await space.put("k", b"1", 10)
        await clock.advance(5)
        await space.put("k", b"2", 10)
        await clock.advance(9)
        assert await space.get("k") == b"2"
        await clock.advance(1)
        assert await space.get("k") is None

    async def test_an_ended_value_is_as_none(self, store: Store) -> None:
        clock = FakeClock()
        space = spaces(clock, store)
        for key in ("added", "swapped", "deleted"):
            assert await space.add(key, b"1", 10)
            assert not await space.add(key, b"2", 10)
        await clock.advance(10)
        assert not await space.swap("swapped", b"1", b"2", 10)
        assert not await space.delete("deleted")
        assert not await space.delete("deleted", b"1")
        assert await space.add("added", b"3", 10)
        assert await space.scan("") == [("added", b"3")]

    async def test_swap_and_delete_only_what_is_there(self, store: Store) -> None:
        clock = FakeClock()
        space = spaces(clock, store)
        assert not await space.swap("k", b"", b"1", 10)
        assert not await space.delete("k")
        await space.put("k", b"1", 10)
        assert not await space.swap("k", b"2", b"3", 10)
        await clock.advance(5)
        assert await space.swap("k", b"1", b"3", 10)
        await clock.advance(9)
        assert await space.get("k") == b"3"
        assert not await space.delete("k", b"1")
        assert await space.delete("k", b"3")
        assert await space.get("k") is None

    async def test_of_racing_adds_over_an_ended_value_one_wins(
        self, store: Store, other: Store
    ) -> None:
        clock = FakeClock()
        nodes = [spaces(clock, store), spaces(clock, other)] * 4
        await nodes[0].put("k", b"old", 10)
        await clock.advance(10)
        won = await asyncio.gather(
            *(node.add("k", str(n).encode(), 10) for n, node in enumerate(nodes))
        )
        assert won.count(True) == 1
        assert await nodes[1].get("k") == str(won.index(True)).encode()

    async def test_a_scan_leaves_out_ended_values_and_fills_its_pages(self, store: Store) -> None:
        clock = FakeClock()
        space = spaces(clock, store)
        keys = [f"a{n:02}" for n in range(30)]
        for n, key in enumerate(keys):
            await space.put(key, key.encode(), 100 if n % 3 == 0 else 10)
        await space.put("b", b"", 100)
        await clock.advance(10)
        assert [key for key, _ in await space.scan("a", limit=4)] == ["a00", "a03", "a06", "a09"]
        found = await space.scan("a", "a09", 100)
        assert found == [(key, key.encode()) for key in keys[12::3]]
        assert await space.scan("a", limit=0) == []

    async def test_spaces_are_those_of_plugins_and_plain_records_stay(self, store: Store) -> None:
        clock = FakeClock()
        await store.put(f"plugin/{PLUGIN}", "k", b"plain")
        await spaces(clock, store).put("k", b"1", 10)
        assert await ExpiringSpace(store, "q", clock).get("k") is None
        await clock.advance(10)
        assert await store.get(f"plugin/{PLUGIN}", "k") == b"plain"

    async def test_keys_and_times_that_no_store_keeps_are_refused(self, store: Store) -> None:
        space = spaces(FakeClock(), store)
        with pytest.raises(ValueError, match="1024 bytes"):
            await space.put("k" * 1025, b"", 1)
        for seconds in (float("inf"), float("nan"), 1e12):
            with pytest.raises(ValueError, match="number of seconds"):
                await space.add("k", b"", seconds)

    async def test_ended_values_are_removed(self, store: Store) -> None:
        clock = FakeClock()
        space, sweep = spaces(clock, store), Sweep(store, clock)
        for n in range(20):
            await space.put(f"{n:02}", b"", 100 if n % 2 else 1e6)
        await store.put("plugin/p", "k", b"\0" * 20)
        await sweep.run()
        for _ in range(int(SPARE_SECONDS / EVERY) + 1):
            await clock.advance(EVERY)
            await sweep.run()
        left = [key for key, _ in await store.scan(SPACES + PLUGIN, "")]
        assert left == [f"{n:02}" for n in range(0, 20, 2)]
        assert await store.get("plugin/p", "k") == b"\0" * 20


def spaces(clock: FakeClock, store: Store) -> ExpiringRecords:
    """One node's way to the plugin's records."""
    return ExpiringSpace(store, PLUGIN, clock)
