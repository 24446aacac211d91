"""Deleted rooms: gone for everybody at once, and soon after that from the store, whatever comes in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chatserver.errors import ChatError, StoreUnavailable
from chatserver.model import (
    Ban,
    EventRemoved,
    MemberLeft,
    PluginEvent,
    RoomChanged,
    RoomKind,
    RoomRole,
    ServerRole,
    UnknownEvent,
)
from chatserver.roomlog.redaction import cleared, removed
from chatserver.roomlog.room import Room
from chatserver.service import deletion
from chatserver.service.deletion import SPACE
from chatserver.service.markers import IMPORTED
from chatserver.service.service import Service
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import running as running_server
from chatserver.testing.samples import described, event, joined, posted, user
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import FaultyStore, add_user, config, make_service, running

SECRET = "words-that-have-to-go"
HOUR = 3600.0


class Scene:
    """A node with a room of `owner`, in which `member` is, too; and `other`, who is not."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def build(self, kind: RoomKind = RoomKind.PUBLIC) -> None:
        names = ("owner", "member", "other")
        self.owner, self.member, self.other = [await add_user(self.service, n) for n in names]
        rooms, messages = self.service.rooms, self.service.messages
        self.room = await rooms.create(
            self.owner, kind, f"{SECRET} room", f"{SECRET} topic", [self.member.id]
        )
        said, _ = await messages.post(self.member, self.room, "c1", f"{SECRET} 1")
        await messages.edit(self.member, self.room, said.id, f"{SECRET} 2")
        if kind is RoomKind.PUBLIC:
            await rooms.bans.add(self.owner, self.room, self.other.id, f"{SECRET} reason")


@asynccontextmanager
async def scene(
    store: Any = None, clock: FakeClock | None = None, kind: RoomKind = RoomKind.PUBLIC
) -> AsyncIterator[Scene]:
    service = make_service(store or MemoryStore(), config(), clock=clock or FakeClock())
    async with running(service):
        built = Scene(service)
        await built.build(kind)
        yield built


async def log_of(store: Any, room: Room) -> str:
    return str(await store.read(room.id, 0, 1000))


async def kept(store: Any) -> list[str]:
    """The keys of records of deletions."""
    return [key for key, _ in await store.scan(SPACE, "")]


# -- what is left of an event -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        posted("r", 1, body=SECRET, mentions=("u2",), data={"poll": SECRET}, data_text=SECRET),
        described("r", 1, name=SECRET, topic="tea"),
        described("r", 1, name="tea", topic=SECRET),
        described("r", 1, name=None, description=SECRET),
        event(MemberLeft, "r", 1, user=user("u2"), ban=Ban(reason=SECRET, until="2030")),
        event(PluginEvent, "r", 1, type="poll.closed", payload={"text": SECRET}),
        event(UnknownEvent, "r", 1, unknown="poem.recited", fields={"text": SECRET}),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_somebody_wrote_is_cleared(written: Any) -> None:
    left = cleared(written)
    assert SECRET not in str(left) and "tea" not in str(left)
    assert (type(left), left.seq, left.author, left.at) == (
        type(written),
        written.seq,
        written.author,
        written.at,
    )
    assert cleared(left) is left


def test_the_end_of_a_ban_and_other_events_stay() -> None:
    ban = event(MemberLeft, "r", 1, user=user("u2"), ban=Ban(reason=SECRET, until="2030"))
    assert cleared(ban) == event(MemberLeft, "r", 1, user=user("u2"), ban=Ban(until="2030"))
    for same in (
        joined("r", 1, "u2"),
        event(MemberLeft, "r", 1, user=user("u2")),
        event(MemberLeft, "r", 1, user=user("u2"), ban=Ban(until="2030")),
    ):
        assert cleared(same) is same


# -- for everybody ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [RoomKind.PUBLIC, RoomKind.PRIVATE])
async def test_a_deleted_room_is_found_nowhere(kind: RoomKind) -> None:
    async with scene(kind=kind) as built:
        service, room = built.service, built.room
        staff = await add_user(service, "staff", ServerRole.OWNER)
        await service.rooms.visible(
            staff
        )  # which keeps the first page of public rooms for a second
        seq = await service.rooms.delete(built.owner, room)
        for person in (built.owner, built.member, built.other, staff):
            with pytest.raises(ChatError, match=r"room\.not_found"):
                await service.rooms.get(room.id, person)
            assert await service.rooms.get_many([room.id]) == {}
            for archived in (True, False):
                assert (await service.rooms.visible(person, archived=archived)).rooms == []
            assert (await service.rooms.visible(person, text="room", archived=True)).rooms == []
            assert (await service.search.find(person, SECRET)).messages == []
            assert await service.rooms.joined(person) == []
            with pytest.raises(ChatError, match=r"room\.not_found"):
                await service.rooms.delete(person, room)
            with pytest.raises(ChatError, match=r"room\.not_found"):  # not room.banned
                await service.history.page(person, room)
        look = service.inspect(staff, "127.0.0.1")
        assert await look.rooms("", 10) == []
        assert await look.find_rooms("") == ([], None)
        assert await look.events(room.id, 0, 10) == []
        assert await look.members(room.id, "", 10) == []
        with pytest.raises(ChatError, match=r"room\.not_found"):
            await look.room(room.id)
        (last,) = await service.store.read(room.id, seq - 1, 1)
        assert isinstance(last, RoomChanged) and last.deleted and last.author.id == built.owner.id


async def test_staff_lists_the_rooms_behind_deleted_ones() -> None:
    async with scene() as built:
        service, rooms = built.service, built.service.rooms
        staff = await add_user(service, "staff", ServerRole.OWNER)
        made = [await rooms.create(built.owner, RoomKind.PUBLIC, f"r{n}") for n in range(6)]
        ids = sorted([built.room.id, *(each.id for each in made)])
        for room in ids[:3]:
            await rooms.delete(built.owner, await rooms.get(room))
        look = service.inspect(staff, "127.0.0.1")
        assert [each.id for each in await look.rooms("", 2)] == ids[3:5]
        assert [each.id for each in await look.rooms(ids[4], 9)] == ids[5:]


async def test_its_members_are_in_no_room_by_then_and_may_make_others() -> None:
    async with scene() as built:
        service = built.service
        await service.rooms.delete(built.owner, built.room)
        await service.rooms.deletion.settle()
        for person in (built.owner, built.member):
            (event,) = await service.store.memberships(person.id)
            assert isinstance(event, MemberLeft) and event.author.id == built.owner.id
        again = await service.rooms.create(built.owner, RoomKind.PUBLIC, f"{SECRET} room")
        view = await service.rooms.view(built.owner, again)
        assert (view.name, view.head) == (f"{SECRET} room", 2)


async def test_others_have_their_turn_while_many_members_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deletion, "PAGE", 1)
    turns, told = 0, []

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with scene() as built:
        monkeypatch.setattr(built.service.hub, "tell_user", lambda *given: told.append(turns))
        others = asyncio.create_task(take_turns())
        await built.service.rooms.delete(built.owner, built.room)
        others.cancel()
    assert len(set(told)) == len(told) == 2


async def test_a_direct_room_is_not_deleted() -> None:
    async with scene() as built:
        rooms = built.service.rooms
        direct = await rooms.create(built.owner, RoomKind.DIRECT, None, members=[built.member.id])
        with pytest.raises(ChatError, match=r"room\.forbidden") as caught:
            await rooms.delete(built.owner, direct)
        assert caught.value.detail == {"field": "room", "reason": "direct"}
        assert await kept(built.service.store) == []


async def test_who_loses_the_right_meanwhile_does_not_delete_and_nothing_is_erased_later() -> None:
    clock = FakeClock()
    async with scene(clock=clock) as built:
        service, room = built.service, built.room
        await service.rooms.appoint(built.owner, room, built.member.id, RoomRole.OWNER)
        demoting = service.rooms.appoint(built.owner, room, built.member.id, RoomRole.MEMBER)
        deleting = service.rooms.delete(built.member, room)
        _, refused = await asyncio.gather(demoting, deleting, return_exceptions=True)
        assert isinstance(refused, ChatError) and refused.code == "room.forbidden"
        assert await kept(service.store) == [f"due/{room.id}"]
        await service.rooms.deletion.finish()
        assert await kept(service.store) == [f"due/{room.id}"]  # perhaps it is under way
        await clock.advance(HOUR + 1)
        await service.rooms.deletion.finish()
        assert await kept(service.store) == []
        assert SECRET in await log_of(service.store, room)


async def test_nothing_is_written_after_a_deletion() -> None:
    async with scene() as built:
        service, room = built.service, built.room
        before = await service.store.read(room.id, 0, 1000)
        sends = [
            service.messages.post(built.member, room, f"s{n}", f"{SECRET} {n}") for n in range(40)
        ]
        answers = await asyncio.gather(
            *sends[:20], service.rooms.delete(built.owner, room), *sends[20:],
            return_exceptions=True,
        )  # fmt: skip
        await service.rooms.deletion.settle()
        log = await service.store.read(room.id, 0, 1000)
        end = next(each.seq for each in log if getattr(each, "deleted", False) is True)
        assert all(isinstance(each, MemberLeft) for each in log[end:])
        refused = [each for each in answers if isinstance(each, Exception)]
        assert {str(each.code) for each in refused if isinstance(each, ChatError)} <= {
            "room.not_found"
        }
        posted = sum(isinstance(each, EventRemoved) for each in log)
        posted -= sum(removed(each) is not each for each in before)
        assert posted == 40 - len(refused)


# -- in memory, on every node -----------------------------------------------------------------------


def test_a_room_in_memory_forgets_all_but_its_last_description() -> None:
    room = Room("r")
    gone = RoomChanged(
        room="r", seq=4, at="", author=user(), name=None, kind=RoomKind.PRIVATE, deleted=True
    )
    room.set_recent([], 0)
    log = [described("r", 1), joined("r", 2, "u2"), posted("r", 3), gone]
    parts = list(room.advance(log, 10))
    assert room.recent is None
    assert [[each.seq for each in part.events] for part in parts] == [[1, 2, 3], [4]]
    assert parts[1].replaced == [(1, 4)]  # pages of the log that are kept for readers
    assert (room.tail, room.tail_from, room.members, room.is_deleted) == ([gone], 3, {}, True)
    late = [joined("r", 5, "u3"), event(MemberLeft, "r", 6, user=user("u2"))]
    list(room.advance(late, 10))
    assert (room.head, room.members) == (6, {})
    room.reset(6, gone, [joined("r", 2, "u2"), joined("r", 5, "u3")])
    assert room.members == {}


async def test_another_node_knows_within_a_moment() -> None:
    store = MemoryStore()
    second = make_service(store, config())
    async with scene(store, kind=RoomKind.PRIVATE) as built, running(second):
        there = await second.rooms.get(built.room.id, built.member)
        assert there.role(built.member.id) is not None
        await built.service.rooms.delete(built.owner, built.room)
        await second.changes.look()
        assert there.is_deleted
        assert (await second.rooms.visible(built.member)).rooms == []
        with pytest.raises(ChatError, match=r"room\.not_found"):
            await second.messages.post(built.member, there, "c9", "hello?")


# -- in the store -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["memory", "sqlite"])
async def test_the_contents_are_gone_from_the_store(name: str, tmp_path: Path) -> None:
    async with running_server(store=name, settings={"server.data": str(tmp_path)}) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room(f"{SECRET} room", members=[bob])
        for number in range(100):
            await bob.post(room, f"{SECRET} {number}")
        service = chat.service
        await service.indexer.catch_up()
        places = [(room.id, slot, first) for slot in range(4096) for first in (0, 64)]

        async def is_indexed() -> bool:
            pages = await service.store.index_pages(places)
            return any(SECRET.partition("-")[0].encode() in page for page in pages if page)

        assert (await service.search.find(bob.user, SECRET)).messages and await is_indexed()
        await service.store.put(IMPORTED, room.id, b"50")
        await service.rooms.delete(ada.user, room)
        await service.rooms.deletion.settle()
        assert await service.store.get(IMPORTED, room.id) is None
        assert SECRET not in await log_of(service.store, room)
        assert (await service.store.indexed([room.id]))[room.id] > 0
        assert not await is_indexed()
        await service.indexer.catch_up()  # what is left is indexed as any other log
        assert (
            await service.search.find(bob.user, SECRET)
        ).messages == [] and not await is_indexed()


async def test_contexts_of_buttons_go_too() -> None:
    async with scene() as built:
        service = built.service
        message = posted(
            built.room.id,
            built.room.head + 1,
            author=built.member.id,
            data={"parts": {"by": "p", "rows": []}},
        )
        await service.contexts.keep(message.author.id, message.client_id, {"secret": SECRET})
        await service.store.append([message])
        await service.log.refresh([built.room])
        await service.rooms.delete(built.owner, built.room)
        await service.rooms.deletion.settle()
        assert await service.store.scan("interactions", "") == []


async def test_what_is_erased_is_erased_a_second_time_and_then_noted() -> None:
    clock, store = FakeClock(), MemoryStore()
    async with scene(store, clock) as built:
        service, room = built.service, built.room
        await service.rooms.delete(built.owner, room)
        await service.rooms.deletion.settle()
        late = posted(room.id, len(await store.read(room.id, 0, 1000)) + 1, body=SECRET)
        await store.append([late])  # by a server that does not know of deletions
        await service.rooms.deletion.finish()
        assert SECRET in await log_of(store, room)
        await clock.advance(deletion.SETTLED_SECONDS)
        await service.rooms.deletion.finish()
        assert SECRET not in await log_of(store, room)
        assert await kept(store) == [f"done/{service.epoch}/{room.id}"]
        await service.rooms.deletion.finish()
        assert await kept(store) == [f"done/{service.epoch}/{room.id}"]


@pytest.mark.parametrize("calls", range(12))
async def test_a_job_finishes_what_a_crash_left(calls: int) -> None:
    """The store fails for good after so many calls of the node that deletes the room."""
    behind, clock = MemoryStore(), FakeClock()
    store = FaultyStore(behind)
    async with scene(store, clock) as built:
        service, room, owner = built.service, built.room, built.owner
        await service.rooms.get(room.id)
        store.arm([*[("late", 0.0)] * calls, *[("before", 0.0)] * 1000])
        try:
            await service.rooms.delete(owner, room)
            is_deleted = True
        except StoreUnavailable:
            is_deleted = False
        await service.rooms.deletion.settle()
        store.heal()
    second = make_service(behind, config(), clock=clock)
    async with running(second):
        for _ in range(2):
            await second.rooms.deletion.finish()
            await clock.advance(deletion.EVERY)
        found = (await behind.rooms([room.id]))[room.id]
        if is_deleted:
            assert found.deleted
        if found.deleted:
            assert SECRET not in await log_of(behind, room)
            assert await kept(behind) == [f"done/{second.epoch}/{room.id}"]
            assert all(isinstance(each, MemberLeft) for each in await behind.members([room.id]))
        else:
            assert SECRET in await log_of(behind, room)


async def test_a_node_that_stops_leaves_the_rest_to_the_job() -> None:
    store, clock = MemoryStore(), FakeClock()
    async with scene(store, clock) as built:
        room = built.room
        await built.service.rooms.delete(built.owner, room)
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert f"erase {room.id}" not in names
    assert await kept(store) == [f"due/{room.id}"]
    assert SECRET in await log_of(store, room)


@pytest.mark.virtual_time
async def test_it_makes_way_for_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "EVENTS", 2)
    async with scene() as built:
        service, room = built.service, built.room
        monkeypatch.setattr(service.log, "is_pressed", lambda: True)
        began = asyncio.get_running_loop().time()
        await service.rooms.delete(built.owner, room)
        await service.rooms.deletion.settle()
        took = asyncio.get_running_loop().time() - began
        pages = len(await service.store.read(room.id, 0, 1000)) / 2
        assert took >= pages * deletion.PRESSED_SECONDS


async def test_a_restored_store_is_erased_again() -> None:
    clock, store = FakeClock(), MemoryStore()
    async with scene(store, clock) as built:
        service, room = built.service, built.room
        contents = await store.read(room.id, 0, 1000)
        await service.rooms.delete(built.owner, room)
        await service.rooms.deletion.settle()
        await clock.advance(HOUR)
        await service.rooms.deletion.finish()
        log = await store.read(room.id, 0, 1000)
        records = {space: await store.scan(space, "") for space in await store.spaces()}
    restored = MemoryStore()
    await restored.append([*contents, *log[len(contents) :]])
    for space, rows in records.items():
        for key, value in rows:
            await restored.put(space, key, value)
    await restored.put("meta", "epoch", b"another")
    assert SECRET in await log_of(restored, room)
    async with running(make_service(restored, config(), clock=clock)) as second:
        for _ in range(2):
            await second.rooms.deletion.finish()
            await clock.advance(HOUR)
        assert SECRET not in await log_of(restored, room)
        assert await kept(restored) == [f"done/another/{room.id}"]


async def test_deletions_of_many_rooms_are_looked_at_in_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deletion, "PAGE", 2)
    clock, store = FakeClock(), MemoryStore()
    async with scene(store, clock) as built:
        service = built.service
        made = [
            await service.rooms.create(built.owner, RoomKind.PUBLIC, SECRET, "", [built.member.id])
            for _ in range(5)
        ]
        for room in made:
            await service.rooms.delete(built.owner, room)
        await service.rooms.deletion.settle()
        await clock.advance(HOUR)
        await service.rooms.deletion.finish()
        assert await kept(store) == sorted(f"done/{service.epoch}/{room.id}" for room in made)
        await store.put("meta", "epoch", b"~")
        await service.rooms.deletion.finish()
        assert await kept(store) == sorted(f"due/{room.id}" for room in made)
        for room in made:
            assert SECRET not in await log_of(store, room)
            assert [type(each) for each in await store.memberships(built.member.id)].count(
                MemberLeft
            ) == 5
