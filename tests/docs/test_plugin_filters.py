"""The page about filters: its example is used in a server."""

from pathlib import Path

import pytest

from chatserver import ChatError, ServerRole
from chatserver.testing.running import Person, running
from tests.docs.pages import ROOT, write_files

PAGE = ROOT / "docs/plugins/filters.md"


def written(folder: Path) -> dict[str, object]:
    """The settings for a server with the page's files."""
    write_files(PAGE, folder)
    return {"plugins.folder": str(folder / "local")}


async def test_archived_rooms_are_found_by_the_staff_alone(tmp_path: Path) -> None:
    async with running("archive_rooms", settings=written(tmp_path)) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        old, new = await bob.create_room("old"), await bob.create_room("new")
        await bob.post(old, "some tea")
        await bob.call("change", room=old.id, topic="[archived] since May")

        async def listed(person: Person) -> set[str]:
            return {room["id"] for room in (await person.call("rooms"))["rooms"]}

        assert await listed(bob) == {new.id}
        assert await listed(ada) == {old.id, new.id}
        assert (await bob.call("search", text="tea"))["messages"] == []


async def test_a_guest_is_told_why(tmp_path: Path) -> None:
    async with running("archive_rooms", settings=written(tmp_path)) as chat:
        ada, eve = await chat.user("ada"), await chat.user("eve")
        room = await ada.create_room("tea", members=[eve])
        await chat.service.accounts.set_role("eve", ServerRole.GUEST)
        with pytest.raises(ChatError, match=r"action\.refused"):
            await eve.call("search", text="tea")
        assert (await eve.call("search", text="tea", room=room.id))["messages"] == []


async def test_a_guest_finds_no_machines(tmp_path: Path) -> None:
    async with running("archive_rooms", settings=written(tmp_path)) as chat:
        ada, eve = await chat.user("ada"), await chat.user("eve")
        room = await ada.create_room("tea", members=[eve])
        bot = await chat.service.accounts.bot("tests/bot", "helper", "Helper")
        await chat.service.rooms.invite(ada.user, room, bot.id)

        async def listed(person: Person) -> set[str]:
            found = await person.call("members", room=room.id)
            return {member["id"] for member in found["members"]}

        assert await listed(eve) == {ada.id, eve.id, bot.id}
        await chat.service.accounts.set_role("eve", ServerRole.GUEST)
        assert await listed(eve) == {ada.id, eve.id}
