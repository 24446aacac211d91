"""Users who watch the presence of others are told, then told of changes, on one node and on several."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

import pytest

from chatserver.cluster.bus import online
from chatserver.errors import ChatError
from chatserver.model import RoomKind, User
from chatserver.service.presence import WATCHED_USERS
from chatserver.service.service import Service
from chatserver.service.views import MembersAsked
from tests.core.buses import Wire
from tests.core.clients import Reader
from tests.core.nodes import add_user
from tests.core.scene import Scene, scene
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.virtual_time


@pytest.fixture(autouse=True)
def no_lingering() -> Any:
    with mock.patch.object(online, "LINGER_SECONDS", 0.0):
        yield


@asynccontextmanager
async def two_nodes() -> AsyncIterator[Scene]:
    async with scene(Wire()) as made:
        yield made


async def ask(reader: Reader, built: Scene, *users: User) -> dict[str, bool]:
    presence = reader.service.presence
    return await presence.watch(
        reader.subscriber, reader.user, built.room.id, [user.id for user in users]
    )


def connect(built: Scene, service: Service, user: User) -> Reader:
    reader = Reader(service, user)
    built.readers.append(reader)
    return reader


async def turns(built: Scene, condition: Callable[[], bool]) -> None:
    """Let both nodes say what is new, until that is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            for service in (built.first, built.second):
                await service.presence.tick()
            await asyncio.sleep(0.005)


def told(reader: Reader) -> list[dict[str, bool]]:
    reader.subscriber.flush()
    frames = [frame for frame in reader.pipe.received if frame.get("ev") == "presence"]
    return [frame["users"] for frame in frames]


async def test_a_watching_connection_is_told_of_changes() -> None:
    async with two_nodes() as built:
        reader = await built.reader()
        guest = await built.member("guest")
        assert await ask(reader, built, built.owner, guest) == {
            built.owner.id: True,
            guest.id: False,
        }
        theirs = connect(built, built.first, guest)
        await turns(built, lambda: told(reader) == [{guest.id: True}])
        theirs.close()
        await turns(built, lambda: told(reader) == [{guest.id: True}, {guest.id: False}])


async def test_a_user_is_online_as_long_as_one_of_their_connections_is_there() -> None:
    async with two_nodes() as built:
        reader = await built.reader()
        guest = await built.member("guest")
        await ask(reader, built, guest)
        there = connect(built, built.second, guest)
        await turns(built, lambda: told(reader) == [{guest.id: True}])
        connect(built, built.first, guest).close()
        here = connect(built, built.first, guest)
        await built.first.presence.tick()
        there.close()
        await built.second.presence.tick()
        assert await ask(reader, built, guest) == {guest.id: True}
        assert told(reader) == [{guest.id: True}]
        here.close()
        await turns(built, lambda: told(reader) == [{guest.id: True}, {guest.id: False}])


async def test_it_is_known_on_other_nodes() -> None:
    async with two_nodes() as built:
        guest = await built.member("guest")
        reader = connect(built, built.second, built.owner)
        await reader.follow(built.room.id, None)
        assert await ask(reader, built, guest) == {guest.id: False}
        theirs = connect(built, built.first, guest)
        await turns(built, lambda: told(reader) == [{guest.id: True}])
        theirs.close()
        await turns(built, lambda: told(reader)[1:] == [{guest.id: False}])


async def test_a_list_of_members_says_who_is_online_anywhere() -> None:
    async with two_nodes() as built:
        guest = await built.member("guest")
        theirs = connect(built, built.first, guest)

        async def listed(service: Service) -> dict[str, bool]:
            room = service.room_cache.loaded(built.room.id)
            assert room is not None
            page = await service.rooms._members(guest, MembersAsked(room))
            return {each.id: each.online for each in page.members}

        async def both_list(online: bool) -> None:
            for service in (built.first, built.second):
                while await listed(service) != {built.owner.id: False, guest.id: online}:
                    for each in (built.first, built.second):
                        await each.presence.tick()
                    await asyncio.sleep(0.005)

        await built.second.rooms.get(built.room.id, guest)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await both_list(online=True)
            theirs.close()
            await both_list(online=False)


async def test_a_node_that_stops_says_that_its_users_are_gone() -> None:
    async with two_nodes() as built:
        guest = await built.member("guest")
        connect(built, built.first, guest)
        await turns(built, lambda: guest.id in built.second.presence.online)
        await built.first.stop()
        await until(lambda: guest.id not in built.second.presence.online, online.BEAT_SECONDS)


async def test_a_user_who_comes_and_goes_between_two_turns_costs_nothing() -> None:
    async with two_nodes() as built:
        reader = await built.reader()
        guest = await built.member("guest")
        await ask(reader, built, guest)
        for _ in range(10):
            connect(built, built.first, guest).close()
        await built.first.presence.tick()
        assert told(reader) == []


async def test_rooms_that_are_left_do_not_count() -> None:
    async with two_nodes() as built:
        reader = await built.reader()
        guests = [await built.member(name) for name in ("bob", "cid")]
        presence, first = reader.service.presence, built.room
        built.room = await built.first.rooms.create(
            built.owner, RoomKind.PRIVATE, "other", members=[guest.id for guest in guests]
        )
        await reader.follow(built.room.id, None)
        with mock.patch("chatserver.service.presence.WATCHED_USERS", 2):
            await presence.watch(reader.subscriber, built.owner, first.id, [built.owner.id])
            with pytest.raises(ChatError, match=r"limit\.count"):
                await ask(reader, built, *guests)
            presence.unwatch(reader.subscriber, first)
            assert len(await ask(reader, built, *guests)) == 2
            with pytest.raises(ChatError, match=r"limit\.count"):
                await presence.watch(reader.subscriber, built.owner, first.id, [built.owner.id])
            left = built.first.room_cache.loaded(built.room.id)
            assert left is not None
            reader.subscriber.leave(left)
            await presence.watch(reader.subscriber, built.owner, first.id, [built.owner.id])


async def test_a_lagging_connection_is_told_once_it_reads_again() -> None:
    async with two_nodes() as built:
        reader = await built.reader()
        guest = await built.member("guest")
        await ask(reader, built, guest)
        reader.pipe.stuck = True
        while not reader.subscriber.is_lagging:
            await built.post(1)
            await asyncio.sleep(0)
        connect(built, built.first, guest)
        await built.first.presence.tick()
        reader.drain()
        await turns(built, lambda: told(reader) == [{guest.id: True}])


async def test_a_connection_that_lags_to_its_end_leaves_nothing_behind() -> None:
    async with two_nodes() as built:
        reader = await built.reader()
        guest = await built.member("guest")
        await ask(reader, built, guest)
        reader.pipe.stuck = True
        while not reader.subscriber.is_lagging:
            await built.post(1)
            await asyncio.sleep(0)
        connect(built, built.first, guest)
        await built.first.presence.tick()
        reader.close()
        await built.first.presence.tick()
        assert built.first.presence._due == set()


async def test_a_user_who_left_the_room_gets_no_more_presence() -> None:
    async with two_nodes() as built:
        reader = await built.reader()
        guest = await built.member("guest")
        await ask(reader, built, guest)
        await built.first.rooms.leave(guest, built.room)
        connect(built, built.first, guest)
        await built.first.presence.tick()
        assert told(reader) == []
        assert await ask(reader, built, guest) == {}


async def test_presence_is_only_for_connections_that_follow_the_room() -> None:
    async with two_nodes() as built:
        guest = await built.member("guest")
        reader = connect(built, built.first, built.owner)
        with pytest.raises(ChatError, match=r"request\.invalid"):
            await ask(reader, built, guest)
        await reader.follow(built.room.id, None)
        await ask(reader, built, guest)
        reader.subscriber.leave(built.room)
        connect(built, built.first, guest)
        await built.first.presence.tick()
        assert told(reader) == []


async def test_a_user_without_the_right_to_read_the_room_learns_nothing() -> None:
    async with two_nodes() as built:
        stranger = await add_user(built.first, "stranger")
        with pytest.raises(ChatError, match=r"room\.not_found"):
            await ask(connect(built, built.first, stranger), built, built.owner)


async def test_the_last_list_counts_and_an_empty_one_ends_it() -> None:
    async with two_nodes() as built:
        reader = await built.reader()
        anna, ben = await built.member("anna"), await built.member("ben")
        await ask(reader, built, anna)
        await ask(reader, built, ben)
        connect(built, built.first, anna)
        connect(built, built.first, ben)
        await turns(built, lambda: told(reader) == [{ben.id: True}])
        await ask(reader, built)
        assert built.first.presence._watchers == {}
        assert built.first.presence._watches == {}


async def test_a_connection_that_ends_leaves_nothing_behind() -> None:
    async with two_nodes() as built:
        reader = await built.reader()
        await ask(reader, built, built.owner)
        reader.close()
        assert built.first.presence._watchers == {}
        assert built.first.presence._watches == {}


async def test_one_connection_watches_a_bounded_number() -> None:
    async with two_nodes() as built:
        reader = await built.reader()
        members = [built.owner]
        with mock.patch("chatserver.service.presence.WATCHED_USERS", 2):
            members += [await built.member(name) for name in ("anna", "ben")]
            assert len(await ask(reader, built, *members[:2])) == 2
            with pytest.raises(ChatError, match=r"limit\.count"):
                await ask(reader, built, *members)
            assert len(await ask(reader, built, *members[1:])) == 2
        assert WATCHED_USERS == 200, "as docs/protocol.md says"
