"""Files of messages: whose they must be, who sees them, and how long they are kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from chatserver import ChatError, MessagePosted, Room, RoomKind, Service, User, UserRef
from chatserver.app import Server
from chatserver.blobs.model import WAITING
from chatserver.config import load
from chatserver.testing.samples import posted
from chatserver_plugins.attachments import ALT_CHARS, HELD, MOST_FILES
from tests.waiting import until

PASSWORD = "correct horse battery staple"


class Scene(NamedTuple):
    """A private room of ada's with bob in it."""

    server: Server
    service: Service
    ada: User
    bob: User
    room: Room

    async def file(self, owner: User, content: bytes = b"content", name: str = "tea.txt") -> str:
        async def parts() -> AsyncIterator[bytes]:
            yield content

        blob = await self.service.blobs.take(owner.id, parts(), name=name, media_type="text/plain")
        return blob.id

    async def post(self, *blobs: str, by: User | None = None) -> MessagePosted:
        data = {"attachments": {"files": [{"blob": blob} for blob in blobs]}}
        author = by or self.ada
        client_id = f"{author.id}{self.room.head}"
        event, _ = await self.service.messages.post(author, self.room, client_id, "Look", data=data)
        return event

    async def is_held(self, blob: str) -> bool:
        return bool(await self.service.blobs.holders(blob))


@asynccontextmanager
async def scene(folder: Path, *, works: bool = True) -> AsyncIterator[Scene]:
    """Without `works` no consumer runs."""
    settings: dict[str, object] = {
        "server.data": str(folder),
        "server.port": 0,
        "logging.folder": "",
        "plugins.enabled": ["memory", "password", "disk_blobs", "attachments"],
        "plugin.password.memory_kib": 8,
        "plugin.password.passes": 1,
    }
    server = Server(load(overrides=settings, environ={}))
    async with server.opened(), server.working() if works else nullcontext():
        service = server.service
        people = [(await service.accounts.register(name, PASSWORD))[0] for name in ("ada", "bob")]
        room = await service.rooms.create(
            people[0], RoomKind.PRIVATE, "Room", members=[people[1].id]
        )
        yield Scene(server, service, *people, room)


async def test_the_server_says_what_a_file_is_and_search_finds_its_name(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        blob = await s.file(s.ada, name="minutes.txt")
        event = await s.post(blob)
        (file,) = event.data["attachments"]["files"]
        assert (file["name"], file["media_type"], file["size"]) == ("minutes.txt", "text/plain", 7)
        assert len(file["sha256"]) == 64 and event.data_text == "minutes.txt"
        found = await s.service.search.find(s.bob, "minutes")
        assert [message.id for message in found.messages] == [event.id]


async def test_messages_are_found_by_what_they_have(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:

        async def found(text: str) -> list[str]:
            answer = await s.service.search.find(s.bob, text, s.room)
            assert answer.cursor is None
            return [message.id for message in answer.messages]

        async def is_indexed() -> bool:
            indexed = await s.service.store.indexed([s.room.id])
            return indexed.get(s.room.id, 0) > gone.seq + 1

        file = await s.post(await s.file(s.ada, name="minutes.txt"))
        link = await s.service.messages.post(s.ada, s.room, "link", "Look at https://example.org")
        gone = await s.post(await s.file(s.ada))
        await s.service.messages.edit(s.ada, s.room, gone.id, "Gone", data={"attachments": None})
        for where in ("log", "index"):
            assert await found("has:file") == await found("HAS:attachments") == [file.id], where
            assert await found("has:link") == [link[0].id]
            assert await found("look has:file") == [file.id]
            assert await found("tea has:file") == await found("has:file has:link") == []
            assert await found("has:nothing") == await found("from:bob has:file") == []
            assert await found("from:ada has:file") == [file.id]
            for number in range(64):
                await s.service.messages.post(s.ada, s.room, f"{where} {number}", "tea")
            await until(is_indexed)


async def test_a_description_is_kept_found_and_changed_by_edits(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        blob, other = await s.file(s.ada, name="1.png"), await s.file(s.ada, name="2.png")
        described = {"blob": blob, "alt": "  A heron\non one leg "}
        data = {"attachments": {"files": [described, {"blob": other, "alt": " "}]}}
        event, _ = await s.service.messages.post(s.ada, s.room, "1", "Look", data=data)
        first, second = event.data["attachments"]["files"]
        assert first["alt"] == "A heron\non one leg" and "alt" not in second
        assert event.data_text == "1.png\n2.png\nA heron\non one leg"
        found = await s.service.search.find(s.bob, "heron")
        assert [message.id for message in found.messages] == [event.id]
        await s.service.messages.edit(s.ada, s.room, event.id, "Look here")
        kept = await s.service.history.message(s.room, event.id)
        assert kept.data == event.data
        await s.service.blobs.purge(blob)  # also of a file that is gone
        data = {"attachments": {"files": [{"blob": blob, "alt": "A stork"}]}}
        await s.service.messages.edit(s.ada, s.room, event.id, "Look", data=data)
        changed = await s.service.history.message(s.room, event.id)
        assert changed.data["attachments"]["files"] == [first | {"alt": "A stork"}]


async def test_a_description_is_bounded(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        blobs = [await s.file(s.ada) for _ in range(MOST_FILES)]
        files = [{"blob": blob, "alt": "x" * ALT_CHARS} for blob in blobs]
        data = {"attachments": {"files": files}}
        event, _ = await s.service.messages.post(s.ada, s.room, "1", "Look", data=data)
        assert [len(file["alt"]) for file in event.data["attachments"]["files"]] == [1000] * 10
        files[0]["alt"] += "x"
        with pytest.raises(ChatError) as caught:
            await s.service.messages.post(s.ada, s.room, "2", "Look", data=data)
        assert caught.value.code == "message.data_invalid"
        assert caught.value.detail["path"] == "$.files[0].alt"


async def test_others_files_and_too_many_are_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        theirs, mine = await s.file(s.bob), await s.file(s.ada)
        head = s.room.head
        for blobs, code in (
            ([theirs], "blob.not_found"),
            (["0" * 32], "blob.not_found"),
            ([mine, theirs], "blob.not_found"),
            ([mine] * (MOST_FILES + 1), "message.data_invalid"),
        ):
            with pytest.raises(ChatError) as caught:
                await s.post(*blobs)
            assert caught.value.code == code
        assert s.room.head == head


async def test_a_file_is_kept_as_long_as_its_message_shows_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        first, second = await s.file(s.ada), await s.file(s.ada)
        event = await s.post(first)
        await until(lambda: s.is_held(first))
        data = {"attachments": {"files": [{"blob": second}]}}
        await s.service.messages.edit(s.ada, s.room, event.id, "Look", data=data)
        await until(lambda: s.is_held(second))

        async def is_released(blob: str = first) -> bool:
            return not await s.is_held(blob)

        await until(is_released)
        await s.service.messages.edit(s.ada, s.room, event.id, "Only the text")
        await s.service.messages.delete(s.ada, s.room, event.id)
        await until(lambda: is_released(second))
        store = s.service.store

        async def is_forgotten() -> bool:
            return not await store.scan("plugin/attachments", HELD)

        await until(is_forgotten)


async def test_files_of_a_deleted_room_are_released(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        blobs = [await s.file(s.ada) for _ in range(3)]
        elsewhere = await s.file(s.ada)
        for blob in blobs:
            await s.post(blob)
        lasting = await s.service.rooms.create(s.ada, RoomKind.PRIVATE, "Other")
        data = {"attachments": {"files": [{"blob": elsewhere}]}}
        await s.service.messages.post(s.ada, lasting, "other", "Look", data=data)
        for blob in (*blobs, elsewhere):
            await until(partial(s.is_held, blob))
        await s.service.rooms.delete(s.ada, s.room)

        async def are_released() -> bool:
            return not any([await s.is_held(blob) for blob in blobs])

        await until(are_released)
        held = await s.service.store.scan("plugin/attachments", HELD)
        assert [key.startswith(f"{HELD}{lasting.id}-") for key, _ in held] == [True]
        assert await s.is_held(elsewhere)


async def test_files_of_expired_messages_are_released(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        old, new = await s.file(s.ada), await s.file(s.ada)
        await s.post(old)
        await asyncio.sleep(0.01)  # another millisecond
        last = await s.post(new)
        for blob in (old, new):
            await until(partial(s.is_held, blob))
        by = UserRef.of(s.ada)
        await asyncio.sleep(0.01)
        later = await s.post(await s.file(s.ada))
        await s.service.expiry.expire(s.room.id, last.at, by, most=1000)
        assert (await s.is_held(old), await s.is_held(new)) == (False, True)
        await s.service.expiry.expire(s.room.id, later.at, by, most=1000)
        assert not await s.is_held(new)


async def test_readers_of_the_message_get_the_file_and_others_do_not(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        port = s.server.listen()
        blob, other = await s.file(s.ada, b"The minutes."), await s.file(s.ada)
        event = await s.post(blob)
        stranger, _ = await s.service.accounts.register("eve", PASSWORD)
        path = f"/api/v1/rooms/{s.room.id}/messages/{event.id}/files/"
        assert await got(s, port, s.bob, path + blob) == (200, b"The minutes.")
        assert (await got(s, port, s.bob, path + other))[0] == 404
        assert (await got(s, port, stranger, path + blob))[0] == 404
        await s.service.messages.delete(s.ada, s.room, event.id)
        assert (await got(s, port, s.bob, path + blob))[0] == 404
        await s.server.drain()


async def got(s: Scene, port: int, user: User, path: str) -> tuple[int, bytes]:
    _, token = await s.service.accounts.login(user.username, PASSWORD, "127.0.0.1")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", verify=False) as http:
        answer = await http.get(path, headers={"Authorization": f"Bearer {token}"})
        return answer.status_code, answer.content


async def test_an_edit_cannot_claim_a_file_that_never_was(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        event = await s.post(await s.file(s.ada))
        forged = {"blob": "0" * 32, "name": "a.png", "media_type": "image/png", "sha256": "0" * 64}
        with pytest.raises(ChatError, match=r"blob\.not_found"):
            data = {"attachments": {"files": [forged]}}
            await s.service.messages.edit(s.ada, s.room, event.id, "Look", data=data)


async def test_a_text_can_be_edited_when_a_file_is_gone(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        blob = await s.file(s.ada)
        event = await s.post(blob)
        await s.service.blobs.purge(blob)
        await s.service.messages.edit(s.ada, s.room, event.id, "Still here")
        found = await s.service.history.message(s.room, event.id)
        assert (found.body, found.data) == ("Still here", event.data)


async def test_a_file_has_time_until_its_message_is_consumed(tmp_path: Path) -> None:
    """However long ago it was uploaded: it is removed after `keep_hours` from now on."""
    async with scene(tmp_path, works=False) as s:
        blob = await s.file(s.ada)
        before = await s.service.store.get(WAITING, blob)
        await s.post(blob)
        after = await s.service.store.get(WAITING, blob)
        assert before and after and before != after
        assert await s.service.blobs.holders(blob) == []


async def test_anothers_file_is_not_shown_whatever_the_log_says(tmp_path: Path) -> None:
    async with scene(tmp_path, works=False) as s:
        port, blob = s.server.listen(), await s.file(s.bob)
        data = {"attachments": {"files": [{"blob": blob}]}}
        seq = s.room.head + 1
        forged = posted(s.room.id, seq, s.ada.id, data=data)
        await s.service.store.append([forged])
        await s.service.log.refresh([s.room])
        path = f"/api/v1/rooms/{s.room.id}/messages/{forged.id}/files/{blob}"
        assert (await got(s, port, s.ada, path))[0] == 404
        await s.server.drain()
