"""The append path: numbering, conflicts, repeats, faults of the store, bounds."""

import asyncio
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Any

import pytest

from chatserver.delivery.hub import Hub
from chatserver.delivery.outlet import Outlet
from chatserver.errors import ChatError, StoreUnavailable
from chatserver.interfaces import Appended
from chatserver.model import AnyEvent, MessagePosted
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.entries import Append, Outcome
from chatserver.roomlog.log import PACE_EVENTS, Log
from chatserver.roomlog.repeats import Send
from chatserver.roomlog.room import Room
from chatserver.runtime.measure import Gauge, Measures
from chatserver.testing.samples import described, posted
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import FaultyStore, config
from tests.virtual_time import run
from tests.waiting import until

pytestmark = pytest.mark.virtual_time


class Recording(MemoryStore):
    """Remembers every batch; writes one only while `gate` is open."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        self.batches.append([f"{event.room}-{event.seq}" for event in events])
        await self.gate.wait()
        return await super().append(events, erasing)


class Node:
    """A log with rooms in memory, and what became of what was submitted."""

    def __init__(self, store: Any, **settings: object) -> None:
        given = config(**{f"delivery.{name}": value for name, value in settings.items()})
        self.rooms = RoomCache(store, 100)
        self.measures = Measures()
        hub = Hub(Outlet(given.limits, self.rooms.events, self.measures), None, self.measures)
        self.written: list[AnyEvent] = []
        self.asked: Callable[[str], None] = lambda room: None  # in place of the other nodes

        async def ask(room: str) -> None:
            self.asked(room)

        self.log = Log(
            store,
            self.rooms,
            given.delivery,
            self.measures,
            deliver=hub.deliver,
            written=self.written.extend,
            ask=ask,
            on_failure=lambda error, refused: None,
        )
        self.outcomes: dict[str, Outcome | ChatError] = {}

    def room(self, name: str) -> Room:
        return self.rooms.known(name) or self.rooms.keep(Room(name))

    def submit(
        self,
        client_id: str,
        room: str = "r",
        author: str = "u1",
        check: Callable[[], None] = lambda: None,
        changes_state: bool = False,
        number: int = 0,
    ) -> None:
        """Submit a message, or a description with `changes_state`; `number` tells repeats apart."""
        name = f"{client_id}#{number}" if number else client_id

        def build(seq: int, at: str) -> AnyEvent:
            if changes_state:
                return described(room, seq, name=client_id)
            return posted(room, seq, author, client_id=client_id)

        def done(outcome: Outcome | ChatError) -> None:
            assert name not in self.outcomes, f"{name} was answered twice"
            self.outcomes[name] = outcome

        key = None if changes_state else (room, author, client_id)
        entry = Append(self.room(room), build, check, done, key=key, changes_state=changes_state)
        self.log.submit(entry)

    def event(self, name: str) -> AnyEvent:
        outcome = self.outcomes[name]
        assert isinstance(outcome, Outcome)
        return outcome.event

    def code(self, name: str) -> str:
        outcome = self.outcomes[name]
        assert isinstance(outcome, ChatError)
        return outcome.code


def client_ids(events: Sequence[AnyEvent]) -> list[str]:
    return [event.client_id for event in events if isinstance(event, MessagePosted)]


async def test_waiting_entries_go_out_in_one_batch_in_order() -> None:
    store = Recording()
    node = Node(store)
    for number in range(10):
        node.submit(f"c{number}", room="ab"[number % 2])
    await node.log.drain()
    assert len(store.batches) == 1
    assert client_ids(await store.read("a", 0, 99)) == ["c0", "c2", "c4", "c6", "c8"]
    assert [event.seq for event in await store.read("b", 0, 99)] == [1, 2, 3, 4, 5]
    assert node.written == [node.event(f"c{number}") for number in range(10)]


async def test_a_batch_has_a_bound() -> None:
    store = Recording()
    node = Node(store, batch_events=4)
    for number in range(10):
        node.submit(f"c{number}")
    await node.log.drain()
    assert [len(batch) for batch in store.batches] == [4, 4, 2]


async def test_under_load_one_half_is_told_while_the_other_is_written() -> None:
    store = Recording()
    store.gate.clear()
    node = Node(store)
    for number in range(400):
        node.submit(f"c{number}")
    async with asyncio.timeout(10):
        while not store.batches:
            await asyncio.sleep(0)
        store.gate.set()
        store.gate.clear()  # lets this batch through, and holds the next one
        while not node.outcomes:
            await asyncio.sleep(0)
    assert [len(batch) for batch in store.batches] == [200, 200]
    assert len(node.outcomes) == 200
    store.gate.set()
    await node.log.drain()
    assert client_ids(await store.read("r", 0, 999)) == [f"c{number}" for number in range(400)]


@pytest.mark.parametrize(("waiting", "sizes"), [(60, [60]), (100, [100]), (150, [100, 50])])
async def test_no_batch_is_made_smaller_than_one_that_pays(waiting: int, sizes: list[int]) -> None:
    store = Recording()
    node = Node(store)
    for number in range(waiting):
        node.submit(f"c{number}")
    await node.log.drain()
    assert [len(batch) for batch in store.batches] == sizes


async def test_nodes_that_write_at_the_same_time_leave_no_hole() -> None:
    store = MemoryStore()
    nodes = [Node(store, batch_events=7) for _ in range(3)]
    for number in range(100):
        for index, node in enumerate(nodes):
            node.submit(f"n{index}-{number}", room=f"r{number % 3}")
    await asyncio.gather(*(node.log.drain() for node in nodes))
    for room in ("r0", "r1", "r2"):
        events = await store.read(room, 0, 1000)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        for index in range(3):
            mine = [each for each in client_ids(events) if each.startswith(f"n{index}")]
            assert mine == sorted(mine, key=lambda each: int(each.partition("-")[2]))
    for index, node in enumerate(nodes):
        assert len(node.outcomes) == len(node.written) == 100
        for number in range(100):
            event = node.event(f"n{index}-{number}")
            assert (await store.read(event.room, event.seq - 1, 1)) == [event]


async def test_events_before_a_taken_position_are_not_written_again() -> None:
    store = Recording()
    node = Node(store)
    await store.append([posted("b", 1, "other"), posted("b", 2, "other")])
    store.batches.clear()
    for name, room in (("c1", "a"), ("c2", "b"), ("c3", "c"), ("c4", "b")):
        node.submit(name, room=room)
    await node.log.drain()
    assert store.batches == [["a-1", "b-1", "c-1", "b-2"], ["c-1", "b-3", "b-4"]]
    assert [node.event(name).seq for name in ("c1", "c2", "c3", "c4")] == [1, 3, 1, 4]
    assert node.room("b").head == 4


async def test_work_in_the_background_is_told_while_many_sends_are_under_way() -> None:
    store = Recording()
    node = Node(store)
    store.gate.clear()
    for number in range(PACE_EVENTS):
        assert not node.log.is_pressed()
        node.submit(f"c{number}")
    assert node.log.is_pressed()  # they wait
    async with asyncio.timeout(60):
        while not store.batches:
            await asyncio.sleep(0)
    assert node.log.is_pressed()  # they are being written
    store.gate.set()
    await node.log.drain()
    assert not node.log.is_pressed()


def test_a_slow_node_gets_its_turn_in_rooms_that_a_quick_one_writes_to() -> None:
    """New events come while it reads: one successful batch must write all waiting entries."""
    seconds, each = 3, 100  # sends a second of each node, in ten rooms

    async def race() -> int:
        store, rooms = MemoryStore(), random.Random(1)
        near = Node(FaultyStore(store, itertools.repeat(("late", 0.0005))))
        far = Node(FaultyStore(store, itertools.repeat(("late", 0.01))))
        for number in range(seconds * each):
            near.submit(f"n{number}", room=f"r{rooms.randrange(10)}")
            far.submit(f"f{number}", room=f"r{rooms.randrange(10)}")
            await asyncio.sleep(1 / each)
        answered = len(far.outcomes)
        await asyncio.gather(near.log.drain(), far.log.drain())
        assert len(far.outcomes) == len(near.outcomes) == seconds * each
        return answered

    assert run(race) > seconds * each / 2


@pytest.mark.parametrize("asks", [True, False])
def test_a_far_node_gets_its_turn_in_a_room_that_a_near_one_writes_to_all_the_time(
    asks: bool,
) -> None:
    """It never would by itself: while its batch is under way, another one is stored each time."""
    seconds, far_each, near_each = 10, 10, 200  # sends a second
    note_seconds = 0.25

    async def race() -> float:
        store = MemoryStore()
        near = Node(FaultyStore(store, itertools.repeat(("late", 0.0005))))
        far = Node(FaultyStore(store, itertools.repeat(("late", 0.05))))

        def ask(room: str) -> None:
            loop.call_later(note_seconds, near.log.give_way, near.room(room))

        loop = asyncio.get_running_loop()
        if asks:
            far.asked = ask
        for number in range(seconds * near_each):
            near.submit(f"n{number}")
            if number % (near_each // far_each) == 0:
                far.submit(f"f{number}")
            if number % near_each == 0:
                await near.log.refresh([near.room("r")])
            await asyncio.sleep(1 / near_each)
        assert len(near.outcomes) > seconds * near_each * 0.8  # the last ones are under way
        answered = len(far.outcomes) / (seconds * far_each)
        await asyncio.gather(near.log.drain(), far.log.drain())
        assert len(far.outcomes) == seconds * far_each
        return answered

    answered = run(race)
    assert answered > 0.7 if asks else answered < 0.2


async def test_a_node_that_gives_way_in_one_room_continues_in_others() -> None:
    store = Recording()
    node = Node(store)
    node.log.give_way(node.room("a"))
    for number in range(4):
        node.submit(f"c{number}", room="aaab"[number])
    await until(lambda: "c3" in node.outcomes)
    assert store.batches == [["b-1"]]
    await store.append([posted("a", 1, "other")])  # whom it gave way to
    await node.log.refresh([node.room("a")])
    await node.log.drain()
    assert client_ids(await store.read("a", 1, 99)) == ["c0", "c1", "c2"]


async def test_nobody_gives_way_again_at_once() -> None:
    node = Node(MemoryStore())
    room = node.room("r")
    node.log.give_way(room)
    assert room.gives_way
    room.gives_way = False
    node.log.give_way(room)
    assert not room.gives_way


async def test_a_repeated_send_is_answered_with_the_first() -> None:
    store = Recording()
    first, second = Node(store), Node(store)
    first.submit("same")
    await first.log.drain()
    for name in ("before", "same", "after"):
        second.submit(name)
    await second.log.drain()
    assert second.outcomes["same"] == Outcome(first.event("same"), repeated=True)
    assert client_ids(await store.read("r", 0, 99)) == ["same", "before", "after"]
    assert "same" not in client_ids(second.written)


async def test_a_repeat_of_a_pending_send_is_the_same_send() -> None:
    store = Recording()
    store.gate.clear()
    node = Node(store)
    node.submit("same")
    await asyncio.sleep(0.01)
    node.submit("same", number=2)
    store.gate.set()
    await node.log.drain()
    assert store.batches == [["r-1"]]
    assert node.outcomes["same#2"] == Outcome(node.event("same"), repeated=True)


async def test_another_author_may_use_the_same_client_id() -> None:
    node = Node(MemoryStore())
    node.submit("same")
    node.submit("same", author="u2", number=2)
    await node.log.drain()
    assert [node.event("same").seq, node.event("same#2").seq] == [1, 2]


class ByRoom(MemoryStore):
    """Keeps each room in a store of its own, as shards do, so that a client_id is unique in a room alone."""

    def __init__(self) -> None:
        super().__init__()
        self._of: defaultdict[str, MemoryStore] = defaultdict(MemoryStore)

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        for stored, each in enumerate(events):
            if conflict := (await self._of[each.room].append([each])).conflict:
                return Appended(stored, conflict)
        return Appended(len(events))

    async def ranges(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        return [await self._of[room].read(room, after, limit) for room, after in wanted]

    async def repeats(self, keys: object) -> dict[tuple[str, str], MessagePosted]:
        raise NotImplementedError

    async def repeats_in(self, sends: Sequence[Send]) -> dict[Send, MessagePosted]:
        return {
            (room, *key): message
            for room, *of in sends
            for key, message in (await self._of[room].repeats([(of[0], of[1])])).items()
        }


async def test_a_client_id_in_two_rooms_of_a_store_that_keeps_it_by_room() -> None:
    """Also while the first is under way; and each room's repeat gets its own message."""
    store = ByRoom()
    first, second = Node(store), Node(store)
    for number, room in enumerate("ab"):
        first.submit("same", room=room, number=number)
    await first.log.drain()
    for number, room in enumerate("ab"):
        second.submit("same", room=room, number=number)
    await second.log.drain()
    for name, room in (("same", "a"), ("same#1", "b")):
        assert first.event(name).room == room
        assert second.outcomes[name] == Outcome(first.event(name), repeated=True)


async def test_a_client_id_under_way_in_another_room_is_that_message() -> None:
    store = Recording()
    node = Node(store)
    node.submit("same", room="a")
    node.submit("same", room="b", number=1)
    await node.log.drain()
    assert node.outcomes["same#1"] == Outcome(node.event("same"), repeated=True)
    assert await store.heads(["a", "b"]) == {"a": 1}


@pytest.mark.parametrize("fault", ["before", "after", "much later"])
async def test_after_an_unknown_outcome_the_room_is_compared_and_a_repeat_is_once(
    fault: str,
) -> None:
    store = MemoryStore()
    way = FaultyStore(store, [(fault, 0.0)])
    node = Node(way)
    node.submit("c1")
    await node.log.drain()
    assert node.code("c1") == "store.unavailable"
    assert node.room("r").stale
    await way.settle()
    node.submit("c1", number=2)
    node.submit("c2")
    await node.log.drain()
    assert not node.room("r").stale
    assert client_ids(await store.read("r", 0, 99)) == ["c1", "c2"]
    outcome = node.outcomes["c1#2"]
    assert isinstance(outcome, Outcome) and outcome.repeated is (fault != "before")
    assert node.room("r").head == 2 and node.room("r").holders == 0


async def test_a_state_change_is_the_last_of_its_room_in_a_batch() -> None:
    """Entries after it are checked in the state that it makes."""
    store = Recording()
    node = Node(store)
    seen: list[str | None] = []

    def look() -> None:
        description = node.room("r").description
        seen.append(description.name if description else None)

    node.submit("c1", check=look)
    node.submit("renamed", check=look, changes_state=True)
    node.submit("c2", check=look)
    node.submit("elsewhere", room="other")
    await node.log.drain()
    assert store.batches == [["r-1", "r-2", "other-1"], ["r-3"]]
    assert seen == ["renamed"]  # the others had their number at once
    assert [node.event(name).seq for name in ("c1", "renamed", "c2")] == [1, 2, 3]


async def test_a_refused_append_leaves_no_gap(logged: list[str]) -> None:
    def refuse() -> None:
        raise ChatError("room.forbidden")

    def crash() -> None:
        raise RuntimeError("broken on purpose")

    node = Node(MemoryStore())
    node.room("r").stale = True  # none gets a number before the room was compared with the store
    node.submit("c1")
    node.submit("no", check=refuse)
    node.submit("crash", check=crash)
    node.submit("c2")
    await node.log.drain()
    assert (node.code("no"), node.code("crash")) == ("room.forbidden", "server.internal")
    assert [node.event("c1").seq, node.event("c2").seq] == [1, 2]
    assert len([line for line in logged if "append failed" in line]) == 1


async def test_a_check_is_made_again_where_the_position_changes() -> None:
    """Another node's event came between: the rights are those after it."""
    store = MemoryStore()
    node = Node(store)

    def only_first() -> None:
        if node.room("r").head:
            raise ChatError("room.forbidden")

    node.submit("c1", check=only_first)
    await store.append([posted("r", 1, "other")])
    await node.log.drain()
    assert node.code("c1") == "room.forbidden"


async def test_an_answer_that_fails_takes_no_other_along(logged: list[str]) -> None:
    node = Node(MemoryStore())

    def crash(outcome: Outcome | ChatError) -> None:
        raise RuntimeError("broken on purpose")

    entry = Append(node.room("r"), lambda seq, at: posted("r", seq), lambda: None, crash)
    node.log.submit(entry)
    node.submit("c1")
    await node.log.drain()
    assert node.event("c1").seq == 2


async def test_the_queue_has_a_bound() -> None:
    store = Recording()
    store.gate.clear()
    node = Node(store, queue_events=5)
    node.submit("under way")
    await asyncio.sleep(0.01)
    for number in range(5):
        node.submit(f"c{number}")
    with pytest.raises(StoreUnavailable):
        node.submit("too many")
    assert node.outcomes == {}
    store.gate.set()
    await node.log.drain()
    assert len(node.outcomes) == 6


async def test_while_the_store_is_away_some_wait_for_it_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chatserver.roomlog.log.TRIED_EVENTS", 3)
    store = Recording()
    way = FaultyStore(store, [("before", 0.0), ("before", 0.0), ("late", 0.1)])
    node = Node(way)
    node.submit("first")
    await node.log.drain()
    assert node.code("first") == "store.unavailable" and node.log.is_failing()
    for number in range(5):
        node.submit(f"again{number}")  # once may be chance
    await node.log.drain()
    assert {node.code(f"again{number}") for number in range(5)} == {"store.unavailable"}
    for number in range(3):
        node.submit(f"c{number}")
    with pytest.raises(StoreUnavailable):
        node.submit("too many")
    assert _read(node, "chatserver_appends_refused_total") == 1 + 5 + 1
    assert _read(node, "chatserver_append_oldest_seconds") > 0
    await node.log.drain()
    assert _read(node, "chatserver_append_oldest_seconds") == 0
    assert [node.event(f"c{number}").seq for number in range(3)] == [1, 2, 3]
    assert not node.log.is_failing()
    for number in range(3, 10):
        node.submit(f"c{number}")  # the store is back: as many as ever may wait
    await node.log.drain()
    assert node.event("c9").seq == 10


def _read(node: Node, name: str) -> float:
    (measure,) = (each for each in node.measures if each.name == name)
    found = measure.read() if isinstance(measure, Gauge) else measure.values[()]
    assert isinstance(found, float | int)
    return found


async def test_nobody_waits_longer_than_one_write_may_take() -> None:
    store = Recording()
    store.gate.clear()
    node = Node(store, append_seconds=0.5, batch_events=2)
    loop = asyncio.get_running_loop()
    started = loop.time()
    for number in range(20):
        node.submit(f"c{number}", room=f"r{number % 3}")
    await node.log.drain()
    assert loop.time() - started == pytest.approx(0.5)
    assert {node.code(f"c{number}") for number in range(20)} == {"store.unavailable"}
    assert all(node.room(f"r{number}").holders == 0 for number in range(3))
    store.gate.set()
    node.submit("again")
    await node.log.drain()
    assert node.event("again").seq == 1


async def test_a_store_that_is_away_is_not_asked_for_each_of_those_who_wait() -> None:
    store = Recording()
    way = FaultyStore(store, [("before", 0.0)])
    node = Node(way, batch_events=1)
    for number in range(10):
        node.submit(f"c{number}")
    await node.log.drain()
    assert len(node.outcomes) == 10 and store.batches == []


async def test_drain_waits_for_all_that_was_submitted() -> None:
    store = Recording()
    store.gate.clear()
    node = Node(store, batch_events=1)
    for number in range(3):
        node.submit(f"c{number}")
    asyncio.get_running_loop().call_later(0.02, store.gate.set)
    await node.log.drain()
    assert len(node.outcomes) == 3
    await node.log.drain()  # nothing is left to wait for


async def test_a_room_far_behind_is_loaded_anew_unless_it_is_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chatserver.roomlog.log.RELOAD_EVENTS", 10)
    store = MemoryStore()
    node = Node(store)
    rooms = [node.room("a"), node.room("b")]
    rooms[1].followers = 1
    for room in rooms:
        messages = [posted(room.id, seq) for seq in range(2, 31)]
        await store.append([described(room.id, 1), *messages])
    await node.log.refresh(rooms)
    assert [room.head for room in rooms] == [30, 30]
    assert [len(room.tail) for room in rooms] == [0, 30]


async def test_a_hole_in_a_store_is_not_crossed_nor_waited_for() -> None:
    class Holed(MemoryStore):
        async def read(self, room: str, after: int, limit: int) -> list[AnyEvent]:
            return [each for each in await super().read(room, after, limit) if each.seq != 3]

    store = Holed()
    await store.append([posted("r", seq) for seq in range(1, 6)])
    node = Node(store)
    async with asyncio.timeout(30):
        await node.log.refresh([node.room("r")])
    assert node.room("r").head == 2
