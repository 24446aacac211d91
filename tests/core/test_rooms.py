"""Rooms in memory: loading, the tail, the newest page, and who stays."""

import asyncio
from collections.abc import Sequence
from unittest import mock

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.model import (
    AnyEvent,
    Ban,
    MemberEvent,
    MemberLeft,
    RoomChanged,
    RoomRole,
    UnknownEvent,
    read_event,
)
from chatserver.roomlog import fold
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.room import Room
from chatserver.testing.samples import described, event, joined, posted, user
from chatserver_plugins.memory import MemoryStore
from tests.core import logs
from tests.core.checker import roles
from tests.core.scene import scene

PAGE = 2


def positions(count: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 41), min_size=count, max_size=count).map(sorted)


@given(steps=logs.MEMBER_STEPS, at=positions(2))
def test_a_state_read_after_its_position_heals(steps: list[tuple[str, int]], at: list[int]) -> None:
    """Position before state: events in between are applied again, and change nothing."""
    log = logs.member_log(steps)
    head, read = (max(1, min(position, len(log))) for position in at)
    newest: dict[str, MemberEvent] = {}
    for each in log[:read]:
        if not isinstance(each, RoomChanged):
            newest[each.user.id] = each  # type: ignore[union-attr]
    room = Room("r")
    room.reset(head, described("r", 1), newest.values())
    for each in log[head:]:
        room.apply(each, 100)
    assert {user: member.role for user, member in room.members.items()} == roles(log)
    assert room.head == len(log)


@given(steps=logs.STEPS, at=positions(3), known=st.integers(0, 41))
def test_the_newest_page_is_the_fold_of_the_log(
    steps: list[tuple[str, int, int]], at: list[int], known: int
) -> None:
    """Messages and changes may be read at later positions than the room's; all of it heals."""
    log = logs.message_log(steps)
    head, read_posts, read_changes = (min(position, len(log)) for position in at)
    known = max(head, min(known, len(log)))
    room = Room("r")
    with mock.patch("chatserver.roomlog.room.NEWEST_PAGE", PAGE):
        for each in log[:known]:
            room.apply(each, 100)
        found = logs.posts(log[:read_posts])[-PAGE:]
        room.set_recent(fold.fold(found, logs.changes(log[:read_changes])), head)
        for each in log[known:]:
            room.apply(each, 100)
        assert room.recent == logs.newest(log, PAGE)


def test_an_old_page_is_not_kept() -> None:
    room = Room("r")
    for seq in range(1, 20):
        room.apply(posted("r", seq), 3)
    room.set_recent([], 2)
    assert room.recent is None


def test_an_event_that_fails_to_be_applied_can_be_applied_again() -> None:
    room = Room("r")
    room.set_recent([], 0)
    for seq in (1, 2):
        room.apply(posted("r", seq), 1)
    starving = mock.patch("chatserver.roomlog.fold.message_from", side_effect=MemoryError)
    with starving, pytest.raises(MemoryError):
        room.apply(posted("r", 3), 1)
    assert (room.head, len(room.recent or ())) == (2, 2)
    assert room.since(1, 10) == [posted("r", 2)]
    room.apply(posted("r", 3), 1)
    assert (room.head, len(room.recent or ())) == (3, 3)
    assert room.since(2, 10) == [posted("r", 3)]


@pytest.mark.parametrize("tail", [1, 3, 10])
def test_the_tail_gives_all_after_a_position_or_nothing(tail: int) -> None:
    room = Room("r")
    log = [posted("r", seq) for seq in range(1, 31)]
    for each in log:
        room.apply(each, tail)
        assert tail <= len(room.tail) or room.head < tail
        assert len(room.tail) <= 2 * tail
        for after in range(room.head + 1):
            for limit in (1, 2, 100):
                found = room.since(after, limit)
                if after < room.tail_from:
                    assert found is None
                else:
                    assert found == log[after : room.head][:limit]


def test_the_tail_takes_only_the_events_that_lead_up_to_it() -> None:
    log = [posted("r", seq) for seq in range(1, 9)]

    def room() -> Room:
        made = Room("r")
        made.head = made.tail_from = 5
        made.apply(log[5], 10)
        return made

    for events, after in ((log[2:5], 2), (log[2:8], 2), (log[:4], 5), (log[6:], 5), ([], 5)):
        known = room()
        known.lead_up(events)
        assert known.tail_from == after
        assert known.since(after, 10) == log[after:6]


async def stored(rooms: int) -> MemoryStore:
    store = MemoryStore()
    for number in range(rooms):
        await store.append([described(f"r{number}", 1), joined(f"r{number}", 2, "u1")])
    return store


async def load(rooms: RoomCache, *numbers: int) -> list[Room]:
    found = [await rooms.load(f"r{number}") for number in numbers]
    assert all(found)
    return found  # type: ignore[return-value]


async def test_the_least_recently_used_room_goes_first() -> None:
    rooms = RoomCache(await stored(5), bound=3)
    first, *_ = await load(rooms, 0, 1, 2)
    assert await rooms.load("r0") is first
    await load(rooms, 3)
    assert [rooms.known(f"r{number}") is not None for number in range(4)] == [
        *(True, False, True, True)
    ]


async def test_followed_rooms_and_those_with_pending_appends_stay() -> None:
    rooms = RoomCache(await stored(6), bound=2)
    followed, pending = await load(rooms, 0, 1)
    followed.followers, pending.holders = 1, 1
    await load(rooms, 2, 3, 4, 5)
    assert rooms.known("r0") is followed and rooms.known("r1") is pending
    assert len(rooms) <= 3
    followed.followers = pending.holders = 0
    await load(rooms, 2, 3)
    assert len(rooms) == 2


async def test_there_is_one_object_for_a_room_however_many_load_it() -> None:
    rooms = RoomCache(await stored(1), bound=10)
    found = await asyncio.gather(*(rooms.load("r0") for _ in range(10)))
    assert len({id(room) for room in found}) == 1


async def test_a_caller_that_is_cancelled_takes_no_other_along() -> None:
    rooms = RoomCache(await stored(1), bound=10)
    first, second = (asyncio.create_task(rooms.load("r0")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    room = await second
    assert room is not None and room.head == 2
    assert first.cancelled()


async def test_there_is_no_such_room() -> None:
    rooms = RoomCache(MemoryStore(), bound=10)
    assert await rooms.load("none") is None
    assert len(rooms) == 0


class Meanwhile(MemoryStore):
    """Something is written between the two reads of a load."""

    def __init__(self, events: Sequence[MemberEvent]) -> None:
        super().__init__()
        self.events = events

    async def members(self, rooms: Sequence[str]) -> list[MemberEvent]:
        await self.append(self.events)
        return await super().members(rooms)


async def test_a_load_takes_the_position_before_the_state() -> None:
    store = Meanwhile([event(MemberLeft, "r", 3, user=user("u1"))])
    await store.append([described("r", 1), joined("r", 2, "u1")])
    room = await RoomCache(store, bound=10).load("r")
    assert room is not None
    assert (room.head, room.members) == (2, {})
    for each in await store.read("r", room.head, 10):
        room.apply(each, 10)
    assert (room.head, room.members) == (3, {})


async def test_a_room_that_is_followed_meanwhile_does_not_jump() -> None:
    store = await stored(1)
    rooms = RoomCache(store, bound=10)
    (room,) = await load(rooms, 0)
    await store.append([posted("r0", 3)])
    loading = asyncio.create_task(rooms.reload(room))
    room.followers = 1
    await loading
    assert room.head == 2
    room.followers = 0
    await rooms.reload(room)
    assert room.head == 3


async def crowded(members: int) -> MemoryStore:
    store = MemoryStore()
    joins = [joined("r0", seq, f"u{seq:03}") for seq in range(2, members + 2)]
    await store.append([described("r0", 1), *joins])
    return store


async def turns(task: asyncio.Future[object]) -> int:
    """How often others get their turn until the task is done."""
    count = 0
    while not task.done():
        await asyncio.sleep(0)
        count += 1
    return count


@pytest.mark.parametrize("load", ["load", "load_many"])
async def test_others_get_their_turn_while_a_large_room_is_read(load: str) -> None:
    store, taken, found = await crowded(100), list[int](), list[Room]()
    for members in (100, 10):
        with mock.patch("chatserver.roomlog.cache.APPLIED", members):
            rooms = RoomCache(store, bound=10)
            loading = rooms.load("r0") if load == "load" else rooms.load_many(["r0"])
            task = asyncio.ensure_future(loading)
            taken.append(await turns(task))
            found.append(rooms.known("r0") or Room("none"))
    assert taken[1] >= taken[0] + 9
    assert [{*room.members} for room in found] == [{f"u{seq:03}" for seq in range(2, 102)}] * 2
    assert [room.head for room in found] == [101] * 2


async def test_a_room_that_advances_while_it_is_read_does_not_go_back() -> None:
    store = await crowded(10)
    with mock.patch("chatserver.roomlog.cache.APPLIED", 1):
        rooms = RoomCache(store, bound=10)
        (room,) = await load(rooms, 0)
        reading = asyncio.ensure_future(rooms.reload(room))
        for _ in range(8):
            await asyncio.sleep(0)
        assert not reading.done()
        room.apply(posted("r0", 12), 10)
        await reading
    assert (room.head, [each.seq for each in room.tail]) == (12, [12])


async def test_a_reload_takes_over_what_the_store_has() -> None:
    store = await crowded(3)
    rooms = RoomCache(store, bound=10)
    (room,) = await load(rooms, 0)
    ban = Ban(until=None)
    await store.append([event(MemberLeft, "r0", 5, user=user("u003"), ban=ban)])
    room.mark_stale()
    await rooms.reload(room)
    assert (room.head, [*room.members], [*room.bans]) == (5, ["u002", "u004"], ["u003"])
    assert not room.stale


@given(steps=logs.MEMBER_STEPS, at=positions(1), kept=st.sampled_from([1, 3, 1000]))
def test_members_are_in_order_at_any_time(
    steps: list[tuple[str, int]], at: list[int], kept: int
) -> None:
    log = logs.member_log(steps)
    room = Room("r")
    with mock.patch("chatserver.roomlog.room.KEPT_IN_ORDER", kept):
        for each in log:
            room.apply(each, 100)
            if each.seq >= at[0]:
                assert [*room.members_by_id()] == sorted(room.members)
        room.reset(1, described("r", 1), [joined("r", 2, "u2")])
        assert [*room.members_by_id()] == ["u2"]


def test_events_that_only_a_newer_version_can_read_are_skipped() -> None:
    room = Room("r")
    room.apply(described("r", 1), 10)
    room.apply(joined("r", 2, "u1"), 10)
    unknown = read_event(msgspec.to_builtins(joined("r", 3, "u1")) | {"role": "new"}, AnyEvent)
    assert unknown == event(
        UnknownEvent,
        "r",
        3,
        unknown="member.joined",
        fields={"user": {"id": "u1", "name": user("u1").name}, "role": "new"},
    )
    room.apply(unknown, 10)
    assert (room.head, room.role("u1")) == (3, RoomRole.MEMBER)
    assert room.tail == [described("r", 1), joined("r", 2, "u1"), unknown]


def test_among_events_of_some_kinds_the_unknown_is_nothing() -> None:
    known = joined("r", 3, "u1")
    assert read_event(msgspec.to_builtins(known), MemberEvent) == known
    assert read_event(msgspec.to_builtins(known) | {"role": "new"}, MemberEvent) is None
    with pytest.raises(msgspec.ValidationError):
        read_event({"ev": "member.joined", "room": "r"}, AnyEvent)


@pytest.mark.virtual_time
async def test_many_rooms_stand_at_the_events_that_were_read_from_the_store() -> None:
    """Otherwise a node uses what it has for a second, as a consumer must not: it may know more than its node."""
    async with scene() as built:
        room = built.room.id
        before = (await built.second.rooms.get_many([room]))[room]
        head = before.head
        seq = await built.first.rooms.change(built.owner, built.room, "Renamed", None)
        assert (await built.second.rooms.get_many([room], {room: head}))[room].head == head
        found = (await built.second.rooms.get_many([room], {room: seq}))[room]
        assert found is before and found.head == seq
        assert found.description is not None and found.description.name == "Renamed"
