"""Pages for who catches up: read and encoded once for all, held once, and not kept for long."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from chatserver.delivery.encoding import event_frames
from chatserver.delivery.logpages import KEEP_SECONDS, PAGE_EVENTS
from chatserver.delivery.streams import Payloads
from chatserver.model import AnyEvent
from chatserver.roomlog.room import Room
from chatserver.service.service import Service
from tests.core.clients import Reader
from tests.core.nodes import add_user
from tests.core.scene import SETTLE_SECONDS, SOFT, Scene, scene
from tests.core.streaming import StreamReader
from tests.core.test_streams import expect as expect_stream
from tests.core.test_streams import listen
from tests.waiting import until

pytestmark = pytest.mark.virtual_time


class Reads:
    """The store as rooms see it; reads by others, such as the search index, are not counted."""

    def __init__(self, store: Any) -> None:
        self.counts: Counter[int] = Counter()
        self._store = store

    async def shown(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        self.counts.update(after for _, after in wanted)
        await asyncio.sleep(0.01)
        return [*await self._store.shown(wanted, limit)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Work:
    """Counts a node's reads of its store for clients that catch up, and its encodings for chat.v1."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        store = Reads(service.room_cache._store)
        self.reads = store.counts
        self.encoded: Counter[int] = Counter()

        def encoded(
            events: Sequence[AnyEvent], limit: int, bits: int = 0
        ) -> list[tuple[bytes, int]]:
            self.encoded.update(event.seq for event in events)
            return event_frames(events, limit, bits)

        monkeypatch.setattr(service.room_cache, "_store", store)
        monkeypatch.setattr("chatserver.delivery.channel.event_frames", encoded)


@asynccontextmanager
async def room_of(messages: int) -> AsyncIterator[Scene]:
    async with scene(buffer_soft_bytes=100_000, buffer_hard_bytes=1_000_000) as built:
        await built.post(messages)
        yield built


async def test_many_that_come_back_at_once_cost_one_read_and_one_encoding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with room_of(3 * PAGE_EVENTS) as built:
        work = Work(built.first, monkeypatch)
        readers = [await built.reader(0) for _ in range(20)]
        for reader in readers:
            await built.expect(reader, 0)
        assert set(work.reads.values()) == {1}
        assert set(work.encoded.values()) == {1}
        assert sorted(work.encoded) == list(range(1, built.room.head + 1))


async def test_they_hold_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    async with room_of(2 * PAGE_EVENTS) as built:
        got: list[list[bytes]] = []
        for _ in range(3):
            reader = Reader(built.first, built.owner)
            built.readers.append(reader)
            got.append(reader.pipe.writes)
            await reader.follow(built.room.id, 0)
            # Something of its own waits: it is not joined to a copy of the page.
            reader.subscriber.say(b'{"sys":"hello"}')
        await until(lambda: sum(map(len, map(b"".join, got))) >= 3 * 2 * PAGE_EVENTS * 100)
        pages = [{id(write) for write in writes if len(write) > 1000} for writes in got]
        assert pages[0] and pages[0] == pages[1] == pages[2]


async def test_clients_at_other_positions_share_all_but_the_first_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with room_of(3 * PAGE_EVENTS) as built:
        work = Work(built.first, monkeypatch)
        readers = {after: await built.reader(after) for after in range(1, 60, 7)}
        for after, reader in readers.items():
            await built.expect(reader, after)
        assert {after: work.reads[after] for after in readers} == dict.fromkeys(readers, 1)
        later = [after for after in work.reads if after not in readers]
        assert later == [PAGE_EVENTS, 2 * PAGE_EVENTS, 3 * PAGE_EVENTS][: len(later)]
        assert all(work.reads[after] == work.encoded[after + 1] == 1 for after in later)


async def test_forms_share_the_read_and_streams_of_a_group_the_execution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    executed: Counter[int] = Counter()

    class Counting(StreamReader):
        def encode(self, events: Sequence[AnyEvent]) -> Payloads:
            executed.update(event.seq for event in events)
            return [msgspec.json.encode(event) for event in events]

    async with room_of(2 * PAGE_EVENTS) as built:
        work = Work(built.first, monkeypatch)
        compressing = Reader(built.first, built.owner)
        compressing.subscriber.window_bits = 15
        built.readers.append(compressing)
        await compressing.follow(built.room.id, 0)
        reader = await built.reader(0)
        streams = [await listen(built, Counting, 0) for _ in range(3)]
        await built.expect(reader, 0)
        for stream in streams:
            await expect_stream(built, stream, 0, 0)
            await expect_stream(built, stream, 0, 1)
        assert work.reads[0] == 1
        assert set(executed.values()) == {1} and len(executed) == built.room.head


async def test_a_member_removed_meanwhile_gets_nothing_of_a_shared_page() -> None:
    async with room_of(2 * PAGE_EVENTS) as built:
        user = await add_user(built.first, "member")
        await built.first.rooms.invite(built.owner, built.room, user.id)
        gate, read = asyncio.Event(), built.first.hub.outlet.pages._read

        async def late(room: Room, after: int, limit: int) -> list[AnyEvent]:
            await gate.wait()
            return await read(room, after, limit)

        built.first.hub.outlet.pages._read = late
        stays, goes = await built.reader(0), await built.reader(0, user)
        await asyncio.sleep(SETTLE_SECONDS)
        await built.first.rooms.kick(built.owner, built.room, user.id)
        gate.set()
        await built.expect(stays, 0)
        assert goes.pipe.events(built.room.id) == [] and goes.subscriber.feeds == set()


async def test_a_slow_one_takes_nothing_from_the_others_and_is_bounded() -> None:
    async with scene() as built:
        await built.post(200)
        slow = Reader(built.first, built.owner)
        built.readers.append(slow)
        slow.pipe.stuck = True
        await slow.follow(built.room.id, 0)
        quick = [await built.reader(0) for _ in range(3)]
        for reader in quick:
            await built.expect(reader, 0)
        assert 0 < slow.pipe.most_buffered < SOFT
        slow.drain()
        await built.expect(slow, 0)


async def test_pages_are_kept_for_a_moment_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async with room_of(3 * PAGE_EVENTS) as built:
        work = Work(built.first, monkeypatch)
        pages = built.first.hub.outlet.pages
        await built.expect(await built.reader(0), 0)
        assert pages._kept and pages._size == sum(kept.size for kept in pages._kept.values())
        await asyncio.sleep(2 * KEEP_SECONDS)
        assert not pages._kept and pages._size == 0 and pages._timer is None
        await built.expect(await built.reader(0), 0)
        assert work.encoded[1] == 2


async def test_cached_pages_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver.delivery.logpages.KEEP_BYTES", 100_000)
    async with room_of(4 * PAGE_EVENTS) as built:
        await built.expect(await built.reader(0), 0)
        pages = built.first.hub.outlet.pages
        assert 0 < pages._size <= 100_000
        assert pages._size == sum(kept.size for kept in pages._kept.values())
        assert (built.room.id, 0, 0) not in pages._kept  # the oldest went first
