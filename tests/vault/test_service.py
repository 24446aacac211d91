"""A server with the vault on: what people do, and what becomes of deleted rooms."""

import asyncio
import secrets

from chatserver.testing.running import running
from chatserver_plugins.vault.keyring import SPACE

KEY = {"plugin.vault.key": secrets.token_hex(32)}


async def test_people_find_what_they_have_written() -> None:
    async with running("vault", settings=KEY) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        for number in range(40):
            await ada.post(room, f"zugvogel number {number}")
        while not await chat.service.store.indexed([room.id]):
            await asyncio.sleep(0.01)
        found = await ada.call("search", text="zugvogel 39")
        assert [each["body"] for each in found["messages"]] == ["zugvogel number 39"]
        inner = chat.service.store.inner  # type: ignore[attr-defined]
        asked = await ada.call("search", text="nowhere")
        assert asked["messages"] == []
        assert "zugvogel" not in str(await inner.read(room.id, 0, 100))
        assert "Lounge" not in str(await inner.rooms([room.id]))


async def test_a_room_that_is_deleted_loses_its_keys() -> None:
    async with running("vault", settings=KEY) as chat:
        ada = await chat.user("ada")
        room, other = await ada.create_room("Lounge"), await ada.create_room("Tea")
        for each in (room, other):
            await ada.post(each, "hello")
        store = chat.service.store
        inner = store.inner  # type: ignore[attr-defined]
        before = await inner.read(room.id, 0, 100)
        assert b'"gone"' not in await inner.get(SPACE, f"key/room/{room.id}")
        await chat.service.rooms.delete(ada.user, room)
        await chat.service.rooms.deletion.job().run()
        assert b'"gone"' in await inner.get(SPACE, f"key/room/{room.id}")
        assert b'"gone"' not in await inner.get(SPACE, f"key/room/{other.id}")
        inner._rooms[room.id][: len(before)] = before  # as in a copy that was made before
        assert "hello" not in str(await store.read(room.id, 0, 100))
        assert "hello" in str(await store.read(other.id, 0, 100))
