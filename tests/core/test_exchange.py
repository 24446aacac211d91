"""Hints between nodes: events arrive at once, and nothing depends on it."""

import asyncio
from collections.abc import Callable
from typing import Any, cast
from unittest import mock

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.cluster.bus.announcer import PACE_SECONDS, PRIVATE_PACE_SECONDS
from chatserver.cluster.bus.envelopes import (
    Envelopes,
    Head,
    InRoom,
    NotOurs,
    OfUser,
    UserChanged,
    encode,
)
from chatserver.cluster.bus.hints import FETCH_EVENTS
from chatserver.cluster.installation import bus_key
from chatserver.delivery.notices import PluginNotice, RoomRemoved, TypingNow
from chatserver.errors import BusUnavailable
from chatserver.interfaces import BUS_FRAME_BYTES
from chatserver.model import AnyEvent, ServerRole, UserRef
from chatserver.runtime.measure import Counter
from chatserver.service.service import Service
from tests.core.buses import Wire
from tests.core.scene import SETTLE_SECONDS, Scene, scene
from tests.waiting import until

pytestmark = pytest.mark.virtual_time
SOON_SECONDS = 1.0  # repair would take 60 in these scenes


def counted(service: Service, name: str, *labels: str) -> float:
    exchange: Any = service.exchange
    side = exchange if hasattr(exchange, name) else exchange._announcer
    counter: Counter = getattr(side, name)
    return counter.values.get(labels, 0)


def tell_heads_alone(service: Service) -> None:
    """The node sends no events on the bus from now on, only hints."""
    announcer: Any = service._announcer
    announcer._keys._newest = None


async def soon(condition: Callable[[], object]) -> None:
    await until(condition, SOON_SECONDS)


KEY = b"a key that is known to nobody else"


async def frames_of(
    built: Scene, *items: bytes, key: bytes | None = None, epoch: str | None = None
) -> list[bytes]:
    """Envelopes as a third node would send them."""
    known = key or await bus_key(built.first.store)
    return list(Envelopes(known, epoch or built.first.epoch, "third").pack(items))


async def frame(built: Scene, *items: Any, **differs: Any) -> bytes:
    (packed,) = await frames_of(built, *(encode(item) for item in items), **differs)
    return packed


async def test_events_of_another_node_come_at_once() -> None:
    async with scene(Wire()) as built:
        reader = await built.reader()
        start = built.room.head
        await built.post(30, on=built.second)
        await built.expect(reader, start)


async def test_more_than_one_query_holds_comes_at_once() -> None:
    async with scene(Wire(), buffer_soft_bytes=10**6, buffer_hard_bytes=10**6) as built:
        reader = await built.reader()
        start = built.room.head
        await built.post(2 * FETCH_EVENTS + 10, on=built.second)
        await built.expect(reader, start)


async def test_what_a_plugin_tells_reaches_the_other_nodes() -> None:
    async with scene(Wire()) as built:
        member = await built.member("member")
        admin = msgspec.structs.replace(built.owner, role=ServerRole.ADMIN)
        readers = [await built.reader(user=user) for user in (admin, member)]
        said = [PluginNotice(plugin="p", name=name, payload={"n": 1}) for name in "abcde"]
        hub = built.second.hub
        hub.tell_everybody(said[0])
        hub.tell_everybody(said[1], (member.role,))
        hub.tell_user(built.owner.id, said[2])
        hub.tell_companions(member.id, said[3])
        hub.tell_room(built.room, said[4])
        a, b, c, d, e = (msgspec.to_builtins(each) for each in said)
        await soon(lambda: all(e in reader.pipe.received for reader in readers))
        all_ = (a, b, c, d, e)
        heard = [[each for each in reader.pipe.received if each in all_] for reader in readers]
        assert heard == [[a, c, d, e], [a, b, d, e]]


async def test_readers_of_the_log_are_told_of_all_rooms_on_all_nodes() -> None:
    async with scene(Wire()) as built:
        written: list[AnyEvent] = []
        told: list[str] = []
        built.first.watch_news(written.extend, told.extend)
        await built.post(1)
        await soon(lambda: [event.room for event in written] == [built.room.id])
        assert told == []
        await built.post(1, on=built.second)  # nobody follows the room on the first node
        await soon(lambda: bool(told))
        assert set(told) == {built.room.id} and len(written) == 1


async def test_many_messages_are_few_frames() -> None:
    wire = Wire()
    async with scene(wire) as built:
        await soon(lambda: built.second.exchange and not built.second.log._task)
        before = len(wire.frames)
        await built.post(200, on=built.second)
        await asyncio.sleep(SETTLE_SECONDS)
        assert 1 <= len(wire.frames) - before <= 10


async def test_a_room_that_nobody_here_follows_costs_no_query() -> None:
    wire = Wire()
    async with scene(wire) as built:
        reads: list[Any] = []
        with mock.patch.object(built.store.behind, "ranges", side_effect=reads.append):
            await built.post(5, on=built.second)
            wire.carry(await frame(built, Head("nowhere", 7), Head(built.room.id, 10**6)))
            await asyncio.sleep(SETTLE_SECONDS)
        assert reads == []


async def test_a_room_that_nobody_here_follows_is_as_new_when_it_is_needed() -> None:
    async with scene(Wire()) as built:
        posted = built.room.head + 3
        await built.post(3, on=built.second)
        await soon(lambda: built.room.stale)
        room = await built.first.rooms.get(built.room.id, built.owner)
        assert room.head == posted


async def test_a_hint_for_nothing_costs_one_query() -> None:
    wire = Wire()
    async with scene(wire) as built:
        await built.reader()
        head = built.room.head
        before = counted(built.first, "_received", "taken")
        with mock.patch.object(
            built.store.behind, "ranges", wraps=built.store.behind.ranges
        ) as ranges:
            for _ in range(100):
                wire.carry(await frame(built, Head(built.room.id, 2**53)))
            await asyncio.sleep(SETTLE_SECONDS)
        assert 1 <= ranges.call_count <= 3
        assert built.room.head == head and not built.room.stale
        assert counted(built.first, "_received", "taken") == before + 100


async def test_a_bus_that_comes_back_has_heads_compared() -> None:
    wire = Wire()
    async with scene(wire) as built:
        reader = await built.reader()
        start = built.room.head
        mine, theirs = wire.buses
        wire.buses.remove(mine)
        await built.post(3, on=built.second)
        await asyncio.sleep(SETTLE_SECONDS)
        assert reader.pipe.events(built.room.id) == []
        wire.buses.append(mine)
        mine.restored()
        await built.expect(reader, start)
        assert theirs.is_connected()


async def test_a_change_of_an_account_comes_at_once() -> None:
    async with scene(Wire()) as built:
        reader = await built.reader()
        with mock.patch("chatserver.service.service.LOOK_SECONDS", 60.0):
            await built.second.accounts.set_role(built.owner.username, ServerRole.GUEST)
            await soon(
                lambda: reader.subscriber.user and reader.subscriber.user.role is ServerRole.GUEST
            )


async def test_a_store_that_is_away_leaves_it_to_the_comparison(logged: list[str]) -> None:
    async with scene(Wire()) as built:
        reader = await built.reader()
        start = built.room.head
        tell_heads_alone(built.second)
        built.store.arm([("before", 0.0)])
        await built.post(1, on=built.second)
        await asyncio.sleep(SETTLE_SECONDS)
        assert reader.pipe.events(built.room.id) == []
        await built.post(1, on=built.second)
        await built.expect(reader, start)
        assert logged == []


STRANGE = {
    "empty": b"",
    "no JSON": b"hello",
    "no UTF-8": b'{"epoch":"\xff"}',
    "a list": b"[1,2,3]",
    "deep": b"[" * 3000,
    "a pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",
    "an operator": b'{"epoch":{"$ne":1},"node":"n","items":[]}',
    "no seal": b'{"epoch":"e","node":"n","items":[]}',
    "a seal alone": b"0" * 32,
    "too large": b" " * (BUS_FRAME_BYTES + 1),
}


@pytest.mark.parametrize("payload", STRANGE.values(), ids=list(STRANGE))
async def test_foreign_frames_are_only_counted(logged: list[str], payload: bytes) -> None:
    wire = Wire()
    async with scene(wire) as built:
        reader = await built.reader()
        start = built.room.head
        wire.carry(payload)
        assert counted(built.first, "_received", "foreign") == 1
        await built.post(1, on=built.second)
        await built.expect(reader, start)
        assert logged == []


async def test_another_installation_or_a_forger_on_the_same_bus_is_not_heard() -> None:
    wire = Wire()
    async with scene(wire) as built:
        reader = await built.reader()
        typing = InRoom(TypingNow(room=built.room.id, user=UserRef("u", "somebody")))
        for differs in ({"epoch": "another"}, {"key": KEY}):
            wire.carry(await frame(built, Head(built.room.id, 10**6), typing, **differs))
        assert counted(built.first, "_received", "foreign") == 2
        await asyncio.sleep(SETTLE_SECONDS)
        assert reader.pipe.received == []


async def test_items_of_a_later_version_are_left_out() -> None:
    wire = Wire()
    async with scene(wire) as built:
        reader = await built.reader()
        start = built.room.head
        with mock.patch.object(built.second._announcer, "wrote"):  # it has nothing to say
            await built.post(1, on=built.second)
        news = [["weather", "rain"], ["head", 5], {"$where": 1}, None, ["head", built.room.id, 10]]
        for packed in await frames_of(built, *map(encode, news)):
            wire.carry(packed)
        await built.expect(reader, start)
        assert counted(built.first, "_unknown") == 4


@pytest.mark.parametrize(
    ("is_private", "pace"), [(False, PACE_SECONDS), (True, PRIVATE_PACE_SECONDS)]
)
async def test_news_go_at_once_after_a_quiet_time_and_together_when_there_are_many(
    is_private: bool, pace: float
) -> None:
    wire = Wire(is_private=is_private)
    async with scene(wire) as built:
        announcer: Any = built.second._announcer
        loop, times = asyncio.get_running_loop(), []

        async def publish(frames: Any) -> None:
            times.append((loop.time(), len(frames)))

        with mock.patch.object(wire.buses[1], "publish", publish):
            await asyncio.sleep(0.5)  # between two turns of presence
            times.clear()
            began = loop.time()
            announcer.user_changed("a")
            await asyncio.sleep(pace / 4)
            assert [at for at, _ in times] == [began]
            assert (
                announcer._task is announcer._timer is None
            )  # nothing wakes a node with nothing to say
            for user in "bcd":
                announcer.user_changed(user)
                await asyncio.sleep(pace / 4)
            await asyncio.sleep(0.1)
            announcer.user_changed("e")
            await asyncio.sleep(pace)
        expected = [began, began + pace, began + pace + 0.1]
        assert times == [(pytest.approx(at), 1) for at in expected]


@pytest.mark.parametrize("is_prompt", [False, True])
async def test_news_that_wait_when_a_node_stops_are_sent(is_prompt: bool) -> None:
    wire = Wire(is_prompt=is_prompt)
    async with scene(wire) as built:
        announcer: Any = built.second._announcer
        await asyncio.sleep(0.5)  # between two turns of presence
        announcer.user_changed("a")
        await asyncio.sleep(PACE_SECONDS / 2)
        before = len(wire.frames)
        announcer.user_changed("b")
        await asyncio.sleep(PACE_SECONDS / 4)
        assert len(wire.frames) == before
        errors = list[Any]()
        asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))
        await announcer.close()
        assert len(wire.frames) == before + 1
        await asyncio.sleep(2 * PACE_SECONDS)
        assert errors == []
        announcer.user_changed("c")  # it is closed
        assert announcer._task is announcer._timer is None


async def test_a_bus_that_hands_over_at_once_is_awaited_only_while_it_is_away(
    logged: list[str],
) -> None:
    wire = Wire(is_private=True, is_prompt=True)
    async with scene(wire) as built:
        reader = await built.reader()
        announcer: Any = built.second._announcer
        sent, start = counted(built.second, "_sent"), built.room.head
        await built.post(1, on=built.second)
        await asyncio.sleep(0)
        await built.expect(reader, start)
        assert announcer._task is None and counted(built.second, "_sent") == sent + 1

        mine: Any = wire.buses[1]
        mine._faults = iter([("away", 0.3)])
        announcer.user_changed("a")
        await asyncio.sleep(0.1)
        announcer.user_changed("b")
        assert announcer._task is not None and announcer._timer is None
        assert counted(built.second, "_dropped") == 0
        await soon(lambda: announcer._task is None)
        assert counted(built.second, "_dropped") == 1
        await asyncio.sleep(2 * PRIVATE_PACE_SECONDS)
        assert b'["user","b"]' in wire.frames[-1]

        with mock.patch.object(mine, "publish_now", side_effect=BusUnavailable):
            announcer.user_changed("c")
            await asyncio.sleep(0.1)
        assert counted(built.second, "_dropped") == 2 and not announcer._task
        assert logged == []

        with mock.patch.object(mine, "publish_now", side_effect=ValueError("broken")):
            announcer.user_changed("d")
            await asyncio.sleep(0.1)
        assert counted(built.second, "_dropped") == 3
        assert [line.splitlines()[0] for line in logged] == ["ERROR the bus failed"]


async def test_news_that_were_dropped_are_no_frame() -> None:
    wire = Wire(is_private=True, is_prompt=True)
    async with scene(wire) as built:
        announcer, mine = cast(Any, built.second._announcer), cast(Any, wire.buses[1])
        await asyncio.sleep(0.5)  # between two turns of presence
        with (
            mock.patch("chatserver.cluster.bus.announcer.WAITING_ITEMS", 0),
            mock.patch.object(mine, "publish_now", side_effect=AssertionError) as publish,
        ):
            announcer.user_changed("a")
            await asyncio.sleep(0.1)
        assert counted(built.second, "_dropped") == 1 and not publish.called


async def test_what_a_bus_has_not_taken_when_its_node_stops_is_not_waited_for() -> None:
    wire = Wire(is_private=True, is_prompt=True)
    async with scene(wire) as built:
        announcer, mine = cast(Any, built.second._announcer), cast(Any, wire.buses[1])
        mine._faults = iter([("away", 30.0)])
        announcer.user_changed("a")
        await asyncio.sleep(0.1)
        announcer.user_changed("b")
        await announcer.close()
        assert announcer._task is announcer._timer is None


async def test_a_bus_that_hangs_costs_a_bounded_queue_and_no_message() -> None:
    wire = Wire()
    with (
        mock.patch("chatserver.cluster.bus.announcer.PUBLISH_SECONDS", 0.05),
        mock.patch("chatserver.cluster.bus.announcer.WAITING_ITEMS", 20),
    ):
        async with scene(wire) as built:
            mine = wire.buses[1]
            forever = asyncio.Event()

            async def hang(frames: Any) -> None:
                await forever.wait()

            with mock.patch.object(mine, "publish", hang):
                await built.post(5, on=built.second)
                announcer: Any = built.second._announcer
                for number in range(100):
                    announcer.user_changed(f"u{number}")
                    assert len(announcer._items) <= 20
                await soon(lambda: counted(built.second, "_dropped") >= 80)
            reader = await built.reader()
            start = built.room.head
            await soon(lambda: not announcer._task)
            await built.post(1, on=built.second)
            await built.expect(reader, start)


@given(
    st.lists(
        st.one_of(
            st.builds(Head, st.text(min_size=1, max_size=64), st.integers(0, 2**53)),
            st.builds(UserChanged, st.text(min_size=1, max_size=64)),
            st.builds(
                OfUser,
                st.text(min_size=1, max_size=64),
                st.builds(RoomRemoved, room=st.text(max_size=64)),
            ),
        ),
        max_size=400,
    )
)
def test_packed_items_are_unpacked(items: list[Any]) -> None:
    ours = Envelopes(KEY, "epoch", "node")
    frames = list(ours.pack(encode(item) for item in items))
    assert all(0 < len(each) <= BUS_FRAME_BYTES for each in frames)
    assert not [each for each in frames if b"\0" in each]
    theirs = Envelopes(KEY, "epoch", "other")
    opened = [theirs.unpack(each) for each in frames]
    assert [item for each in opened for item in each.items] == items
    for each in frames:
        for stranger in (Envelopes(KEY, "another", "node"), Envelopes(b"another", "epoch", "node")):
            with pytest.raises(NotOurs):
                stranger.unpack(each)
        with pytest.raises(NotOurs):
            theirs.unpack(each[:-1])
        assert ours.unpack(each).items == []


def test_items_too_large_for_a_frame_are_left_out() -> None:
    items = [b'["a"]', b'"%b"' % (b"x" * 7000), b'["b"]']
    frames = list(Envelopes(KEY, "epoch", "node").pack(items))
    assert b"x" not in b"".join(frames)
    assert b'["a"]' in frames[0] and b'["b"]' in frames[-1]


def test_few_frames_carry_many_rooms() -> None:
    items = [encode(Head(f"room{number:016}", number)) for number in range(1000)]
    frames = list(Envelopes(KEY, "epoch", "node").pack(items))
    assert len(frames) <= 1000 * 45 // BUS_FRAME_BYTES + 1


async def test_a_node_does_not_hear_itself() -> None:
    async with scene(Wire()) as built:
        await built.reader()
        await built.post(1)
        await soon(lambda: counted(built.first, "_received", "own") >= 1)
