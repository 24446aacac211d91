"""The plugin in a real server, whose clock the tests move by weeks."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from chatserver import ChatError, MessageEdited, MessagePosted, Room
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Chat, Person, running

A_DAY = 86_400


async def texts(chat: Chat, person: Person, room: Room) -> list[str]:
    """The texts that the log still has."""
    page = await chat.service.history.events(person.user, room, 0)
    kinds = MessagePosted | MessageEdited
    return [event.body for event in page.events if isinstance(event, kinds) and not event.redacted]


async def swept(chat: Chat, person: Person, room: Room) -> list[str]:
    """The same after the next run."""
    await chat.clock.advance(3600)
    return await texts(chat, person, room)


def test_messages_go_after_their_days_and_not_before() -> None:
    async def talk() -> None:
        async with running("ageing", clock=FakeClock()) as chat:
            ada = await chat.user("ada")
            room, other = await ada.create_room("Lounge"), await ada.create_room("Elsewhere")
            await ada.post(other, "kept")
            first = await ada.post(room, "old")
            await chat.service.messages.edit(ada.user, room, first.id, "old, edited")
            await chat.clock.advance(20 * A_DAY)
            await ada.post(room, "new")
            await ada.command(room, "/ageing 30")
            await chat.clock.advance(9 * A_DAY)
            assert await texts(chat, ada, room) == ["old, edited", "new"]
            assert await swept(chat, ada, room) == ["old, edited", "new"]
            await chat.clock.advance(A_DAY)
            assert await texts(chat, ada, room) == ["new"]
            await chat.clock.advance(20 * A_DAY)
            assert await texts(chat, ada, room) == []
            assert await texts(chat, ada, other) == ["kept"]

    asyncio.run(talk())


def test_they_are_gone_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    settings = {"plugin.sqlite.path": str(path)}

    async def talk() -> None:
        async with running("ageing", store="sqlite", settings=settings, clock=FakeClock()) as chat:
            ada = await chat.user("ada")
            room, other = await ada.create_room("Lounge"), await ada.create_room("Elsewhere")
            await ada.post(other, "the secret that stays")
            secret = await ada.post(room, "the first secret")
            await chat.service.messages.edit(ada.user, room, secret.id, "the second secret")
            gone = await ada.post(room, "the third secret")
            await chat.service.messages.delete(ada.user, room, gone.id)
            await ada.command(room, "/ageing 1")
            await chat.clock.advance(2 * A_DAY)

    asyncio.run(talk())
    with closing(sqlite3.connect(path)) as file:
        found = [event for (event,) in file.execute("SELECT event FROM events")]
    assert ["that stays" in event for event in found if "secret" in event] == [True]


@pytest.mark.parametrize("per_run", [1, 2])
def test_a_run_does_a_bounded_part_and_the_next_goes_on(per_run: int) -> None:
    async def talk() -> None:
        settings: Mapping[str, object] = {"plugin.ageing.per_run": per_run}
        async with running("ageing", settings=settings, clock=FakeClock()) as chat:
            ada = await chat.user("ada")
            room = await ada.create_room("Lounge")
            for number in range(4):
                await ada.post(room, str(number))
            await chat.clock.advance(2 * A_DAY)
            await ada.command(room, "/ageing 1")
            counts = [len(await swept(chat, ada, room)) for _ in range(4 // per_run)]
            assert counts == [*range(4 - per_run, -1, -per_run)]

    asyncio.run(talk())


def test_a_preview_removes_nothing() -> None:
    async def talk() -> None:
        async with running("ageing", clock=FakeClock()) as chat:
            ada, bob = await chat.user("ada"), await chat.user("bob")
            room = await ada.create_room("Lounge", members=[bob])
            await ada.post(room, "old")
            await chat.clock.advance(2 * A_DAY)
            await ada.post(room, "new")
            note = (await ada.command(room, "/ageing-preview 1")).text
            assert note == "1 messages would be removed."
            assert await swept(chat, ada, room) == ["old", "new"]
            with pytest.raises(ChatError, match=r"command\.forbidden"):
                await bob.command(room, "/ageing 1")

    asyncio.run(talk())


def test_it_ends_with_0_and_without_its_right() -> None:
    async def talk() -> None:
        async with running("ageing", clock=FakeClock()) as chat:
            ada = await chat.user("ada")
            room, other = await ada.create_room("Lounge"), await ada.create_room("Elsewhere")
            for each in (room, other):
                await ada.post(each, "old")
                await ada.command(each, "/ageing 1")
            await ada.command(room, "/ageing 0")
            listed = await chat.service.rooms.members(ada.user, other)
            bot = next(each.id for each in listed.members if each.id != ada.id)
            await chat.service.rooms.kick(ada.user, other, bot)
            await chat.clock.advance(2 * A_DAY)
            assert await texts(chat, ada, room) == await texts(chat, ada, other) == ["old"]

    asyncio.run(talk())
