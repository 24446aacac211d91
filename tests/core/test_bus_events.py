"""Events travel on the bus: published without a read of the store where that is safe, and only there."""

import asyncio
import secrets
import time
from contextlib import AsyncExitStack
from typing import Any, cast
from unittest import mock

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.cluster.bus import keys as keys_module
from chatserver.cluster.bus.announcer import is_private
from chatserver.cluster.bus.arrivals import FRESH_SECONDS, next_of
from chatserver.cluster.bus.contents import Key, plain
from chatserver.cluster.bus.envelopes import (
    MOST_ITEM_BYTES,
    Envelopes,
    Events,
    Head,
    Written,
    encode,
)
from chatserver.cluster.bus.keys import RECORD, REPLACE_SECONDS, Keys
from chatserver.cluster.bus.runs import Run, Unreadable
from chatserver.cluster.installation import META, bus_key
from chatserver.errors import StoreUnavailable
from chatserver.interfaces import BUS_FRAME_BYTES
from chatserver.model import (
    AnyEvent,
    MessageDeleted,
    MessagePosted,
    RoomKind,
    UnknownEvent,
    UserRef,
)
from chatserver.roomlog.room import Room
from chatserver.service.service import Service
from chatserver.testing.clock import FakeClock
from chatserver_plugins.memory import MemoryStore
from tests.core.buses import Wire
from tests.core.clients import Reader
from tests.core.nodes import FaultyStore, add_user, config, make_service, running, stop_clocks
from tests.core.scene import SETTLE_SECONDS, Scene, scene
from tests.core.showing import LoopClock
from tests.waiting import until

pytestmark = pytest.mark.virtual_time

READS = {"heads", "read", "ranges", "shown", "rooms", "members", "page", "newest", "posted"}
TEXT = "a text that nobody else may read"


class Painted(msgspec.Struct, kw_only=True, tag_field="ev", tag="room.painted"):
    """An event of a kind that only a newer version knows."""

    room: str
    seq: int
    at: str
    author: UserRef
    colour: str


class Counting:
    """A node's way to a store that counts the reads of logs."""

    def __init__(self, behind: Any) -> None:
        self.behind, self.reads = behind, list[str]()

    def __getattr__(self, name: str) -> Any:
        if name in READS:
            self.reads.append(name)
        return getattr(self.behind, name)


@pytest.fixture(params=["encrypted", "private"])
def wire(request: pytest.FixtureRequest) -> Wire:
    """A bus on which events are encrypted, and one on which they need not be."""
    return Wire(is_private=request.param == "private")


def kinds(service: Service) -> dict[str, float]:
    """What became of events that came over the bus, and of parts of frames that were refused."""
    arrivals = cast(Any, service.exchange)._arrivals
    counters = (arrivals._received.values, arrivals._refused.values)
    return {labels[0]: count for values in counters for labels, count in values.items()}


def rooms_read(service: Service) -> float:
    hints = cast(Any, service.exchange)._hints
    return cast(float, hints._rooms_read.values.get((), 0.0))


async def seal_key(built: Scene) -> bytes | None:
    """The key for the seals of frames on this scene's bus."""
    return (
        None
        if is_private(cast(Any, built.first.exchange)._bus)
        else await bus_key(built.first.store)
    )


async def opened(built: Scene, frames: list[bytes]) -> list[Any]:
    """The items of these frames, with the runs of those that have events."""
    envelopes = Envelopes(await seal_key(built), built.first.epoch, "third")
    key = cast(Any, built.first)._bus_keys.newest
    items = [item for frame in frames for item in envelopes.unpack(frame).items]

    def runs(item: Any) -> Any:
        if isinstance(item, Events):
            return key.open(item).runs
        return item.runs if isinstance(item, Written) else item

    return [runs(item) for item in items]


async def send(built: Scene, wire: Wire, *events: AnyEvent, at: float | None = None) -> None:
    """Carry these events, of the scene's room, as a third node would."""
    key = cast(Any, built.first)._bus_keys.newest
    envelopes = Envelopes(await seal_key(built), built.first.epoch, "third")
    written = [(built.room.id, events)]
    now = time.time() if at is None else at
    items = (
        [part.item for part in plain(written, now)]
        if wire.is_private
        else [*key.seal(written, now)]
    )
    for frame in envelopes.pack(items):
        wire.carry(frame)


# -- what is taken --------------------------------------------------------------------------------


async def test_the_next_events_need_no_read_of_the_store(wire: Wire) -> None:
    async with scene(wire) as built:
        reader = await built.reader()
        start = built.room.head
        failing = mock.AsyncMock(side_effect=StoreUnavailable)
        names = {name: failing for name in READS if hasattr(built.store.behind, name)}
        behind = built.store.behind
        built.store.behind = cast(Any, mock.Mock(wraps=behind, **names))
        for _ in range(5):
            await built.post(1, on=built.second)
            await asyncio.sleep(SETTLE_SECONDS)
        await reader.pipe.until(lambda: len(reader.pipe.events(built.room.id)) >= 5)
        built.store.behind = behind
        await built.expect(reader, start)
        assert failing.await_count == 0
        assert kinds(built.first) == {"taken": 5.0} and rooms_read(built.first) == 0


async def test_they_are_what_the_store_has(wire: Wire) -> None:
    async with scene(wire) as built:
        await built.reader()
        room = await built.second.rooms.get(built.room.id)
        messages, owner = built.second.messages, built.owner
        first, _ = await messages.post(owner, room, "c1", TEXT)
        await messages.react(owner, room, first.id, "👍")
        await messages.edit(owner, room, first.id, "another text")
        await messages.pin(owner, room, first.id, True)
        await messages.delete(owner, room, first.id)
        await until(lambda: built.room.head == room.head, 1.0)
        assert rooms_read(built.first) == 0
        assert built.room.tail == (await built.log())[-len(built.room.tail) :]


async def test_events_behind_a_hole_are_read_from_the_store(wire: Wire) -> None:
    async with scene(wire) as built:
        reader = await built.reader()
        start = built.room.head
        mine = wire.buses.pop(0)
        await built.post(1, on=built.second)
        await asyncio.sleep(SETTLE_SECONDS)
        wire.buses.insert(0, mine)
        await built.post(1, on=built.second)
        await built.expect(reader, start)
        assert kinds(built.first) == {"early": 1.0} and rooms_read(built.first) == 1


async def test_a_number_taken_by_an_event_that_the_bus_brought_needs_no_read() -> None:
    async with scene(Wire()) as built:
        reader = await built.reader()
        start = built.room.head
        with mock.patch.object(
            built.store.behind, "ranges", wraps=built.store.behind.ranges
        ) as ranges:
            built.store.arm([("late", 0.05)])
            mine = asyncio.create_task(built.post(1))
            await asyncio.sleep(0.01)
            await built.post(1, on=built.second)
            await mine
        assert ranges.call_count == 0
        conflicts = cast(Any, built.first.log)._conflicts.values
        assert conflicts == {("position",): 1.0}
        await built.expect(reader, start)


async def test_repeated_frames_change_nothing(wire: Wire) -> None:
    async with scene(wire) as built:
        reader = await built.reader()
        start = built.room.head
        await built.post(3, on=built.second)
        await asyncio.sleep(SETTLE_SECONDS)
        for frame in [*wire.frames] * 2:
            wire.carry(frame)
        await built.expect(reader, start)
        assert rooms_read(built.first) == 0 and not built.room.stale
        assert kinds(built.first) == {"taken": 3.0, "known": 6.0}


async def test_part_of_a_frame_that_is_known_is_left_out(wire: Wire) -> None:
    async with scene(wire) as built:
        reader = await built.reader()
        start = built.room.head
        with mock.patch.object(built.second._announcer, "wrote"):
            await built.post(3, on=built.second)
        events = await built.log(start)
        await send(built, wire, events[0])
        await send(built, wire, *events)
        await built.expect(reader, start)
        assert kinds(built.first) == {"taken": 3.0}


async def test_a_hole_within_a_frame_ends_what_is_taken(wire: Wire) -> None:
    async with scene(wire) as built:
        reader = await built.reader()
        start = built.room.head
        with mock.patch.object(built.second._announcer, "wrote"):
            await built.post(3, on=built.second)
        events = await built.log(start)
        await send(built, wire, events[0], events[2])
        assert built.room.head == start + 1 and not built.room.stale
        await send(built, wire, events[1], events[2])
        await built.expect(reader, start)


async def test_a_room_that_nobody_here_follows_is_left_alone(wire: Wire) -> None:
    async with scene(wire) as built:
        head = built.room.head
        await built.post(2, on=built.second)
        await until(lambda: built.room.stale, 1.0)
        assert built.room.head == head and kinds(built.first) == {}


async def test_a_newer_kind_of_event_is_what_the_store_would_make_of_it(wire: Wire) -> None:
    async with scene(wire) as built:
        reader = await built.reader()
        start = built.room.head
        owner = UserRef(built.owner.id, built.owner.username)
        at = "2026-01-01T00:00:00.000Z"
        event = Painted(room=built.room.id, seq=start + 1, at=at, author=owner, colour="green")
        await send(built, wire, cast(Any, event))
        assert built.room.tail[-1] == UnknownEvent(
            room=built.room.id,
            seq=start + 1,
            at=at,
            author=owner,
            unknown="room.painted",
            fields={"colour": "green"},
        )
        await reader.pipe.until(lambda: bool(reader.pipe.events(built.room.id)))


async def test_readers_of_the_log_get_the_events_themselves_of_rooms_that_nobody_follows(
    wire: Wire,
) -> None:
    async with scene(wire) as built:
        told: list[str] = []
        came: list[int] = []
        takes = True

        def take(room: str, decode: Any) -> bool:
            assert room == built.room.id
            came.extend(event.seq for event in decode())
            return takes

        built.first.watch_news(lambda events: None, told.extend, take)
        start = built.room.head
        await asyncio.sleep(SETTLE_SECONDS)
        told.clear()
        came.clear()
        await built.post(1, on=built.second)
        await asyncio.sleep(SETTLE_SECONDS)
        for frame in list(wire.frames):
            wire.carry(frame)  # repeated frames are for nobody
        assert (came, told) == ([start + 1], [])
        takes = False
        await built.post(1, on=built.second)
        await asyncio.sleep(SETTLE_SECONDS)
        assert (came, told) == ([start + 1, start + 2], [built.room.id])


async def test_readers_of_the_log_get_no_events_behind_what_was_announced(wire: Wire) -> None:
    """A later event may have replaced their text."""
    async with scene(wire) as built:
        told: list[str] = []
        came: list[int] = []
        built.first.watch_news(
            lambda events: None,
            told.extend,
            lambda room, decode: came.extend(event.seq for event in decode()) is None,
        )
        start = built.room.head
        with mock.patch.object(built.second._announcer, "wrote"):
            await built.post(2, on=built.second)
        first, second = await built.log(start)
        for items in ([Head(built.room.id, start + 2)], [Head(built.room.id, start + 1)]):
            cast(Any, built.second._announcer).say(items[0])
            await asyncio.sleep(SETTLE_SECONDS)
        await send(built, wire, first, second)
        assert (came, told) == ([], [built.room.id])


# -- what may have been erased ------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [-FRESH_SECONDS - 1, FRESH_SECONDS + 1])
async def test_frames_that_are_not_of_this_moment_are_left_to_the_store(
    wire: Wire, seconds: float
) -> None:
    async with scene(wire) as built:
        reader = await built.reader()
        start = built.room.head
        with mock.patch.object(built.second._announcer, "wrote"):
            await built.post(1, on=built.second)
        (event,) = await built.log(start)
        await send(built, wire, event, at=time.time() + seconds)
        assert built.room.head == start and kinds(built.first) == {"age": 1.0}
        await send(built, wire, event)
        await built.expect(reader, start)


async def test_nodes_whose_clocks_differ_read_from_the_store() -> None:
    wire, store = Wire(), MemoryStore()
    async with AsyncExitStack() as stack:
        services = [
            await stack.enter_async_context(
                running(make_service(store, config(), bus=wire.bus(), clock=LoopClock(ahead)))
            )
            for ahead in (0.0, 3600.0)
        ]
        reader, room, post = await following(services)
        start = room.head
        for number in range(3):
            await post(1, number)
            await asyncio.sleep(SETTLE_SECONDS)
        seqs = [each["seq"] for each in reader.pipe.events(room.id)]
        assert seqs == [*range(start + 1, start + 4)]
        assert kinds(services[0]) == {
            "key": 1.0,
            "age": 2.0,
        }  # the second one replaced the key, too
        assert rooms_read(services[0]) == 3
        reader.close()


async def test_replaced_texts_are_not_sent(wire: Wire) -> None:
    async with scene(wire) as built:
        await built.reader()
        room = await built.second.rooms.get(built.room.id)
        mine = wire.buses[1]
        publish, go = mine.publish, asyncio.Event()

        async def wait(frames: Any) -> None:
            await go.wait()
            await publish(frames)

        with mock.patch.object(mine, "publish", wait):
            await built.second.messages.post(built.owner, room, "c1", "before")
            await asyncio.sleep(SETTLE_SECONDS)  # its frame waits; the next ones gather
            event, _ = await built.second.messages.post(built.owner, room, "c2", TEXT)
            await built.second.messages.edit(built.owner, room, event.id, "edited")
            await built.second.messages.delete(built.owner, room, event.id)
            before = len(wire.frames)
            go.set()
            await until(lambda: built.room.head == room.head, 1.0)
        items = await opened(built, wire.frames[before:])
        sent = [
            event
            for runs in items
            if isinstance(runs, list)
            for run in runs
            for event in run.events()
        ]
        assert sent == (await built.log())[-4:]
        assert TEXT not in repr(sent) and isinstance(sent[-1], MessageDeleted)


async def test_events_of_a_log_that_was_just_rewritten_are_read_from_the_store(wire: Wire) -> None:
    async with scene(wire) as built:
        reader = await built.reader()
        start = built.room.head
        with mock.patch.object(built.second._announcer, "wrote"):
            await built.post(2, on=built.second)
        first, second = await built.log(start)
        built.first.room_cache.forget_contents(built.room.id, built.owner.id)
        await send(built, wire, first, second)
        assert built.room.head == start and kinds(built.first) == {"rewritten": 2.0}
        with mock.patch("chatserver.cluster.bus.arrivals.REWRITTEN_SECONDS", 0.0):
            await send(built, wire, first, second)
        await built.expect(reader, start)


async def test_no_text_is_on_the_bus_in_clear() -> None:
    wire = Wire()
    async with scene(wire) as built:
        await built.reader()
        start = built.room.head
        room = await built.second.rooms.get(built.room.id)
        await built.second.messages.post(built.owner, room, "c1", TEXT)
        await until(lambda: built.room.head > start, 1.0)
        assert kinds(built.first) == {"taken": 1.0}
        seen = b"".join(wire.frames)
        assert TEXT.encode() not in seen and built.owner.username.encode() not in seen


async def test_on_a_bus_that_nobody_else_hears_texts_are_as_they_are() -> None:
    wire = Wire(is_private=True)
    async with scene(wire) as built:
        await built.reader()
        start = built.room.head
        room = await built.second.rooms.get(built.room.id)
        cast(Any, built.second)._bus_keys._newest = None
        await built.second.messages.post(built.owner, room, "c1", TEXT)
        await until(lambda: built.room.head > start, 1.0)
        assert kinds(built.first) == {"taken": 1.0}
        assert TEXT.encode() in b"".join(wire.frames)


# -- other versions ---------------------------------------------------------------------------------


async def test_nodes_that_know_no_events_get_the_hints_as_ever(wire: Wire) -> None:
    """Also those of a version before: an item of an unknown kind is skipped."""
    async with scene(wire) as built:
        await asyncio.sleep(SETTLE_SECONDS)
        before = len(wire.frames)
        await built.post(6, on=built.second)
        await asyncio.sleep(SETTLE_SECONDS)
        items = await opened(built, wire.frames[before:])
        heads = [item.seq for item in items if isinstance(item, Head)]
        if wire.is_private:  # all nodes are of one version there, and runs say the heads, too
            assert not heads
            return
        told = 0
        assert heads == sorted(heads) and heads[-1] == (await built.log())[-1].seq
        for item in items:  # a head follows each part that has events
            if isinstance(item, list):
                told = max(run.last for run in item)
            elif isinstance(item, Head):
                assert item.seq >= told > 0
                told = 0
        assert not told


async def test_a_node_without_the_key_reads_and_gets_the_key() -> None:
    async with scene(Wire()) as built:
        reader = await built.reader()
        start = built.room.head
        theirs = cast(Any, built.second)._bus_keys
        old = await built.second.store.get(META, RECORD)
        theirs._since -= REPLACE_SECONDS
        await theirs.look()
        assert await built.second.store.get(META, RECORD) != old
        await built.post(1, on=built.second)
        await asyncio.sleep(SETTLE_SECONDS)
        assert kinds(built.first) == {"key": 1.0} and rooms_read(built.first) == 1
        await built.post(1, on=built.second)
        await built.expect(reader, start)
        assert kinds(built.first) == {"key": 1.0, "taken": 1.0} and rooms_read(built.first) == 1


async def test_events_too_large_for_a_frame_are_read_from_the_store(wire: Wire) -> None:
    async with scene(wire, buffer_soft_bytes=10**6, buffer_hard_bytes=10**6) as built:
        reader = await built.reader()
        start = built.room.head
        await built.post(1, on=built.second, size=BUS_FRAME_BYTES)
        await asyncio.sleep(SETTLE_SECONDS)
        assert kinds(built.first) == {} and rooms_read(built.first) == 1
        await built.post(1, on=built.second)
        await built.expect(reader, start)


async def test_a_node_sends_its_own_events_alone(wire: Wire) -> None:
    """Others may be of a newer version, and have fields that it does not know."""
    async with scene(wire) as built:
        await built.post(3, on=built.second)
        await asyncio.sleep(SETTLE_SECONDS)
        first, _, third = (await built.log())[-3:]
        before = len(wire.frames)
        cast(Any, built.second._announcer).wrote([first, third])
        await asyncio.sleep(SETTLE_SECONDS)
        (run,), *heads = await opened(built, wire.frames[before:])
        assert run.events() == [first, third]
        assert heads == ([] if wire.is_private else [Head(built.room.id, third.seq)])


async def test_more_frames_than_a_round_may_have_are_read_from_the_store(wire: Wire) -> None:
    with mock.patch("chatserver.cluster.bus.announcer.CONTENTS_FRAMES", 2):
        async with scene(wire, buffer_soft_bytes=10**6, buffer_hard_bytes=10**6) as built:
            reader = await built.reader()
            start = built.room.head
            await built.post(5, on=built.second, size=BUS_FRAME_BYTES // 2)
            await built.expect(reader, start)
            assert kinds(built.first) == {"taken": 2.0} and rooms_read(built.first) == 1


async def test_more_than_a_round_may_carry_is_read_from_the_store(wire: Wire) -> None:
    with mock.patch("chatserver.cluster.bus.announcer.WAITING_EVENTS", 3):
        async with scene(wire) as built:
            reader = await built.reader()
            start = built.room.head
            await built.post(5, on=built.second)
            await built.expect(reader, start)
            assert rooms_read(built.first) == 1


# -- the number of nodes -------------------------------------------------------------------------------


async def following(services: list[Service]) -> tuple[Reader, Room, Any]:
    """A room that everybody follows everywhere, a reader on the first node, and a way to post on any."""
    owner = await add_user(services[0], "owner")
    room = await services[0].rooms.create(owner, RoomKind.PRIVATE, "room")
    others = [await add_user(services[0], f"user{n}") for n in range(len(services) - 1)]
    readers = []
    for service, user in zip(services, (owner, *others), strict=True):
        if user is not owner:
            await services[0].rooms.invite(owner, room, user.id)
        reader = Reader(service, user)
        readers.append(reader)
    await asyncio.sleep(SETTLE_SECONDS)
    for reader in readers:
        await reader.follow(room.id, None)

    async def post(node: int, number: int) -> None:
        service = services[node % len(services)]
        found = service.room_cache.known(room.id)
        assert found is not None
        await service.messages.post(owner, found, f"c{number}", "x" * 100)

    return readers[0], room, post


@pytest.mark.parametrize("nodes", [2, 4, 8])
async def test_reads_a_message_do_not_grow_with_the_number_of_nodes(
    nodes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_clocks(monkeypatch)
    messages, wire, store = 200, Wire(), MemoryStore()
    ways = [Counting(store) for _ in range(nodes)]
    given = config(**{"delivery.repair_seconds": 60.0})
    async with AsyncExitStack() as stack:
        services = [
            await stack.enter_async_context(
                running(make_service(way, given, bus=wire.bus(), clock=LoopClock()))
            )
            for way in ways
        ]
        reader, room, post = await following(services)
        start = room.head
        for way in ways:
            way.reads.clear()
        for number in range(messages):
            await post(number, number)
            await asyncio.sleep(0.01)
        await until(lambda: room.head == start + messages, 5.0)
        reads = [name for way in ways for name in way.reads]
        assert len(reads) <= 0.05 * messages, reads
        assert [each["seq"] for each in reader.pipe.events(room.id)][-messages:] == [
            *range(start + 1, start + messages + 1)
        ]
        reader.close()


# -- contents and their seals ------------------------------------------------------------------------


def message(seq: int, body: str = "hello", room: str = "room") -> MessagePosted:
    return MessagePosted(
        id=f"{room}-{seq}",
        room=room,
        seq=seq,
        at="2026-01-01T00:00:00.000Z",
        author=UserRef("u1", "somebody"),
        body=body,
        client_id=f"c{seq}",
    )


SECRET = secrets.token_bytes(32)
KEY = Key("number", SECRET, "epoch")
decode = msgspec.json.Decoder(Events).decode
decode_written = msgspec.json.Decoder(Written).decode


def items_of(*runs: tuple[str, list[AnyEvent]], key: Key = KEY) -> list[Events]:
    return [decode(item) for item in key.seal(runs, 1.5)]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.lists(st.text(max_size=3000), max_size=30)), max_size=6
    ),
    st.booleans(),
)
def test_sealed_events_are_opened(drawn: list[tuple[str, list[str]]], is_plain: bool) -> None:
    runs = [
        (room, [message(seq, body, room) for seq, body in enumerate(bodies, start=1)])
        for room, bodies in drawn
    ]
    items = [part.item for part in plain(runs, 1.5)] if is_plain else list(KEY.seal(runs, 1.5))
    frames = list(Envelopes(b"key", "e" * 16, "n" * 16).pack(items))
    assert all(len(frame) <= BUS_FRAME_BYTES for frame in frames)
    assert all(len(item) <= MOST_ITEM_BYTES for item in items)
    found: list[Any] = [
        decode_written(item) if is_plain else KEY.open(decode(item)) for item in items
    ]
    assert {each.at for each in found} <= {1.5}
    events = [event for each in found for run in each.runs for event in run.events()]
    wanted = []
    for _, some in runs:
        for event in some:
            if len(encode(event)) > BUS_FRAME_BYTES // 2:
                break  # perhaps too large: neither it nor those behind it need come
            wanted.append(event)
    assert [event for event in events if event in wanted] == wanted
    assert all(event in [each for _, some in runs for each in some] for event in events)


@given(st.integers(0), st.integers(1, 255))
def test_a_changed_seal_is_noticed(place: int, change: int) -> None:
    (item,) = items_of(("room", [message(1)]))
    seal = bytearray(item.seal.encode())
    seal[place % len(seal)] ^= change
    with pytest.raises(Unreadable):
        KEY.open(Events("number", seal.decode("latin-1")))


@pytest.mark.parametrize("seal", ["", "AAAA", "A" * 16, "A" * 40, "ö" * 40, "A" * 41])
def test_what_is_no_seal_is_unreadable(seal: str) -> None:
    with pytest.raises(Unreadable):
        KEY.open(Events("number", seal))


@pytest.mark.parametrize(
    "key", [Key("number", secrets.token_bytes(32), "epoch"), Key("number", SECRET, "another")]
)
def test_contents_of_another_key_or_installation_are_unreadable(key: Key) -> None:
    (item,) = items_of(("room", [message(1)]))
    with pytest.raises(Unreadable):
        key.open(item)


def raw(*events: AnyEvent) -> list[msgspec.Raw]:
    return [msgspec.Raw(encode(event)) for event in events]


@pytest.mark.parametrize(
    "run",
    [
        Run("room", 1, 1, raw(message(1, room="other"))),
        Run("room", 1, 1, []),
        Run("room", 1, 2, raw(message(1))),
        Run("room", 1, 2, raw(message(2), message(1))),
        Run("room", 1, 1, raw(message(1), message(1))),
        Run("room", 1, 1, [msgspec.Raw(b'{"ev":1}')]),
        Run("room", 1, 1, [msgspec.Raw(b'["message.posted"]')]),
    ],
    ids=["other room", "none", "too few", "descending", "repeated", "no event", "a list"],
)
def test_a_run_that_is_not_what_it_says_is_unreadable(run: Run) -> None:
    with pytest.raises(Unreadable):
        run.events()


async def test_damaged_events_that_are_not_encrypted_are_counted() -> None:
    wire = Wire(is_private=True)
    async with scene(wire) as built:
        reader = await built.reader()
        start = built.room.head
        announcer: Any = built.second._announcer
        with mock.patch.object(announcer, "wrote"):
            await built.post(1, on=built.second)
        announcer.say(Written(time.time(), [Run(built.room.id, start + 1, start + 1, [])]))
        announcer.say(Head(built.room.id, start + 1))
        await built.expect(reader, start)
        assert kinds(built.first) == {"damaged": 1.0}


async def test_damaged_contents_are_counted_and_the_hint_is_followed(logged: list[str]) -> None:
    wire = Wire()
    async with scene(wire) as built:
        reader = await built.reader()
        start = built.room.head
        announcer: Any = built.second._announcer
        with mock.patch.object(announcer, "wrote"):
            await built.post(1, on=built.second)
        number = announcer._keys.newest.number
        announcer.say(Events(number, "AAAA"))
        announcer.say(Head(built.room.id, start + 1))
        await built.expect(reader, start)
        assert kinds(built.first) == {"damaged": 1.0} and logged == []


def test_the_next_of_a_room_have_no_hole() -> None:
    room = Room("room")
    room.head = 3
    some = [message(seq) for seq in (2, 3, 4, 5, 7)]
    assert [event.seq for event in next_of(room, some)] == [4, 5]
    assert next_of(room, some[4:]) == [] and next_of(room, some[:2]) == []


# -- the keys -------------------------------------------------------------------------------------------


async def known(store: Any, clock: FakeClock) -> Keys:
    keys = Keys(store, clock)
    await keys.open("epoch")
    return keys


def number_of(keys: Keys) -> str:
    assert keys.newest is not None
    return keys.newest.number


async def test_nodes_agree_on_a_key() -> None:
    store, clock = MemoryStore(), FakeClock()
    late = [("late", 0.01)]  # so that all find none, or an old one, at first
    ways = [FaultyStore(store, late) for _ in range(4)]
    found = await asyncio.gather(*(known(way, clock) for way in ways))
    first = {number_of(keys) for keys in found}
    clock._now += REPLACE_SECONDS
    for way in ways:
        way.arm(late)
    await asyncio.gather(*(keys.look() for keys in found))
    second = {number_of(keys) for keys in found}
    assert len(first) == len(second) == 1 and first != second


async def test_a_key_is_replaced_and_then_nowhere() -> None:
    store, clock = MemoryStore(), FakeClock()
    one, other = [await known(store, clock) for _ in range(2)]
    old, record = number_of(one), await store.get(META, RECORD)
    clock._now += REPLACE_SECONDS - 1
    await one.look()
    assert number_of(one) == old
    clock._now += 1
    await asyncio.gather(one.look(), other.look())
    assert number_of(one) == number_of(other) != old
    assert old.encode() not in (await store.get(META, RECORD) or b"")
    assert one.of(old) is not None  # of frames that are under way
    clock._now += keys_module.KEPT_SECONDS
    await one.look()
    assert one.of(old) is None
    assert record != await store.get(META, RECORD)


async def test_a_key_that_a_stopped_installation_left_is_replaced_at_its_next_start() -> None:
    store, clock = MemoryStore(), FakeClock()
    old = number_of(await known(store, clock))
    assert number_of(await known(store, clock)) == old
    clock._now += REPLACE_SECONDS
    assert number_of(await known(store, clock)) != old


@pytest.mark.parametrize("times", [(1e9, 2e9), (2e9, 1e9)])
async def test_a_node_whose_clock_is_wrong_replaces_no_more_than_one_key(
    times: tuple[float, float],
) -> None:
    store, clock, wrong = MemoryStore(), *map(FakeClock, times)
    right = await known(store, clock)
    old = number_of(right)
    other = await known(store, wrong)
    await right.look()
    assert number_of(right) == number_of(other) != old
    for _ in range(3):
        await other.look()
        await right.look()
    assert number_of(right) == number_of(other)


async def test_a_store_that_is_away_leaves_the_key_as_it_is() -> None:
    clock = FakeClock()
    store = FaultyStore(MemoryStore())
    keys = await known(store, clock)
    old = number_of(keys)
    store.arm([("before", 0.0)])
    await keys.ask()
    assert number_of(keys) == old
    store.arm([("before", 0.0)])
    with pytest.raises(StoreUnavailable):
        await keys.look()


async def test_a_node_asks_for_a_key_once_a_second() -> None:
    clock, store = FakeClock(), MemoryStore()
    keys = await known(store, clock)
    with mock.patch.object(store, "get", wraps=store.get) as get:
        for _ in range(5):
            await keys.ask()
        assert get.await_count == 1
        clock._now += keys_module.ASK_SECONDS
        await keys.ask()
        assert get.await_count == 2
