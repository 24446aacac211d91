"""The index is made in the background: of everything, by any node, and again where it was left."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from chatserver.errors import StoreUnavailable
from chatserver.interfaces import IndexPage, IndexPlace
from chatserver.model import (
    AnyEvent,
    Message,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PinAdded,
    RoomKind,
    User,
)
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.fold import fold
from chatserver.search import directory, effort, merge
from chatserver.search.analyser import analysed
from chatserver.search.indexer import (
    BUSY_EVENTS,
    LOOK_SECONDS,
    PRESSED_SECONDS,
    QUIET_SECONDS,
    SWEEP_SECONDS,
    Indexer,
)
from chatserver.search.query import parse
from chatserver.search.segments import cover
from chatserver.service.service import Service
from chatserver.testing.samples import described, event, joined, posted
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import (
    FaultyStore,
    add_user,
    config,
    make_service,
    running,
)
from tests.search.indexing import ALONE, at, built, index, log
from tests.virtual_time import run
from tests.waiting import until

pytestmark = pytest.mark.virtual_time

WORDS = ["東京", "京都", "ラーメン", "Hello", "world", "入門", "x"]


async def fill(store: MemoryStore, user: User, rooms: int, events: int, seed: int) -> list[str]:
    """Rooms with messages, edits, deletions and pins, as if they had been there for long."""
    chance = random.Random(seed)
    names = [f"room{number}" for number in range(rooms)]
    for name in names:
        made: list[AnyEvent] = [described(name, 1, RoomKind.PRIVATE), joined(name, 2, user.id)]
        made += [happened(name, seq, chance) for seq in range(3, events + 3)]
        await store.append(made)
    return names


def happened(room: str, seq: int, chance: random.Random) -> AnyEvent:
    text = "".join(chance.choice(["", " "]) + chance.choice(WORDS) for _ in range(4))
    day, minute = divmod(seq, 300)
    at = f"2026-01-{1 + day:02}T{minute // 60:02}:{minute % 60:02}:00.000Z"
    old = f"{room}-{chance.randint(1, seq - 1)}"
    kind = chance.choices(["post", "edit", "delete", "pin"], [20, 4, 1, 1])[0]
    if kind == "edit":
        return event(MessageEdited, room, seq, message=old, body=text, at=at)
    if kind == "delete":
        return event(MessageDeleted, room, seq, message=old, at=at)
    if kind == "pin":
        return event(PinAdded, room, seq, message=old, at=at)
    return posted(room, seq, body=text, at=at)


async def read_through(store: MemoryStore, rooms: Sequence[str], text: str) -> list[str]:
    """The messages that a search should find, by looking at all of them."""
    asked = parse(text)
    found: list[Message] = []
    for room in rooms:
        log = await store.read(room, 0, 100_000)
        messages = fold(
            [each for each in log if isinstance(each, MessagePosted)],
            [each for each in log if isinstance(each, MessageChange)],
        )
        found += [
            each
            for each in messages
            if not each.deleted and asked.covers(each.at) and asked.matches(analysed(each.body))
        ]
    found.sort(key=lambda each: (each.at, each.room, each.seq), reverse=True)
    return [each.id for each in found]


async def all_found(service: Service, user: User, text: str, limit: int) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = await service.search.find(user, text, None, cursor, limit)
        assert not page.partial
        found += [each.id for each in page.messages]
        cursor = page.cursor
        if cursor is None:
            return found


@pytest.mark.parametrize(
    ("seed", "events", "rejected", "seconds"),
    [(0, 550, 500, 60.0), (1, 550, 5, 60.0), (2, 30, 500, 0.0)],
)
async def test_a_search_equals_a_reading_of_everything(
    seed: int, events: int, rejected: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This includes pages that end early, after enough candidates or for want of time."""
    monkeypatch.setattr(merge, "REJECTED", rejected)
    monkeypatch.setattr(effort, "SECONDS", seconds)
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        service.indexer.pause()
        user = await add_user(service, "ada")
        rooms = await fill(store, user, 3, events, seed)
        queries = [
            "東京",
            "京",
            '"東京ラーメン"',
            "hello world",
            "らーめん x",
            "x before:2026-01-02",
        ]
        queries += ["京都 after:2026-01-02 before:2026-01-03", "nowhere", "in:room hello"]
        for indexed in (False, True, True):
            if indexed:
                await service.indexer.catch_up()
            for text in queries:
                expected = await read_through(store, rooms, text)
                for limit in (20, 200):
                    assert await all_found(service, user, text, limit) == expected, (text, indexed)
            chance = random.Random(seed)
            for room in rooms:  # and some more, which is in no index at first
                head = (await store.heads([room]))[room]
                more = [happened(room, seq, chance) for seq in range(head + 1, head + 50)]
                await store.append(more)
            known = await service.rooms.joined(user)
            await service.log.refresh(known)


class Asked(MemoryStore):
    """Counts how often messages were read."""

    reads = 0

    async def posted(self, keys: Sequence[tuple[str, int]]) -> list[MessagePosted]:
        self.reads += 1
        return await super().posted(keys)


async def test_messages_are_read_when_a_page_of_them_is_known() -> None:
    """Messages are not read after each step through the index, of which a rare word needs several."""
    store = Asked()
    async with running(make_service(store, config())) as service:
        service.indexer.pause()
        user = await add_user(service, "ada")
        for number in range(40):
            room = f"r{number}"
            made: list[AnyEvent] = [described(room, 1), joined(room, 2, user.id)]
            for seq in range(3, 700):
                body = f"word{seq}" if seq != 17 * number + 10 else "rare"
                made.append(posted(room, seq, body=body, at=at(60 * seq + number)))
            await store.append(made)
        await service.indexer.catch_up()
        store.reads = 0
        assert len((await service.search.find(user, "rare", limit=50)).messages) == 40
        assert store.reads == 1


async def has_indexed(store: MemoryStore, heads: dict[str, int]) -> bool:
    return await store.indexed(list(heads)) == heads


async def test_it_is_made_of_rooms_that_nobody_has_opened() -> None:
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        user = await add_user(service, "ada")
        rooms = await fill(store, user, 5, 100, 1)
        await until(lambda: has_indexed(store, dict.fromkeys(rooms, 96)))
        assert not service.room_cache.heads()


async def test_messages_get_into_it_while_the_server_runs() -> None:
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        user = await add_user(service, "ada")
        await asyncio.sleep(SWEEP_SECONDS / 4)  # the first sweep is over
        room = await service.rooms.create(user, RoomKind.PRIVATE, "room")
        for number in range(30):
            await service.messages.post(user, room, str(number), "word")
        await until(lambda: has_indexed(store, {room.id: 32}), SWEEP_SECONDS / 2)
        assert len((await service.search.find(user, "word")).messages) == 30


async def test_a_room_in_which_people_talk_gets_few_parts_and_the_rest_once_it_is_quiet() -> None:
    store = Noting()
    async with running(make_service(store, config())) as service:
        user = await add_user(service, "ada")
        await asyncio.sleep(SWEEP_SECONDS / 4)  # the first sweep is over
        room = await service.rooms.create(user, RoomKind.PRIVATE, "room")
        count = 0
        while await store.indexed([room.id]) == {}:
            await service.messages.post(user, room, str(count), f"word {count}")
            count += 1
            await asyncio.sleep(0.05)
            if count % 10 == 0:
                found = await service.search.find(user, "word", limit=count)
                assert not found.partial
                assert len(found.messages) == count
        assert await store.indexed([room.id]) == {room.id: BUSY_EVENTS}
        assert len({page.first for page in store.written}) == 1, "written as one part"
        for number in range(10):
            await service.messages.post(user, room, f"more {number}", "word")
        end = room.head // 8 * 8
        assert BUSY_EVENTS < end < 2 * BUSY_EVENTS
        await until(lambda: has_indexed(store, {room.id: end}), 2 * QUIET_SECONDS + LOOK_SECONDS)


class Noting(MemoryStore):
    """Notes how large the index gets, and may fail in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.fail_after = 1 << 60
        self.written: list[IndexPage] = []

    async def index(self, room: str, upto: int, pages: Sequence[IndexPage]) -> None:
        self.written += pages
        self.fail_after -= 1
        if self.fail_after <= 0:
            raise StoreUnavailable
        await super().index(room, upto, pages)


async def test_two_nodes_make_the_same_at_once() -> None:
    store = MemoryStore()
    async with (
        running(make_service(FaultyStore(store), config())) as first,
        running(make_service(FaultyStore(store), config())) as second,
    ):
        user = await add_user(first, "ada")
        rooms = await fill(store, user, 3, 600, 2)
        await asyncio.gather(first.indexer.catch_up(), second.indexer.catch_up())
        assert await store.indexed(rooms) == dict.fromkeys(rooms, 600)
        expected = await read_through(store, rooms, "東京")
        assert await all_found(second, user, "東京", 100) == expected


class Stalling(MemoryStore):
    """Holds the first reader of a segment's pages until `free` is set; `stalled` says that it waits."""

    def __init__(self) -> None:
        super().__init__()
        self.free, self.stalled = asyncio.Event(), asyncio.Event()

    async def index_pages(self, places: Sequence[IndexPlace]) -> list[bytes | None]:
        if places[0][1] != directory.SLOT and not self.free.is_set() and not self.stalled.is_set():
            self.stalled.set()
            await self.free.wait()
        return await super().index_pages(places)


@pytest.mark.parametrize("done", [520, 544, 640, 768])
async def test_a_node_that_was_overtaken_takes_nothing_away(done: int) -> None:
    """The segment to extend may have been dropped meanwhile."""
    events, store = log([f"word{number % 9}" for number in range(1000)]), Stalling()

    def indexer() -> Indexer:
        return Indexer(store, RoomCache(store, 100), lambda: False, ALONE)

    await index(store, events, done)
    await store.append(events)
    slow = asyncio.create_task(indexer().catch_up())
    await store.stalled.wait()
    await indexer().catch_up()
    store.free.set()
    await slow
    assert await store.indexed(["r"]) == {"r": 1000}
    for segment in cover(1000):
        pages = [*built(events, segment)]
        places = [(page.room, page.slot, page.first) for page in pages]
        assert await store.index_pages(places) == [page.data for page in pages]


async def test_it_goes_on_where_it_failed() -> None:
    store = Noting()
    async with running(make_service(store, config())) as service:
        service.indexer.pause()
        user = await add_user(service, "ada")
        rooms = await fill(store, user, 2, 5000, 3)
        for failing in (1, 2, 3, 5):
            store.fail_after = failing
            with pytest.raises(StoreUnavailable):
                await service.indexer.catch_up()
        store.fail_after = 1 << 60
        await service.indexer.catch_up()
        assert await store.indexed(rooms) == dict.fromkeys(rooms, 5000)
        expected = await read_through(store, rooms, '"東京ラーメン"')
        assert await all_found(service, user, '"東京ラーメン"', 200) == expected


async def test_an_index_without_directories_gets_them() -> None:
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        service.indexer.pause()
        user = await add_user(service, "ada")
        rooms = await fill(store, user, 3, 700, 4)
        await service.indexer.catch_up()
        made = (await directory.read(store, rooms)).known
        for room in rooms:
            await store.index(room, 0, [IndexPage(room, directory.SLOT, 0, b"")])
        without = (await directory.read(store, rooms)).known
        assert not any(each.has_times for known in without.values() for each in known)
        expected = await read_through(store, rooms, "東京")
        assert await all_found(service, user, "東京", 50) == expected
        await service.indexer.catch_up()
        again = (await directory.read(store, rooms)).known
        for room in rooms:
            assert [each[:3] for each in again[room]] == [each[:3] for each in made[room]]
        assert await all_found(service, user, "東京", 50) == expected


async def test_small_segments_go_when_they_are_in_a_larger_one() -> None:
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        service.indexer.pause()
        user = await add_user(service, "ada")
        room = await service.rooms.create(user, RoomKind.PRIVATE, "room")
        for number in range(1100):
            await service.messages.post(user, room, str(number), f"word {number}")
            if number % 8 == 7:
                await service.indexer.catch_up()
        of_eight = [(room.id, 1, first) for first in range(0, 1100, 8)]
        left = await store.index_pages(of_eight)
        assert sum(data is not None for data in left) <= 8, "segments of 8 events stay"
        of_32 = [(room.id, slot, first) for slot in range(4, 8) for first in range(0, 896, 32)]
        assert not any(await store.index_pages(of_32))


@pytest.mark.parametrize("pressed", [False, True])
def test_it_takes_its_time_while_others_need_the_processor(pressed: bool) -> None:
    rooms = [f"room{number}" for number in range(10)]

    async def index() -> float:
        store, loop = MemoryStore(), asyncio.get_running_loop()
        for room in rooms:
            await store.append([posted(room, seq) for seq in range(1, 9)])
        began = loop.time()
        await Indexer(store, RoomCache(store, 100), lambda: pressed, ALONE).catch_up()
        assert await store.indexed(rooms) == dict.fromkeys(rooms, 8)
        return loop.time() - began

    assert (run(index) > len(rooms) * PRESSED_SECONDS / 2) == pressed
