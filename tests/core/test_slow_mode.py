"""Slow mode: members send one message in so many seconds, on all nodes together; who moderates sends as they like."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chatserver.errors import ChatError
from chatserver.hooks.types import Draft
from chatserver.model import RoomKind, RoomRole, User
from chatserver.roomlog.entries import Outcome, awaited
from chatserver.roomlog.room import Room
from chatserver.service.service import Service
from chatserver.testing.clock import FakeClock
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import add_user, config, make_service, running

PACE = 30


class Scene:
    """A slow room on two nodes, with its owner, a member, and the clock of both nodes."""

    def __init__(self, first: Service, second: Service, clock: FakeClock) -> None:
        self.nodes, self.clock = (first, second), clock

    async def furnish(self) -> None:
        first = self.nodes[0]
        self.owner = await add_user(first, "owner")
        self.member = await add_user(first, "member")
        self.room = await first.rooms.create(
            self.owner, RoomKind.PUBLIC, "room", members=[self.member.id]
        )
        await self.set_pace(PACE)

    async def set_pace(self, seconds: int) -> None:
        await self.nodes[0].rooms.change(self.owner, self.room, None, None, slow_mode=seconds)

    async def there(self, node: int) -> Room:
        """The room on a node, in step with the store."""
        room = await self.nodes[node].rooms.get(self.room.id, self.member)
        await self.nodes[node].log.refresh([room])
        return room

    async def say(self, user: User, client_id: str, node: int = 0) -> int:
        posted, _ = await self.nodes[node].messages.post(
            user, await self.there(node), client_id, f"text of {client_id}"
        )
        return posted.seq

    async def wait_of(self, client_id: str, node: int = 0) -> int | None:
        """The milliseconds after which the member may send the message that is refused now."""
        with pytest.raises(ChatError, match=r"room\.slow_mode") as raised:
            await self.say(self.member, client_id, node)
        assert raised.value.detail["seconds"] == self.room.description.slow_mode  # type: ignore[union-attr]
        return raised.value.after_ms


@asynccontextmanager
async def slow_room() -> AsyncIterator[Scene]:
    store, clock = MemoryStore(), FakeClock()
    async with (
        running(make_service(store, config(), clock=clock)) as first,
        running(make_service(store, config(), clock=clock)) as second,
    ):
        scene = Scene(first, second, clock)
        await scene.furnish()
        yield scene


async def test_a_member_waits_on_every_node() -> None:
    async with slow_room() as scene:
        await scene.say(scene.member, "c1")
        assert await scene.wait_of("c2") == PACE * 1000
        await scene.clock.advance(PACE - 1)
        assert await scene.wait_of("c2", node=1) == 1000
        await scene.clock.advance(1)
        await scene.say(scene.member, "c2", node=1)
        assert await scene.wait_of("c3") == PACE * 1000


async def test_who_moderates_does_not_wait() -> None:
    async with slow_room() as scene:
        first = await scene.say(scene.owner, "c1")
        assert await scene.say(scene.owner, "c2") == first + 1
        await scene.nodes[0].rooms.appoint(scene.owner, scene.room, scene.member.id, RoomRole.ADMIN)
        await scene.say(scene.member, "c3")
        await scene.say(scene.member, "c4")


async def test_a_message_that_is_sent_again_needs_no_turn() -> None:
    async with slow_room() as scene:
        seq = await scene.say(scene.member, "c1")
        assert await scene.say(scene.member, "c1") == seq
        assert await scene.say(scene.member, "c1", node=1) == seq


async def test_what_is_refused_otherwise_takes_no_turn() -> None:
    async with slow_room() as scene:
        with pytest.raises(ChatError, match=r"request\.invalid|message\."):
            await scene.nodes[0].messages.post(scene.member, await scene.there(0), "c1", "")
        await scene.say(scene.member, "c2")


async def test_a_slower_room_that_becomes_faster_counts_from_the_last_message() -> None:
    async with slow_room() as scene:
        await scene.set_pace(3600)
        await scene.say(scene.member, "c1")
        await scene.clock.advance(20)
        await scene.set_pace(PACE)
        assert await scene.wait_of("c2") == 10_000
        await scene.clock.advance(10)
        await scene.say(scene.member, "c2")
        assert await scene.wait_of("c3") == PACE * 1000
        await scene.set_pace(0)
        await scene.say(scene.member, "c3")
        await scene.say(scene.member, "c4")


async def test_the_short_way_of_a_send_is_not_a_way_around() -> None:
    async with slow_room() as scene:
        await scene.there(0)
        await scene.say(scene.member, "c1")
        messages = scene.nodes[0].messages
        draft = Draft(room=scene.room.id, body="more", client_id="c2")
        _, done = awaited()
        assert not messages.send_now(scene.member, "c2", draft, done)
        with pytest.raises(ChatError, match=r"room\.slow_mode"):
            await messages.send(scene.member, "c2", draft, done)
        await scene.set_pace(0)
        future, done = awaited()
        assert messages.send_now(scene.member, "c2", draft, done)
        assert isinstance(await future, Outcome)


async def test_changes_of_a_message_are_no_new_message() -> None:
    async with slow_room() as scene:
        seq = await scene.say(scene.member, "c1")
        message = f"{scene.room.id}-{seq}"
        room = await scene.there(0)
        await scene.nodes[0].messages.edit(scene.member, room, message, "better")
        await scene.nodes[0].messages.react(scene.member, room, message, "👍")
        await scene.nodes[0].messages.delete(scene.member, room, message)
        assert await scene.wait_of("c2") == PACE * 1000


async def test_each_member_waits_for_themselves_in_each_room() -> None:
    async with slow_room() as scene:
        await scene.say(scene.member, "c1")
        rooms, messages = scene.nodes[0].rooms, scene.nodes[0].messages
        other = await add_user(scene.nodes[0], "other")
        await rooms.join(other, scene.room)
        await scene.say(other, "c1")
        second = await rooms.create(
            scene.owner, RoomKind.PUBLIC, "second", members=[scene.member.id]
        )
        await rooms.change(scene.owner, second, None, None, slow_mode=PACE)
        posted, _ = await messages.post(scene.member, second, "c2", "elsewhere")
        assert posted.room == second.id
