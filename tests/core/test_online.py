"""Presence on other nodes, by deltas and sums, over a bus that loses, repeats and reorders."""

import random
from collections.abc import Callable, Iterator
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver.cluster.bus import envelopes, online
from chatserver.cluster.bus.envelopes import OnlineItem
from chatserver.cluster.bus.online import BEAT_SECONDS, EXPIRY_SECONDS, LINGER_SECONDS, Online
from chatserver.interfaces import BUS_FRAME_BYTES

USERS = [f"u{number}" for number in range(6)]
HEALED_SECONDS = LINGER_SECONDS + 2 * BEAT_SECONDS + 2


class World:
    """Three nodes, a clock, and a bus that hands each item to the others as `fate` says."""

    def __init__(self, fate: Callable[[], str] = lambda: "") -> None:
        self.nodes = [Online() for _ in range(3)]
        self.here: list[set[str]] = [set() for _ in self.nodes]
        self.now = 100.0
        self.fate = fate
        self.silent: set[Online] = set()
        self.said: list[OnlineItem] = []
        self._kept: list[tuple[Online, str, OnlineItem]] = []

    def arrive(self, node: int, user: str) -> None:
        self.here[node].add(user)
        self.nodes[node].arrived(user)

    def leave(self, node: int, user: str) -> None:
        if user in self.here[node]:
            self.here[node].discard(user)
            self.nodes[node].left(user, self.now)

    def turns(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.now += 1
            for node in self.nodes:
                if node not in self.silent:
                    self._carry(node)

    def _carry(self, sender: Online) -> None:
        for item in sender.tick(self.now):
            self.said.append(item)
            for other in self.nodes:
                if other is not sender:
                    self._hand_over(other, sender.node, item)

    def _hand_over(self, other: Online, sender: str, item: OnlineItem) -> None:
        fate = self.fate()
        if fate == "late":
            self._kept.append((other, sender, item))
        elif fate != "lost":
            other.heard(sender, item, self.now)
        if fate == "twice":
            other.heard(sender, item, self.now)
        if fate == "after":
            for node, earlier, kept in self._kept:
                node.heard(earlier, kept, self.now)
            self._kept.clear()

    def known(self, node: int) -> set[str]:
        return {user for user in USERS if user in self.nodes[node]}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["arrive", "leave", "wait"]),
        st.integers(0, 2),
        st.sampled_from(USERS),
        st.integers(1, 8),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, seed=st.integers(0, 2**32))
@mock.patch.object(online, "PARTS", 3)  # there are six users
def test_all_nodes_agree_on_presence_soon_after_any_fault_of_the_bus(
    steps: list[tuple[str, int, str, int]], seed: int
) -> None:
    chance = random.Random(seed)
    world = World(lambda: chance.choice(["", "", "lost", "twice", "late", "after"]))
    for what, node, user, seconds in steps:
        if what == "wait":
            world.turns(seconds)
        else:
            (world.arrive if what == "arrive" else world.leave)(node, user)
    world.fate = lambda: "after"  # all is well, once what is still under way has come
    world.turns(HEALED_SECONDS)
    truth = set.union(*world.here)
    assert [world.known(node) for node in range(3)] == [truth] * 3


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, seed=st.integers(0, 2**32))
@mock.patch.object(online, "PARTS", 3)  # there are six users
def test_changes_are_reported_to_listeners(
    steps: list[tuple[str, int, str, int]], seed: int
) -> None:
    """Every change of a user's presence is announced, in any order of reports."""
    chance = random.Random(seed)
    world = World(lambda: chance.choice(["", "lost", "twice", "late", "after"]))
    told = world.known(0)
    for what, node, user, seconds in steps:
        if what == "wait":
            world.turns(seconds)
        else:
            (world.arrive if what == "arrive" else world.leave)(node, user)
        changed, world.nodes[0].changed = world.nodes[0].changed, set()
        assert told ^ world.known(0) <= changed
        told = world.known(0)


def test_a_user_who_reconnects_soon_stays_online() -> None:
    world = World()
    world.arrive(0, "u1")
    world.turns(2)
    world.nodes[1].changed.clear()
    world.leave(0, "u1")
    world.turns(LINGER_SECONDS - 1)
    world.arrive(0, "u1")
    world.turns(3 * LINGER_SECONDS)
    assert world.known(1) == {"u1"}
    assert world.nodes[1].changed == set()


def test_a_node_that_falls_silent_is_forgotten() -> None:
    world = World()
    world.arrive(0, "u1")
    world.arrive(1, "u2")
    world.turns(3)
    assert world.known(2) == {"u1", "u2"}
    world.silent.add(world.nodes[0])
    world.nodes[2].changed.clear()
    world.turns(EXPIRY_SECONDS + 2)
    assert world.known(2) == {"u2"}
    assert world.nodes[2].changed == {"u1"}
    world.silent.clear()
    world.turns(2 * BEAT_SECONDS)
    assert world.known(2) == {"u1", "u2"}


def test_a_node_that_stops_takes_its_users_with_it_at_once() -> None:
    world = World()
    world.arrive(0, "u1")
    world.turns(3)
    for item in world.nodes[0].end():
        world.nodes[2].heard(world.nodes[0].node, item, world.now)
    assert world.known(2) == set()


def test_a_new_node_is_told_of_everybody_within_a_turn() -> None:
    world = World()
    world.arrive(0, "u1")
    world.turns(20)
    world.nodes[2] = Online()
    world.turns(2)
    assert world.known(2) == {"u1"}


def test_a_node_knows_the_others_until_they_are_silent() -> None:
    world = World()
    world.turns(2)
    here, *others = world.nodes
    assert sorted(here.others()) == sorted(other.node for other in others)
    world.silent.add(others[0])
    world.turns(EXPIRY_SECONDS + 2)
    assert [*here.others()] == [others[1].node]


def test_nodes_that_agree_say_little_and_each_change_once() -> None:
    world = World()
    for user in USERS:
        world.arrive(0, user)
    world.turns(20)
    world.said.clear()
    world.turns(20)
    assert len(world.said) == 3 * 20 / BEAT_SECONDS
    world.arrive(1, "somebody else")
    world.said.clear()
    world.turns(1)
    assert envelopes.Moved(True, ["somebody else"]) in world.said


def test_a_node_that_asks_repeatedly_is_told_all_only_at_intervals() -> None:
    node = Online()
    node.arrived("u")
    parts = 0
    for second in range(20):
        node.heard("other", envelopes.Ask(node.node), float(second))
        parts += sum(isinstance(item, envelopes.Part) for item in node.tick(float(second)))
    assert parts == online.PARTS * 20 / BEAT_SECONDS


@pytest.fixture(scope="module")
def crowd() -> Iterator[Online]:
    node = Online()
    for number in range(40_000):
        node.arrived(f"06h15z6fnm53nv{number:06}")
    yield node


def test_the_presence_of_a_large_node_fits_into_frames(crowd: Online) -> None:
    crowd.heard("other", envelopes.Ask(crowd.node), 0.0)
    encoded = [envelopes.encode(item) for item in crowd.tick(0.0)]
    assert max(map(len, encoded)) < BUS_FRAME_BYTES - 200
