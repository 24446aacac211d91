"""What users prefer of their rooms, said on several devices and nodes."""

import asyncio

import pytest

from chatserver.errors import ChatError
from chatserver.model import RoomKind, ServerRole
from chatserver.service.preferences import SPACE, PreferencesChange
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import FaultyStore, add_user, config, make_service, running


async def test_each_change_keeps_the_rest() -> None:
    async with running(make_service(MemoryStore(), config())) as service:
        ada = await add_user(service, "ada", ServerRole.MEMBER)
        room = await service.rooms.create(ada, RoomKind.PUBLIC, "room")
        prefer = service.preferences
        await prefer.set(ada, room, PreferencesChange(favourite=True, section="  Tea \n time "))
        now = await prefer.set(ada, room, PreferencesChange(muted=True, unread=True))
        assert (now.favourite, now.section, now.muted, now.unread) == (True, "Tea time", True, True)
        now = await prefer.set(ada, room, PreferencesChange(section="", unread=False))
        assert (now.favourite, now.section, now.muted, now.unread) == (True, "", True, False)
        assert (await prefer.page(ada)).rooms == {room.id: now}
        assert await prefer.of_rooms(ada, [room.id, "other"]) == {
            room.id: now,
            "other": type(now)(),
        }


async def test_they_are_listed_page_by_page_and_those_without_any_left_out() -> None:
    async with running(make_service(MemoryStore(), config())) as service:
        ada, eve = [await add_user(service, name, ServerRole.MEMBER) for name in ("ada", "eve")]
        rooms = [await service.rooms.create(ada, RoomKind.PUBLIC, f"r{n}") for n in range(5)]
        await service.rooms.join(eve, rooms[0])
        await service.preferences.set(eve, rooms[0], PreferencesChange(muted=True))
        for room in rooms:
            await service.preferences.set(ada, room, PreferencesChange(favourite=True))
        await service.preferences.set(ada, rooms[2], PreferencesChange(favourite=False))
        found, after, pages = [], "", 0
        while after is not None:
            page = await service.preferences.page(ada, after, 2)
            found += page.rooms
            after, pages = page.after, pages + 1
            assert page.more == (after is not None)
        assert found == sorted(room.id for room in rooms if room is not rooms[2])
        assert pages == 3


@pytest.mark.parametrize("section", ["x" * 51, "a\u202eb", "a\x00b"])
async def test_a_section_is_one_short_line(section: str) -> None:
    async with running(make_service(MemoryStore(), config())) as service:
        ada = await add_user(service, "ada", ServerRole.MEMBER)
        room = await service.rooms.create(ada, RoomKind.PUBLIC, "room")
        with pytest.raises(ChatError) as caught:
            await service.preferences.set(ada, room, PreferencesChange(section=section))
        assert caught.value.detail == {"field": "section", "reason": "length"}
        assert (await service.preferences.page(ada)).rooms == {}


async def test_only_members_prefer_anything() -> None:
    async with running(make_service(MemoryStore(), config())) as service:
        ada, eve = [await add_user(service, name, ServerRole.MEMBER) for name in ("ada", "eve")]
        codes = []
        for kind in (RoomKind.PUBLIC, RoomKind.PRIVATE):
            room = await service.rooms.create(ada, kind, "room")
            with pytest.raises(ChatError) as caught:
                await service.preferences.set(eve, room, PreferencesChange(muted=True))
            codes.append(caught.value.code)
        assert codes == ["room.forbidden", "room.not_found"]


@pytest.mark.virtual_time
async def test_what_two_devices_say_at_once_counts_both() -> None:
    store = MemoryStore()
    slow = FaultyStore(store)
    async with (
        running(make_service(store, config())) as service,
        running(make_service(slow, config())) as other,
    ):
        ada = await add_user(service, "ada", ServerRole.MEMBER)
        room = await service.rooms.create(ada, RoomKind.PUBLIC, "room")
        there = await other.rooms.get(room.id)
        for first, second in (
            (PreferencesChange(muted=True), PreferencesChange(favourite=True)),
            (PreferencesChange(unread=True), PreferencesChange(section="Tea")),
        ):
            slow.arm([("late", 0.05)])  # it reads, and waits before it writes
            slower = asyncio.create_task(other.preferences.set(ada, there, first))
            await asyncio.sleep(0.02)
            await service.preferences.set(ada, room, second)
            await slower
        found = (await service.preferences.page(ada)).rooms[room.id]
        assert (found.favourite, found.muted, found.unread, found.section) == (
            True,
            True,
            True,
            "Tea",
        )


async def test_they_go_with_the_account() -> None:
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        ada, eve = [await add_user(service, name, ServerRole.MEMBER) for name in ("ada", "eve")]
        room = await service.rooms.create(eve, RoomKind.PUBLIC, "room")
        await service.rooms.join(ada, room)
        for user in (ada, eve):
            await service.preferences.set(user, room, PreferencesChange(favourite=True))
        await service.removal.delete("ada")
        assert [key for key, _ in await store.scan(SPACE, "")] == [f"{eve.id}/{room.id}"]
