"""The plugin in a real server, whose clock the tests move."""

import asyncio
from typing import ClassVar

import pytest

from chatserver import ChatError, RoomKind
from chatserver.testing.clock import FakeClock
from chatserver.testing.commands import CommandContract
from chatserver.testing.running import Chat, Person, running

HOUR = 3600


class TestCommands(CommandContract):
    """Each kind of room, each role, odd arguments, repeats."""

    plugin = "remind"
    samples: ClassVar = {
        "remind": "/remind me in 2 hours to water the plants",
        "reminders": "/reminders",
        "forget": "/forget 3fa91c00",
        "snooze": "/snooze 10 minutes",
    }


async def received(chat: Chat, person: Person) -> list[str]:
    """The texts in the person's direct rooms."""
    found: list[str] = []
    for room in await chat.service.rooms.joined(person.user):
        if chat.service.rooms.describe(person.user, room).kind is RoomKind.DIRECT:
            page = await chat.service.history.page(person.user, room)
            found += [message.body for message in page.messages]
    return found


def test_a_reminder_comes_in_its_time_to_one_user() -> None:
    async def talk() -> None:
        async with running("remind", clock=FakeClock()) as chat:
            ada, bob = await chat.user("ada"), await chat.user("bob")
            room = await ada.create_room("Lounge", members=[bob])
            note = await ada.command(room, "/remind me in 25 hours to water the plants")
            assert note.text == "In 25 hours: water the plants" and note.message is None
            await chat.clock.advance(25 * HOUR - 1)
            assert await received(chat, ada) == []
            await chat.clock.advance(1)
            assert await received(chat, ada) == ["⏰ water the plants"]
            assert await received(chat, bob) == []
            assert (await chat.service.history.page(ada.user, room)).messages == []
            assert (await ada.command(room, "/reminders")).text == "You have no reminders."

    asyncio.run(talk())


def test_a_reminder_of_the_room_is_a_message_there() -> None:
    async def talk() -> None:
        async with running("remind", clock=FakeClock()) as chat:
            ada, bob = await chat.user("ada"), await chat.user("bob")
            room = await ada.create_room("Lounge", members=[bob])
            await ada.command(room, "/remind here in 5 minutes to vote")
            await bob.command(room, "/remind here in 5 minutes to sing")
            await chat.service.rooms.leave(bob.user, room)
            await chat.clock.advance(5 * 60)
            page = await chat.service.history.page(ada.user, room)
            assert [(each.author.name, each.body) for each in page.messages] == [("ada", "⏰ vote")]

    asyncio.run(talk())


def test_reminders_are_listed_suggested_and_forgotten() -> None:
    async def talk() -> None:
        async with running("remind", clock=FakeClock()) as chat:
            ada, bob = await chat.user("ada"), await chat.user("bob")
            room = await ada.create_room("Lounge", members=[bob])
            await ada.command(room, "/remind me in 2 days to water the plants")
            await ada.command(room, "/remind me in 10 minutes to breathe")
            first, second = (await ada.command(room, "/reminders")).text.splitlines()
            assert first.endswith(" in 10 minutes: breathe")
            assert second.endswith(" in 2 days: water the plants")
            id, _, about = first.partition(" ")
            offered = await chat.service.commands.complete(ada.user, room, f"/forget {id[:3]}")
            assert [(each.text, each.about) for each in offered] == [(f"/forget {id}", about)]
            assert "no such" in (await bob.command(room, f"/forget {id}")).text
            assert (await ada.command(room, f"/forget {id}")).text == "Forgotten."
            await chat.clock.advance(HOUR)
            assert await received(chat, ada) == []

    asyncio.run(talk())


def test_what_came_in_the_past_hour_is_set_once_more() -> None:
    async def talk() -> None:
        async with running("remind", clock=FakeClock()) as chat:
            ada = await chat.user("ada")
            room = await ada.create_room("Lounge")
            assert "No reminder" in (await ada.command(room, "/snooze 10 minutes")).text
            await ada.command(room, "/remind me in 1 minute to breathe")
            await chat.clock.advance(60)
            await ada.command(room, "/snooze 10 minutes")
            await chat.clock.advance(600)
            assert await received(chat, ada) == ["⏰ breathe", "⏰ breathe"]
            await chat.clock.advance(HOUR + 1)
            assert "No reminder" in (await ada.command(room, "/snooze 10 minutes")).text

    asyncio.run(talk())


def test_what_it_refuses() -> None:
    async def talk() -> None:
        async with running("remind", settings={"plugin.remind.per_user": 1}) as chat:
            ada = await chat.user("ada")
            room = await ada.create_room("Lounge")
            for typed in ("me in 0 hours to x", "me in 2 moons to x", "me in 2 hours to"):
                with pytest.raises(ChatError, match=r"command\.invalid"):
                    await ada.command(room, f"/remind {typed}")
            with pytest.raises(ChatError, match="too far ahead"):
                await ada.command(room, "/remind me in 53 weeks to x")
            await ada.command(room, "/remind me in 52 weeks to x")
            with pytest.raises(ChatError, match=r"limit\.count"):
                await ada.command(room, "/remind me in 1 hour to x")

    asyncio.run(talk())
