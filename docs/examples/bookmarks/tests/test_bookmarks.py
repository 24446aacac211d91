"""Bookmarks in a real server."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from chatserver import ChatError, RoomKind
from chatserver.testing.running import Chat, running


def in_a_server(test: Callable[[Chat], Awaitable[None]]) -> None:
    async def run() -> None:
        async with running("bookmarks", settings={"plugin.bookmarks.per_room": 2}) as chat:
            await test(chat)

    asyncio.run(run())


def test_a_user_keeps_messages_and_lets_them_go() -> None:
    async def test(chat: Chat) -> None:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge")
        await bob.join(room)
        first = await ada.post(room, "Read this")
        which = {"room": room.id, "message": first.id}
        await bob.call("bookmarks.save", **which)
        await bob.call("bookmarks.save", **which)
        (kept,) = (await bob.call("bookmarks.list", room=room.id))["bookmarks"]
        assert (kept["name"], kept["body"]) == ("ada", "Read this")
        assert (await ada.call("bookmarks.list", room=room.id))["bookmarks"] == []
        assert await bob.call("bookmarks.drop", **which) == {"dropped": True}
        assert (await bob.call("bookmarks.list", room=room.id))["bookmarks"] == []

    in_a_server(test)


def test_what_one_may_not_read_cannot_be_kept() -> None:
    async def test(chat: Chat) -> None:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Den", kind=RoomKind.PRIVATE)
        message = await ada.post(room, "A secret")
        with pytest.raises(ChatError, match=r"room\.not_found"):
            await bob.call("bookmarks.save", room=room.id, message=message.id)

    in_a_server(test)


def test_there_is_a_limit() -> None:
    async def test(chat: Chat) -> None:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        for number in range(3):
            message = await ada.post(room, str(number))
            if number < 2:
                await ada.call("bookmarks.save", room=room.id, message=message.id)
        with pytest.raises(ChatError, match=r"limit\.count"):
            await ada.call("bookmarks.save", room=room.id, message=message.id)

    in_a_server(test)
