"""Streams: executed once a group, exact for each, and ended aloud."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import chain

import msgspec
import pytest

from chatserver.delivery.notices import ReadMoved, TypingNow
from chatserver.delivery.streams import EVENTS_AT_ONCE, Payloads
from chatserver.errors import CLOSE_INTERNAL, CLOSE_SLOW, ChatError, StoreUnavailable
from chatserver.model import AnyEvent, User
from chatserver.roomlog.room import Room
from chatserver.testing.samples import posted
from tests.core.clients import FakePipe
from tests.core.scene import SETTLE_SECONDS, SOFT, Scene, scene
from tests.core.streaming import Listening, StreamReader

pytestmark = pytest.mark.virtual_time


class One(StreamReader):
    """One operation a room, in the group that all readers of this kind share."""

    operations_per_room = 1


class Gated(One):
    """Executions wait until the gate is open, and are counted."""

    gate: asyncio.Event
    executed: list[list[int]]

    async def encode(self, events: Sequence[AnyEvent]) -> Payloads:  # type: ignore[override]
        await self.gate.wait()
        self.executed.append([event.seq for event in events])
        return [msgspec.json.encode(event) for event in events]


@pytest.fixture(autouse=True)
def _fresh_gate() -> None:
    Gated.gate, Gated.executed = asyncio.Event(), []


async def listen(
    built: Scene,
    kind: type[StreamReader] = One,
    after: int | None = None,
    user: User | None = None,
) -> StreamReader:
    reader = kind(built.first, user or built.owner)
    built.readers.append(reader)
    await reader.follow(built.room.id, after)
    return reader


def seqs(reader: StreamReader, number: int = 0) -> list[int]:
    """The seqs that one of the reader's operations in the room has got."""
    reader.sort_out()
    (room,) = {span.room for span in reader.spans.values()}
    return [event["seq"] for event in reader.spans[f"{room}/{number}"].events]


async def expect(built: Scene, reader: StreamReader, after: int, number: int = 0) -> None:
    wanted = [event.seq for event in await built.log(after)]
    await reader.pipe.until(lambda: len(seqs(reader, number)) >= len(wanted))
    await asyncio.sleep(SETTLE_SECONDS)  # nothing more may come
    assert seqs(reader, number) == wanted


@asynccontextmanager
async def nothing_left(built: Scene) -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(SETTLE_SECONDS)
    assert asyncio.all_tasks() == before
    assert (built.room.followers, built.first.hub.channels.existing(built.room)) == (0, None)
    assert built.first.hub.of_user(built.owner.id) == []


# -- together ------------------------------------------------------------------------------------


async def test_an_event_is_executed_once_for_all_and_written_in_the_same_turn() -> None:
    calls: list[int] = []

    class Counting(One):
        def encode(self, events: Sequence[AnyEvent]) -> Payloads:
            calls.append(len(events))
            return [msgspec.json.encode(event) for event in events]

    async with scene() as built:
        readers = [await listen(built, Counting) for _ in range(5)]
        start = built.room.head
        await built.post(1)
        # The author's answer and the streams' frames leave in one turn.
        await asyncio.sleep(0)
        assert [seqs(reader) for reader in readers] == [[start + 1]] * 5
        assert calls == [1]
        assert built.first.hub.connections() == 5


async def test_operations_of_one_connection_share_writes_and_count_as_one() -> None:
    async with scene() as built:
        reader = await listen(built, StreamReader)
        reader.pipe.writes.clear()
        await built.post(1)
        await asyncio.sleep(0)
        assert len(reader.pipe.writes) == 1
        assert built.first.hub.connections() == 1


async def test_events_during_an_execution_are_executed_together_afterwards() -> None:
    async with scene() as built:
        readers = [await listen(built, Gated) for _ in range(2)]
        start = built.room.head
        await built.post(1)
        await asyncio.sleep(0)
        for _ in range(3):
            await built.post(1)
        Gated.gate.set()
        for reader in readers:
            await expect(built, reader, start)
        assert Gated.executed == [[start + 1], [start + 2, start + 3, start + 4]]


async def test_a_stream_ahead_of_its_group_is_left_out_until_the_group_is_there() -> None:
    async with scene() as built:
        first = await listen(built, Gated)
        start = built.room.head
        await built.post(4)
        ahead, at_head = await listen(built, Gated, start + 2), await listen(built, Gated)
        await built.post(2)
        Gated.gate.set()
        for reader, after in ((first, start), (ahead, start + 2), (at_head, start + 4)):
            await expect(built, reader, after)
        assert list(chain(*Gated.executed)) == list(range(start + 1, start + 7))


async def test_all_leave_while_it_executes_and_others_come() -> None:
    async with scene() as built:
        leaving = await listen(built, Gated)
        stuck = await listen(built, Gated)
        stuck.subscriber.skip_to_log(next(iter(stuck.subscriber.feeds)), built.room.head)
        await built.post(3)
        leaving.close()
        come = await listen(built, Gated)
        start = built.room.head
        Gated.gate.set()
        await built.post(3)
        await expect(built, come, start)
        await expect(built, stuck, start - 3)


async def test_a_burst_is_executed_once_and_in_parts() -> None:
    async with scene(buffer_hard_bytes=1_000_000) as built:
        Gated.gate.set()
        readers = [await listen(built, Gated) for _ in range(3)]
        start = built.room.head
        await built.post(200, size=150)
        for reader in readers:
            await expect(built, reader, start)
        assert list(chain(*Gated.executed)) == list(range(start + 1, start + 201))
        assert max(map(len, Gated.executed)) <= EVENTS_AT_ONCE


async def test_an_empty_payload_sends_nothing() -> None:
    class Odd(One):
        def encode(self, events: Sequence[AnyEvent]) -> Payloads:
            return [msgspec.json.encode(event) if event.seq % 2 else b"" for event in events]

    async with scene() as built:
        await built.post(6)
        late, live = await listen(built, Odd, 2), await listen(built, Odd)
        await built.post(4)
        await asyncio.sleep(SETTLE_SECONDS)
        assert seqs(late) == [3, 5, 7, 9, 11]
        assert seqs(live) == [9, 11]


@pytest.mark.parametrize("after", [0, 1, 7, 31, 32])
async def test_a_stream_resumes_from_any_position(after: int) -> None:
    async with scene() as built:
        await built.post(30)
        reader = await listen(built, StreamReader, after)
        await built.post(5)
        for number in range(2):
            await expect(built, reader, after, number)


# -- slow ones -------------------------------------------------------------------------------------


async def test_a_connection_that_does_not_read_is_bounded_and_then_exact() -> None:
    async with scene() as built:
        slow, quick = await listen(built, StreamReader), await listen(built, StreamReader)
        start = built.room.head
        slow.pipe.stuck = True
        for _ in range(40):
            await built.post(1)
        for number in range(2):
            await expect(built, quick, start, number)
        assert slow.subscriber.is_lagging and slow.pipe.most_buffered < 2 * SOFT
        slow.drain()
        for number in range(2):
            await expect(built, slow, start, number)


async def test_a_connection_that_never_reads_is_closed() -> None:
    async with scene(slow_seconds=0.05) as built:
        reader = await listen(built)
        reader.pipe.stuck = True
        for _ in range(20):
            await built.post(1)
        assert await reader.pipe.end() == CLOSE_SLOW


# -- the end ---------------------------------------------------------------------------------------


async def test_a_removed_member_gets_no_results_even_if_already_executed() -> None:
    async with scene() as built:
        user = await built.member("member")
        stays, goes = await listen(built, Gated), await listen(built, Gated, user=user)
        start = built.room.head
        await built.post(2)
        await built.first.rooms.kick(built.owner, built.room, user.id)
        await built.post(2)
        Gated.gate.set()
        await expect(built, stays, start)
        assert seqs(goes) == [] and next(iter(goes.spans.values())).ended
        assert goes.subscriber.feeds == set()


async def test_a_removed_member_got_every_event_before_the_removal() -> None:
    async with scene() as built:
        user = await built.member("member")
        goes = await listen(built, user=user)
        start = built.room.head
        elsewhere = await built.second.rooms.get(built.room.id)
        await built.post(2, on=built.second)
        await built.second.rooms.kick(built.owner, elsewhere, user.id)
        await built.post(3, on=built.second)
        await built.first.log.refresh([built.room])
        await asyncio.sleep(0)
        assert seqs(goes) == [start + 1, start + 2, start + 3]


async def test_a_failing_execution_ends_the_streams_aloud_and_nothing_else(
    logged: list[str],
) -> None:
    class Poisoned(One):
        def encode(self, events: Sequence[AnyEvent]) -> Payloads:
            if any("poison" in str(event) for event in events):
                raise RuntimeError("broken on purpose")
            return [msgspec.json.encode(event) for event in events]

    async with scene() as built:
        broken = [await listen(built, Poisoned) for _ in range(2)]
        sound = await listen(built)
        start = built.room.head
        await built.post(1)
        await built.first.messages.post(built.owner, built.room, "poison", "poison")
        late = await listen(built, Poisoned, start)
        await built.post(1)
        await expect(built, sound, start)
        for reader in (*broken, late):
            (operation,) = reader.operations.values()
            assert [str(error) for error in operation.errors] == ["broken on purpose"]
            assert reader.subscriber.feeds == set() and reader.pipe.closed is None
        assert [seqs(reader) for reader in broken] == [[start + 1]] * 2
        assert len(built.first.hub.channels.of(built.room).groups) == 1
    assert logged


@pytest.mark.parametrize("count", [0, 2])
async def test_payloads_must_be_as_many_as_events(logged: list[str], count: int) -> None:
    class Miscounting(One):
        def encode(self, events: Sequence[AnyEvent]) -> Payloads:
            return [b"{}"] * count

    async with scene() as built:
        live, late = await listen(built, Miscounting), await listen(built, Miscounting, 1)
        await built.post(1)
        await asyncio.sleep(SETTLE_SECONDS)
        for reader in (live, late):
            assert [type(error) for error in reader.operations.popitem()[1].errors] == [ValueError]
    assert logged


async def test_a_stream_that_cannot_be_framed_ends_alone(logged: list[str]) -> None:
    async with scene() as built:
        sound, broken = await listen(built), await listen(built)
        (operation,) = broken.operations.values()
        operation.id = None  # type: ignore[assignment]
        start = built.room.head
        await built.post(2)
        await expect(built, sound, start)
        assert len(operation.errors) == 1 and broken.subscriber.feeds == set()
    assert logged


@pytest.mark.parametrize("pauses", [False, True])
async def test_execution_goes_on_when_the_store_is_back(pauses: bool) -> None:
    down = 3

    class Failing(One):
        def encode(self, events: Sequence[AnyEvent]) -> Payloads:
            nonlocal down
            down -= 1
            if down > 0:
                raise StoreUnavailable
            return [msgspec.json.encode(event) for event in events]

    class FailingLater(Failing):
        async def encode(self, events: Sequence[AnyEvent]) -> Payloads:  # type: ignore[override]
            await asyncio.sleep(0)
            return super().encode(events)

    async with scene() as built:
        kind = FailingLater if pauses else Failing
        reader = await listen(built, kind)
        start = built.room.head
        await built.post(3)
        await expect(built, reader, start)
        down = 3
        await expect(built, await listen(built, kind, 0), 0)


async def test_the_connection_is_closed_if_it_cannot_be_told(
    logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene() as built:
        reader = await listen(built)
        user = await built.member("member")
        goes = await listen(built, user=user)

        def crash(*given: object) -> None:
            raise RuntimeError("broken on purpose")

        monkeypatch.setattr(Listening, "hear", crash)
        goes.subscriber.on_lost = crash
        await built.first.rooms.kick(built.owner, built.room, user.id)
        assert goes.pipe.closed == CLOSE_INTERNAL and goes.subscriber.feeds == set()
        built.first.hub.tell_user(built.owner.id, ReadMoved(room=built.room.id, seq=1))
        assert reader.pipe.closed == CLOSE_INTERNAL
    # The one who was removed could not be told that of itself either.
    assert len(logged) == 3


async def test_a_group_ends_with_the_last_of_its_streams() -> None:
    async with scene() as built:
        async with nothing_left(built):
            readers = [await listen(built, Gated), await listen(built, Gated, 0)]
            await built.post(1)
            for reader in readers:
                reader.close()
            assert not built.first.hub.channels.of(built.room).groups
        async with nothing_left(built):
            reader = await listen(built, Gated)
            head = built.room.head
            built.first.log.publish(built.room, [posted(built.room.id, head + 1, "u1")])
            reader.close()  # before the execution has begun
        async with nothing_left(built):
            reader = await listen(built, Gated)
            head = built.room.head
            built.first.log.publish(built.room, [posted(built.room.id, head + 1, "u1")])
            await asyncio.sleep(SETTLE_SECONDS)  # it has begun
            assert len(built.first.hub.channels.of(built.room).groups) == 1
            reader.close()


async def test_a_group_that_ended_is_made_anew() -> None:
    Gated.gate.set()
    async with scene() as built:
        for _ in range(2):
            reader = await listen(built, Gated)
            start = built.room.head
            await built.post(2)
            await expect(built, reader, start)
            reader.close()
            assert not built.first.hub.channels.of(built.room).groups


async def test_a_room_has_one_group_of_a_key() -> None:
    async with scene() as built:
        connections, reader = built.first.connections, await listen(built)
        first = connections.group(built.room, "key", reader.encode)
        second = connections.group(built.room, "key", reader.encode)
        first.add_follower()
        assert connections.group(built.room, "key", reader.encode) is first
        with pytest.raises(RuntimeError, match="another group"):
            second.add_follower()
        first.drop_follower()
        second.add_follower()
        assert connections.group(built.room, "key", reader.encode) is second


# -- entering --------------------------------------------------------------------------------------


async def test_a_position_that_cannot_be_served_is_a_gap_without_a_group() -> None:
    def unasked(room: Room) -> StreamReader:
        raise AssertionError("not to be followed")

    async with scene() as built:
        reader = await listen(built)
        follow = built.first.following.follow_feed
        for after, epoch in ((built.room.head + 1, None), (1, "another")):
            answer = await follow(
                reader.subscriber,
                built.room.id,
                after,
                epoch,
                unasked,  # type: ignore[arg-type]
            )
            assert (answer.state, answer.head) == ("gap", built.room.head)
        stranger = await built.member("stranger")
        await built.first.rooms.kick(built.owner, built.room, stranger.id)
        other = StreamReader(built.first, stranger)
        built.readers.append(other)
        with pytest.raises(ChatError, match="room"):
            await other.follow(built.room.id, None)
        assert built.room.followers == 1 and built.room.holders == 0


async def test_streams_of_a_connection_are_counted() -> None:
    async with scene(subscriptions=3) as built:
        reader = await listen(built, StreamReader)
        await reader.open("third", built.room.id, None)
        with pytest.raises(ChatError) as caught:
            await reader.open("fourth", built.room.id, None)
        assert caught.value.code == "limit.count"
        assert len(reader.subscriber.feeds) == 3


# -- what is in no log -------------------------------------------------------------------------------


async def test_ephemeral_events_reach_streams_as_structs() -> None:
    async with scene() as built:
        hub, room = built.first.hub, built.room
        reader, author = await listen(built), await listen(built)
        chat = await built.reader()
        moved = ReadMoved(room=room.id, seq=2)
        hub.tell_user(built.owner.id, moved, but=author.subscriber)
        typing = TypingNow(room=room.id, user=room.members[built.owner.id].user)
        hub.tell_room(room, typing, but=author.subscriber)
        chat.subscriber.flush()
        heard = []
        for each in (reader, author):
            assert isinstance(each.subscriber, Listening)
            (operation,) = each.operations.values()
            heard.append((each.subscriber.heard, operation.heard))
        assert heard == [([moved], [typing]), ([], [])]
        told = [json.loads(msgspec.json.encode(news)) for news in (moved, typing)]
        assert chat.pipe.received == told
        assert isinstance(chat.pipe, FakePipe)
