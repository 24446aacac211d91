"""Whom somebody blocks reaches them no more, and is not told why."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chatserver.errors import ChatError
from chatserver.hooks.types import Draft
from chatserver.model import RoomKind, ServerRole, User
from chatserver.roomlog.room import Room
from chatserver.service import blocks
from chatserver.service.service import Service
from chatserver_plugins.memory import MemoryStore
from tests.core.buses import Wire
from tests.core.clients import Reader
from tests.core.nodes import add_user, config, make_service, running
from tests.core.scene import scene

pytestmark = pytest.mark.virtual_time


class Pair:
    """Ada, who blocks Bob, and what they do."""

    def __init__(self, service: Service, ada: User, bob: User) -> None:
        self.service, self.ada, self.bob = service, ada, bob

    async def direct(self, by: User, other: User) -> Room:
        return await self.service.rooms.create(by, RoomKind.DIRECT, None, members=[other.id])

    async def post(self, by: User, room: Room, body: str = "hello") -> str:
        name = f"c{room.head}"
        return (await self.service.messages.post(by, room, name, body))[0].id


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    async with running(make_service(MemoryStore(), config())) as service:
        yield Pair(service, await add_user(service, "ada"), await add_user(service, "bob"))


async def refusal(work: Any) -> ChatError:
    with pytest.raises(ChatError) as refused:
        await work
    return refused.value


async def test_who_is_blocked_opens_no_direct_room_and_invites_nobody() -> None:
    async with pair() as scene:
        service, ada, bob = scene.service, scene.ada, scene.bob
        carl = await add_user(service, "carl")
        await service.blocks.add(ada, bob.id)
        group = await service.rooms.create(bob, RoomKind.PRIVATE, "group", members=[carl.id])
        for work in (
            scene.direct(bob, ada),
            service.rooms.invite(bob, group, ada.id),
            service.rooms.create(bob, RoomKind.PRIVATE, "room", members=[carl.id, ada.id]),
        ):
            error = await refusal(work)
            assert (error.code, error.detail) == ("user.unreachable", {})
        assert (await refusal(scene.direct(ada, bob))).code == "user.blocked"
        assert group.role(ada.id) is None
        assert await service.rooms.joined(ada) == []
        # Others are not touched, and Ada may still invite Bob.
        await scene.direct(bob, carl)
        own = await service.rooms.create(ada, RoomKind.PRIVATE, "own", members=[bob.id])
        assert own.role(bob.id) is not None
        await service.blocks.remove(ada, bob.id)
        await service.rooms.invite(bob, group, ada.id)
        assert group.role(ada.id) is not None
        await scene.direct(bob, ada)


async def test_nothing_is_written_in_a_direct_room_of_two_of_whom_one_blocks_the_other() -> None:
    async with pair() as scene:
        service, ada, bob = scene.service, scene.ada, scene.bob
        room = await scene.direct(bob, ada)
        mine, theirs = await scene.post(bob, room), await scene.post(ada, room)
        head = room.head
        await service.blocks.add(ada, bob.id)
        outcomes: list[Any] = []
        for user, target, code in ((bob, mine, "user.unreachable"), (ada, theirs, "user.blocked")):
            draft = Draft(room=room.id, body="hello", reply_to=None, client_id="now", data={})
            assert not service.messages.send_now(user, "now", draft, outcomes.append)
            for work in (
                service.messages.send(user, "now", draft, outcomes.append),
                service.messages.post(user, room, "post", "hello"),
                service.messages.edit(user, room, target, "changed"),
                service.messages.react(user, room, theirs, "👍"),
                service.blocks.demand_talk(user, room),
            ):
                assert (await refusal(work)).code == code
        assert outcomes == [] and room.head == head
        await service.messages.delete(bob, room, mine)  # one's own can always be taken back
        assert (await scene.direct(bob, ada)) is room  # it is there, and can be read
        await service.blocks.remove(ada, bob.id)
        await scene.post(bob, room)


async def test_messages_of_who_is_blocked_mention_nobody_who_blocks_them_and_count_for_none() -> (
    None
):
    async with pair() as scene:
        service, ada, bob = scene.service, scene.ada, scene.bob
        carl = await add_user(service, "carl")
        members = [bob.id, carl.id]
        room = await service.rooms.create(ada, RoomKind.PUBLIC, "room", members=members)
        await scene.post(bob, room, "@ada before")
        await service.rooms.mark_read(ada, room, room.head)
        await service.blocks.add(ada, bob.id)
        event, _ = await service.messages.post(bob, room, "m", "@ada and @carl")
        assert event.mentions == (carl.id,)
        await scene.post(carl, room, "@ada hello")

        async def counts(user: User) -> list[tuple[int | None, int | None]]:
            one = await service.rooms.view(user, room)
            (listed,) = (await service.rooms.visible(user)).rooms
            (paged,) = (await service.rooms.visible(user, limit=1)).rooms
            return [(each.unread, each.mentions) for each in (one, listed, paged)]

        assert await counts(ada) == [(1, 1)] * 3
        assert {unread for unread, _ in await counts(carl)} == {1 + 1}
        for number in range(60):  # more than are counted in memory
            await service.messages.post(bob, room, f"n{number}", "again")
        assert await counts(ada) == [(1, 1)] * 3
        await service.blocks.remove(ada, bob.id)
        assert await counts(ada) == [(62, 1)] * 3


async def test_staff_cannot_be_blocked_and_a_block_of_later_staff_does_nothing() -> None:
    async with pair() as scene:
        service, ada, bob = scene.service, scene.ada, scene.bob
        admin = await add_user(service, "admin", ServerRole.ADMIN)
        for other in (admin.id, ada.id):
            error = await refusal(service.blocks.add(ada, other))
            assert (error.code, error.detail["field"]) == ("user.forbidden", "user")
        assert (await refusal(service.blocks.add(ada, "nobody"))).code == "user.not_found"
        await service.blocks.add(ada, bob.id)
        bob = await service.accounts.set_role("bob", ServerRole.ADMIN)
        room = await scene.direct(bob, ada)
        await scene.post(bob, room)
        await scene.post(ada, room)
        shared = await service.rooms.create(ada, RoomKind.PUBLIC, "room", members=[bob.id])
        await service.rooms.mark_read(ada, shared, shared.head)
        event, _ = await service.messages.post(bob, shared, "m", "@ada stop that")
        assert event.mentions == (ada.id,)
        assert (await service.rooms.view(ada, shared)).unread == 1
        assert (await service.blocks.list(ada)).users == []
        await service.accounts.set_role("bob", ServerRole.MEMBER)
        assert [each.id for each in (await service.blocks.list(ada)).users] == [bob.id]


async def test_the_list_is_its_users_alone_bounded_and_goes_with_the_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "MOST", 2)
    async with pair() as scene:
        service, ada, bob = scene.service, scene.ada, scene.bob
        others = [await add_user(service, name) for name in ("carl", "dora")]
        for other in (bob, bob, others[0]):
            await service.blocks.add(ada, other.id)
        error = await refusal(service.blocks.add(ada, others[1].id))
        assert (error.code, error.detail) == ("limit.count", {"field": "blocks", "reason": "count"})
        listed = (await service.blocks.list(ada)).users
        assert [(each.name, each.username) for each in listed] == [("carl", "carl"), ("bob", "bob")]
        assert (await service.blocks.list(bob)).users == []
        await service.removal.delete("carl")
        await service.blocks.remove(ada, others[0].id)  # also of who is gone
        assert await service.store.get(blocks.SPACE, ada.id) is not None
        await add_user(service, "owner", ServerRole.OWNER)
        await service.removal.delete("ada")
        assert await service.store.get(blocks.SPACE, ada.id) is None


async def test_a_block_is_known_to_the_users_other_devices_and_in_force_on_other_nodes() -> None:
    async with scene(Wire()) as built:
        bob = await built.member("bob")
        here, there = Reader(built.first, built.owner), Reader(built.second, built.owner)
        other = Reader(built.second, bob)
        built.readers += [here, there, other]
        assert (await built.second.blocks.list(built.owner)).users == []

        def told(reader: Reader) -> list[dict[str, Any]]:
            return [frame for frame in reader.pipe.received if frame.get("ev") == "blocked"]

        await built.first.blocks.add(built.owner, bob.id, but=here.subscriber)
        await there.pipe.until(lambda: told(there) != [])
        assert told(there) == [{"ev": "blocked", "user": bob.id, "blocked": True}]
        assert told(here) == told(other) == []
        direct = built.second.rooms.create(bob, RoomKind.DIRECT, None, members=[built.owner.id])
        assert (await refusal(direct)).code == "user.unreachable"
        await built.second.blocks.remove(built.owner, bob.id)
        await there.pipe.until(lambda: len(told(there)) == 2)
        assert told(there)[1]["blocked"] is False
