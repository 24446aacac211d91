"""The bus of workers that have no other: sockets between them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest import mock

import pytest

from chatserver.cluster.workers.lanes import FRAMES_A_TURN, Lane, LanesBus
from chatserver.errors import BusUnavailable
from chatserver.interfaces import BUS_FRAME_BYTES
from tests.waiting import until

LARGE = b"x" * BUS_FRAME_BYTES


class Node:
    """A worker's end of the lanes, and the frames that it received."""

    def __init__(self, bus: LanesBus) -> None:
        self.bus = bus
        self.frames: list[bytes] = []
        self.restored = 0

    async def open(self) -> None:
        await self.bus.open(self.frames.append, self._restore)

    def _restore(self) -> None:
        self.restored += 1


def end(lanes: list[Lane], place: int) -> Node:
    """As a worker inherits it: other numbers of the same sockets."""
    hear = lanes[place].hear.dup().detach()
    tell = [lane.tell.dup().detach() for each, lane in enumerate(lanes) if each != place]
    return Node(LanesBus(hear, tell))


@asynccontextmanager
async def joined(count: int) -> AsyncIterator[tuple[list[Lane], list[Node]]]:
    lanes = [Lane.new() for _ in range(count)]
    nodes = [end(lanes, place) for place in range(count)]
    try:
        for node in nodes:
            await node.open()
        yield lanes, nodes
    finally:
        for node in nodes:
            await node.bus.close()
        for lane in lanes:
            lane.close()


async def heard(node: Node, *frames: bytes) -> None:
    await until(lambda: len(node.frames) >= len(frames), 60.0)
    assert node.frames == [*frames]


async def test_frames_reach_all_others_in_order_and_nobody_else() -> None:
    async with joined(3) as (_, (one, other, third)):
        assert [node.restored for node in (one, other, third)] == [1, 1, 1]
        assert one.bus.is_connected() and one.bus.is_private
        frames = [b"%d" % number for number in range(2 * FRAMES_A_TURN)]
        await one.bus.publish([LARGE, *frames[:-1]])
        await heard(other, LARGE, *frames[:-1])
        await heard(third, LARGE, *frames[:-1])
        assert one.frames == []
        await one.bus.publish([])


async def test_a_worker_that_stands_still_costs_the_others_nothing() -> None:
    async with joined(3) as (_, (one, other, third)):
        third.bus._receive = lambda frame: None
        asyncio.get_running_loop().remove_reader(third.bus._hear.fileno())  # type: ignore[union-attr]
        sent = []
        while not one.bus._full:
            frame = b"%d" % len(sent) + LARGE[10:]
            sent.append(frame)
            await one.bus.publish([frame])
        await heard(other, *sent)
        with mock.patch(
            "asyncio.sleep", side_effect=AssertionError("it waits again for the third")
        ):
            await one.bus.publish([b"later"])
            await one.bus.publish([b"last"])
        await heard(other, *sent, b"later", b"last")
        waiting = []
        asyncio.get_running_loop().add_reader(
            third.bus._hear.fileno(),  # type: ignore[union-attr]
            lambda: waiting.append(third.bus._hear.recv(8000)),  # type: ignore[union-attr]
        )
        await until(lambda: len(waiting) >= len(sent) - 1, 60.0)
        assert waiting == sent[: len(waiting)]
        await one.bus.publish([b"again"])
        await until(lambda: waiting[-1] == b"again", 60.0)
        assert not one.bus._full


async def test_frames_are_handed_over_at_once_where_there_is_room() -> None:
    async with joined(2) as (_, (one, other)):
        assert one.bus.publish_now([b"first", b"second"]) is None
        frames = [b"%05d" % number + LARGE[5:] for number in range(300)]
        rest = one.bus.publish_now(frames)
        assert rest is not None
        await rest
        await heard(other, b"first", b"second", *frames)


async def test_a_full_lane_is_waited_for() -> None:
    async with joined(2) as (_, (one, other)):
        frames = [
            b"%05d" % number + LARGE[5:] for number in range(300)
        ]  # more than it has room for
        await one.bus.publish(frames)
        await heard(other, *frames)


async def test_a_successor_does_not_get_what_was_for_the_one_before() -> None:
    async with joined(2) as (lanes, (one, other)):
        number = other.bus._hear.fileno()  # type: ignore[union-attr]
        await other.bus.close()
        assert not other.bus.is_connected()
        assert not asyncio.get_running_loop().remove_reader(number), "the loop still looks at it"
        with pytest.raises(BusUnavailable):
            await other.bus.publish([b"closed"])
        await one.bus.publish([b"old"])
        successor = end(lanes, 1)
        await successor.open()
        try:
            await one.bus.publish([b"new"])
            await heard(successor, b"new")
            await successor.bus.publish([b"hello"])
            await heard(one, b"hello")
            assert other.frames == []
        finally:
            await successor.bus.close()


async def test_nothing_is_sent_before_it_is_open() -> None:
    lanes = [Lane.new(), Lane.new()]
    node = end(lanes, 0)
    with pytest.raises(BusUnavailable):
        await node.bus.publish([b"early"])
    assert not node.bus.is_connected()
    await node.open()
    await node.bus.close()
    await node.bus.close()
    for lane in lanes:
        lane.close()
