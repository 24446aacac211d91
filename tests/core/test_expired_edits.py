"""Edits of messages that expire at the same time, and those that are newer than what a room keeps."""

from typing import Any

import pytest

from chatserver.errors import ChatError
from chatserver.model import MessageEdited
from chatserver.service.service import Service
from tests.core.clients import Reader
from tests.core.test_expiry import talk

pytestmark = pytest.mark.virtual_time


async def given(service: Service, user: Any, name: str) -> list[str]:
    """The texts of edits that a reader gets who catches up."""
    room = await service.rooms.get(name)
    await service.log.refresh([room])
    events = (await service.history.events(user, room, room.kept_from)).events
    return [event.body for event in events if isinstance(event, MessageEdited)]


@pytest.mark.parametrize("number", [3, 15])
async def test_an_edit_of_a_message_that_expires_meanwhile_is_refused(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Its text would stay in the log for ever: what has expired is looked at once. One that is kept goes on."""
    async with talk() as scene:
        reader = Reader(
            scene.second, scene.anna
        )  # so that its node has the newest events in memory
        await reader.follow(scene.room.id, None)
        room = await scene.second.rooms.get(scene.room.id)
        append = scene.second.log.append

        async def append_late(*given: Any, **named: Any) -> Any:
            if room.kept_from == 0:
                await scene.expire(scene.messages[10])
            return await append(*given, **named)

        monkeypatch.setattr(scene.second.log, "append", append_late)
        edit = scene.second.messages.edit(scene.anna, room, scene.messages[number].id, "a new text")
        if number < 10:
            with pytest.raises(ChatError, match=r"message\.not_found"):
                await edit
        else:
            await edit
        assert ("a new text" in await scene.stored()) == (number > 10)
        reader.close()


async def test_no_node_gives_the_newer_edits_of_expired_messages() -> None:
    async with talk(6) as scene:
        room = scene.room
        await scene.first.messages.edit(scene.anna, room, scene.messages[1].id, "is edited later")
        last = await scene.post("said last")
        await scene.first.messages.edit(scene.anna, room, last.id, "is kept")
        for service in (scene.first, scene.second):
            assert await given(service, scene.anna, room.id) == ["is edited later", "is kept"]
        await scene.expire(scene.messages[4])
        assert "is edited later" not in await scene.stored()
        for service in (scene.first, scene.second):
            assert await given(service, scene.anna, room.id) == ["", "is kept"]


async def test_a_node_gives_the_newer_edits_of_old_messages_that_are_pinned() -> None:
    async with talk(6) as scene:
        await scene.first.messages.pin(scene.anna, scene.room, scene.messages[1].id, True)
        await scene.first.messages.edit(
            scene.anna, scene.room, scene.messages[1].id, "pinned and edited"
        )
        await scene.expire(scene.messages[4])
        for service in (scene.first, scene.second):
            assert await given(service, scene.anna, scene.room.id) == ["pinned and edited"]
