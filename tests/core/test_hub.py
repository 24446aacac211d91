"""Delivery: encoded once, bounded for each connection, caught up from the log where it lags."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import msgspec
import pytest

from chatserver.delivery import hub
from chatserver.delivery.notices import PluginNotice, TypingNow
from chatserver.delivery.subscriber import News, Subscriber
from chatserver.errors import CLOSE_DRAINING, CLOSE_INTERNAL, CLOSE_SLOW
from chatserver.model import AnyEvent, ServerRole, UserRef
from chatserver.roomlog.room import Room
from chatserver.testing.samples import posted
from tests.core.clients import Reader
from tests.core.scene import HARD, SETTLE_SECONDS, SOFT, Scene, scene

pytestmark = pytest.mark.virtual_time


def no_memory(*args: object) -> NoReturn:
    raise MemoryError


async def test_events_of_one_turn_are_one_write_and_encoded_once() -> None:
    async with scene() as built:
        readers = [await built.reader() for _ in range(3)]
        for reader in readers:
            reader.pipe.writes.clear()
        head = built.room.head
        events = [posted(built.room.id, head + number, "u1") for number in (1, 2)]
        built.first.log.publish(built.room, events[:1])
        built.first.log.publish(built.room, events[1:])
        assert [reader.pipe.writes for reader in readers] == [[], [], []]
        await asyncio.sleep(0)
        first = readers[0].pipe.writes
        assert len(first) == 1 and [reader.pipe.writes for reader in readers] == [first] * 3


async def test_known_events_are_dropped_and_a_gap_is_not_crossed() -> None:
    async with scene() as built:
        reader = await built.reader()
        head = built.room.head
        event = posted(built.room.id, head + 1, "u1")
        built.first.log.publish(built.room, [event])
        built.first.log.publish(built.room, [event])
        built.first.log.publish(built.room, [posted(built.room.id, head + 3, "u1")])
        await asyncio.sleep(0)
        assert [each["seq"] for each in reader.pipe.events(built.room.id)] == [head + 1]
        assert built.room.stale and built.room.head == head + 1


async def test_events_of_another_node_arrive_when_heads_are_compared() -> None:
    async with scene() as built:
        reader = await built.reader()
        start = built.room.head
        await built.post(30, on=built.second)
        assert reader.pipe.events(built.room.id) == []
        await built.first.log.refresh([built.room])
        await built.expect(reader, start)


@pytest.mark.parametrize("after", [0, 1, 7, 30, 31, 32])
async def test_a_resuming_reader_gets_the_missed_events(after: int) -> None:
    async with scene() as built:
        await built.post(30)
        assert built.room.head == 32
        reader = await built.reader(after)
        await built.post(5)
        await built.expect(reader, after)


async def test_a_burst_beyond_the_soft_bound_is_read_from_the_log_and_complete() -> None:
    async with scene() as built:
        reader = await built.reader()
        start = built.room.head
        await built.post(200, size=150)
        await built.expect(reader, start)
        assert not reader.pipe.paused


async def test_a_client_that_does_not_read_is_bounded_and_catches_up_exactly() -> None:
    async with scene() as built:
        slow, quick = await built.reader(), await built.reader()
        start = built.room.head
        slow.pipe.stuck = True
        for _ in range(40):
            await built.post(1)
        await built.post(100)
        await built.expect(quick, start)
        assert slow.subscriber.is_lagging and slow.pipe.paused
        assert slow.pipe.most_buffered < 2 * SOFT
        slow.drain()
        await built.expect(slow, start)
        assert not slow.subscriber.is_lagging and not slow.pipe.paused
        assert [frame["sys"] for frame in slow.pipe.received if "sys" in frame] == ["lagging"]


async def test_a_client_that_does_not_read_a_replay_is_bounded() -> None:
    async with scene() as built:
        await built.post(200)
        reader = Reader(built.first, built.owner)
        built.readers.append(reader)
        reader.pipe.stuck = True
        await reader.follow(built.room.id, 0)
        await asyncio.sleep(SETTLE_SECONDS)
        await built.post(50)
        assert reader.pipe.most_buffered < SOFT
        reader.drain()
        await built.expect(reader, 0)


async def test_a_client_that_stalls_again_while_catching_up_gets_every_event() -> None:
    async with scene() as built:
        reader = await built.reader()
        start = built.room.head
        for _ in range(10):
            reader.pipe.stuck = True
            await built.post(40)
            reader.drain()
            await asyncio.sleep(0)
        await built.expect(reader, start)


async def test_events_that_cannot_be_encoded_are_read_by_resuming_clients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A node without memory must not leave a hole: it does not announce events it could not hand over."""
    async with scene() as built:
        readers = [await built.reader() for _ in range(3)]
        start = built.room.head
        with monkeypatch.context() as starving:
            starving.setattr("chatserver.delivery.channel.event_frames", no_memory)
            await built.post(1)
        await built.post(1)
        assert [await reader.pipe.end() for reader in readers] == [CLOSE_INTERNAL] * 3
        assert [reader.pipe.events(built.room.id) for reader in readers] == [[], [], []]
        await built.expect(await built.reader(start), start)


async def test_only_the_connection_that_cannot_be_written_to_is_cut_off() -> None:
    async with scene() as built:
        readers = [await built.reader() for _ in range(3)]
        start = built.room.head
        readers[1].pipe.send = no_memory  # type: ignore[method-assign]
        await built.post(1)
        assert await readers[1].pipe.end() == CLOSE_INTERNAL
        await built.expect(readers[0], start)
        await built.expect(readers[2], start)


@pytest.mark.parametrize("method, posts", [("push", 1), ("skip_to_log", 200)])
async def test_a_listener_that_raises_is_cut_off_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch, method: str, posts: int
) -> None:
    """It has missed an event, and gets it only by coming back."""
    async with scene() as built:
        readers = [await built.reader() for _ in range(3)]
        start, raises = built.room.head, readers[1].subscriber
        real = getattr(Subscriber, method)

        def hand_over(listener: Subscriber, *args: object) -> None:
            if listener is raises:
                raise RuntimeError("a mistake in one connection")
            real(listener, *args)

        with monkeypatch.context() as broken:
            broken.setattr(Subscriber, method, hand_over)
            events = [posted(built.room.id, start + 1 + number, "u1") for number in range(posts)]
            assert (await built.store.append(events)).stored == posts
            built.first.log.publish(built.room, events)
        assert await readers[1].pipe.end() == CLOSE_INTERNAL
        assert readers[1].pipe.events(built.room.id) == []
        assert [readers[number].pipe.closed for number in (0, 2)] == [None, None]
        await built.expect(readers[0], start)
        await built.expect(readers[2], start)


async def test_ephemeral_frames_reach_all_listeners_except_one_that_raises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scene() as built:
        readers = [await built.reader() for _ in range(3)]
        raises, heard = readers[1].subscriber, []

        def hear(listener: Subscriber, news: News) -> None:
            if listener is raises:
                raise RuntimeError("a mistake in one connection")
            heard.append(listener)

        monkeypatch.setattr(Subscriber, "hear", hear)
        built.first.hub.tell_room_here(built.room, object())
        assert set(heard) == {readers[0].subscriber, readers[2].subscriber}
        assert await readers[1].pipe.end() == CLOSE_INTERNAL


async def test_an_event_that_cannot_be_applied_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scene() as built:
        reader = await built.reader()
        start = built.room.head
        with monkeypatch.context() as starving:
            starving.setattr(Room, "apply", no_memory)
            await built.post(1)
        assert (built.room.head, built.room.stale) == (start, True)
        await built.post(1)
        await built.expect(reader, start)


async def test_over_the_hard_bound_the_connection_is_closed() -> None:
    async with scene() as built:
        reader = await built.reader()
        reader.pipe.stuck = True
        for _ in range(10):
            reader.subscriber.say(b'"' + b"x" * 1000 + b'"')
            reader.subscriber.flush()
        assert reader.pipe.closed == CLOSE_SLOW
        assert reader.pipe.most_buffered < HARD + SOFT


async def test_a_client_that_reads_nothing_for_long_is_closed() -> None:
    async with scene(slow_seconds=1.0) as built:
        reader = await built.reader()
        reader.pipe.stuck = True
        for _ in range(10):
            await built.post(1)
        assert reader.pipe.closed is None
        assert await reader.pipe.end() == CLOSE_SLOW


async def test_ephemeral_news_is_for_those_at_the_head() -> None:
    async with scene() as built:
        slow, quick, self_ = [await built.reader() for _ in range(3)]
        slow.pipe.stuck = True
        for _ in range(20):
            await built.post(1)
        await built.expect(quick, 2)
        typing = TypingNow(room=built.room.id, user=UserRef("1", "somebody"))
        built.first.hub.tell_room(built.room, typing, but=self_.subscriber)
        slow.drain()
        await built.expect(slow, 2)
        said = msgspec.to_builtins(typing)
        heard = [said in reader.pipe.received for reader in (slow, quick, self_)]
        assert heard == [False, True, False]


async def test_everybody_is_told_or_those_with_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "TOLD_AT_ONCE", 1)
    async with scene() as built:
        admin = msgspec.structs.replace(built.owner, role=ServerRole.ADMIN)
        member = await built.member("member")
        readers = [await built.reader(user=user) for user in (admin, member) * 3]
        slow, gone = readers[2], readers[3]
        slow.pipe.stuck = True
        for _ in range(20):
            await built.post(1)
        notices = [PluginNotice(plugin="p", name=name) for name in ("all", "some")]
        everybody, some = (msgspec.to_builtins(each) for each in notices)
        built.first.hub.tell_everybody(notices[0])
        built.first.hub.tell_everybody(notices[1], (ServerRole.OWNER, ServerRole.ADMIN))
        gone.close()
        await built.expect(readers[0], built.room.head - 20)
        slow.drain()
        await built.expect(slow, built.room.head - 20)
        heard = [
            [each for each in reader.pipe.received if each in (everybody, some)]
            for reader in readers
        ]
        both, one = [everybody, some], [everybody]
        assert heard == [both, one, [], [], both, one]


async def test_a_removed_member_gets_no_later_event() -> None:
    """Also where the removal and what comes after it arrive in one batch from another node."""
    async with scene() as built:
        user = await built.member("member")
        stays, goes = await built.reader(), await built.reader(user=user)
        start = built.room.head
        elsewhere = await built.second.rooms.get(built.room.id)
        await built.post(2, on=built.second)
        await built.second.rooms.kick(built.owner, elsewhere, user.id)
        await built.post(3, on=built.second)
        await built.first.log.refresh([built.room])
        await built.expect(stays, start)
        seqs = [event["seq"] for event in goes.pipe.events(built.room.id)]
        assert seqs == [start + 1, start + 2, start + 3]
        assert goes.spans[built.room.id].ended


@asynccontextmanager
async def replaying(built: Scene, after: int) -> AsyncIterator[tuple[Reader, asyncio.Event]]:
    """A reader whose replay waits for the store until the event is set."""
    gate, read = asyncio.Event(), built.first.hub.outlet.pages._read

    async def late(room: Room, after: int, limit: int) -> list[AnyEvent]:
        await gate.wait()
        return await read(room, after, limit)

    built.first.hub.outlet.pages._read = late
    reader = await built.reader(after)
    await asyncio.sleep(SETTLE_SECONDS)
    yield reader, gate
    built.first.hub.outlet.pages._read = read


async def test_a_room_followed_anew_while_it_is_replayed_starts_at_the_new_position() -> None:
    async with scene() as built:
        await built.post(50)
        async with replaying(built, 0) as (reader, gate):
            await reader.follow(built.room.id, 40)
            gate.set()
            await built.expect(reader, 40)


async def test_a_room_left_while_it_is_replayed_is_silent() -> None:
    async with scene() as built:
        await built.post(50)
        async with replaying(built, 0) as (reader, gate):
            reader.subscriber.leave(built.room)
            gate.set()
            await asyncio.sleep(SETTLE_SECONDS)
            assert reader.pipe.events(built.room.id) == []
        assert built.room.followers == 0


async def test_a_connection_closed_while_replaying_leaves_nothing_behind() -> None:
    async with scene() as built:
        await built.post(50)
        before = asyncio.all_tasks()
        async with replaying(built, 0) as (reader, _):
            assert len(asyncio.all_tasks()) > len(before)
            reader.close()
            await asyncio.sleep(SETTLE_SECONDS)
            assert asyncio.all_tasks() == before
        assert (built.room.followers, built.first.hub.channels.existing(built.room)) == (0, None)
        assert built.first.hub.connections() == 0
        assert built.first.hub.of_user(built.owner.id) == []


async def test_a_connection_closed_while_it_does_not_read_leaves_nothing_behind() -> None:
    async with scene() as built:
        before = asyncio.all_tasks()
        reader = await built.reader(0)
        reader.pipe.stuck = True
        for _ in range(20):
            await built.post(1)
        reader.close()
        await asyncio.sleep(SETTLE_SECONDS)
        assert asyncio.all_tasks() == before


async def test_a_replay_goes_on_when_the_store_is_back() -> None:
    async with scene() as built:
        await built.post(50)
        reader = await built.reader(0)
        built.store.arm([("before", 0.0)] * 3)
        await built.expect(reader, 0)


async def test_a_replay_that_crashes_closes_the_connection(logged: list[str]) -> None:
    async def crash(room: Room, after: int, limit: int) -> list[AnyEvent]:
        raise RuntimeError("broken on purpose")

    async with scene() as built:
        built.first.hub.outlet.pages._read = crash
        reader = await built.reader(0)
        assert await reader.pipe.end() == CLOSE_INTERNAL
    assert any("replay failed" in line for line in logged)


async def test_draining_moves_everybody_within_the_spread() -> None:
    async with scene() as built:
        readers = [await built.reader() for _ in range(30)]
        loop = asyncio.get_running_loop()
        started = loop.time()
        draining = asyncio.create_task(built.first.hub.drain(0.2, built.first.log.drain))
        await asyncio.sleep(0.1)
        assert 10 < sum(reader.pipe.closed is not None for reader in readers) < 20
        await draining
        assert loop.time() - started == pytest.approx(0.2)
        for reader in readers:
            assert reader.pipe.closed == CLOSE_DRAINING
            assert {"sys": "drain", "after_ms": 200} in reader.pipe.received
            reader.close()
        async with asyncio.timeout(60):
            await built.first.hub.gone()
