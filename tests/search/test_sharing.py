"""How nodes divide the rooms that they index."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import chain

import pytest

from chatserver.cluster.bus.online import BEAT_SECONDS
from chatserver.cluster.spread import Spread, everything
from chatserver.interfaces import IndexPage
from chatserver.model import AnyEvent, RoomKind
from chatserver.roomlog.cache import RoomCache
from chatserver.search.indexer import (
    BUSY_EVENTS,
    LOOK_SECONDS,
    OTHERS_SWEEPS,
    QUIET_SECONDS,
    SWEEP_SECONDS,
    Indexer,
)
from chatserver.testing.samples import described, posted
from chatserver_plugins.memory import MemoryStore
from tests.core.buses import Wire
from tests.core.nodes import add_user, config, make_service, running
from tests.search.indexing import ALONE

pytestmark = pytest.mark.virtual_time

NAMES = ("a", "b", "c")
ROOMS = [f"room{number}" for number in range(60)]


class Counting(MemoryStore):
    """Counts how often each room was indexed."""

    def __init__(self) -> None:
        super().__init__()
        self.written: Counter[str] = Counter()

    async def index(self, room: str, upto: int, pages: Sequence[IndexPage]) -> None:
        self.written[room] += 1
        await super().index(room, upto, pages)


class Node:
    """A node's indexer, and what it has in memory. The node looked once when there were no rooms."""

    def __init__(self, store: MemoryStore, name: str) -> None:
        self.cache = RoomCache(store, 1000)
        self.indexer = Indexer(store, self.cache, lambda: False, spread(name))

    @classmethod
    async def started(cls, store: MemoryStore, name: str) -> "Node":
        made = cls(store, name)
        await made.indexer.look()
        return made

    def hear(self, room: str, events: Sequence[AnyEvent]) -> None:
        found = self.cache.known(room)
        assert found is not None
        assert [*found.advance(events, 100)]


def spread(name: str) -> Spread:
    return Spread(name, lambda: [other for other in NAMES if other != name])


def shares() -> dict[str, list[str]]:
    return {name: [*filter(spread(name).share(), ROOMS)] for name in NAMES}


async def talk(store: MemoryStore, nodes: Sequence[Node], first: int, last: int) -> None:
    """Messages in each room, of which these nodes hear."""
    for room in ROOMS:
        said = [posted(room, seq) for seq in range(first, last + 1)]
        await store.append(said)
        for node in nodes:
            node.hear(room, said)


async def begun(names: Sequence[str] = NAMES) -> tuple[Counting, list[Node]]:
    """Nodes with all rooms in memory, each with one event."""
    store = Counting()
    nodes = [await Node.started(store, name) for name in names]
    for room in ROOMS:
        await store.append([described(room, 1, RoomKind.PRIVATE)])
    for node in nodes:
        await node.cache.load_many(ROOMS)
        await node.indexer.look()
    return store, nodes


def test_each_name_is_of_one_node_and_no_node_has_most() -> None:
    divided = shares()
    assert sorted(chain.from_iterable(divided.values())) == sorted(ROOMS)
    assert all(len(ROOMS) / 6 < len(share) < len(ROOMS) / 2 for share in divided.values())


def test_a_node_that_knows_no_other_has_everything() -> None:
    assert ALONE.share() is everything
    assert everything("room")


async def test_a_room_in_the_memory_of_all_is_indexed_by_one() -> None:
    store, nodes = await begun()
    await talk(store, nodes, 2, BUSY_EVENTS)
    await asyncio.gather(*(node.indexer.look() for node in nodes))
    assert store.written == dict.fromkeys(ROOMS, 1)
    assert await store.indexed(ROOMS) == dict.fromkeys(ROOMS, BUSY_EVENTS)


async def test_the_rooms_of_a_silent_node_are_indexed_by_others_a_while_later() -> None:
    store, (node, *_) = await begun()
    await talk(store, [node], 2, BUSY_EVENTS)
    seconds = QUIET_SECONDS / 2
    for look, expected in enumerate([shares()["a"]] * 3 + [ROOMS], 1):
        await asyncio.sleep(seconds)
        await node.indexer.look()
        assert {*await store.indexed(ROOMS)} == {*expected}, look
        # so that no room is quiet
        await talk(store, [node], BUSY_EVENTS + look, BUSY_EVENTS + look)


async def test_a_sweep_is_for_its_own_rooms_and_every_fourth_for_all() -> None:
    """Of rooms that nobody has in memory."""
    store = Counting()
    node = await Node.started(store, "a")
    for room in ROOMS:
        await store.append([described(room, 1, RoomKind.PRIVATE)])
    for number in range(1, OTHERS_SWEEPS + 1):
        await talk(store, [], 8 * number - 6, 8 * number + 1)
        await asyncio.sleep(SWEEP_SECONDS)
        await node.indexer.look()  # the sweep
        await node.indexer.look()  # its end
        expected = ROOMS if number == OTHERS_SWEEPS else shares()["a"]
        indexed = await store.indexed(ROOMS)
        assert {room for room, upto in indexed.items() if upto == 8 * number} == {*expected}


async def test_a_sweep_leaves_out_rooms_that_are_followed_here() -> None:
    """A room in which people talk would get small parts of it, which the next look merges again."""
    store, (node, *_) = await begun(["a"])
    await talk(store, [node], 2, BUSY_EVENTS - 1)
    for room in node.cache.heads():
        followed = node.cache.known(room)
        assert followed is not None
        followed.add_follower()
    await asyncio.sleep(SWEEP_SECONDS)
    await node.indexer.look()
    assert not store.written


async def test_services_that_hear_of_each_other_divide_the_rooms() -> None:
    store, wire = Counting(), Wire()
    async with (
        running(make_service(store, config(), bus=wire.bus())) as first,
        running(make_service(store, config(), bus=wire.bus())) as second,
    ):
        user = await add_user(first, "ada")
        rooms = [await first.rooms.create(user, RoomKind.PRIVATE, name) for name in ROOMS[:20]]
        await second.room_cache.load_many([room.id for room in rooms])
        await asyncio.sleep(BEAT_SECONDS + LOOK_SECONDS)
        second.indexer.pause()
        for room in rooms:
            for number in range(BUSY_EVENTS):
                await first.messages.post(user, room, f"{room.id} {number}", "word")
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert 0 < len(store.written) < len(rooms)
