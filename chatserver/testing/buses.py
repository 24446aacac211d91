"""The suite that every bus must pass. Needs pytest and pytest-tornasync.

    class TestMyBus(BusContract):
        @pytest.fixture
        def address(self, my_server):
            return "127.0.0.1", my_server.port

        @pytest.fixture
        def make_bus(self):
            return lambda port: MyBus(f"mine://127.0.0.1:{port}")

`address` is the address of the bus's server. `make_bus` is a function that makes a node's bus, not open
yet, which reaches that server at a port of 127.0.0.1. The suite puts a link between them, and cuts it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from chatserver import Bus, BusUnavailable
from chatserver.interfaces import BUS_FRAME_BYTES
from chatserver.testing.link import Link
from chatserver.testing.samples import TRICKY_TEXTS

MakeBus = Callable[[int], Bus]

SOON_SECONDS = 60.0  # for a busy machine; an idle one takes milliseconds
GIVES_UP_SECONDS = 5.0  # time limit for a publish to succeed or fail
QUIET_SECONDS = 0.2


class Node:
    """A bus, and the frames that it received."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.frames: list[bytes] = []
        self.restored = 0
        self._news = asyncio.Event()

    async def open(self) -> None:
        await self.bus.open(self._receive, self._restore)

    def _receive(self, frame: bytes) -> None:
        self.frames.append(frame)
        self._news.set()

    def _restore(self) -> None:
        self.restored += 1
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON_SECONDS):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def until_restored(self, times: int = 1) -> None:
        await self.until(lambda: self.restored >= times)

    async def until_heard(self, *frames: bytes) -> None:
        await self.until(lambda: set(frames) <= set(self.frames))


class BusContract:
    """Subclass it and give the fixtures `address` and `make_bus`."""

    @pytest.fixture
    def address(self) -> tuple[str, int]:
        raise NotImplementedError("give a fixture address")

    @pytest.fixture
    def make_bus(self) -> MakeBus:
        raise NotImplementedError("give a fixture make_bus")

    async def test_frames_reach_all_others(
        self, address: tuple[str, int], make_bus: MakeBus
    ) -> None:
        async with linked(address) as link, joined(make_bus, link, 3) as nodes:
            said = [b'{"by": %d}' % number for number in range(3)]
            for node, frame in zip(nodes, said, strict=True):
                await says(node.bus, [frame])
            for node, own in zip(nodes, said, strict=True):
                await node.until_heard(*(frame for frame in said if frame != own))
                assert set(node.frames) <= set(said)

    async def test_many_frames_at_once(self, address: tuple[str, int], make_bus: MakeBus) -> None:
        async with linked(address) as link, joined(make_bus, link, 2) as (one, other):
            frames = [b"%05d " % number + b"x" * 1000 for number in range(300)]
            await says(one.bus, frames)
            await other.until_heard(*frames)

    async def test_frames_arrive_as_they_were(
        self, address: tuple[str, int], make_bus: MakeBus
    ) -> None:
        async with linked(address) as link, joined(make_bus, link, 2) as (one, other):
            texts = [text for text in TRICKY_TEXTS if text and "\0" not in text]
            largest = "ö" * (BUS_FRAME_BYTES // 2)
            frames = [text.encode() for text in (*texts, largest, "1")]
            await says(one.bus, frames)
            await other.until_heard(*frames)

    async def test_nothing_to_say_is_said(
        self, address: tuple[str, int], make_bus: MakeBus
    ) -> None:
        async with linked(address) as link, joined(make_bus, link, 1) as (node,):
            await node.bus.publish([])
            assert node.bus.is_connected()

    async def test_a_bus_that_is_cut_comes_back(
        self, address: tuple[str, int], make_bus: MakeBus
    ) -> None:
        async with linked(address) as link, joined(make_bus, link, 2) as (one, other):
            await link.cut()
            await refuses(one.bus)
            await loses(one.bus)
            await link.mend()
            for node in (one, other):
                await node.until_restored(2)
                assert node.bus.is_connected()
            await says(one.bus, [b"again"])
            await other.until_heard(b"again")
            await says(other.bus, [b"here too"])
            await one.until_heard(b"here too")

    async def test_nothing_is_kept_for_later(
        self, address: tuple[str, int], make_bus: MakeBus
    ) -> None:
        async with linked(address) as link, joined(make_bus, link, 2) as (one, other):
            await link.cut()
            for _ in range(3):
                await refuses(one.bus)
            await link.mend()
            for node in (one, other):
                await node.until_restored(2)
            await says(one.bus, [b"again"])
            await other.until_heard(b"again")
            assert set(other.frames) == {b"again"}

    async def test_a_bus_that_does_not_answer_is_given_up(
        self, address: tuple[str, int], make_bus: MakeBus
    ) -> None:
        async with linked(address) as link, joined(make_bus, link, 2) as (one, other):
            link.freeze()
            await refuses(one.bus)
            for node in (one, other):  # a node that publishes nothing notices too
                await loses(node.bus)
            await link.mend()
            for node in (one, other):
                await node.until_restored(2)
            await says(one.bus, [b"again"])
            await other.until_heard(b"again")

    async def test_a_bus_may_come_after_its_nodes(
        self, address: tuple[str, int], make_bus: MakeBus
    ) -> None:
        async with linked(address) as link:
            await link.cut()
            node = Node(make_bus(link.port))
            await node.open()
            try:
                await refuses(node.bus)
                assert not node.restored
                await link.mend()
                await node.until_restored()
                await says(node.bus, [b"hello"])
            finally:
                await node.bus.close()

    async def test_a_closed_bus_is_silent(
        self, address: tuple[str, int], make_bus: MakeBus
    ) -> None:
        async with linked(address) as link, joined(make_bus, link, 3) as (one, other, third):
            await other.bus.close()
            await says(one.bus, [b"hello"])
            await third.until_heard(b"hello")
            await asyncio.sleep(QUIET_SECONDS)
            assert other.frames == []
            assert not other.bus.is_connected()

    async def test_a_bus_closes_while_it_is_away(
        self, address: tuple[str, int], make_bus: MakeBus
    ) -> None:
        before = asyncio.all_tasks()
        async with linked(address) as link, joined(make_bus, link, 1) as (node,):
            link.freeze()
            async with asyncio.timeout(SOON_SECONDS):
                await node.bus.close()
        assert asyncio.all_tasks() == before, "tasks were left behind"


@asynccontextmanager
async def linked(address: tuple[str, int]) -> AsyncIterator[Link]:
    async with Link(*address) as link:
        yield link


@asynccontextmanager
async def joined(make_bus: MakeBus, link: Link, count: int) -> AsyncIterator[Sequence[Node]]:
    """Nodes whose buses are open and connected."""
    nodes = [Node(make_bus(link.port)) for _ in range(count)]
    try:
        for node in nodes:
            await node.open()
        for node in nodes:
            await node.until_restored()
        yield nodes
    finally:
        for node in nodes:
            await node.bus.close()


async def says(bus: Bus, frames: Sequence[bytes]) -> None:
    """Publish, again for as long as the bus refuses, as the disk of its server may stand still for a moment."""
    async with asyncio.timeout(SOON_SECONDS):
        while True:
            try:
                return await bus.publish(frames)
            except BusUnavailable:
                await asyncio.sleep(0.05)


async def refuses(bus: Bus) -> None:
    """Wait until a publish fails; the first ones may still succeed."""
    async with asyncio.timeout(SOON_SECONDS):
        while True:
            try:
                async with asyncio.timeout(GIVES_UP_SECONDS):
                    await bus.publish([b"lost"])
            except BusUnavailable:
                return
            await asyncio.sleep(0.05)


async def loses(bus: Bus) -> None:
    """Wait until the bus notices by itself that it is cut off."""
    deadline = asyncio.get_running_loop().time() + SOON_SECONDS
    while bus.is_connected():
        assert asyncio.get_running_loop().time() < deadline, "the bus did not notice"
        await asyncio.sleep(0.02)
