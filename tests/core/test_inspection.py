"""What staff see of a room's members, whether or not the store has pages of them."""

from unittest import mock

import pytest

from chatserver.model import RoomKind, ServerRole
from chatserver_plugins.memory import MemoryStore
from tests.core.loginmethods import nodes


@pytest.mark.parametrize("has_pages", [True, False])
async def test_members_come_in_pages_with_those_who_left(has_pages: bool) -> None:
    store = MemoryStore()
    pages = mock.AsyncMock(wraps=store.members_after) if has_pages else None
    with mock.patch.object(store, "members_after", pages):
        async with nodes(store=store) as (service,):
            names = ("ada", "bob", "cem", "dot")
            users = [await service.accounts.add(name, "a long password") for name in names]
            room = await service.rooms.create(users[0], RoomKind.PUBLIC, "Tea")
            for user in users[1:]:
                await service.rooms.join(user, room)
            await service.rooms.leave(users[1], room)
            staff = await service.accounts.add("eve", "a long password", role=ServerRole.OWNER)
            look = service.inspect(staff, "192.0.2.1")
            ids = sorted(user.id for user in users)
            assert [each.user.id for each in await look.members(room.id, "", 3)] == ids[:3]
            assert [each.user.id for each in await look.members(room.id, ids[0], 9)] == ids[1:]
            assert await look.members(room.id, ids[-1], 9) == []
            assert await look.members("none", "", 9) == []
    assert pages is None or pages.await_count == 3
