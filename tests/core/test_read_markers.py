"""A user's read markers, moved by several devices on several nodes."""

import asyncio

import pytest

from chatserver.model import RoomKind, ServerRole
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import FaultyStore, add_user, config, make_service, running

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize("is_member", [True, False])
async def test_a_marker_is_not_moved_back_by_a_slower_device(is_member: bool) -> None:
    """A visitor of a public room has no marker before."""
    store = MemoryStore()
    slow = FaultyStore(store)
    async with (
        running(make_service(store, config())) as service,
        running(make_service(slow, config())) as other,
    ):
        owner, visitor = [
            await add_user(service, name, ServerRole.MEMBER) for name in ("owner", "visitor")
        ]
        user = owner if is_member else visitor
        room = await service.rooms.create(owner, RoomKind.PUBLIC, "room")
        for number in range(5):
            await service.messages.post(owner, room, f"c{number}", "hello")
        there = await other.rooms.get(room.id)
        slow.arm([("late", 0.05)])  # it reads the marker, and waits before it writes
        slower = asyncio.create_task(other.rooms.mark_read(user, there, 4))
        await asyncio.sleep(0.07)
        assert await service.rooms.mark_read(user, room, 6) == 6
        assert await slower == 6
        assert (await service.rooms.view(user, room)).read == 6
        assert await service.rooms.mark_read(user, room, 100) == room.head == 7
