"""Timers run once their time has come, however nodes come and go, and one that fails stops no other."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest

from chatserver import ChatError, Due, StartupError, StoreUnavailable, Timer, Undeliverable
from chatserver.app import Server
from chatserver.cluster.leases import BEAT_SECONDS, Leases
from chatserver.cluster.timers import (
    KEY_BYTES,
    PAYLOAD_BYTES,
    SOON_SECONDS,
    PluginTimers,
    Timers,
)
from chatserver.cluster.timers.records import BY_KEY, BY_TIME, Pending, TimerRecords
from chatserver.cluster.timers.runner import KEEN_LOOK_SECONDS, LOOK_SECONDS
from chatserver.hooks.guard import Guard
from chatserver.runtime.clock import Clock, text_of
from chatserver.runtime.measure import Measures
from chatserver.service.changes import LOOK_SECONDS as CHANGES_SECONDS
from chatserver.service.changes import Changes
from chatserver_plugins.memory import MemoryStore
from chatserver_plugins.postgres import PostgresPlugin
from chatserver_plugins.sqlite import SqlitePlugin
from tests.core.nodes import FaultyStore, config
from tests.core.test_plugins import loaded
from tests.servers import PATIENT_MS, Postgres
from tests.virtual_time import run
from tests.waiting import until

START = 1_800_000_000.0
NAME = "p.bell"


class LoopClock(Clock):
    """Unix time that runs with the loop's. `ahead` is how far it was set forward, in seconds."""

    ahead = 0.0

    def now(self) -> float:
        return START + self.ticks() + self.ahead

    def text(self) -> str:
        return text_of(self.now())


class Bell:
    """A timer that notes what it was called for, and when, in seconds after START."""

    def __init__(self, seconds: float = 0.0, **options: Any) -> None:
        self.rings: list[tuple[str, float]] = []
        self.dues: list[Due] = []
        self.fails: Callable[[Due], Exception | None] = lambda due: None
        self.seconds = seconds
        self.busy = self.most_at_once = 0
        given: dict[str, Any] = {"name": NAME, "run": self.ring}
        self.timer = Timer(**given | options)

    async def ring(self, due: Due) -> None:
        self.dues.append(due)
        self.rings.append((due.key, round(asyncio.get_running_loop().time(), 3)))
        self.busy += 1
        self.most_at_once = max(self.most_at_once, self.busy)
        try:
            await asyncio.sleep(self.seconds)
            if (error := self.fails(due)) is not None:
                raise error
        finally:
            self.busy -= 1

    @property
    def keys(self) -> list[str]:
        return [key for key, _ in self.rings]


class Node:
    """A node with some timers, each of the plugin `p`."""

    def __init__(
        self,
        store: Any,
        *bells: Bell,
        name: str = "node",
        most: int = 1000,
        beat: float = BEAT_SECONDS,
        alone: bool = False,
    ) -> None:
        self.measures = Measures()
        guard = Guard(config().plugins, self.measures)
        self.leases = Leases(store, name, ticks=asyncio.get_running_loop().time, beat=beat)
        self.clock = LoopClock()
        self.changes = Changes(store, None)
        announce = None if alone else partial(self.changes.announce, "timer")
        self.all = Timers(
            store, guard, self.leases, self.measures, self.clock, most, announce=announce
        )
        self.changes.watch("timer", self.all.look_again)
        self._looking: asyncio.Task[None] | None = None
        self._alone = alone
        self.all.register([("p", bell.timer) for bell in bells])
        self.timers: PluginTimers = self.all.of("p")

    def start(self) -> "Node":
        self.all.start()
        self.leases.start()
        if not self._alone:
            self._looking = asyncio.create_task(self._look())
        return self

    async def _look(self) -> None:
        while True:
            await self.changes.look()
            await asyncio.sleep(CHANGES_SECONDS)

    async def stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        await self.all.stop()
        await self.leases.stop()

    async def crash(self) -> None:
        """Nothing is released any more."""
        assert self.leases._task is not None
        tasks = [*self.all._tasks.all(), self.leases._task]
        tasks += [self._looking] if self._looking is not None else []
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    def values(self, name: str) -> Any:
        measure: Any = next(each for each in self.measures if each.name == name)
        return measure.values


async def leftovers(store: Any) -> Sequence[str]:
    return [key for key, _ in await store.scan(f"timer/{NAME}", "")]


class Scanned(MemoryStore):
    scans = 0  # of timers

    async def scan(self, space: str, *given: Any, **named: Any) -> list[tuple[str, bytes]]:
        self.scans += space.startswith("timer/")
        return await super().scan(space, *given, **named)


@pytest.mark.parametrize("alone", [True, False])
def test_a_node_seldom_asks_and_is_in_time(alone: bool) -> None:
    async def test() -> None:
        store, bell = Scanned(), Bell()
        node = Node(store, bell, alone=alone).start()
        await asyncio.sleep(1)
        store.scans = 0
        await asyncio.sleep(10 * LOOK_SECONDS)
        assert store.scans == 10
        await node.timers.set(NAME, "soon", node.clock.now() + 0.7)
        await asyncio.sleep(0.8)
        assert bell.keys == ["soon"]
        await node.timers.set(NAME, "late", node.clock.now() + 3600)
        node.clock.ahead = 3600
        await asyncio.sleep(LOOK_SECONDS)
        assert bell.keys == ["soon", "late"]
        await node.stop()

    run(test)


def test_each_key_runs_once_at_its_time() -> None:
    async def test() -> None:
        store, bell = MemoryStore(), Bell()
        node = Node(store, bell).start()
        await node.timers.set(NAME, "hour", START + 3600, b"payload")
        await node.timers.set(NAME, "soon", START + 20)
        await node.timers.set(NAME, "past", START - 1e6)
        await asyncio.sleep(3600 - 1)
        assert bell.rings[1:] == [("soon", 20.0)]
        assert bell.keys == ["past", "soon"]
        await asyncio.sleep(100)
        assert bell.rings[2:] == [("hour", 3600.0)]
        due = bell.dues[2]
        assert due == Due(name=NAME, key="hour", at=START + 3600, payload=b"payload")
        assert await leftovers(store) == []
        assert node.values("chatserver_timers_total") == {(NAME, "ok"): 3}
        await node.stop()

    run(test)


def test_a_key_set_on_a_node_that_does_not_run_it_rings_within_a_second() -> None:
    async def test() -> None:
        store, first, second = MemoryStore(), Bell(), Bell()
        runs, sets = Node(store, first, name="a").start(), Node(store, second, name="b").start()
        await asyncio.sleep(30)
        await sets.timers.set(NAME, "k", START)
        await asyncio.sleep(1)
        assert (first.keys, second.keys) == (["k"], [])
        await runs.stop()
        await sets.stop()

    run(test)


@pytest.mark.parametrize(
    "after", [0.0, 2.0, LOOK_SECONDS, SOON_SECONDS - 1, SOON_SECONDS + 1, 60.0]
)
def test_a_key_set_elsewhere_is_in_time_and_announced_only_if_it_is_soon(after: float) -> None:
    async def test() -> None:
        store, bell = Scanned(), Bell()
        runs, sets = Node(store, bell, name="a").start(), Node(store, Bell(), name="b").start()
        await asyncio.sleep(30.1)
        at = asyncio.get_running_loop().time() + after
        await runs.timers.set(NAME, "mine", START + at)
        assert await store.scan("changed", "") == []  # it runs here
        await sets.timers.set(NAME, "theirs", START + at)
        assert len(await store.scan("changed", "")) == (after < SOON_SECONDS)
        await asyncio.sleep(after + CHANGES_SECONDS)
        assert sorted(bell.keys) == ["mine", "theirs"]
        assert all(at <= rung <= at + CHANGES_SECONDS for _, rung in bell.rings)
        await runs.stop()
        await sets.stop()

    run(test)


def test_many_keys_set_elsewhere_for_soon_take_few_notes_and_are_in_time() -> None:
    async def test() -> None:
        store, bell = MemoryStore(), Bell()
        runs, sets = Node(store, bell, name="a").start(), Node(store, Bell(), name="b").start()
        await asyncio.sleep(30.1)
        notes: set[str] = set()
        due: dict[str, float] = {}
        for number in range(240):  # twelve seconds
            now = asyncio.get_running_loop().time()
            due[f"{number:03}"] = now + (number % 3)
            await sets.timers.set(NAME, f"{number:03}", START + due[f"{number:03}"])
            notes |= {key for key, _ in await store.scan("changed", "")}
            await asyncio.sleep(0.05)
        assert len(notes) == 3
        await asyncio.sleep(3)
        assert sorted(bell.keys) == sorted(due)
        late = {key: round(rung - due[key], 3) for key, rung in bell.rings}
        assert min(late.values()) >= 0 and max(late.values()) <= KEEN_LOOK_SECONDS, late
        await runs.stop()
        await sets.stop()

    run(test)


def test_a_note_that_cannot_be_written_is_written_with_the_next_key() -> None:
    async def test() -> None:
        store, told = MemoryStore(), list[str]()
        node = Node(store, Bell())  # it runs nothing

        async def announce(name: str) -> None:
            told.append(name)
            if len(told) == 1:
                raise StoreUnavailable

        node.all._announce = announce
        with pytest.raises(StoreUnavailable):
            await node.timers.set(NAME, "k", START)
        for _ in range(2):
            await node.timers.set(NAME, "k", START)
        assert told == [NAME, NAME]

    run(test)


def test_a_dead_letter_that_is_retried_elsewhere_rings_at_once() -> None:
    async def test() -> None:
        store, bell = MemoryStore(), Bell()
        bell.fails = lambda due: Undeliverable("request.invalid", "no")
        runs, sets = Node(store, bell, name="a").start(), Node(store, Bell(), name="b").start()
        await asyncio.sleep(30)
        await runs.timers.set(NAME, "k", START)
        await until(lambda: bell.keys, 5)
        await asyncio.sleep(1)
        bell.fails = lambda due: None
        assert await sets.all.retry_dead(NAME, "k") == 1
        await asyncio.sleep(CHANGES_SECONDS)
        assert bell.keys == ["k", "k"]
        await runs.stop()
        await sets.stop()

    run(test)


def test_a_key_set_on_the_node_that_runs_it_rings_at_once() -> None:
    async def test() -> None:
        bell = Bell()
        node = Node(MemoryStore(), bell).start()
        await asyncio.sleep(30.2)
        await node.timers.set(NAME, "k", START)
        await asyncio.sleep(0.01)
        assert bell.rings == [("k", 30.2)]
        await node.stop()

    run(test)


def test_setting_again_replaces_and_cancelling_removes() -> None:
    async def test() -> None:
        store, bell = MemoryStore(), Bell()
        node = Node(store, bell).start()
        for at, payload in ((10, b"1"), (50, b"2"), (30, b"3")):
            await node.timers.set(NAME, "moved", START + at, payload)
        await node.timers.set(NAME, "gone", START + 20)
        assert await node.timers.get(NAME, "gone") == Due(name=NAME, key="gone", at=START + 20)
        assert await node.timers.cancel(NAME, "gone")
        assert not await node.timers.cancel(NAME, "gone")
        assert await node.timers.get(NAME, "gone") is None
        assert [state.pending for state in await node.all.states()] == [1]
        await asyncio.sleep(100)
        assert bell.rings == [("moved", 30.0)] and bell.dues[0].payload == b"3"
        assert await leftovers(store) == []
        await node.stop()

    run(test)


def test_what_is_set_is_listed_by_key() -> None:
    async def test() -> None:
        node = Node(MemoryStore(), Bell())
        for number, key in enumerate(("b/2", "a/1", "b/1", "b/3", "c")):
            await node.timers.set(NAME, key, START + number)
        found = await node.timers.list(NAME)
        assert [each.key for each in found] == ["a/1", "b/1", "b/2", "b/3", "c"]
        found = await node.timers.list(NAME, "b/", "b/1", 1)
        assert [(each.key, each.at) for each in found] == [("b/2", START)]

    run(test)


def test_a_run_may_set_its_own_key_again() -> None:
    async def test() -> None:
        store, bell = MemoryStore(), Bell()

        async def again(due: Due) -> None:
            await bell.ring(due)
            if len(bell.rings) < 3:
                await node.timers.set(NAME, due.key, due.at + 100)

        bell.timer = msgspec.structs.replace(bell.timer, run=again)
        node = Node(store, bell).start()
        await node.timers.set(NAME, "daily", START + 100)
        await asyncio.sleep(1000)
        assert [at for _, at in bell.rings] == [100.0, 200.0, 300.0]
        assert await leftovers(store) == []
        await node.stop()

    run(test)


def test_a_run_that_sets_its_key_again_and_then_fails_for_good_leaves_no_dead_letter() -> None:
    async def test() -> None:
        bell = Bell(attempts=1)

        async def again(due: Due) -> None:
            await bell.ring(due)
            if due.payload == b"first":
                await node.timers.set(NAME, due.key, due.at + 10, b"second")
                raise ChatError("plugin.failed")

        bell.timer = msgspec.structs.replace(bell.timer, run=again)
        node = Node(MemoryStore(), bell).start()
        await node.timers.set(NAME, "k", START + 10, b"first")
        await asyncio.sleep(100)
        assert [due.payload for due in bell.dues] == [b"first", b"second"]
        assert await node.all.dead(NAME) == []
        await node.stop()

    run(test)


def test_a_dead_letter_whose_key_was_set_since_is_not_retried() -> None:
    async def test() -> None:
        bell = Bell(attempts=1)
        bell.fails = lambda due: ChatError("plugin.failed")
        node = Node(MemoryStore(), bell).start()
        await node.timers.set(NAME, "k", START)
        await asyncio.sleep(5)
        await node.timers.set(NAME, "k", START + 1000, b"new")
        assert await node.all.retry_dead(NAME, None) == 0
        (state,) = await node.all.states()
        assert (state.pending, state.dead) == (1, 1)
        found = await node.timers.get(NAME, "k")
        assert found is not None and found.payload == b"new"
        await node.stop()

    run(test)


def test_what_came_due_while_no_node_ran_is_made_up_for_in_order_of_time() -> None:
    async def test() -> None:
        store, bell = MemoryStore(), Bell()
        sets = Node(store, bell, name="sets")
        for number in (3, 1, 250, 2, 150, 0):
            await sets.timers.set(NAME, str(number), START + number)
        await asyncio.sleep(1000)
        assert bell.rings == []
        node = Node(store, bell, name="runs").start()
        await asyncio.sleep(5)
        assert bell.keys == ["0", "1", "2", "3", "150", "250"]
        assert [due.at for due in bell.dues] == [START + int(due.key) for due in bell.dues]
        await node.stop()

    run(test)


def test_more_than_one_look_can_hold_are_all_run_and_few_at_once() -> None:
    async def test() -> None:
        store, bell = MemoryStore(), Bell(seconds=0.1, at_once=3)
        node = Node(store, bell)
        for number in range(350):
            await node.timers.set(NAME, f"{number:03}", START - 1000 + number)
        node.start()
        await asyncio.sleep(60)
        assert sorted(bell.keys) == bell.keys and len(bell.keys) == 350
        assert bell.most_at_once == 3
        assert await leftovers(store) == []
        await node.stop()

    run(test)


def test_one_that_fails_is_tried_again_with_growing_pauses_then_given_up(logged: list[str]) -> None:
    async def test() -> None:
        store, bell = MemoryStore(), Bell(attempts=4, backoff=10.0, longest_pause=25.0)
        other = Bell(name="p.other")
        bell.fails = lambda due: RuntimeError("on purpose") if due.key == "bad" else None
        node = Node(store, bell, other).start()
        await node.timers.set(NAME, "bad", START + 10, b"payload")
        await node.timers.set(NAME, "good", START + 10)
        await node.timers.set("p.other", "good", START + 10)
        await asyncio.sleep(1000)
        times = [at for key, at in bell.rings if key == "bad"]
        pauses = [later - at for at, later in pairwise(times)]
        assert len(pauses) == 3
        for pause, longest in zip(pauses, (10, 20, 25), strict=True):
            assert 0.8 * longest <= pause <= longest + 0.6
        assert [due.attempt for due in bell.dues if due.key == "bad"] == [1, 2, 3, 4]
        assert {due.at for due in bell.dues} == {START + 10}
        assert bell.keys.count("good") == len(other.keys) == 1
        (letter,) = await node.all.dead(NAME)
        assert (letter.key, letter.at, letter.payload) == ("bad", START + 10, b"payload")
        assert (letter.attempts, letter.error) == (4, "plugin.failed")
        assert node.values("chatserver_timer_dead_letters_total") == {(NAME,): 1}
        assert node.values("chatserver_timers_total")[NAME, "error"] == 4
        state = next(each for each in await node.all.states() if each.name == NAME)
        assert (state.node, state.pending, state.dead) == ("node", 0, 1)

        bell.fails = lambda due: None
        assert await node.all.retry_dead(NAME, "bad") == 1
        await asyncio.sleep(1)
        assert bell.keys[-1] == "bad" and bell.dues[-1].at == START + 10
        assert await leftovers(store) == []
        with pytest.raises(ChatError, match="has no dead letter"):
            await node.all.discard_dead(NAME, None)
        await node.stop()

    run(test)
    assert any("plugin p: register_timers failed" in line for line in logged)
    assert any(line == f"ERROR timer {NAME}: bad becomes a dead letter\n" for line in logged)


def test_an_error_may_ask_for_a_pause_or_say_that_there_is_no_hope() -> None:
    async def test() -> None:
        bell = Bell(attempts=2)
        errors: dict[str, Exception] = {
            "busy": ChatError("limit.rate", after_ms=40_000),
            "lost": Undeliverable("room.not_found"),
        }
        bell.fails = lambda due: errors[due.key]
        node = Node(MemoryStore(), bell).start()
        for key in errors:
            await node.timers.set(NAME, key, START)
        await asyncio.sleep(100)
        times = [at for key, at in bell.rings if key == "busy"]
        assert len(times) == 2 and 40 <= times[1] - times[0] < 41
        assert bell.keys.count("lost") == 1
        dead = {letter.key: letter for letter in await node.all.dead(NAME)}
        assert {key: (each.attempts, each.error) for key, each in dead.items()} == {
            "busy": (2, "limit.rate"),
            "lost": (1, "room.not_found"),
        }
        assert await node.all.discard_dead(NAME, "lost") == 1
        assert [letter.key for letter in await node.all.dead(NAME)] == ["busy"]
        await node.stop()

    run(test)


def test_one_that_hangs_is_ended_at_its_deadline_and_the_others_go_on() -> None:
    async def test() -> None:
        bell = Bell(at_once=2, attempts=1, deadline=20.0)

        async def hang(due: Due) -> None:
            await bell.ring(due)
            if due.key == "hangs":
                await asyncio.Event().wait()

        bell.timer = msgspec.structs.replace(bell.timer, run=hang)
        node = Node(MemoryStore(), bell).start()
        await node.timers.set(NAME, "hangs", START)
        for number in range(5):
            await node.timers.set(NAME, f"{number}", START + 5)
        await asyncio.sleep(10)
        assert sorted(bell.keys) == ["0", "1", "2", "3", "4", "hangs"]
        await asyncio.sleep(20)
        assert [letter.key for letter in await node.all.dead(NAME)] == ["hangs"]
        await node.stop()

    run(test)


def test_a_run_that_takes_no_notice_of_its_end_is_named_and_left(logged: list[str]) -> None:
    async def test() -> None:
        store, first, second, enough = MemoryStore(), Bell(), Bell(), asyncio.Event()

        async def stubborn(due: Due) -> None:
            while not enough.is_set():
                with suppress(asyncio.CancelledError):
                    await enough.wait()

        first.timer = msgspec.structs.replace(first.timer, run=stubborn)
        one = Node(store, first, name="a").start()
        await one.timers.set(NAME, "k", START)
        await asyncio.sleep(5)
        async with asyncio.timeout(10):
            await one.stop()
        two = Node(store, second, name="b").start()
        await asyncio.sleep(10)
        assert second.keys == []  # who knows what the first one still does
        await asyncio.sleep(10)
        assert second.keys == ["k"]
        await two.stop()
        enough.set()
        await asyncio.sleep(1)

    run(test)
    assert any(f"timer/{NAME} does not end" in line for line in logged)


def test_another_node_takes_over_and_repeats_what_was_interrupted() -> None:
    async def test() -> None:
        store, first, second = MemoryStore(), Bell(seconds=1e6, deadline=1e7), Bell()
        one, two = Node(store, first, name="a").start(), Node(store, second, name="b").start()
        await one.timers.set(NAME, "long", START)
        await one.timers.set(NAME, "later", START + 500)
        await asyncio.sleep(100)
        assert (first.keys, second.keys) == (["long"], [])
        await one.crash()
        await asyncio.sleep(30)
        assert second.keys == ["long"]
        await asyncio.sleep(500)
        assert second.keys == ["long", "later"] and second.rings[1][1] == 500.0
        await two.stop()

    run(test)


def test_a_node_that_stops_hands_over_at_once() -> None:
    async def test() -> None:
        store, first, second = MemoryStore(), Bell(seconds=1e6, deadline=1e7), Bell()
        one, two = Node(store, first, name="a").start(), Node(store, second, name="b").start()
        await two.timers.set(NAME, "k", START)
        await asyncio.sleep(10)
        await one.stop()
        await asyncio.sleep(3)
        assert second.keys == ["k"]
        await two.stop()

    run(test)


def test_a_store_that_is_away_delays_and_loses_nothing() -> None:
    async def test() -> None:
        behind, bell = MemoryStore(), Bell()
        store = FaultyStore(behind)
        node = Node(store, bell).start()
        for number in range(20):
            await node.timers.set(NAME, f"{number:02}", START + 10)
        await asyncio.sleep(9)
        faults = [("before", 0.0), ("after", 0.0), ("", 0.0), ("before", 0.0)] * 30
        store.arm(faults)
        await asyncio.sleep(300)
        assert set(bell.keys) == {f"{number:02}" for number in range(20)}
        assert await leftovers(behind) == []
        await node.stop()

    run(test)


@pytest.mark.parametrize("calls", range(8))
def test_a_node_that_dies_while_it_sets_a_key_leaves_a_timer_or_none(calls: int) -> None:
    """After each of its calls of the store."""

    async def test() -> None:
        behind, bell = MemoryStore(), Bell()
        dying = FaultyStore(behind)
        before = Node(behind, bell)
        await before.timers.set(NAME, "k", START + 10, b"old")
        dying.arm([*[("", 0.0)] * calls, *[("before", 0.0)] * 100])
        try:
            await Node(dying, bell).timers.set(NAME, "k", START + 20, b"new")
            is_set = True
        except StoreUnavailable:
            is_set = False
        found = await before.timers.get(NAME, "k")
        assert found is not None and (not is_set or found.payload == b"new")
        node = Node(behind, bell).start()
        await asyncio.sleep(100)
        assert [(due.at, due.payload) for due in bell.dues] == [(found.at, found.payload)]
        assert await leftovers(behind) == []
        await node.stop()

    run(test)


def test_a_key_that_has_lost_its_place_in_the_order_gets_it_back() -> None:
    async def test() -> None:
        store, bell = MemoryStore(), Bell()
        node = Node(store, bell)
        for number in range(3):
            await node.timers.set(NAME, str(number), START + number)
        for key, _ in await store.scan(f"timer/{NAME}", BY_TIME):
            await store.delete(f"timer/{NAME}", key)
        node.start()
        await asyncio.sleep(10)
        assert bell.keys == ["0", "1", "2"]
        await node.stop()

    run(test)


def test_a_place_that_is_looked_at_before_its_timer_is_written_stays() -> None:
    """The place of a new timer is written first; another node must not take it for a remnant."""

    async def test() -> None:
        store = MemoryStore()
        records = TimerRecords(store, NAME)
        pending = Pending(id="id", key="k", at=START, next=START)
        real_get, gets = store.get, list[str]()

        async def get(space: str, key: str) -> bytes | None:
            found = await real_get(space, key)
            gets.append(key)
            if len(gets) == 1:  # of `set`: between the place and the timer, a runner looks
                (place,) = await records.first(1)
                assert await records.at(place) is None
            return found

        store.get = get  # type: ignore[method-assign]
        await records.set(pending)
        (place,) = await records.first(1)
        found = await records.at(place)
        assert found is not None and found.pending == pending

    run(test)


def test_a_timer_that_is_written_while_its_place_is_removed_gets_it_back() -> None:
    async def test() -> None:
        store = MemoryStore()
        records = TimerRecords(store, NAME)
        pending = Pending(id="id", key="k", at=START, next=START)
        real_delete = store.delete

        async def delete(space: str, key: str, old: bytes | None = None) -> bool:
            if key.startswith(BY_TIME):  # another node ends its `set` just before
                await store.add(space, f"{BY_KEY}k", msgspec.json.encode(pending))
            return await real_delete(space, key, old)

        store.delete = delete  # type: ignore[method-assign]
        await store.put(f"timer/{NAME}", f"{BY_TIME}{int(START * 1000):015d}/id", b"k")
        (place,) = await records.first(1)
        assert await records.at(place) is None
        assert list(await records.first(1)) == [place]
        found = await records.at(place)
        assert found is not None and found.pending == pending

    run(test)


def test_records_that_cannot_be_read_are_kept_aside_and_stop_nothing(logged: list[str]) -> None:
    async def test() -> None:
        store, bell, space = MemoryStore(), Bell(), f"timer/{NAME}"
        node = Node(store, bell)
        await store.put(space, f"{BY_TIME}nonsense/x", b"k")
        await store.put(space, f"{BY_TIME}{0:015d}/y", b"broken")
        await store.put(space, f"{BY_KEY}broken", b"\xff{")
        await node.timers.set(NAME, "k", START)
        node.start()
        await asyncio.sleep(10)
        assert bell.keys == ["k"]
        kept = [key.split("/")[1:3] for key, _ in await store.scan(space, "unreadable/")]
        assert sorted(kept) == [["at", "nonsense"], ["key", "broken"]]
        await node.stop()

    run(test)
    assert sum("cannot be read" in line for line in logged) == 2


def test_a_plugin_has_a_limit_of_what_it_may_set() -> None:
    async def test() -> None:
        store, bell, other = MemoryStore(), Bell(), Bell(name="p.other")
        node = Node(store, bell, other, most=3)
        for key in ("a", "b"):
            await node.timers.set(NAME, key, START + 100)
        await node.timers.set("p.other", "c", START + 100)
        for again in (node, Node(store, bell, other, most=3)):
            with pytest.raises(ChatError, match="limit of timers") as caught:
                await again.timers.set("p.other", "d", START)
            assert caught.value.detail == {"field": "timers", "reason": "count"}
        await node.timers.set(NAME, "a", START + 200)  # replaces
        assert await node.timers.cancel(NAME, "b")
        await node.timers.set(NAME, "e", START + 100)

    run(test)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (("p.nothing", "k", START, b""), "has registered no timer 'p.nothing'"),
        ((NAME, "ü" * (KEY_BYTES // 2 + 1), START, b""), "a timer's key has at most"),
        ((NAME, "k", START, b"x" * (PAYLOAD_BYTES + 1)), "a timer's payload has at most"),
        ((NAME, "k", float("nan"), b""), "expected a Unix time"),
        ((NAME, "k", float("inf"), b""), "expected a Unix time"),
        ((NAME, "k", 1e12, b""), "expected a Unix time"),
    ],
)
def test_a_mistake_of_the_plugin_is_named(given: Any, text: str) -> None:
    async def test() -> None:
        store = MemoryStore()
        with pytest.raises(ValueError, match=text):
            await Node(store, Bell()).timers.set(*given)
        assert await leftovers(store) == []

    run(test)


def test_another_plugins_timer_is_out_of_reach() -> None:
    async def test() -> None:
        node = Node(MemoryStore(), Bell())
        for use in (
            node.all.of("q").set(NAME, "k", START),
            node.all.of("q").cancel(NAME, "k"),
            node.all.of("q").get(NAME, "k"),
            node.all.of("q").list(NAME),
        ):
            with pytest.raises(ValueError, match="the plugin q has registered no timer"):
                await use

    run(test)


def test_the_longest_key_and_payload_can_be_set() -> None:
    async def test() -> None:
        bell = Bell()
        node = Node(MemoryStore(), bell).start()
        key, payload = "ü" * (KEY_BYTES // 2), b"\0" * PAYLOAD_BYTES
        await node.timers.set(NAME, key, START, payload)
        await asyncio.sleep(5)
        assert [(due.key, due.payload) for due in bell.dues] == [(key, payload)]
        await node.stop()

    run(test)


async def test_what_is_set_survives_a_restart_on_a_file(tmp_path: Path) -> None:
    def store() -> Any:
        return SqlitePlugin(SqlitePlugin.Config(), tmp_path).provide_store()

    first, bell = store(), Bell()
    await first.open()
    node = Node(first, bell)
    await node.timers.set(NAME, "k", START + 1e9, b"payload")
    await node.timers.set(NAME, "now", START)
    await first.close()

    second = store()
    await second.open()
    node = Node(second, bell).start()
    await until(lambda: bell.keys == ["now"])
    while (keys := [due.key for due in await node.timers.list(NAME)]) != ["k"]:
        assert "k" in keys  # the other one is removed once its call has ended
        await asyncio.sleep(0.01)
    await node.stop()
    await second.close()


async def test_two_nodes_on_a_database_run_each_key_once_also_when_one_dies(
    postgres: Postgres,
) -> None:
    options = PostgresPlugin.Config(uri=postgres.uri, schema="timers", timeout_ms=PATIENT_MS)
    stores: list[Any] = [PostgresPlugin(options).provide_store() for _ in range(2)]
    first, second = Bell(), Bell()
    for store in stores:
        await store.open()
    one = Node(
        stores[0], first, name="a", beat=0.5
    ).start()  # no busy machine makes it lose a lease
    await until(lambda: one.all._runners[NAME].late is not None)
    two = Node(stores[1], second, name="b", beat=0.5).start()
    keys = [f"{number:02}" for number in range(20)]
    for key in keys:
        await two.timers.set(NAME, key, START)
    await until(lambda: len(first.keys) == 20)
    await until(lambda: leftovers_are_gone(stores[0]))
    assert (sorted(first.keys), second.keys) == (keys, [])
    await one.timers.set(NAME, "later", START + 1e9)
    await one.crash()
    for key in keys:
        await two.timers.set(NAME, key, START)
    await until(lambda: len(second.keys) == 20)
    assert sorted(second.keys) == keys
    assert [due.key for due in await two.timers.list(NAME)][-1] == "later"
    await two.stop()
    for store in stores:
        await store.close()


async def leftovers_are_gone(store: Any) -> bool:
    return not await leftovers(store)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("name", "other.bell", "its name must begin with bad_timer."),
        ("at_once", 0, "at_once and attempts must be at least 1"),
        ("attempts", 0, "at_once and attempts must be at least 1"),
        ("deadline", 0.0, "must be above 0"),
    ],
)
async def test_a_wrong_timer_refuses_to_start(
    tmp_path: Path, field: str, value: object, text: str
) -> None:
    settings = {f"plugin__bad_timer__{field}": value}
    with pytest.raises(StartupError, match=f"plugin bad_timer: timer .*: .*{text}"):
        Server(loaded(tmp_path, "memory", "password", "bad_timer", **settings))


@pytest.mark.virtual_time
async def test_without_timers_nothing_is_done_for_them(tmp_path: Path) -> None:
    async with Server(loaded(tmp_path, "memory", "password")).opened() as server, server.working():
        await asyncio.sleep(10)
        assert not [key for key, _ in await server.store.scan("lease", "timer/")]
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("timer")]


@pytest.mark.virtual_time
@pytest.mark.parametrize("is_private", [True, False])
async def test_a_server_tells_others_of_its_timers_and_looks_at_theirs(
    tmp_path: Path, is_private: bool
) -> None:
    with mock.patch.object(MemoryStore, "is_private", lambda store: is_private, create=True):
        found = loaded(tmp_path, "memory", "password", "reminders")
        async with Server(found).opened() as server:
            timer = server.timers.names()[0]
            await server.timers.set("reminders", timer, "k", 0.0, b"")
            told = [value for _, value in await server.store.scan("changed", "")]
            assert told == [] if is_private else [f"timer/{timer}".encode()]
            with mock.patch.object(server.timers._runners[timer], "wake_often") as wake:
                await server.service.changes.recheck("timer", timer)
                await server.service.changes.recheck("timer", "of a later version")
            wake.assert_called_once_with()
