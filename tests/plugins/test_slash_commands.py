"""The commands that come with the server."""

import pytest

from chatserver import ChatError, RoomKind
from chatserver.testing.commands import CommandContract
from chatserver.testing.running import running


class TestSlashCommands(CommandContract):
    plugin = "slash_commands"
    samples = {
        "help": "/help shrug",
        "invite": "/invite @eve",
        "leave": "/leave",
        "me": "/me waves",
        "shrug": "/shrug",
        "topic": "/topic Tea, and cake",
    }


async def test_they_do_what_they_say() -> None:
    async with running("slash_commands") as chat:
        ada, bob, eve = [await chat.user(name) for name in ("ada", "bob", "eve")]
        room = await ada.create_room("Lounge", kind=RoomKind.PRIVATE, members=[bob])
        await ada.command(room, "/topic Tea, and cake")
        assert room.description is not None and room.description.topic == "Tea, and cake"
        with pytest.raises(ChatError, match=r"command\.forbidden"):
            await bob.command(room, "/topic Coffee")
        for text in ("eve is in this room now.", "eve is in this room already."):
            assert (await bob.command(room, "/invite @eve")).text == text
        assert room.role(eve.id) is not None
        await eve.command(room, "/leave")
        assert room.role(eve.id) is None
        with pytest.raises(ChatError, match=r"room\.last_owner"):
            await ada.command(room, "/leave")
        for text in ("/me waves", "/shrug", "/shrug who knows"):
            await bob.command(room, text)
        page = await chat.service.history.page(ada.user, room)
        said = [(each.author.id, each.body) for each in page.messages]
        assert said == [
            (bob.id, "* bob waves"),
            (bob.id, "¯\\_(ツ)_/¯"),
            (bob.id, "who knows ¯\\_(ツ)_/¯"),
        ]


async def test_help_lists_what_one_may_run() -> None:
    async with running("slash_commands") as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge", kind=RoomKind.PRIVATE, members=[bob])
        shown = (await bob.command(room, "/help")).text or ""
        assert "/invite @user: Invite somebody to this room." in shown.splitlines()
        assert "/topic" not in shown
        assert (await ada.command(room, "/help /Topic")).text == (
            "/topic text…: Change the topic of this room."
        )
        with pytest.raises(ChatError, match=r"command\.unknown"):
            await bob.command(room, "/help topic")
        found = await chat.service.commands.complete(bob.user, room, "/help sh")
        assert [each.text for each in found] == ["/help shrug"]
