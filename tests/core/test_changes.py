"""Rights taken on one node: what others do when they are told."""

from typing import Literal

import pytest

from chatserver.interfaces import Store
from chatserver.model import RoomKind, RoomRole
from chatserver.service.changes import ONCE, SPACE, Changes
from chatserver.service.service import Service
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import add_user, config, make_service, running

NEVER = {"delivery.repair_seconds": 3600.0}


def node(store: Store) -> Service:
    return make_service(store, config(**NEVER))


async def test_removal_and_demotion_hold_on_every_node_that_checks() -> None:
    store = MemoryStore()
    here, there = node(store), node(store)
    async with running(here), running(there):
        owner, ada = await add_user(here, "owner"), await add_user(here, "ada")
        room = await here.rooms.create(owner, RoomKind.PRIVATE, "room", members=[ada.id])
        await here.rooms.appoint(owner, room, ada.id, RoomRole.ADMIN)
        other = await there.rooms.get(room.id)
        other.add_follower()  # as long as somebody listens it is not compared before each use
        await here.rooms.appoint(owner, room, ada.id, RoomRole.MEMBER)
        assert other.role(ada.id) is RoomRole.ADMIN
        await there.changes.look()
        assert other.role(ada.id) is RoomRole.MEMBER
        await here.rooms.kick(owner, room, ada.id)
        await there.changes.look()
        assert other.role(ada.id) is None


async def test_changes_of_a_newer_version_are_skipped() -> None:
    store, seen = MemoryStore(), list[str]()

    async def recheck(name: str) -> None:
        seen.append(name)

    changes = Changes(store, None)
    changes.watch("user", recheck)
    await store.put(SPACE, "1", b"planet/mars")
    await changes.announce("user", "ada")
    await changes.look()
    assert seen == ["ada"]


async def test_a_thousand_changes_of_one_user_hide_none_of_others() -> None:
    store, seen = MemoryStore(), list[str]()
    here, there = Changes(store, None), Changes(store, None)

    async def recheck(name: str) -> None:
        seen.append(name)

    there.watch("user", recheck)
    for number in range(3500):
        await here.announce("user", "ada" if number != 3200 else "bob")
    await there.look()
    assert seen == ["ada", "bob"]


@pytest.mark.parametrize("kind", ONCE)
async def test_what_is_useful_for_a_moment_reaches_the_other_nodes_once(
    kind: Literal["turn", "timer"],
) -> None:
    store, seen = MemoryStore(), list[str]()
    here, there = Changes(store, None), Changes(store, None)

    def hear(changes: Changes, name: str) -> None:
        async def recheck(room: str) -> None:
            seen.append(f"{name} {room}")

        changes.watch(kind, recheck)

    hear(here, "here")
    hear(there, "there")
    await here.announce(kind, "r1")
    for _ in range(3):
        await here.look()
        await there.look()
    assert seen == ["there r1"]


async def test_a_node_that_is_behind_in_a_room_gets_way_from_the_others() -> None:
    store = MemoryStore()
    here, there = node(store), node(store)
    async with running(here), running(there):
        owner = await add_user(here, "owner")
        room = await here.rooms.create(owner, RoomKind.PUBLIC, "room")
        other = await there.rooms.get(room.id)
        await here.log._ask(room.id)
        await there.changes.look()
        await here.changes.look()
        assert other.gives_way
        assert not room.gives_way
