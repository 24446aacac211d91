"""The plugin in a real server."""

import asyncio

import pytest

from chatserver import ChatError, RoomKind
from chatserver.testing.running import Chat, Person, running

PATIENCE_SECONDS = 60.0


async def greeting(chat: Chat, person: Person) -> str:
    """The first direct message that the person gets. Observers run afterwards, so this waits for it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            for room in await chat.service.rooms.joined(person.user):
                if chat.service.rooms.describe(person.user, room).kind is RoomKind.DIRECT:
                    page = await chat.service.history.page(person.user, room)
                    for message in page.messages:
                        return message.body
            await asyncio.sleep(0.01)


def test_whoever_joins_is_greeted() -> None:
    async def talk() -> None:
        async with running("welcome") as chat:
            ada, bob, eve = [await chat.user(name) for name in ("ada", "bob", "eve")]
            quiet, room = await ada.create_room("Library"), await ada.create_room("Lounge")
            await ada.command(room, "/welcome Hello {name}! Read {topic} first.")
            await eve.join(quiet)
            await bob.join(room)
            assert await greeting(chat, bob) == "Hello bob! Read {topic} first."
            assert (await ada.command(room, "/welcome")).text == "Nobody is greeted any more."
            await chat.service.rooms.leave(bob.user, room)
            await eve.join(room)
            await ada.command(room, "/welcome Hi {name}")
            await bob.join(room)
            assert await greeting(chat, bob) == "Hello bob! Read {topic} first."
            # Eve's joins came before, so her greetings would be there by now.
            assert [each.id for each in await chat.service.rooms.joined(eve.user)] == sorted(
                [quiet.id, room.id]
            )

    asyncio.run(talk())


def test_only_owners_say_what_it_is() -> None:
    async def talk() -> None:
        async with running("welcome") as chat:
            ada, bob = await chat.user("ada"), await chat.user("bob")
            room = await ada.create_room("Lounge", members=[bob])
            with pytest.raises(ChatError, match=r"command\.forbidden"):
                await bob.command(room, "/welcome Ha!")

    asyncio.run(talk())
