"""The promises to consumers hold under random writes, faults and crashes of two nodes, and deliberate
defects are found.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver.cluster.consumers.due import DueRooms
from chatserver.cluster.consumers.reader import Reader
from chatserver.cluster.consumers.recent import Recent
from chatserver.cluster.leases import Lease
from chatserver.errors import ChatError
from chatserver.model import AnyEvent
from chatserver_plugins.memory import MemoryStore
from tests.core.checker import Broken
from tests.core.consuming import Node, Sink, write
from tests.core.nodes import FaultyStore
from tests.virtual_time import run

Step = tuple[str, int, Sequence[tuple[str, float]]]

ACTIONS = ("write", "write", "wait", "crash", "stop", "fail", "faults")
KINDS, SECONDS = ("before", "after", "late"), (0.0, 0.5)
FAULTS = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(SECONDS)), max_size=30)
STEPS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 2), FAULTS), max_size=25)
PICKED = 13
SETTLE_SECONDS = 700  # longer than two of the longest pauses


@pytest.fixture(autouse=True)
def many_turns(logged: list[str]) -> Iterator[None]:
    with mock.patch("tests.virtual_time.MOST_TURNS", 2_000_000):
        yield


class World:
    """Two nodes with the same consumer on one store. A `picky` one wants every thirteenth event."""

    def __init__(self, *, picky: bool) -> None:
        self._picky = picky
        self._store, self._sink = MemoryStore(), Sink()
        self._sink.seconds = 0.025  # during which others may write
        self._ways = [FaultyStore(self._store), FaultyStore(self._store)]
        self._nodes = [self._node(number) for number in range(2)]
        self._heads: defaultdict[str, int] = defaultdict(int)

    def _node(self, number: int) -> Node:
        wants = self._wants if self._picky else None
        return Node(self._ways[number], self._sink, f"n{number}", wants=wants)

    def _wants(self, event: AnyEvent) -> bool:
        return not self._picky or event.seq % PICKED == 0

    async def play(self, steps: Sequence[Step]) -> None:
        """Raises `Broken`."""
        for what, pick, faults in steps:
            await self._do(what, pick, faults)
        self._sink.fails = lambda event: False
        for way in self._ways:
            way.heal()
        await asyncio.sleep(SETTLE_SECONDS)
        self._check()
        for node in self._nodes:
            await node.stop()

    async def _do(self, what: str, pick: int, faults: Sequence[tuple[str, float]]) -> None:
        room, number = f"r{pick}", pick % 2
        if what == "write":
            head = self._heads[room]
            events = await write(self._store, room, head + 1, head + 5)
            self._heads[room] += 5
            writer = len(faults) % 2
            self._nodes[writer].consumers.heard(events)
            if len(faults) % 3 == 0:  # else the bus loses it
                self._nodes[1 - writer].consumers.wake({room})
            await asyncio.sleep(0.01)
        elif what == "wait":
            await asyncio.sleep((0.5, 4, 20)[pick])
        elif what == "fail":
            self._fail(room if pick else None)
        elif what == "faults":
            self._ways[number].arm(faults)
        else:
            node = self._nodes[number]
            await (node.crash() if what == "crash" else node.stop())
            self._nodes[number] = self._node(number)

    def _fail(self, room: str | None) -> None:
        """Make the newest event of this room fail from now on; None ends that."""
        bad = (room, self._heads[room] if room else 0)
        self._sink.fails = lambda event: (event.room, event.seq) == bad

    def _check(self) -> None:
        for room, head in self._heads.items():
            wanted = [seq for seq in range(1, head + 1) if not self._picky or seq % PICKED == 0]
            if self._sink.first(room) != wanted:
                raise Broken(f"{room} of {head} events: {self._sink.of(room)}")
        if self._sink.overlaps:
            raise Broken("two calls for one room at a time")


def play(steps: Sequence[Step], *, picky: bool) -> None:
    async def test() -> None:
        await World(picky=picky).play(steps)

    run(test)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(STEPS, st.booleans())
def test_no_event_is_left_out_under_any_fault(steps: Sequence[Step], picky: bool) -> None:
    play(steps, picky=picky)


# -- the controls: what is broken on purpose has to be found -------------------------------------

handle, add = Reader._handle, DueRooms.add


async def note_first(reader: Reader, events: Sequence[AnyEvent]) -> ChatError | None:
    """In place of `Reader._handle`: the position is moved before the work."""
    reader._positions.note(events[0].room, events[-1].seq)
    await reader._positions.flush()
    return await handle(reader, events)


async def ignore_errors(reader: Reader, events: Sequence[AnyEvent]) -> ChatError | None:
    """In place of `Reader._handle`."""
    await handle(reader, events)
    return None


async def not_look(reader: Reader, due: DueRooms, heads: dict[str, int]) -> int:
    """In place of `Reader._compare`: only what this node is told of."""
    return 0


async def without_a_lease(lease: Lease, work: Any) -> None:
    """In place of `Lease.while_held`: on every node at once."""
    await work()


def add_busy_ones(due: DueRooms, room: str) -> None:
    """In place of `DueRooms.add`: also a room that somebody is working on."""
    due._busy.discard(room)
    add(due, room)


def pass_blindly(reader: Reader, room: str, before: int, last: int) -> None:
    """In place of `Reader.pass_by`: as if nobody else wrote in the room."""
    if reader._due is not None:
        reader._positions.pass_by(room, last)


def want_less(reader: Reader, event: AnyEvent) -> bool:
    """In place of `Reader.wants`: what is heard is for others."""
    return False


def after_a_hole(recent: Recent, room: str, seq: int, limit: int) -> Sequence[AnyEvent]:
    """In place of `Recent.after`: what comes next, wherever that is."""
    run = recent._now.get(room, [])
    return [event for event in run if event.seq > seq][:limit]


WEAK: list[tuple[type, str, object]] = [
    (Reader, "_handle", note_first),
    (Reader, "_handle", ignore_errors),
    (Reader, "_compare", not_look),
    (Lease, "while_held", without_a_lease),
    (DueRooms, "add", add_busy_ones),
    (Reader, "pass_by", pass_blindly),
    (Reader, "wants", want_less),
    (Recent, "after", after_a_hole),
]


@pytest.mark.parametrize(
    ("owner", "name", "instead"), WEAK, ids=[getattr(weak[2], "__name__", "") for weak in WEAK]
)
def test_a_broken_consumer_is_found_out(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, instead: object
) -> None:
    monkeypatch.setattr(owner, name, instead)
    for seed in range(100):
        try:
            play(drawn(seed), picky=seed % 2 == 0)
        except Broken:
            return
    pytest.fail("nothing was found")


def drawn(seed: int) -> list[Step]:
    """Steps like those that hypothesis draws."""
    picks = random.Random(seed)

    def step() -> Step:
        faults = [(picks.choice(KINDS), picks.choice(SECONDS)) for _ in range(picks.randrange(30))]
        return picks.choice(ACTIONS), picks.randrange(3), faults

    return [step() for _ in range(25)]
