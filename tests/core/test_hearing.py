"""Readers are told at once of events that they may want, and pass by the others together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

from chatserver.cluster.consumers import hearing
from chatserver.cluster.consumers.hearing import SPAN_SECONDS, TICK_SECONDS, Hearing
from chatserver.cluster.consumers.reader import Reader
from chatserver.model import AnyEvent
from chatserver.testing.samples import posted
from tests.core.consuming import Node, Sink, node, write
from tests.core.test_consumers_recent import SWEEP, Asked, is_yes
from tests.virtual_time import run


class Ear:
    """A listener that wants events with this seq, and what it was told, in order."""

    def __init__(self, *seqs: int, kind: str = "message.posted") -> None:
        self._seqs, self._kind = seqs, kind
        self.told: list[Any] = []
        self.asked = 0

    def hears_of(self, kind: str) -> bool:
        return kind == self._kind

    def wants(self, event: AnyEvent) -> bool:
        self.asked += 1
        return event.seq in self._seqs

    def wake(self, rooms: Sequence[str]) -> None:
        self.told.extend(rooms)

    def pass_by(self, room: str, before: int, last: int) -> None:
        self.told.append((room, before, last))


def telling(*ears: Ear) -> Hearing:
    """Tells these, who all run."""
    made = Hearing()
    for ear in ears:
        made.add(ear)
    return made


def say(to: Hearing, *seqs: int, room: str = "r") -> None:
    to.heard({room: [posted(room, seq) for seq in seqs]})


def test_only_who_wants_an_event_looks_for_it() -> None:
    async def test() -> None:
        one, other, deaf = Ear(2), Ear(3), Ear(2, kind="room.changed")
        told = telling(one, other, deaf)
        say(told, 1, 2)
        assert one.told == ["r"] and other.told == deaf.told == [("r", 0, 2)]
        say(told, 3)
        assert one.told[1:] == deaf.told[1:] == [("r", 2, 3)] and other.told[1:] == ["r"]
        assert deaf.asked == 0
        new = Ear(4)
        told.add(new)
        say(told, 4)
        assert one.told[2:] == other.told[2:] == [("r", 3, 4)] and new.told == ["r"]
        told.discard(other)
        asked = other.asked
        say(told, 5)
        assert one.told[3:] == new.told[1:] == [("r", 4, 5)]
        assert other.told[3:] == [] and other.asked == asked

    run(test)


def test_what_nobody_wants_is_passed_by_together() -> None:
    async def test() -> None:
        told = telling(ear := Ear())
        for seq in range(1, 6):
            say(told, seq)
        assert ear.told == [("r", 0, 1)]
        await asyncio.sleep(SPAN_SECONDS / 2)
        say(told, 6)
        assert ear.told == [("r", 0, 1)]
        await asyncio.sleep(SPAN_SECONDS / 2 + 2 * TICK_SECONDS)
        assert ear.told == [("r", 0, 1), ("r", 1, 6)]
        await asyncio.sleep(2 * TICK_SECONDS)
        assert told._timer is None
        say(told, 7)
        assert ear.told[2:] == [("r", 6, 7)]
        await asyncio.sleep(2 * SPAN_SECONDS)
        assert ear.told[3:] == []  # there was nothing more

    run(test)


def test_a_span_ends_where_others_wrote_and_before_what_somebody_wants() -> None:
    async def test() -> None:
        told = telling(ear := Ear(), picky := Ear(9))
        for seqs in ([1], [2], [4], [5]):  # another node wrote the third
            say(told, *seqs)
        assert ear.told == picky.told == [("r", 0, 1), ("r", 1, 2), ("r", 3, 4)]
        say(told, 6, 8)
        assert ear.told[3:] == picky.told[3:] == [("r", 4, 5), "r"]
        say(told, 9)
        assert ear.told[5:] == [("r", 8, 9)] and picky.told[5:] == ["r"]

    run(test)


def test_who_has_not_heard_an_event_does_not_pass_it_by() -> None:
    async def test() -> None:
        told, new = telling(old := Ear()), Ear()
        say(told, 1)
        say(told, 2)
        told.catch_up(new, "r")
        assert new.told == []
        told.add(new)
        assert old.told == [("r", 0, 1), ("r", 1, 2)] and new.told == []
        say(told, 3)
        assert old.told[2:] == new.told == [("r", 2, 3)]
        say(told, 4)
        told.catch_up(new, "r")
        told.catch_up(new, "other")
        assert new.told[1:] == [("r", 3, 4)] and old.told[3:] == []
        told.discard(old)
        assert old.told[3:] == [("r", 3, 4)]
        say(told, 5)
        assert old.told[4:] == [] and new.told[3:] == [("r", 4, 5)]

    run(test)


def test_spans_are_bounded_and_pass_in_parts() -> None:
    async def test() -> None:
        told = telling(ear := Ear())
        rooms = [f"r{number}" for number in range(7)]
        with mock.patch.multiple(hearing, MOST_SPANS=6, TICK_SPANS=2):
            for seq in (1, 2):
                for room in rooms[:6]:
                    say(told, seq, room=room)
            say(told, 1, room=rooms[6])
            assert ear.told == [*((room, 0, 1) for room in rooms), ("r0", 1, 2)]
            del ear.told[:]
            await asyncio.sleep(SPAN_SECONDS + TICK_SECONDS / 2)
            assert ear.told == [("r1", 1, 2), ("r2", 1, 2)]
            await asyncio.sleep(TICK_SECONDS)
            assert ear.told[2:] == [("r3", 1, 2), ("r4", 1, 2)]
            told.pass_on()
            assert ear.told[4:] == [("r5", 1, 2)]

    run(test)


@asynccontextmanager
async def reading(store: Asked, sink: Sink) -> AsyncIterator[tuple[Node, Reader]]:
    """A node whose consumer wants messages that say yes, some time after it has read one other in a room."""
    await write(store, "r", 1, 1)
    async with node(store, sink, wants=is_yes) as made:
        (reader,) = made.consumers._readers.values()
        await asyncio.sleep(SWEEP + 0.9)
        yield made, reader


def test_what_was_not_passed_by_yet_is_no_lag() -> None:
    async def test() -> None:
        store, sink = Asked(), Sink()
        async with reading(store, sink) as (made, reader):
            before = store.reads
            for seq in range(2, 60):  # while it sweeps, too
                made.consumers.heard(await write(store, "r", seq, seq))
                await asyncio.sleep(0.1)
                assert reader.lag == 0 and store.reads == before
            last = posted("r", 60, body="yes")
            await store.append([last])
            made.consumers.heard([last])
            await asyncio.sleep(0.1)
            assert sink.of("r") == [60]

    run(test)


def test_what_was_heard_last_is_passed_by_at_the_end() -> None:
    async def test() -> None:
        store, sink = Asked(), Sink()
        async with reading(store, sink) as (made, reader):
            for seq in range(2, 10):
                made.consumers.heard(await write(store, "r", seq, seq))
        assert await reader.lag_now() == 0
        reader.pass_by("r", 9, 10)  # it does not run any more
        reader.pass_by("other", 0, 1)
        assert await reader.lag_now() == 0

    run(test)


def test_a_position_is_not_moved_back() -> None:
    async def test() -> None:
        store, sink = Asked(), Sink()
        async with reading(store, sink) as (made, reader):
            for seq in range(2, 5):
                made.consumers.heard(await write(store, "r", seq, seq))
            await write(store, "r", 5, 8)  # by another node
            made.consumers.wake(["r"])
            await asyncio.sleep(0.1)
            assert reader._positions.known("r") == 8
            await asyncio.sleep(2 * SPAN_SECONDS)
            assert reader._positions.known("r") == 8

    run(test)


def test_a_reader_wants_events_of_its_rooms_and_kinds() -> None:
    async def test() -> None:
        kinds = ("message.posted",)
        async with node(Asked(), Sink(), rooms=("r",), kinds=kinds, wants=is_yes) as made:
            (reader,) = made.consumers._readers.values()
            assert reader.hears_of("message.posted") and not reader.hears_of("room.changed")
            wanted = [posted(room, 1, body=body) for room in ("r", "s") for body in ("yes", "no")]
            assert [reader.wants(event) for event in wanted] == [True, False, False, False]

    run(test)
