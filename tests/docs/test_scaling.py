"""docs/scaling.md has the tables that its model makes, and the model's arithmetic is right. No times are asserted."""

import math
import re
from itertools import pairwise

import pytest

from tests.bench import costing, model, scaling
from tests.bench.scaling import Budget, Costs, Mix, StoreCosts

STORE = StoreCosts(event_us=20.0, batch_us=100.0, bytes=350.0, most=40_000.0)
COSTS = Costs(
    node_us=5_000.0,
    connection_us=1.0,
    connection_bytes=4_096.0,
    memory_bytes=60e6,
    room_bytes=2_048.0,
    send_us=50.0,
    batch_us=300.0,
    delivery_us=10.0,
    publish_us=150.0,
    frame_us=100.0,
    item_us=2.0,
    followed_us=30.0,
    consumers_us=2_000.0,
    consumers=10.0,
    online_bytes=250.0,
    item_bytes=40.0,
    frame_bytes=100.0,
    batches=200.0,
    frames=100.0,
    store=STORE,
)
MIX, BUDGET = Mix(), Budget()
BY_ROOM = pytest.mark.parametrize("by_room", [False, True])


def but(**changed: float) -> Costs:
    """Costs of nothing but what is given; a pace that bounds nothing."""
    given = {name: 0.0 for name in Costs.__struct_fields__ if name != "store"}
    return Costs(**(given | {"batches": math.inf, "frames": math.inf} | changed), store=STORE)


def test_the_page_has_the_tables_of_the_model() -> None:
    text = model.PAGE.read_text(encoding="utf-8")
    assert model.page(text, costing.read()) == text


def test_the_page_would_be_found_out_of_date() -> None:
    text = model.PAGE.read_text(encoding="utf-8")
    found = costing.read()
    found.windows["rooms-4"] = found.windows["rooms-4"] | {"cores": 9.0}
    assert model.page(text, found) != text


def test_all_that_the_model_needs_was_measured() -> None:
    found = costing.read()
    assert set(found.windows) == {*costing.WINDOWS, "sends"}
    assert set(found.stores) == set(costing.STORES)
    for one in (costing.costs(found, store) for store in costing.STORES):
        values = [getattr(one, name) for name in Costs.__struct_fields__ if name != "store"]
        assert all(0.0 <= value < math.inf for value in values)


def test_costs_explain_the_windows_that_they_come_from() -> None:
    """One node and two: what the costs are solved from comes out again."""
    found = costing.read()
    one = costing.costs(found)
    for name in ("rooms-1", "rooms-2"):
        seen = found.windows[name]
        mix = Mix(costing.USERS / seen["messages"], costing.IN_ROOM, 1.0)
        need = scaling.used(costing.USERS, int(seen["nodes"]), mix, one, by_room=False)
        cores = need.part.total * need.nodes + need.consumer_cores
        assert cores == pytest.approx(seen["cores"], rel=0.05)


def test_a_consumer_that_takes_too_little_to_be_measured_has_no_end() -> None:
    assert scaling.limit_of_consumers(MIX, but(consumers=5.0), BUDGET) == math.inf


def test_a_message_a_minute_of_sixty_users_is_one_a_second() -> None:
    assert scaling.load_of(60, Mix(seconds=60.0, listeners=25.0)) == (1.0, 25.0)


def test_nodes_of_a_room() -> None:
    assert scaling.nodes_of_room(1, 25) == 1.0
    assert scaling.nodes_of_room(2, 1) == pytest.approx(1.0)
    assert scaling.nodes_of_room(2, 2) == pytest.approx(1.5)  # half of the time both are on one
    assert scaling.nodes_of_room(1_000_000, 25) == pytest.approx(25.0, rel=1e-3)


@pytest.mark.parametrize(
    ("costs", "cores"),
    [
        (but(node_us=5_000.0), 0.005),
        (but(connection_us=2.0), 0.012),  # 6,000 connections on each of two nodes
        (but(send_us=100.0), 0.010),  # 200 messages/s, 100 on each
        (but(batch_us=100.0), 0.010),  # as many batches
        (but(batch_us=100.0, batches=50.0), 0.005),
        (but(delivery_us=10.0), 0.002 * 10),  # 4,000 deliveries/s, 2,000 on each
        (but(publish_us=100.0), 0.010),
        (but(publish_us=100.0, frames=50.0), 0.005),
        (but(frame_us=100.0), 0.010),  # the other node's
        (but(frame_us=100.0, item_us=1.0, frames=50.0), 0.005 + 0.00005),
        (but(followed_us=100.0), 0.010),  # a room of twenty has listeners on both
    ],
)
def test_units(costs: Costs, cores: float) -> None:
    """Microseconds a second become cores: 12,000 users, a message a minute, rooms of 20, two nodes."""
    mix = Mix(60.0, 20.0)
    part = scaling.part_of(scaling.load_of(12_000, mix), 12_000, 2, mix, costs, by_room=False)
    assert part.total == pytest.approx(cores, rel=1e-3)


def test_memory() -> None:
    costs = but(memory_bytes=1_000.0, connection_bytes=10.0, room_bytes=3.0, online_bytes=1.0)
    # 100 users in 25 rooms on one node: nobody is elsewhere.
    assert scaling.bytes_of(100, 1, Mix(60.0, 20.0, 5.0), costs) == 1_000 + 1_000 + 75
    # Rooms of one listener are on one node each: half of them here.
    assert scaling.bytes_of(100, 2, Mix(60.0, 1.0, 1.0), costs) == 1_000 + 500 + 150 + 50


def test_one_node_has_no_bus() -> None:
    used = scaling.used(5_000, 1, MIX, COSTS, by_room=False)
    assert (used.bus_frames, used.bus_bytes) == (0.0, 0.0)
    assert used.part.hearing == used.part.following == 0.0


def test_traffic_of_two_nodes() -> None:
    """120 messages/s: each node sends 60 frames with one event, and gets the other's."""
    used = scaling.used(7_200, 2, Mix(60.0, 1_000.0), COSTS, by_room=False)
    assert used.bus_frames == 120.0
    assert used.bus_bytes == 120 * (COSTS.frame_bytes + COSTS.item_bytes)
    assert used.appends == 120.0
    cores = 120 * (STORE.event_us + STORE.batch_us) / 1e6
    assert used.store_cores == pytest.approx(cores)


def test_consumers_take_in_what_other_nodes_wrote() -> None:
    """Of 120 messages/s three quarters are of other nodes than a consumer's; alone it has them in memory."""
    assert scaling.used(7_200, 1, MIX, COSTS, by_room=False).consumer_cores == 0.0
    used = scaling.used(7_200, 4, MIX, COSTS, by_room=False)
    assert used.consumer_cores == pytest.approx(90 * 2_000 / 1e6)


def test_frames_and_batches_are_shared_above_the_pace() -> None:
    used = scaling.used(6_000_000, 2, MIX, COSTS, by_room=False)
    assert (used.bus_frames, used.appends) == (2 * COSTS.frames, 2 * COSTS.batches)


def test_half_of_what_a_primary_can_take_is_used() -> None:
    per_primary = STORE.most / 2 * MIX.seconds
    for users, primaries in ((1, 1), (per_primary, 1), (per_primary + 60, 2), (3 * per_primary, 3)):
        assert scaling.used(int(users), 1, MIX, COSTS, by_room=False).primaries == primaries
    assert scaling.limit_of_primary(MIX, COSTS) == per_primary


@BY_ROOM
def test_more_users_need_no_less(by_room: bool) -> None:
    found = [
        scaling.need(users, MIX, COSTS, BUDGET, by_room=by_room)
        for users in (100, 1_000, 5_000, 20_000, 50_000, 100_000, 200_000)
    ]
    needs = [need for need in found if need is not None]
    assert needs == found[: len(needs)]  # who cannot be served with fewer users cannot with more
    for less, more in pairwise(needs):
        assert less.nodes <= more.nodes
        assert less.primaries <= more.primaries
        assert less.part.total * less.nodes < more.part.total * more.nodes
        assert less.store_cores < more.store_cores


@BY_ROOM
def test_the_fewest_nodes_are_found(by_room: bool) -> None:
    for users in (10_000, 50_000, 100_000):
        need = scaling.need(users, MIX, COSTS, BUDGET, by_room=by_room)
        assert need is not None
        fits = [
            scaling.fits(users, nodes, MIX, COSTS, BUDGET, by_room=by_room)
            for nodes in range(1, need.nodes + 1)
        ]
        assert fits.index(True) + 1 == need.nodes


@BY_ROOM
def test_nothing_is_exceeded(by_room: bool) -> None:
    need = scaling.need(100_000, MIX, COSTS, BUDGET, by_room=by_room)
    assert need is not None
    assert need.part.total <= BUDGET.cores
    assert need.bytes <= BUDGET.bytes
    assert need.users / need.nodes <= BUDGET.connections


def test_each_cost_counts() -> None:
    """Twice the cost of anything makes an installation of several nodes dearer."""
    used = scaling.used(1_000_000, 20, MIX, COSTS, by_room=False)
    before = (*used.part, used.consumer_cores, used.bytes, used.bus_bytes)
    for name in Costs.__struct_fields__:
        if name in ("store", "consumers"):
            continue
        twice = {key: getattr(COSTS, key) for key in Costs.__struct_fields__}
        dearer = Costs(**(twice | {name: 2 * twice[name]}))
        now = scaling.used(1_000_000, 20, MIX, dearer, by_room=False)
        after = (*now.part, now.consumer_cores, now.bytes, now.bus_bytes)
        assert after > before, name


def test_subjects_by_room_spare_nodes_what_they_do_not_follow() -> None:
    mix = Mix(60.0, 2.0)
    load = scaling.load_of(100_000, mix)
    heard = [
        scaling.part_of(load, 100_000, 20, mix, COSTS, by_room=by_room).hearing
        for by_room in (True, False)
    ]
    assert heard[0] < heard[1]


def test_what_every_node_hears_has_an_end() -> None:
    """With one subject there are users whom no number of nodes can serve."""
    limit = scaling.limit_of_hearing(MIX, COSTS, BUDGET, share=1.0)
    assert scaling.need(int(2 * limit), MIX, COSTS, BUDGET, by_room=False) is None


def test_limits_are_met_where_they_are_said_to_be() -> None:
    most = scaling.users_of_node(MIX, COSTS, BUDGET)
    assert scaling.fits(most, 1, MIX, COSTS, BUDGET, by_room=False)
    assert not scaling.fits(most + 1, 1, MIX, COSTS, BUDGET, by_room=False)
    online = scaling.limit_of_presence(COSTS, BUDGET)
    assert online * COSTS.online_bytes == BUDGET.bytes / 2
    reading = scaling.limit_of_consumers(MIX, COSTS, BUDGET)
    assert reading / MIX.seconds * 200 / 1e6 == pytest.approx(
        BUDGET.cores
    )  # 200 µs for each of ten
    nodes = scaling.limit_of_frames(COSTS, BUDGET)
    spent = (nodes - 1) * COSTS.frames * COSTS.frame_us / 1e6
    assert spent <= BUDGET.cores / 2 < spent + COSTS.frames * COSTS.frame_us / 1e6


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.123, "0.12"), (9.0, "9"), (12.4, "12"), (123.0, "120"), (167_234.0, "170,000")],
)
def test_figures_do_not_pretend_to_be_exact(value: float, shown: str) -> None:
    assert model.rounded(value) == shown


def test_the_page_says_of_each_table_whether_it_was_measured() -> None:
    text = model.PAGE.read_text(encoding="utf-8")
    for name in model.parts(costing.read()):
        before = text.partition(f"<!-- {name}: begin -->")[0].rpartition("\n#")[2]
        assert re.search(r"\b[Mm]easured\b|\b[Cc]omputed\b", before), name
