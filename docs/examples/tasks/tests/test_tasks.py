"""The operations in a real server."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from chatserver import ChatError, PluginEvent, Room, RoomKind
from chatserver.testing.running import Chat, Person, running


def tried(
    talk: Callable[[Chat, Person, Person, Room], Awaitable[None]],
    settings: Mapping[str, object] | None = None,
) -> None:
    """Call `talk` with ada and bob in a private room."""

    async def test() -> None:
        async with running("tasks", settings=settings) as chat:
            ada, bob = await chat.user("ada"), await chat.user("bob")
            room = await ada.create_room("Lounge", kind=RoomKind.PRIVATE, members=[bob])
            await talk(chat, ada, bob, room)

    asyncio.run(test())


async def texts(person: Person, room: Room) -> list[str]:
    return [task["text"] for task in (await person.call("tasks.list", room=room.id))["tasks"]]


async def card(chat: Chat, room: Room, message: str) -> Any:
    return (await chat.service.history.message(room, message)).data.get("tasks")


async def noted(chat: Chat, person: Person, room: Room) -> list[tuple[str, bool]]:
    page = await chat.service.history.events(person.user, room, 0)
    events = [event for event in page.events if isinstance(event, PluginEvent)]
    return [(event.author.id, event.payload["open"]) for event in events]


def test_a_task_is_made_ticked_off_and_opened_again() -> None:
    async def talk(chat: Chat, ada: Person, bob: Person, room: Room) -> None:
        first, second = await ada.post(room, "Buy milk"), await ada.post(room, "Call Eve")
        here = {"room": room.id, "message": first.id}
        await bob.call("tasks.open", room=room.id, message=second.id)
        await bob.call("tasks.open", **here)
        await ada.call("tasks.open", **here)  # is one already, of bob
        assert await texts(ada, room) == ["Buy milk", "Call Eve"]
        assert await card(chat, room, first.id) == {"by": {"id": bob.id, "name": "bob"}}
        await ada.call("tasks.done", **here)
        await bob.call("tasks.done", **here)  # is done already, by ada
        assert await texts(bob, room) == ["Call Eve"]
        assert (await card(chat, room, first.id))["done_by"]["name"] == "ada"
        await ada.call("tasks.open", **here)
        assert await texts(bob, room) == ["Buy milk", "Call Eve"]
        assert "done_by" not in await card(chat, room, first.id)
        assert await noted(chat, ada, room) == [
            (bob.id, True),
            (bob.id, True),
            (ada.id, False),
            (ada.id, True),
        ]

    tried(talk)


def test_others_than_members_find_nothing() -> None:
    async def talk(chat: Chat, ada: Person, bob: Person, room: Room) -> None:
        message = await ada.post(room, "Buy milk")
        eve = await chat.user("eve")
        of_message = {"room": room.id, "message": message.id}
        for op, fields in (("open", of_message), ("done", of_message), ("list", {"room": room.id})):
            with pytest.raises(ChatError) as refused:
                await eve.call(f"tasks.{op}", **fields)
            assert refused.value.code == "room.not_found"
        public = await ada.create_room("Square")
        task = await ada.post(public, "Sweep")
        with pytest.raises(ChatError) as refused:  # may read, and not write
            await eve.call("tasks.open", room=public.id, message=task.id)
        assert refused.value.code == "room.forbidden"

    tried(talk)


def test_what_is_no_message_or_no_task_is_refused() -> None:
    async def talk(chat: Chat, ada: Person, bob: Person, room: Room) -> None:
        message = await ada.post(room, "Buy milk")
        for op, of in (("open", f"{room.id}-900"), ("done", message.id)):
            with pytest.raises(ChatError) as refused:
                await ada.call(f"tasks.{op}", room=room.id, message=of)
            assert refused.value.code == "message.not_found"

    tried(talk)


def test_a_room_has_so_many_open_tasks() -> None:
    async def talk(chat: Chat, ada: Person, bob: Person, room: Room) -> None:
        first, second = await ada.post(room, "One"), await ada.post(room, "Two")
        await ada.call("tasks.open", room=room.id, message=first.id)
        with pytest.raises(ChatError) as refused:
            await ada.call("tasks.open", room=room.id, message=second.id)
        assert refused.value.code == "limit.count"
        await bob.call("tasks.done", room=room.id, message=first.id)
        await ada.call("tasks.open", room=room.id, message=second.id)
        assert await texts(bob, room) == ["Two"]

    tried(talk, {"plugin.tasks.most": 1})


def test_a_deleted_message_is_no_task() -> None:
    async def talk(chat: Chat, ada: Person, bob: Person, room: Room) -> None:
        message = await ada.post(room, "Buy milk")
        await bob.call("tasks.open", room=room.id, message=message.id)
        await chat.service.messages.delete(ada.user, room, message.id)
        assert await texts(bob, room) == []
        async with asyncio.timeout(60):  # observers are told afterwards
            async for event in chat.service.live.events(bob.user, room.id, message.seq):
                if isinstance(event, PluginEvent) and not event.payload["open"]:
                    break
        assert event.author.id == ada.id

    tried(talk)


def test_everybody_decides_whether_to_be_told() -> None:
    async def talk(chat: Chat, ada: Person, bob: Person, room: Room) -> None:
        assert await ada.call("tasks.tell", wanted=True) == {"wanted": True}
        assert await bob.call("tasks.tell") == {"wanted": False}
        assert await ada.call("tasks.tell") == {"wanted": True}
        assert await ada.call("tasks.tell", wanted=False) == {"wanted": False}

    tried(talk)
