"""Connections of any interface: signed in, counted by user, and forgotten with all that they followed."""

from collections.abc import Sequence
from unittest import mock

import pytest

from chatserver.errors import ChatError
from chatserver.model import AnyEvent, MessageEdited
from chatserver.roomlog.room import Advance
from chatserver.testing.samples import event
from tests.core.clients import Reader
from tests.core.nodes import add_user
from tests.core.scene import scene

pytestmark = pytest.mark.virtual_time


async def test_a_user_has_at_most_so_many_connections() -> None:
    async with scene(connections_per_user=2) as built:
        user = await add_user(built.first, "member")
        readers = [Reader(built.first, user) for _ in range(2)]
        with pytest.raises(ChatError) as refused:
            Reader(built.first, user)
        assert refused.value.code == "limit.count"
        readers.pop().close()
        readers.append(Reader(built.first, user))
        other = await add_user(built.first, "other")
        Reader(built.first, other)


async def test_the_first_connection_of_a_user_arrives_and_the_last_one_leaves() -> None:
    async with scene() as built:
        user = await add_user(built.first, "member")
        presence = built.first.presence
        with (
            mock.patch.object(presence, "arrived") as arrived,
            mock.patch.object(presence, "left") as left,
        ):
            one, two = Reader(built.first, user), Reader(built.first, user)
            one.close()
            assert (arrived.call_count, left.call_count) == (1, 0)
            two.close()
        arrived.assert_called_once_with(user.id)
        left.assert_called_once_with(user.id)


async def test_a_connection_that_is_gone_follows_nothing() -> None:
    async with scene() as built:
        before = len(built.first.connections)
        reader = await built.reader()
        assert built.first.hub.channels.existing(built.room) is not None
        reader.close()
        assert len(built.first.connections) == before
        assert built.first.hub.channels.existing(built.room) is None
        assert built.room.followers == 0


async def test_a_room_has_one_channel_while_it_is_followed() -> None:
    async with scene() as built:
        channels = built.first.hub.channels
        one, two = channels.of(built.room), channels.of(built.room)
        one.add_follower()
        assert channels.of(built.room) is one
        with pytest.raises(RuntimeError, match="another channel"):
            two.add_follower()
        one.drop_follower()
        two.add_follower()
        assert channels.of(built.room) is two


async def test_pages_with_a_replaced_text_are_dropped_though_memory_is_short() -> None:
    async with scene() as built:
        pages = built.first.hub.outlet.pages
        await built.post(3)
        reader = await built.reader(0)
        await built.expect(reader, 0)
        assert pages._kept
        edited = event(MessageEdited, built.room.id, 99, message=f"{built.room.id}-2", body="b")
        with mock.patch.object(pages, "forget", side_effect=MemoryError):
            built.first.hub.deliver(built.room, Advance(98, [edited], [(2, 2)]))
        assert not pages._kept and not pages._size


async def test_a_page_under_way_when_all_are_dropped_is_made_again() -> None:
    async with scene() as built:
        pages, made = built.first.hub.outlet.pages, list[int]()
        await built.post(3)

        async def encode(events: Sequence[AnyEvent], limit: int) -> list[tuple[bytes, int]]:
            made.append(len(events))
            if len(made) == 1:
                pages.clear()
            return [(b"x", events[-1].seq)]

        await pages.get(built.room, 0, "form", encode)
        assert len(made) == 2
