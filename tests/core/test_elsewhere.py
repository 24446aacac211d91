"""Notices that are in no log reach a user's connections, and a room's listeners, on other nodes too."""

import asyncio
from typing import Any

import pytest

from chatserver.delivery.notices import TypingNow
from chatserver.errors import ChatError
from chatserver.model import MemberJoined, RoomChanged, RoomKind, UserRef
from chatserver.service.preferences import PreferencesChange
from tests.core.buses import Wire
from tests.core.clients import Reader
from tests.core.nodes import add_user
from tests.core.scene import SETTLE_SECONDS, Scene, scene

pytestmark = pytest.mark.virtual_time
SOON_SECONDS = 0.5  # nodes say something each second anyway


async def heard(reader: Reader, kind: str) -> dict[str, Any]:
    """The first thing of this kind that the reader is told."""

    def found() -> list[dict[str, Any]]:
        return [frame for frame in reader.pipe.received if frame.get("ev") == kind]

    await reader.pipe.until(lambda: found() != [], SOON_SECONDS)
    return found()[0]


async def elsewhere(built: Scene) -> Reader:
    """A connection of the owner to the second node, which follows the room there."""
    reader = Reader(built.second, built.owner)
    built.readers.append(reader)
    await reader.follow(built.room.id, None)
    await asyncio.sleep(SETTLE_SECONDS)  # so that no node is about to say something anyway
    return reader


async def test_typing_is_seen_on_other_nodes() -> None:
    async with scene(Wire()) as built:
        reader = await elsewhere(built)
        somebody = UserRef("u", "somebody")
        built.first.hub.tell_room(built.room, TypingNow(room=built.room.id, user=somebody))
        told = await heard(reader, "typing")
        assert told == {
            "ev": "typing",
            "room": built.room.id,
            "user": {"id": "u", "name": "somebody"},
        }


async def test_typing_is_not_sent_to_nodes_without_followers() -> None:
    async with scene(Wire()) as built:
        reader = Reader(built.second, built.owner)
        built.readers.append(reader)
        somebody = UserRef("u", "somebody")
        built.first.hub.tell_room(built.room, TypingNow(room=built.room.id, user=somebody))
        await built.post(1)
        await built.first.rooms.mark_read(built.owner, built.room, built.room.head)
        await heard(reader, "read")
        told, reader.pipe.received = reader.pipe.received, []
        assert "typing" not in [frame["ev"] for frame in told]


async def test_reading_is_known_to_the_users_other_devices() -> None:
    async with scene(Wire()) as built:
        reader = await elsewhere(built)
        await built.post(1)
        head = built.room.head
        await built.first.rooms.mark_read(built.owner, built.room, head)
        assert await heard(reader, "read") == {"ev": "read", "room": built.room.id, "seq": head}


async def test_preferences_are_known_to_the_users_other_devices() -> None:
    async with scene(Wire()) as built:
        reader = await elsewhere(built)
        change = PreferencesChange(favourite=True)
        await built.first.preferences.set(built.owner, built.room, change)
        told = await heard(reader, "preferences")
        assert told == {
            "ev": "preferences",
            "room": built.room.id,
            "preferences": {"favourite": True},
        }
        # Nothing has changed, so nothing is told.
        await built.post(1)
        await heard(reader, "message.posted")
        reader.pipe.received.clear()
        await built.first.preferences.set(built.owner, built.room, change)
        await built.first.rooms.mark_read(built.owner, built.room, built.room.head)
        await heard(reader, "read")
        assert [frame["ev"] for frame in reader.pipe.received if "ev" in frame] == ["read"]


async def test_a_user_is_told_of_rooms_on_other_nodes() -> None:
    async with scene(Wire()) as built:
        guest = await add_user(built.first, "guest")
        reader = Reader(built.second, guest)
        built.readers.append(reader)
        await built.first.rooms.invite(built.owner, built.room, guest.id)
        added = await heard(reader, "room.added")
        assert (added["room"], added["kind"]) == (built.room.id, RoomKind.PRIVATE)
        await built.first.rooms.kick(built.owner, built.room, guest.id)
        assert (await heard(reader, "room.removed"))["room"] == built.room.id


async def test_without_a_bus_nobody_is_told_elsewhere() -> None:
    async with scene() as built:
        reader = await elsewhere(built)
        await built.post(1)
        await built.first.rooms.mark_read(built.owner, built.room, built.room.head)
        await asyncio.sleep(SETTLE_SECONDS)
        assert reader.pipe.received == []


async def test_a_member_added_on_one_node_is_in_on_the_others_at_once() -> None:
    async with scene() as built:
        await elsewhere(built)  # so that the second node keeps the room in memory, and follows it
        guest = await add_user(built.first, "guest")
        await built.first.rooms.invite(built.owner, built.room, guest.id)
        reader = Reader(built.second, guest)
        built.readers.append(reader)
        await reader.follow(built.room.id, None)
        room = await built.second.rooms.get(built.room.id, guest)
        await built.second.messages.post(guest, room, "c", "I am here")


async def test_a_user_who_was_not_added_is_refused_after_a_look_at_the_store() -> None:
    async with scene() as built:
        await elsewhere(built)
        guest = await add_user(built.first, "guest")
        with pytest.raises(ChatError, match=r"room\.not_found"):
            await Reader(built.second, guest).follow(built.room.id, None)


async def test_a_direct_room_that_two_nodes_make_at_once_is_one() -> None:
    async with scene() as built:
        guest = await add_user(built.first, "guest")
        third = await add_user(built.first, "third")
        for more in ([], [third.id]):
            mine, theirs = [guest.id, *more], [*more, built.owner.id]
            one, other = await asyncio.gather(
                built.first.rooms.create(built.owner, RoomKind.DIRECT, None, members=mine),
                built.second.rooms.create(guest, RoomKind.DIRECT, None, members=theirs),
            )
            assert one.id == other.id
            log = await built.second.store.read(one.id, 0, 100)
            joins = [MemberJoined] * (2 + len(more))
            assert [type(event) for event in log] == [RoomChanged, *joins]
            for service in (built.first, built.second):
                room = await service.rooms.get(one.id, guest)
                assert room.members.keys() == {built.owner.id, *mine}
