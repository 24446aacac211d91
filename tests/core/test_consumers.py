"""A consumer gets every event of every room, in order, at least once, whatever fails on the way."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from unittest import mock

import pytest

from chatserver import ChatError, ReceiverBusy, StartupError, Undeliverable
from chatserver.errors import CODES
from chatserver.hooks.guard import Call
from chatserver.hooks.registering import Registry
from chatserver.hooks.types import Consumer
from chatserver.model import AnyEvent
from chatserver.runtime.clock import unix_time
from chatserver.runtime.measure import Gauge, Measures
from chatserver.testing.samples import described, joined, posted
from chatserver_plugins.memory import MemoryStore
from tests.core.consuming import Node, Sink, node, nothing, write
from tests.core.nodes import config, hook_calls
from tests.virtual_time import run

SWEEP = 5.0


@pytest.fixture(autouse=True)
def many_turns() -> Iterator[None]:
    with mock.patch("tests.virtual_time.MOST_TURNS", 2_000_000):
        yield


def test_every_event_of_every_room_comes_in_order() -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        for number in range(30):
            await write(store, f"r{number}", 1, 250)
        async with node(store, sink) as made:
            await asyncio.sleep(20)
            await write(store, "r3", 251, 260)  # as another node: found by a sweep
            await write(store, "new", 1, 2)
            await asyncio.sleep(2 * SWEEP)
            others = [number for number in range(30) if number != 3]
            assert all(sink.of(f"r{number}") == [*range(1, 251)] for number in others)
            assert sink.of("r3") == [*range(1, 261)]
            assert sink.of("new") == [1, 2]
            assert sink.most_at_once == 16
            assert made.count("chatserver_consumer_events_total") == 30 * 250 + 12
            assert [state.lag for state in await made.consumers.states()] == [0]

    run(test)


def test_events_of_this_node_are_handled_at_once() -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        async with node(store, sink) as made:
            await asyncio.sleep(SWEEP + 1)
            await write(store, "r", 1, 3)
            made.consumers.wake({"r"})
            await asyncio.sleep(0.1)
            assert sink.of("r") == [1, 2, 3]

    run(test)


def test_a_consumer_may_begin_with_events_from_now_on() -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        await write(store, "old", 1, 5)
        async with node(store, sink, start="now"):
            await asyncio.sleep(1)
            await write(store, "old", 6, 7)
            await write(store, "new", 1, 2)
            await asyncio.sleep(2 * SWEEP)
        await write(store, "old", 8, 8)
        await write(store, "newest", 1, 1)
        async with node(store, sink, start="now"):  # and it has begun: nothing is left out
            await asyncio.sleep(2 * SWEEP)
        assert (sink.of("old"), sink.of("new"), sink.of("newest")) == ([6, 7, 8], [1, 2], [1])

    run(test)


def test_it_begins_now_in_rooms_that_are_given_to_it_later() -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        for room in ("a", "b", "c"):
            await write(store, room, 1, 5)
        for rooms in (("a",), ("a", "b"), (), ("a",), ()):
            async with node(store, sink, start="now", rooms=rooms):
                await asyncio.sleep(1)
                last = (await store.heads(["a"]))["a"]
                for room in ("a", "b", "c"):
                    await write(store, room, last + 1, last + 1)
                await asyncio.sleep(2 * SWEEP)
            for room in ("a", "b", "c"):  # while no node runs it
                await write(store, room, last + 2, last + 2)
        assert sink.of("a") == [*range(6, 15)]  # it never left this one
        assert sink.of("b") == [8, 9, 10, 11, 12, 13, 14]
        assert sink.of("c") == [10, 11, 12, 13, 14]

    run(test)


def test_kinds_and_rooms_are_picked_and_the_rest_is_no_lag() -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        for room in ("a", "b"):
            await store.append([described(room, 1), joined(room, 2, "ada"), posted(room, 3, "ada")])
        picked = {"kinds": ("message.posted", "room.changed"), "rooms": ("a",)}
        async with node(store, sink, **picked) as made:
            await asyncio.sleep(2 * SWEEP)
            assert sink.got == [("a", 1), ("a", 3)]
            assert [state.lag for state in await made.consumers.states()] == [0]

    run(test)


def test_a_failing_room_holds_up_no_other_and_keeps_its_order(logged: list[str]) -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        await write(store, "bad", 1, 50)
        await write(store, "good", 1, 50)
        sink.fails = lambda event: (event.room, event.seq) == ("bad", 20)
        async with node(store, sink, attempts=None) as made:
            await asyncio.sleep(60)
            assert sink.of("good") == [*range(1, 51)]
            assert sink.first("bad") == [*range(1, 20)]
            sink.fails = lambda event: False
            await asyncio.sleep(120)
            assert sink.first("bad") == [*range(1, 51)]
            assert len(sink.of("bad")) < 50 + 20  # of the batch that failed, at most
            assert made.count("chatserver_consumer_failures_total") > 3

    run(test)
    assert any("consumer p.sink: room bad" in line for line in logged)


def test_the_age_of_the_oldest_unhandled_event_is_that_of_the_event() -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        await write(store, "bad", 1, 5)
        await write(store, "good", 1, 5)
        sink.fails = lambda event: (event.room, event.seq) == ("bad", 3)
        async with node(store, sink, attempts=None) as made:

            def age() -> float:
                gauge = next(
                    each
                    for each in made.measures
                    if each.name == "chatserver_consumer_oldest_seconds"
                )
                assert isinstance(gauge, Gauge)
                read = gauge.read()
                assert isinstance(read, Mapping)
                return read["p.sink",]

            await asyncio.sleep(3 * SWEEP)
            (event,) = await store.read("bad", 2, 1)
            assert age() == pytest.approx(time.time() - unix_time(event.at), abs=60)
            sink.fails = lambda event: False
            await asyncio.sleep(400)
            assert sink.first("bad") == [1, 2, 3, 4, 5]
            assert age() == 0

    run(test)


def test_events_that_were_removed_hold_up_nothing(logged: list[str]) -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        await write(store, "r", 1, 250)
        await store.remove("r", range(1, 240))
        sink.fails = lambda event: True
        async with node(store, sink, attempts=None) as running:
            await asyncio.sleep(3 * SWEEP)  # the sweeps look for the oldest event that waits
            sink.fails = lambda event: False
            await asyncio.sleep(400)
            assert sink.first("r") == [*range(1, 251)]
            assert [state.lag for state in await running.consumers.states()] == [0]

    run(test)
    assert not any("is restarted" in line for line in logged)


def test_an_event_that_fails_again_and_again_becomes_a_dead_letter(logged: list[str]) -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        await write(store, "r", 1, 10)
        sink.fails = lambda event: event.seq in (4, 7)
        async with node(store, sink, attempts=3) as made:
            await asyncio.sleep(60)
            assert sink.first("r") == [1, 2, 3, 5, 6, 8, 9, 10]
            letters = await made.consumers.dead("p.sink", None)
            assert [(each.room, each.seq, each.attempts) for each in letters] == [
                ("r", 4, 3),
                ("r", 7, 3),
            ]
            assert [state.dead for state in await made.consumers.states()] == [2]
            sink.fails = lambda event: event.seq == 7
            await made.consumers.retry_dead("p.sink", None)
            await asyncio.sleep(2 * SWEEP)
            assert sink.got[-1] == ("r", 4)
            assert [each.seq for each in await made.consumers.dead("p.sink", "r")] == [7]
            assert await made.consumers.dead("p.sink", "another") == []

    run(test)
    assert any("room r event 4 becomes a dead letter" in line for line in logged)


def test_a_dead_letter_that_still_fails_holds_up_no_other() -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        await write(store, "r", 1, 8)
        sink.fails = lambda event: True
        async with node(store, sink, attempts=1) as made:
            await asyncio.sleep(2 * SWEEP)
            tried = made.count("chatserver_consumer_failures_total")
            await made.consumers.retry_dead("p.sink", None)
            await asyncio.sleep(2 * SWEEP)
            assert made.count("chatserver_consumer_failures_total") == tried + 3
            sink.fails = lambda event: event.seq in (1, 2, 5)
            await made.consumers.retry_dead("p.sink", None)
            await asyncio.sleep(2 * SWEEP)
            assert sink.of("r") == [3, 4, 6, 7, 8]
            assert [each.seq for each in await made.consumers.dead("p.sink", None)] == [1, 2, 5]

    run(test)


def test_dead_letters_are_discarded_one_by_one_by_room_and_all() -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        for room in ("a", "b", "c"):
            await write(store, room, 1, 3)
        await write(store, "empty", 1, 1)
        sink.fails = lambda event: event.room != "empty"
        async with node(store, sink, attempts=1) as made:
            await asyncio.sleep(2 * SWEEP)
            discard = made.consumers.discard_dead
            assert await discard("p.sink", "a", 2) == 1
            left = [(each.room, each.seq) for each in await made.consumers.dead("p.sink", None)]
            assert left == [(r, n) for r in "abc" for n in (1, 2, 3) if (r, n) != ("a", 2)]
            for given, text in (
                (("p.snik", "a"), r"no consumer 'p\.snik'"),
                (("p.sink", "nowhere"), "There is no room 'nowhere'"),
                (("p.sink", "a", 2), "p.sink has no dead letter 2 in a"),
                (("p.sink", "empty"), "p.sink has no dead letter in empty"),
            ):
                with pytest.raises(ChatError, match=text):
                    await discard(*given)
            assert await discard("p.sink", "b") == 3
            assert await discard("p.sink", None) == 5
            with pytest.raises(ChatError, match=r"p\.sink has no dead letter\."):
                await discard("p.sink", None)
            sink.fails = lambda event: False
            await made.consumers.retry_dead("p.sink", None)
            await asyncio.sleep(2 * SWEEP)
            assert sink.got == [("empty", 1)]  # none of them comes again …
            await made.consumers.replay("p.sink", "a", 0)
            await asyncio.sleep(2 * SWEEP)
            assert sink.of("a") == [1, 2, 3]  # … but by a replay

    run(test)


def test_letters_that_are_discarded_while_one_is_tried_again_are_not_tried_any_more() -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        await write(store, "r", 1, 3)
        sink.fails = lambda event: True
        async with node(store, sink, attempts=1) as made:
            await asyncio.sleep(2 * SWEEP)
            tried = made.count("chatserver_consumer_failures_total")
            sink.seconds = 10.0
            await made.consumers.retry_dead("p.sink", None)
            await asyncio.sleep(SWEEP + 1)
            assert sink.busy == {"r"}
            assert await made.consumers.discard_dead("p.sink", None) == 3
            await asyncio.sleep(30)
            assert made.count("chatserver_consumer_failures_total") == tried + 1
            assert await made.consumers.dead("p.sink", None) == []

    run(test)


def test_an_event_that_no_attempt_can_help_is_given_up_at_once(logged: list[str]) -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        await write(store, "r", 1, 10)
        sink.fails = lambda event: event.seq == 4
        sink.error = Undeliverable("sink.too_large", meaning=CODES["limit.size"])
        async with node(store, sink, attempts=None) as made:
            await asyncio.sleep(10)
            assert sink.first("r") == [1, 2, 3, 5, 6, 7, 8, 9, 10]
            letters = await made.consumers.dead("p.sink", None)
            assert [(each.seq, each.error) for each in letters] == [(4, "sink.too_large")]

    run(test)
    assert any("room r event 4 becomes a dead letter" in line for line in logged)


def test_no_pause_is_longer_than_the_consumer_says(logged: list[str]) -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        await write(store, "r", 1, 1)
        sink.fails = lambda event: True
        async with node(store, sink, attempts=None, longest_pause=3.0) as made:
            await asyncio.sleep(300)
            assert made.count("chatserver_consumer_failures_total") > 300 / 3 - 5

    run(test)


@pytest.mark.parametrize(("asked", "attempts"), [(40_000, 3), (10**9, 2)])
def test_an_error_may_say_when_to_try_again(asked: int, attempts: int, logged: list[str]) -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        await write(store, "r", 1, 1)
        sink.fails = lambda event: True
        sink.error = ChatError("plugin.failed", after_ms=asked)
        async with node(store, sink, attempts=None, longest_pause=60.0) as made:
            await asyncio.sleep(100)
            assert made.count("chatserver_consumer_failures_total") == attempts

    run(test)


@pytest.mark.parametrize(("asked", "pause"), [(40_000, 40), (10**9, 100)])
def test_a_receiver_that_is_busy_is_left_alone_by_all_rooms(
    asked: int, pause: int, logged: list[str]
) -> None:
    async def test() -> None:
        store, sink, calls = MemoryStore(), Sink(), list[float]()
        loop = asyncio.get_running_loop()

        async def handle(events: Sequence[AnyEvent]) -> None:
            calls.append(loop.time())
            await sink.handle(events)

        for number in range(20):
            await write(store, f"r{number}", 1, 3)
        sink.error = ReceiverBusy("plugin.failed", after_ms=asked)
        sink.fails = lambda event: len(calls) <= 4
        options = {"rooms_at_once": 4, "longest_pause": 100.0, "attempts": 1}
        async with node(store, sink, handle=handle, **options) as made:
            await asyncio.sleep(SWEEP)
            assert len(calls) == 4  # those that were under way together
            await write(store, "new", 1, 1)
            made.consumers.wake({"new"})
            await asyncio.sleep(pause - SWEEP - 5)
            assert len(calls) == 4
            await asyncio.sleep(20)
            assert {room for room, _ in sink.got} == {*(f"r{n}" for n in range(20)), "new"}
            assert calls[4] >= calls[0] + pause

    run(test)


def test_dead_letters_are_not_tried_while_the_receiver_is_busy(logged: list[str]) -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        await write(store, "r", 1, 5)
        sink.fails = lambda event: True
        async with node(store, sink, attempts=1) as made:
            await asyncio.sleep(2 * SWEEP)
            assert [state.dead for state in await made.consumers.states()] == [5]
            tried = made.count("chatserver_consumer_failures_total")
            sink.error = ReceiverBusy("plugin.failed", after_ms=60_000)
            await made.consumers.retry_dead("p.sink", None)
            await asyncio.sleep(60)
            assert made.count("chatserver_consumer_failures_total") == tried + 1
            sink.fails = lambda event: False
            await asyncio.sleep(30)
            assert sink.of("r") == [2, 3, 4, 5]
            assert [each.seq for each in await made.consumers.dead("p.sink", None)] == [1]

    run(test)


def test_a_handler_that_hangs_or_raises_is_named(logged: list[str]) -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        await write(store, "r", 1, 2)

        async def handle(events: Sequence[AnyEvent]) -> None:
            if events[0].seq == 1:
                await asyncio.Event().wait()
            raise RuntimeError("broken on purpose")

        async with node(store, sink, handle=handle, attempts=1, deadline=2.0) as made:
            await asyncio.sleep(30)
            letters = await made.consumers.dead("p.sink", None)
            assert [each.error for each in letters] == ["plugin.failed"] * 2

    run(test)
    for what in ("did not answer in time", "failed"):
        assert any(f"plugin p: register_consumers {what}" in line for line in logged)


def test_a_replay_begins_where_it_is_told_and_never_skips() -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        for room in ("a", "b"):
            await write(store, room, 1, 10)
        async with node(store, sink) as made:
            await asyncio.sleep(2 * SWEEP)
            sink.got.clear()
            await made.consumers.replay("p.sink", "a", 6)
            await asyncio.sleep(2 * SWEEP)
            assert sink.got == [("a", seq) for seq in range(7, 11)]
            sink.got.clear()
            await made.consumers.replay("p.sink", None, 8)
            await made.consumers.replay("p.sink", None, 1000)
            await write(store, "a", 11, 11)
            await asyncio.sleep(2 * SWEEP)
            assert (sink.of("a"), sink.of("b")) == ([9, 10, 11], [9, 10])
            with pytest.raises(ChatError, match=r"no consumer 'p\.snik' \(there are: p\.sink\)"):
                await made.consumers.replay("p.snik", None, 0)

    run(test)


def test_an_impossible_replay_or_retry_is_refused() -> None:
    async def test() -> None:
        store = MemoryStore()
        await write(store, "a", 1, 10)
        await write(store, "b", 1, 10)
        async with node(store, Sink(), rooms=("a",)) as made:
            await made.consumers.replay("p.sink", "a", 9)
            for room, after, text in (
                ("nowhere", 0, "There is no room 'nowhere'"),
                ("b", 0, "p.sink does not read the room b"),
                ("a", 10, "There is no event 11 in a yet: the last one is 10"),
            ):
                with pytest.raises(ChatError, match=text):
                    await made.consumers.replay("p.sink", room, after)
            with pytest.raises(ChatError, match="There is no room 'nowhere'"):
                await made.consumers.retry_dead("p.sink", "nowhere")

    run(test)


def test_records_that_cannot_be_read_stop_nothing_and_lose_nothing(logged: list[str]) -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        for room in ("a", "b"):
            await write(store, room, 1, 5)
        async with node(store, sink):
            await asyncio.sleep(2 * SWEEP)
        space = "consumer/p.sink"
        for key in ("ask/1", "at/a", f"dead/b/{2:016d}"):
            await store.put(space, key, b"\xff{")
        sink.got.clear()
        async with node(store, sink) as made:
            await asyncio.sleep(2 * SWEEP)
            assert sink.got == [("a", seq) for seq in range(1, 6)]
            letters = await made.consumers.dead("p.sink", None)
            assert [(each.room, each.seq, each.error) for each in letters] == [
                ("b", 2, "record.unreadable")
            ]
            await made.consumers.retry_dead("p.sink", None)
            await asyncio.sleep(2 * SWEEP)
            assert sink.got[5:] == [("b", 2)]
            assert await made.consumers.dead("p.sink", None) == []
            assert [kept for _, kept in await store.scan(space, "unreadable/ask/1/")] == [b"\xff{"]

    run(test)
    assert sum("ask/1 of consumer/p.sink cannot be read" in line for line in logged) == 1
    assert any("consumer/p.sink: its position in room a cannot be read" in line for line in logged)


def test_a_handler_that_loses_its_cancellation_holds_up_nobody() -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        await write(store, "r", 1, 3)

        async def handle(events: Sequence[AnyEvent]) -> None:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(20)
            await sink.handle(events)

        async with node(store, sink, handle=handle, batch=1, rooms_at_once=1) as made:
            await asyncio.sleep(30)
            await made.consumers.replay("p.sink", "r", 0)
            await asyncio.sleep(50)
            assert sink.of("r") == [1, 2, 1, 2]
        await write(store, "r", 4, 4)
        async with asyncio.timeout(30), node(store, sink) as made:  # the lease was let go of
            await asyncio.sleep(2 * SWEEP)
            assert sink.of("r")[-1] == 4

    run(test)


def test_after_a_crash_nothing_is_left_out_and_little_comes_again() -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        first = Node(store, sink, "first")
        second = Node(store, sink, "second")
        position = 0
        for _ in range(20):
            await write(store, "r", position + 1, position + 10)
            position += 10
            first.consumers.wake({"r"})
            await asyncio.sleep(0.3)
        await first.crash()
        await write(store, "r", position + 1, position + 10)
        await asyncio.sleep(30)  # until the other one may take over
        assert sink.first("r") == [*range(1, position + 11)]
        assert len(sink.of("r")) <= position + 10 + 50
        await second.stop()

    run(test)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"kinds": ("message.sent",)}, "there is no kind of event 'message.sent'"),
        ({"batch": 0}, "must be at least 1"),
        ({"attempts": -1}, "must be at least 1"),
        ({"backoff": 0.0}, "must be above 0"),
        ({"longest_pause": 0.0}, "must be above 0"),
    ],
)
def test_a_consumer_that_makes_no_sense_refuses_to_start(
    options: dict[str, Any], text: str
) -> None:
    made = Consumer(**{"name": "p.c", "handle": nothing} | options)
    calls = {"register_consumers": [Call("p", lambda: [made], ())]}
    hooks = hook_calls(config(), Measures(), calls)
    context: Any = lambda plugin: None  # noqa: E731
    with pytest.raises(StartupError, match=f"plugin p: consumer p.c: .*{text}"):
        Registry(hooks.guard).ask("register_consumers", hooks.active, context)
