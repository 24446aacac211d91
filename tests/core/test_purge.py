"""Purged messages: their texts are in no read, and not in the store."""

from pathlib import Path

import pytest

from chatserver.errors import ChatError
from chatserver.model import RoomKind, RoomRole
from chatserver.testing.running import running

SECRET = "the words that have to go"


@pytest.mark.parametrize("is_deleted", [False, True])
async def test_a_purged_text_is_nowhere(is_deleted: bool, tmp_path: Path) -> None:
    async with running(store="sqlite", settings={"server.data": str(tmp_path)}) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge")
        await bob.join(room)
        service = chat.service
        said = await bob.post(room, SECRET)
        await bob.post(room, "stays")
        await service.messages.edit(bob.user, room, said.id, f"{SECRET}, again")
        if is_deleted:
            await service.messages.delete(bob.user, room, said.id)
        assert await service.messages.purge(bob.user, room, said.id) == 2
        assert await service.messages.purge(bob.user, room, said.id) == 2  # does no harm

        page = await service.history.page(ada.user, room, None, 10)
        assert [(each.body, each.deleted) for each in page.messages] == [
            ("", True),
            ("stays", False),
        ]
        for events in (
            await service.store.read(room.id, 0, 100),
            (await service.history.events(ada.user, room, 0)).events,
        ):
            assert SECRET not in str(events)
            assert "stays" in str(events)
        deletions = [each for each in events if type(each).__name__ == "MessageDeleted"]
        assert len(deletions) == 1


async def test_who_may_delete_may_purge() -> None:
    async with running() as chat:
        ada, bob, eve = [await chat.user(name) for name in ("ada", "bob", "eve")]
        room = await bob.create_room("Den", kind=RoomKind.PRIVATE, members=[eve])
        purge = chat.service.messages.purge
        said = await bob.post(room, SECRET)
        with pytest.raises(ChatError, match=r"room\.forbidden"):
            await purge(eve.user, room, said.id)
        with pytest.raises(ChatError, match=r"room\."):
            await purge(ada.user, room, said.id)
        with pytest.raises(ChatError, match=r"message\.not_found"):
            await purge(bob.user, room, f"{room.id}-99")
        await chat.service.rooms.appoint(bob.user, room, eve.id, RoomRole.ADMIN)
        assert await purge(eve.user, room, said.id) == 1
