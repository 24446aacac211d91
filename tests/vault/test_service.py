"""A server with the vault on: what people do, and what becomes of deleted rooms."""

import asyncio
import secrets
from typing import Any

import pytest

from chatserver.testing.running import running
from chatserver_plugins.vault import Servers, resealing
from chatserver_plugins.vault.caretaking import Caretaker
from chatserver_plugins.vault.keyring import SPACE
from tests.vault.sealing import Hand

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


async def test_searches_find_the_same_while_all_is_sealed_with_new_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resealing, "INDEX_PAGES", 3)
    async with running("vault", settings=KEY) as chat:
        ada, hand = await chat.user("ada"), Hand()
        room = await ada.create_room("Lounge")
        for number in range(60):
            await ada.post(room, f"zugvogel number {number}")
        while (await chat.service.store.indexed([room.id])).get(room.id, 0) < 56:
            await chat.service.indexer.catch_up()
        store: Any = chat.service.store
        care = Caretaker(store, Servers(chat.service), hand.sleep, hand)
        while not await care.seal(60):
            """So that the keys of before are those that are rotated."""
        await care.rotate_data()
        number = runs = 0
        while not await care.seal(0):
            runs += 1
            number = (number + 7) % 60
            found = await ada.call("search", text=f"zugvogel {number}")
            assert f"zugvogel number {number}" in [each["body"] for each in found["messages"]]
            await ada.post(room, f"hausvogel {runs}")
        assert runs > 5
        keys = await store.inner.get(SPACE, f"key/index/{room.id}")
        assert keys.count(b'"number"') == 2 and keys.count(b'"gone"') == 1
        found = await ada.call("search", text="zugvogel", limit=100)
        assert len(found["messages"]) > 20
