"""The list of rooms: its pages, its cost in calls of the store, and changes by other nodes."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import pytest

from chatserver.errors import StoreUnavailable
from chatserver.model import MessagePosted, RoomKind, ServerRole, User
from chatserver.roomlog.room import Room
from chatserver.service.roomlist import RoomLists
from chatserver.service.service import Service
from chatserver.service.views import RoomList
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import FaultyStore, add_user, config, make_service, running, stop_clocks

# The calls that a list may make. Nodes read each other's notes by the clock besides.
ASKED = ("scan", "memberships", "heads", "rooms", "members", "unread", "public_rooms", "get_many")
NOTES = "changed"


class Counting:
    """A node's way to a store that counts the calls that its lists may make."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*given: Any, **named: Any) -> Any:
            if name in ASKED and given[0] != NOTES:
                self.calls[name] += 1
            return await method(*given, **named)

        return call


class Nodes(NamedTuple):
    first: Service
    second: Service
    calls: Counter[str]  # of the second
    owner: User
    member: User

    async def room(self, name: str = "room", kind: RoomKind = RoomKind.PRIVATE) -> Room:
        return await self.first.rooms.create(self.owner, kind, name)

    async def listed(self) -> list[str]:
        """The ids that the member is shown on the second node as joined."""
        seen = await self.second.rooms.visible(self.member)
        return [view.id for view in seen.rooms if view.joined]


@asynccontextmanager
async def nodes(**settings: object) -> AsyncIterator[Nodes]:
    """Two on one store, without a bus, the second of which has been asked for its list."""
    store = MemoryStore()
    counting = Counting(store)
    given = config(**{name.replace("__", "."): value for name, value in settings.items()})
    async with (
        running(make_service(store, given)) as first,
        running(make_service(counting, given)) as second,
    ):
        people = [await add_user(first, name) for name in ("owner", "member")]
        yield Nodes(first, second, counting.calls, *people)


# -- pages -------------------------------------------------------------------------------------------


async def pages(service: Service, user: User, limit: int) -> list[RoomList]:
    found = [await service.rooms.visible(user, "", limit)]
    while found[-1].more:
        assert found[-1].after is not None
        found.append(await service.rooms.visible(user, found[-1].after, limit))
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7, 100])
async def test_pages_are_together_the_whole_list(limit: int) -> None:
    async with nodes() as at:
        made = []
        for number in range(8):
            kind = RoomKind.PUBLIC if number % 2 else RoomKind.PRIVATE
            made.append(await at.room(f"room {number}", kind))
        for room in made[2:6]:
            await at.first.rooms.invite(at.owner, room, at.member.id)
        whole = await at.second.rooms.visible(at.member)
        mine = sorted(room.id for room in made[2:6])
        public = sorted(room.id for room in (made[1], made[7]))
        assert [view.id for view in whole.rooms] == [*mine, *public]
        assert not whole.more
        found = await pages(at.second, at.member, limit)
        assert [view for page in found for view in page.rooms] == whole.rooms
        assert all(len(page.rooms) <= limit for page in found)
        assert found[-1].after is None


async def test_without_a_limit_the_list_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver.service.rooms.JOINED_ROOMS", 3)
    async with nodes() as at:
        made = sorted([(await at.room()).id for _ in range(5)])
        first = await at.first.rooms.visible(at.owner)
        assert ([view.id for view in first.rooms], first.more) == (made[:3], True)
        assert first.after is not None
        second = await at.first.rooms.visible(at.owner, first.after)
        assert ([view.id for view in second.rooms], second.more) == (made[3:], False)
        assert len((await at.first.rooms.visible(at.owner, "", 100)).rooms) == 3


async def test_the_id_of_a_public_room_is_a_place_too() -> None:
    """As clients of older versions say it."""
    async with nodes() as at:
        await at.room()
        public = sorted([(await at.room(kind=RoomKind.PUBLIC)).id for _ in range(3)])
        seen = await at.second.rooms.visible(at.member, public[0], 1)
        assert ([view.id for view in seen.rooms], seen.more) == ([public[1]], True)


async def test_rooms_that_were_only_visited_do_not_hide_others() -> None:
    """Their markers lie between those of the rooms that are listed."""
    async with nodes() as at:
        public = [await at.room(kind=RoomKind.PUBLIC) for _ in range(12)]
        for room in public:
            await at.first.rooms.mark_read(at.member, room, 1)
        mine = [await at.room() for _ in range(4)]
        for room in mine:
            await at.first.rooms.invite(at.owner, room, at.member.id)
            await at.first.messages.post(at.owner, room, f"c{room.id}", "hello")
        found = await pages(at.second, at.member, 1)
        joined = [view for page in found for view in page.rooms if view.joined]
        assert [(view.id, view.read, view.unread) for view in joined] == [
            (room.id, 3, 1) for room in sorted(mine, key=lambda room: room.id)
        ]


# -- what it costs -------------------------------------------------------------------------------------


@pytest.fixture
def slow_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, caches do not expire, and a node looks for nothing by the clock."""
    monkeypatch.setattr("chatserver.service.public.KEPT_SECONDS", 1e9)
    monkeypatch.setattr("chatserver.roomlog.cache.FRESH_SECONDS", 1e9)
    monkeypatch.setattr("chatserver.service.roomlist.KNOWN_SECONDS", 1e9)
    stop_clocks(monkeypatch)


@pytest.mark.parametrize("limit", [None, 20])
async def test_a_page_costs_one_read_however_many_rooms_there_are(
    slow_clocks: None, limit: int | None
) -> None:
    async with nodes() as at:
        for number in range(100):
            room = await at.room(f"room {number}")
            await at.first.rooms.invite(at.owner, room, at.member.id)
            for each in range(number % 3):
                await at.first.messages.post(at.owner, room, f"c{number}-{each}", "hello")
        before = await at.second.rooms.visible(at.member, "", limit)
        at.calls.clear()
        again = await at.second.rooms.visible(at.member, "", limit)
        assert again == before
        assert sum(view.unread or 0 for view in again.rooms) == (99 if limit is None else 20 - 1)
        assert at.calls == {"scan": 1}


async def test_rooms_that_were_read_one_after_the_other_are_asked_for_together(
    slow_clocks: None,
) -> None:
    """Those that are compared with the store in a moment are, with the first that has to be."""
    async with nodes() as at:
        made = [await at.room(f"room {number}") for number in range(10)]
        for room in made:
            await at.first.rooms.invite(at.owner, room, at.member.id)
        before = await at.second.rooms.visible(at.member)
        kept = [known for room in made if (known := at.second.room_cache.known(room.id))]
        fresh, aging = kept[:4], kept[4:]
        for room in aging:
            room.checked -= 0.7e9  # of 1e9 seconds
        at.calls.clear()
        assert await at.second.rooms.visible(at.member) == before
        assert at.calls["heads"] == 0
        aging[0].checked -= 0.7e9
        times = {room: room.checked for room in kept}
        await at.first.messages.post(at.owner, made[-1], "c", "hello")
        after = await at.second.rooms.visible(at.member)
        assert at.calls["heads"] == 1
        assert sum(view.unread or 0 for view in after.rooms) == 1
        assert [room for room in kept if room.checked > times[room]] == aging
        assert [room.checked for room in fresh] == [times[room] for room in fresh]


async def test_events_are_counted_once_even_if_none_is_unread(
    slow_clocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with nodes() as at:
        room = await at.room()
        await at.first.rooms.invite(at.owner, room, at.member.id)
        await at.first.messages.post(at.member, room, "c0", "one's own is never unread")
        before = await at.first.rooms.visible(at.member)
        assert (before.rooms[0].head, before.rooms[0].unread) == (4, 0)
        looked: list[int] = []
        since = Room.since

        def counting(room: Room, after: int, limit: int) -> Any:
            looked.append(after)
            return since(room, after, limit)

        monkeypatch.setattr(Room, "since", counting)
        assert await at.first.rooms.visible(at.member) == before
        assert looked == []
        await at.first.messages.post(at.owner, room, "c1", "hello")
        looked.clear()
        (view,) = (await at.first.rooms.visible(at.member)).rooms
        assert (view.unread, looked) == (1, [4])


async def test_a_marker_ahead_of_the_log_counts_nothing_before_it(slow_clocks: None) -> None:
    """As after a restore, when the log was taken before the marker."""
    async with nodes() as at:
        room = await at.room()
        await at.first.rooms.invite(at.owner, room, at.member.id)
        await at.first.store.put("read", f"{at.member.id}/{room.id}", b"5")
        for number, unread in enumerate((0, 0, 0, 1)):
            (view,) = (await at.first.rooms.visible(at.member)).rooms
            assert (view.head, view.unread) == (3 + number, unread)
            await at.first.messages.post(at.owner, room, f"c{number}", "hello")


async def test_a_membership_that_ends_while_the_store_counts_is_not_listed() -> None:
    async with nodes() as at:
        kept, left = sorted([await at.room(), await at.room()], key=lambda room: room.id)
        for room in (kept, left):
            await at.first.rooms.invite(at.owner, room, at.member.id)
            await at.first.messages.post(at.owner, room, f"c{room.id}", "hello")
        count = at.second.store.unread

        async def unread(*given: Any) -> Any:
            at.second.store.unread = count  # type: ignore[method-assign]
            await at.first.rooms.kick(at.owner, left, at.member.id)
            return await count(*given)

        at.second.store.unread = unread  # type: ignore[method-assign]
        seen = await at.second.rooms.visible(at.member)
        assert [view.id for view in seen.rooms] == [kept.id]


async def test_the_first_list_costs_a_bounded_number_of_reads(slow_clocks: None) -> None:
    counts = []
    for rooms in (3, 60):
        async with nodes() as at:
            for number in range(rooms):
                room = await at.room(f"room {number}")
                await at.first.rooms.invite(at.owner, room, at.member.id)
                await at.first.messages.post(at.owner, room, f"c{number}", "hello")
            at.calls.clear()
            assert len((await at.second.rooms.visible(at.member)).rooms) == rooms
            counts.append(sum(at.calls.values()))
    assert counts[1] == counts[0] <= 12


async def test_public_rooms_are_read_once_for_all(slow_clocks: None) -> None:
    async with nodes() as at:
        for _ in range(5):
            await at.room(kind=RoomKind.PUBLIC)
        people = [await add_user(at.first, f"user{number}") for number in range(10)]
        at.calls.clear()
        for user in people:
            assert len((await at.second.rooms.visible(user)).rooms) == 5
        assert at.calls["public_rooms"] == 1


async def test_a_user_who_changes_rooms_all_the_time_causes_no_further_reads_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chatserver.service.public.KEPT_SECONDS", 1e9)
    monkeypatch.setattr("chatserver.service.public.FORGET_PER_SECOND", 1e-9)
    async with nodes() as at:
        public, private = await at.room(kind=RoomKind.PUBLIC), await at.room()
        second = at.second.rooms
        at.calls.clear()
        for number in range(80):
            changed = await second.get((private if number < 40 else public).id, at.owner)
            await second.change(at.owner, changed, f"name {number}", None)
            await second.visible(at.member)
        assert at.calls["public_rooms"] == 1 + 20


async def test_public_rooms_behind_the_first_ones_are_listed_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chatserver.service.public.PUBLIC_ROOMS", 3)
    monkeypatch.setattr("chatserver.service.public.FURTHER_ROOMS", 2)
    async with nodes() as at:
        public = sorted([(await at.room(kind=RoomKind.PUBLIC)).id for _ in range(14)])
        for joined in (public[1], *public[5:9]):
            await at.first.rooms.join(at.member, await at.first.rooms.get(joined))
        wanted = [public[0], *public[2:5], *public[9:]]
        for limit in (1, 2, 100):
            found, after = [], ""
            while True:
                page = await at.second.rooms.public(at.member, after, limit)
                assert len(page.rooms) <= min(limit, 3)
                found += [view.id for view in page.rooms]
                if not page.more:
                    break
                after = found[-1]
            assert found == wanted
        for after in public:
            at.calls.clear()
            await at.second.rooms.public(at.member, after, 1)
            assert at.calls["public_rooms"] <= 4, "whatever is asked for, in steps of some rooms"


async def test_the_cached_lists_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver.service.roomlist.KNOWN_ROOMS", 10)
    async with nodes() as at:
        for number in range(8):
            user = await add_user(at.first, f"user{number}")
            for _ in range(4):
                await at.first.rooms.create(user, RoomKind.PRIVATE, "room")
            assert len((await at.first.rooms.visible(user)).rooms) == 4
        lists: RoomLists = at.first.rooms._lists
        assert len(lists._known) == 2
        assert lists._size == 8


async def test_a_room_that_is_joined_or_left_here_changes_the_list_without_a_look_at_all() -> None:
    async with nodes() as at:
        rooms = [await at.room() for _ in range(3)]
        await at.second.rooms.visible(at.member)
        at.calls.clear()
        for place in (2, 0, 1):
            await at.second.rooms.invite(at.owner, rooms[place], at.member.id)
            seen = await at.second.rooms.visible(at.member)
            assert rooms[place].id in [view.id for view in seen.rooms]
        assert [view.id for view in seen.rooms] == sorted(room.id for room in rooms)
        assert at.calls["memberships"] == 3, "each invitation counts the member's rooms"
        await at.second.rooms.leave(at.member, rooms[1])
        ids = [view.id for view in (await at.second.rooms.visible(at.member)).rooms]
        assert ids == sorted((rooms[0].id, rooms[2].id))
        assert at.second.rooms._lists._size == 2
        assert at.calls["memberships"] == 3


# -- other nodes ---------------------------------------------------------------------------------------


async def test_changes_on_another_node_show_at_once() -> None:
    async with nodes() as at:
        room, rooms = await at.room(kind=RoomKind.PUBLIC), at.first.rooms
        assert await at.listed() == []
        await rooms.join(at.member, room)
        assert await at.listed() == [room.id]
        await rooms.leave(at.member, room)
        assert await at.listed() == []
        await rooms.join(at.member, room)
        assert await at.listed() == [room.id]
        await rooms.kick(at.owner, room, at.member.id)
        assert await at.listed() == []
        await rooms.invite(at.owner, room, at.member.id)
        assert await at.listed() == [room.id]
        found = await at.second.rooms.joined(at.member)
        assert [each.id for each in found] == [room.id]


async def test_a_room_read_on_another_node_is_read_here() -> None:
    async with nodes() as at:
        room = await at.room()
        await at.first.rooms.invite(at.owner, room, at.member.id)
        for number in range(3):
            await at.first.messages.post(at.owner, room, f"c{number}", "hello @member")
        (view,) = (await at.second.rooms.visible(at.member)).rooms
        assert (view.read, view.unread, view.mentions) == (3, 3, 3)
        await at.first.rooms.mark_read(at.member, room, 5)
        (view,) = (await at.second.rooms.visible(at.member)).rooms
        assert (view.read, view.unread, view.mentions) == (5, 1, 1)


async def test_posts_of_another_node_are_listed_once_the_cached_room_is_too_old() -> None:
    async with nodes() as at:
        room = await at.room()
        await at.first.rooms.invite(at.owner, room, at.member.id)
        assert await at.listed() == [room.id]
        sent, _ = await at.first.messages.post(at.owner, room, "c0", "hello")
        for each in at.second.room_cache._rooms.values():
            each.checked -= 60
        (view,) = (await at.second.rooms.visible(at.member)).rooms
        assert (view.head, view.unread) == (sent.seq, 1)


async def test_a_node_that_dies_before_it_has_moved_the_marker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The join is durable; others list it once what they know is too old."""
    async with nodes() as at:
        room = await at.room()
        assert await at.listed() == []

        async def die(*given: object) -> None:
            raise StoreUnavailable

        monkeypatch.setattr(at.first.rooms._markers, "reach", die)
        with pytest.raises(StoreUnavailable):
            await at.first.rooms.invite(at.owner, room, at.member.id)
        known = at.second.rooms._lists._known[at.member.id]
        known.until -= 30
        assert await at.listed() == [room.id]


async def test_a_store_that_fails_once_does_no_harm() -> None:
    store = MemoryStore()
    faulty = FaultyStore(store)
    async with (
        running(make_service(store, config())) as first,
        running(make_service(faulty, config())) as second,
    ):
        owner = await add_user(first, "owner")
        made = [await first.rooms.create(owner, RoomKind.PRIVATE, "room") for _ in range(3)]
        for number in range(8):
            faulty.arm([("", 0.0)] * number + [("before", 0.0)])
            with suppress(StoreUnavailable):
                await second.rooms.visible(owner)
            faulty.heal()
            seen = await second.rooms.visible(owner)
            assert [view.id for view in seen.rooms] == sorted(room.id for room in made)


@pytest.mark.parametrize("seed", range(8))
async def test_unread_messages_are_those_behind_the_marker(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same counts come from memory and from the store, on either node, in any order."""
    monkeypatch.setattr("chatserver.service.roomlist.COUNTED_EVENTS", 3)
    pick = random.Random(seed)
    async with nodes(delivery__tail_events=4) as at:
        rooms = [await at.room() for _ in range(3)]
        for room in rooms:
            await at.first.rooms.invite(at.owner, room, at.member.id)
        for number in range(120):
            node = pick.choice([at.first, at.second])
            room = await node.rooms.get(pick.choice(rooms).id, at.member)
            await act(pick, at, node, room, number)
            if number % 5 == 0:
                seen = await pick.choice([at.first, at.second]).rooms.visible(at.member)
                for view in seen.rooms:
                    await check_counts(at, view)


async def act(pick: random.Random, at: Nodes, node: Service, room: Room, number: int) -> None:
    what = pick.choice(["post", "post", "post", "mine", "read", "age", "forget"])
    if what == "post":
        body = pick.choice(["hello", "hello @member"])
        await node.messages.post(at.owner, room, f"c{number}", body)
    elif what == "mine":
        await node.messages.post(at.member, room, f"c{number}", "hello")
    elif what == "read":
        await node.rooms.mark_read(at.member, room, pick.randint(1, room.head))
    elif what == "age":
        for each in node.room_cache._rooms.values():
            each.checked -= 60
    else:
        pick.choice([node.rooms._lists._known, node.room_cache._rooms]).clear()


async def check_counts(at: Nodes, view: Any) -> None:
    log = await at.first.store.read(view.id, view.read, 10_000)
    posts = [
        event
        for event in log
        if isinstance(event, MessagePosted)
        and event.seq <= view.head
        and event.author.id != at.member.id
    ]
    mentions = sum(at.member.id in event.mentions for event in posts)
    assert (view.unread, view.mentions) == (len(posts), mentions)


async def test_a_message_that_comes_while_the_store_counts_is_counted_once() -> None:
    async with nodes() as at:
        room = await at.room()
        await at.first.rooms.invite(at.owner, room, at.member.id)
        await at.first.messages.post(at.owner, room, "c0", "hello")
        count = at.second.store.unread

        async def unread(*given: Any) -> Any:
            if not sent:
                sent.append(await at.first.messages.post(at.owner, room, "c1", "hello"))
            return await count(*given)

        sent: list[object] = []
        at.second.store.unread = unread  # type: ignore[method-assign]
        for _ in range(2):
            (view,) = (await at.second.rooms.visible(at.member)).rooms
            assert (view.head, view.unread) == (5, 2)


async def test_a_public_room_made_while_the_others_are_read_is_listed() -> None:
    async with nodes() as at:
        await at.room(kind=RoomKind.PUBLIC)
        read = at.second.store.public_rooms

        async def public_rooms(*given: Any) -> Any:
            found = await read(*given)
            if not made:
                made.append(await at.second.rooms.create(at.owner, RoomKind.PUBLIC, "new"))
            return found

        made: list[Room] = []
        at.second.store.public_rooms = public_rooms  # type: ignore[method-assign]
        await at.second.rooms.visible(at.member)
        seen = await at.second.rooms.visible(at.member)
        assert made[0].id in [view.id for view in seen.rooms]


async def test_guests_are_shown_no_public_rooms() -> None:
    async with nodes() as at:
        await at.room(kind=RoomKind.PUBLIC)
        guest = await add_user(at.first, "guest", ServerRole.GUEST)
        assert (await at.second.rooms.visible(guest)).rooms == []
        assert not (await at.second.rooms.visible(guest, "", 1)).more
