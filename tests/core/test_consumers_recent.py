"""Consumers get what their node has just written from its memory, and pass by what is not for them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from unittest import mock

from chatserver.cluster.bus.arrivals import FRESH_SECONDS
from chatserver.cluster.consumers.recent import (
    HIGHEST_SECONDS,
    KEEP_SECONDS,
    MOST_EVENTS,
    Recent,
)
from chatserver.model import AnyEvent, MessageEdited, MessagePosted
from chatserver.testing.samples import described, posted, user
from chatserver_plugins.memory import MemoryStore
from tests.core.consuming import Sink, node, write
from tests.virtual_time import run

SWEEP = 5.0


class Asked(MemoryStore):
    """Counts what is read of the log, and the positions that are written."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.written: list[dict[str, bytes]] = []

    async def shown(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        self.reads += 1
        return await super().shown(wanted, limit)

    async def put_many(self, space: str, values: Mapping[str, bytes]) -> None:
        self.written.append(dict(values))
        await super().put_many(space, values)


def edited(room: str, seq: int, of: int) -> MessageEdited:
    changed: dict[str, Any] = {"message": f"{room}-{of}", "body": "another", "author": user("ada")}
    return MessageEdited(room=room, seq=seq, at="2026-01-01T00:00:00.000Z", **changed)


def test_what_this_node_wrote_is_not_read_again() -> None:
    async def test() -> None:
        store, sink = Asked(), Sink()
        await write(store, "r", 1, 1)
        async with node(store, sink) as made:
            await asyncio.sleep(SWEEP + 1)
            before = store.reads
            for seq in range(2, 40):
                made.consumers.heard(await write(store, "r", seq, seq))
                await asyncio.sleep(0.1)
            assert sink.of("r") == [*range(1, 40)]
            assert store.reads == before

    run(test)


def test_events_for_nobody_wake_nobody_and_are_no_lag() -> None:
    async def test() -> None:
        store, sink = Asked(), Sink()
        await store.append([described("r", 1)])

        def wants(event: AnyEvent) -> bool:
            return isinstance(event, MessagePosted) and event.body == "yes"

        async with node(store, sink, kinds=("message.posted",), wants=wants) as made:
            await asyncio.sleep(SWEEP + 1)
            before = store.reads
            for seq in range(2, 100):
                (event,) = await write(store, "r", seq, seq)
                made.consumers.heard([event])
                assert not made.consumers._readers["p.sink"]._due._queued  # type: ignore[union-attr]
            assert (sink.got, store.reads) == ([], before)
            await asyncio.sleep(SWEEP + 1)
            assert [state.lag for state in await made.consumers.states()] == [0]
            last = posted("r", 100, body="yes")
            await store.append([last])
            made.consumers.heard([last])
            await asyncio.sleep(0.1)
            assert sink.of("r") == [100]
        before = len(store.written)
        async with node(store, sink, kinds=("message.posted",), wants=wants):
            await asyncio.sleep(SWEEP + 1)
        assert sink.of("r") == [100] and len(store.written) == before

    run(test)


def is_yes(event: AnyEvent) -> bool:
    return isinstance(event, MessagePosted) and event.body == "yes"


def test_what_another_node_wrote_in_between_is_not_passed_by() -> None:
    async def test() -> None:
        store, sink = Asked(), Sink()
        await store.append([posted("r", 1)])
        async with node(store, sink, wants=is_yes) as made:
            await asyncio.sleep(SWEEP + 1)
            before = posted("r", 2, body="yes")
            await store.append([before])
            made.consumers.heard(await write(store, "r", 3, 3))
            await asyncio.sleep(0.1)
            assert sink.of("r") == [2]
            first, between, last = posted("r", 4), posted("r", 5, body="yes"), posted("r", 6)
            await store.append([first, between, last])
            made.consumers.heard([first, last])
            await asyncio.sleep(0.1)
            assert sink.of("r") == [2, 5]

    run(test)


def test_a_consumer_of_some_rooms_hears_nothing_of_others() -> None:
    async def test() -> None:
        store, sink = Asked(), Sink()
        async with node(store, sink, rooms=("r",)) as made:
            await asyncio.sleep(SWEEP + 1)
            made.consumers.heard(
                [*await write(store, "other", 1, 2), *await write(store, "r", 1, 1)]
            )
            await asyncio.sleep(0.1)
            assert sink.got == [("r", 1)]

    run(test)


def test_positions_of_many_rooms_are_written_together() -> None:
    async def test() -> None:
        store, sink = Asked(), Sink()
        async with node(store, sink) as made:
            await asyncio.sleep(1)
            for number in range(50):
                made.consumers.heard(await write(store, f"r{number}", 1, 1))
            await asyncio.sleep(2)
            assert [len(values) for values in store.written] == [50]

    run(test)


def test_a_store_that_cannot_write_them_together_writes_them_one_by_one() -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        with mock.patch.object(MemoryStore, "put_many", None):
            async with node(store, sink) as made:
                await asyncio.sleep(1)
                for number in range(50):
                    made.consumers.heard(await write(store, f"r{number}", 1, 3))
                await asyncio.sleep(2)
                assert [state.lag for state in await made.consumers.states()] == [0]

    run(test)


def test_what_cannot_be_judged_is_for_the_consumer() -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()

        def wants(event: AnyEvent) -> bool:
            raise RuntimeError("broken on purpose")

        async with node(store, sink, wants=wants) as made:
            await asyncio.sleep(1)
            made.consumers.heard(await write(store, "r", 1, 2))
            await asyncio.sleep(1)
            assert sink.of("r") == [1, 2]

    run(test)


def test_a_text_that_was_replaced_is_not_passed_on() -> None:
    async def test() -> None:
        store, sink = MemoryStore(), Sink()
        got: list[AnyEvent] = []

        async def handle(events: Sequence[AnyEvent]) -> None:
            await asyncio.sleep(0.05)
            got.extend(events)

        async with node(store, sink, handle=handle) as made:
            await asyncio.sleep(1)
            made.consumers.heard(await write(store, "r", 1, 1))
            await asyncio.sleep(0.01)  # now it is handled
            made.consumers.heard(await write(store, "r", 2, 2))
            change = edited("r", 3, of=2)
            await store.append([change])
            made.consumers.heard([change])
            await asyncio.sleep(1)
        assert [event.seq for event in got] == [1, 2, 3]
        assert isinstance(got[1], MessagePosted) and got[1].redacted and not got[1].body

    run(test)


def heard(recent: Recent, *events: AnyEvent) -> None:
    written: dict[str, list[AnyEvent]] = {}
    for event in events:
        written.setdefault(event.room, []).append(event)
    recent.heard(written)


def seqs(recent: Recent, after: int, limit: int = 100, room: str = "r") -> list[int]:
    return [event.seq for event in recent.after(room, after, limit)]


def test_the_last_moment_is_kept_without_holes() -> None:
    async def test() -> None:
        recent = Recent()
        heard(recent, posted("r", 5), posted("r", 6), posted("other", 1))
        assert [seqs(recent, after) for after in (3, 4, 5, 6, 7)] == [[], [5, 6], [6], [], []]
        assert (seqs(recent, 4, 1), seqs(recent, 0, room="other")) == ([5], [1])
        heard(recent, posted("r", 8))  # another node wrote the one before
        assert (seqs(recent, 4), seqs(recent, 6), seqs(recent, 7)) == ([], [], [8])
        recent.forget("r")
        assert seqs(recent, 7) == []
        heard(recent, posted("r", 9), edited("r", 10, of=9))
        assert (seqs(recent, 8), seqs(recent, 9)) == ([], [10])
        heard(recent, posted("r", 11), described("r", 12))
        assert (seqs(recent, 10), seqs(recent, 11)) == ([], [12])

    run(test)


def test_events_stay_for_a_moment() -> None:
    async def test() -> None:
        recent = Recent()
        heard(recent, posted("r", 1))
        await asyncio.sleep(KEEP_SECONDS * 1.1)
        heard(recent, posted("r", 2))
        assert (seqs(recent, 0), seqs(recent, 1), seqs(recent, 0, 1)) == ([1, 2], [2], [1])
        await asyncio.sleep(KEEP_SECONDS)
        assert (seqs(recent, 0), seqs(recent, 1)) == ([], [2])
        heard(recent, posted("r", 4))
        assert (seqs(recent, 1), seqs(recent, 3)) == ([], [4])
        await asyncio.sleep(3 * KEEP_SECONDS)
        assert not recent._before and not recent._now and recent._timer is None

    run(test)


def test_events_of_other_nodes_are_kept_unless_later_ones_are_known() -> None:
    async def test() -> None:
        recent = Recent()
        assert recent.came("r", [posted("r", 5), posted("r", 6)])
        heard(recent, posted("r", 7))
        assert recent.came("r", [posted("r", 8)])
        assert seqs(recent, 4) == [5, 6, 7, 8]
        assert not recent.came("r", [posted("r", 8), posted("r", 9)])
        assert seqs(recent, 8) == []
        heard(recent, edited("r", 11, of=10))
        recent.forget("r")
        assert not recent.came("r", [posted("r", 10)])  # it came late, and has been edited
        assert seqs(recent, 9) == []
        assert recent.came("r", [posted("r", 12)]) and recent.came("other", [posted("other", 1)])
        heard(recent, posted("r", 11))  # this node was slow to tell of its own
        assert not recent.came("r", [posted("r", 12)])

    run(test)


def test_the_highest_of_a_room_is_known_for_longer_than_events_may_be_late() -> None:
    assert HIGHEST_SECONDS > 2 * FRESH_SECONDS

    async def test() -> None:
        recent = Recent()
        with mock.patch("time.monotonic", lambda: now):
            now = recent._highest_since
            heard(recent, posted("r", 5))
            now += HIGHEST_SECONDS + 1
            heard(recent, posted("other", 5))
            assert not recent.came("r", [posted("r", 4)])
            now += HIGHEST_SECONDS + 1
            heard(recent, posted("other", 6))
            assert recent.came("r", [posted("r", 4)])

    run(test)


def test_what_another_node_wrote_is_not_read_if_the_bus_brings_it() -> None:
    async def test() -> None:
        store, sink = Asked(), Sink()
        await write(store, "r", 1, 1)
        async with node(store, sink) as made:
            await asyncio.sleep(SWEEP + 1)
            before = store.reads
            for seq in range(2, 20):
                events = await write(store, "r", seq, seq)
                if seq % 2:
                    made.consumers.heard(events)
                else:
                    assert made.consumers.came("r", lambda events=events: events)  # type: ignore[misc]
                await asyncio.sleep(0.1)
            assert sink.of("r") == [*range(1, 20)]
            assert store.reads == before
            assert not made.consumers.came(
                "r", lambda: events
            )  # it is known: the hint is to wake them

    run(test)


def test_events_of_other_nodes_that_are_not_taken_are_not_decoded_and_a_hole_is_read() -> None:
    async def test() -> None:
        store, sink = Asked(), Sink()
        await write(store, "r", 1, 1)
        decode = mock.Mock()
        async with node(store, sink) as made:
            await asyncio.sleep(SWEEP + 1)
            with mock.patch.object(made.consumers._hearing, "readers", []):
                assert not made.consumers.came("r", decode)  # it runs on another node
            assert not decode.called
            await write(store, "r", 2, 3)
            events = await write(store, "r", 4, 4)
            before = store.reads
            assert made.consumers.came("r", lambda: events)
            await asyncio.sleep(0.1)
            assert sink.of("r") == [1, 2, 3, 4] and store.reads > before

    run(test)


def test_many_events_are_not_kept() -> None:
    async def test() -> None:
        recent = Recent()
        for first in range(0, MOST_EVENTS, 100):
            heard(recent, *(posted("r", first + each) for each in range(1, 101)))
        assert len(seqs(recent, 0, MOST_EVENTS)) == MOST_EVENTS
        heard(recent, posted("r", MOST_EVENTS + 1))
        assert seqs(recent, 0) == []

    run(test)
