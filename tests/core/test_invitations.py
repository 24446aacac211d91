"""Limits on the rooms of a user, which others cannot use up by invitations."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chatserver.config import LimitsConfig
from chatserver.errors import ChatError
from chatserver.model import RoomKind, RoomRole, ServerRole, User
from chatserver.roomlog.room import Room
from chatserver.service import invitations
from chatserver.service.service import Service
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import add_user, config, make_service, running


class Scene:
    def __init__(self, service: Service, people: list[User]) -> None:
        self.service = service
        self.victim, self.stranger, self.other, self.admin = people

    async def create(self, user: User, *members: User, kind: RoomKind = RoomKind.PRIVATE) -> Room:
        name = None if kind is RoomKind.DIRECT else "room"
        ids = [member.id for member in members]
        return await self.service.rooms.create(user, kind, name, members=ids)

    async def invite(self, user: User) -> Room:
        """Into a room that the user makes for it."""
        room = await self.create(user)
        await self.service.rooms.invite(user, room, self.victim.id)
        return room

    async def joined(self) -> int:
        return len(await self.service.rooms.joined(self.victim))


@asynccontextmanager
async def scene(**limits: object) -> AsyncIterator[Scene]:
    given = config(**{f"limits.{name}": value for name, value in limits.items()})
    async with running(make_service(MemoryStore(), given)) as service:
        people = [await add_user(service, name) for name in ("victim", "stranger", "other")]
        people.append(await add_user(service, "admin", ServerRole.ADMIN))
        yield Scene(service, people)


async def refused(awaited: Awaitable[Any]) -> str:
    with pytest.raises(ChatError) as caught:
        await awaited
    return caught.value.code


async def test_rooms_that_others_add_do_not_keep_users_from_making_and_joining_rooms() -> None:
    async with scene(rooms_per_user=2, invited_rooms_per_user=3) as at:
        public = await at.create(at.other, kind=RoomKind.PUBLIC)
        await at.create(at.stranger, at.victim)
        await at.invite(at.stranger)
        await at.create(at.other, at.victim, kind=RoomKind.DIRECT)
        assert await at.joined() == 3
        for inviting in (at.invite(at.admin), at.create(at.admin, at.victim)):
            assert await refused(inviting) == "limit.count"
        direct = at.create(at.admin, at.victim, kind=RoomKind.DIRECT)
        assert await refused(direct) == "limit.count"
        await at.create(at.victim)
        await at.service.rooms.join(at.victim, public)
        assert await refused(at.create(at.victim)) == "limit.count"
        assert await at.joined() == 5


async def test_a_user_in_all_rooms_they_may_make_can_be_invited() -> None:
    async with scene(rooms_per_user=1) as at:
        await at.create(at.victim)
        room = await at.invite(at.stranger)
        await at.service.rooms.leave(at.victim, room)
        assert await refused(at.create(at.victim)) == "limit.count"


async def test_a_users_own_rooms_take_no_places_of_invitations() -> None:
    async with scene(invited_rooms_per_user=1) as at:
        for _ in range(3):
            await at.create(at.victim)
        await at.invite(at.stranger)


async def test_a_user_who_leaves_rooms_of_invitations_can_be_invited_again() -> None:
    async with scene(invited_rooms_per_user=1) as at:
        room = await at.invite(at.stranger)
        assert await refused(at.invite(at.other)) == "limit.count"
        await at.service.rooms.leave(at.victim, room)
        await at.invite(at.other)


async def test_one_person_cannot_take_all_places_for_invitations() -> None:
    async with scene(rooms_per_inviter=2, invited_rooms_per_user=10) as at:
        await at.invite(at.stranger)
        await at.create(at.stranger, at.victim, kind=RoomKind.DIRECT)
        assert await refused(at.invite(at.stranger)) == "limit.count"
        await at.invite(at.other)
        for _ in range(4):
            await at.invite(at.admin)  # staff may
        assert await at.joined() == 7


async def test_a_removal_gives_no_place_back_to_the_remover() -> None:
    async with scene(rooms_per_inviter=1) as at:
        room = await at.invite(at.stranger)
        await at.service.rooms.kick(at.stranger, room, at.victim.id)
        assert await refused(at.invite(at.stranger)) == "limit.count"


async def test_a_role_given_by_another_does_not_make_the_room_the_users_own() -> None:
    async with scene(rooms_per_user=1) as at:
        room = await at.invite(at.stranger)
        await at.service.rooms.appoint(at.stranger, room, at.victim.id, RoomRole.OWNER)
        await at.create(at.victim)


async def test_invitations_have_a_rate() -> None:
    async with scene(invitations_per_hour=3) as at:
        room = await at.invite(at.stranger)
        for _ in range(5):  # who is in already costs nothing
            await at.service.rooms.invite(at.stranger, room, at.victim.id)
        await at.create(at.stranger, at.victim, at.other)
        with pytest.raises(ChatError) as caught:
            await at.service.rooms.invite(at.stranger, room, at.other.id)
        assert caught.value.code == "limit.rate"
        assert 0 < (caught.value.after_ms or 0) <= 1_200_000
        direct = at.create(at.stranger, at.other, kind=RoomKind.DIRECT)
        assert await refused(direct) == "limit.rate"
        await at.create(at.stranger)
        for _ in range(5):
            await at.invite(at.admin)


async def test_more_than_an_hours_invitations_at_once_make_no_room() -> None:
    async with scene(invitations_per_hour=1) as at:
        making = at.create(at.stranger, at.victim, at.other)
        assert await refused(making) == "limit.count"
        assert await at.joined() == 0
        assert await at.service.rooms.joined(at.stranger) == []


async def test_no_rate_is_a_rate_without_a_limit() -> None:
    async with scene(invitations_per_hour=0) as at:
        await at.create(at.stranger, at.victim, at.other, at.admin)


async def test_the_number_of_remembered_inviters_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(invitations, "INVITERS", 2)
    async with scene() as at:
        for number in range(5):
            await at.invite(await add_user(at.service, f"user{number}"))
        assert len(at.service.rooms._invitations._buckets) == 2
        assert not at.service.rooms._invitations._locks


async def test_rooms_that_were_left_are_bounded_too() -> None:
    """All of them are read with those that one is in."""
    async with scene(rooms_per_user=1) as at:
        for _ in range(invitations.EVER):
            room = await at.create(at.victim)
            await at.service.rooms.leave(at.victim, room)
        assert await refused(at.create(at.victim)) == "limit.count"
        await at.invite(at.stranger)


async def test_many_at_the_same_moment_are_not_more_than_one_after_the_other() -> None:
    async with scene(rooms_per_inviter=3, rooms_per_user=12) as at:
        rooms = [await at.create(at.stranger) for _ in range(10)]
        inviting = (at.service.rooms.invite(at.stranger, each, at.victim.id) for each in rooms)
        await asyncio.gather(*inviting, return_exceptions=True)
        assert await at.joined() == 3
        await asyncio.gather(*(at.create(at.stranger) for _ in range(10)), return_exceptions=True)
        assert len(await at.service.rooms.joined(at.stranger)) == 12
        makers = [at.other, at.admin] * 10
        public = [await at.create(maker, kind=RoomKind.PUBLIC) for maker in makers]
        joining = (at.service.rooms.join(at.victim, each) for each in public)
        await asyncio.gather(*joining, return_exceptions=True)
        assert await at.joined() == 3 + 12


def test_a_connection_may_follow_all_rooms_one_may_be_in() -> None:
    """Else strangers could put somebody into so many rooms that a client can follow none."""
    limits = LimitsConfig()
    assert limits.subscriptions >= limits.rooms_per_user + limits.invited_rooms_per_user
