"""Thumbnails of pictures in messages: who sees them, how often they are made, and how long they are kept."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
from PIL import Image

from chatserver import Blob, BlobsUnavailable, MessagePosted, RoomKind
from chatserver.testing.blobs import given
from chatserver.testing.running import Answer, Chat, Person, running
from chatserver_plugins.thumbnails import studio
from chatserver_plugins.thumbnails.process import Decoder, Failed
from tests.blobs.test_metadata import drawing, photograph
from tests.plugins.pictures import png
from tests.plugins.test_thumbnail_decoding import bomb, saved
from tests.waiting import until

WIDE = saved(drawing(900, 600), "JPEG")


class Scene(NamedTuple):
    """A private room of ada's with bob in it."""

    chat: Chat
    ada: Person
    bob: Person
    room: Any

    async def file(self, content: bytes = WIDE, owner: Person | None = None) -> Blob:
        who = owner or self.ada
        return await self.chat.service.blobs.take(who.id, given([content]), name="a.png")

    async def post(self, *blobs: Blob) -> MessagePosted:
        data = {"attachments": {"files": [{"blob": blob.id} for blob in blobs]}}
        client_id = f"look-{self.room.head}"
        event, _ = await self.chat.service.messages.post(
            self.ada.user, self.room, client_id, "Look", data=data
        )
        return event

    async def get(
        self, event: MessagePosted, blob: Blob, side: object, by: Person | None = None
    ) -> Answer:
        path = f"/api/v1/rooms/{self.room.id}/messages/{event.id}/thumbnails/{blob.id}/{side}"
        return await (by or self.bob).http("GET", path)


@asynccontextmanager
async def scene(**settings: object) -> AsyncIterator[Scene]:
    names = ("disk_blobs", "uploads", "attachments", "thumbnails")
    named = {f"plugin.thumbnails.{name}": value for name, value in settings.items()}
    async with running(*names, settings=named) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await chat.service.rooms.create(ada.user, RoomKind.PRIVATE, "Room", members=[bob.id])
        yield Scene(chat, ada, bob, room)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes in bytes of the pictures that were decoded."""
    found: list[int] = []
    real = Decoder.make

    async def make(self: Decoder, parts: Any, size: int, *more: Any) -> Any:
        found.append(size)
        return await real(self, parts, size, *more)

    monkeypatch.setattr(Decoder, "make", make)
    return found


async def test_a_message_tells_the_sizes_and_its_readers_get_them(decoded: list[int]) -> None:
    async with scene() as s:
        small = await s.file(photograph("JPEG", 6))
        wide, other = await s.file(), await s.file()
        event = await s.post(wide, small)
        sizes = [{"width": 320, "height": 213}, {"width": 800, "height": 533}]
        assert event.data["thumbnails"] == {"files": {wide.id: sizes}}
        assert decoded == []  # nobody waits for it before the message is there
        answers = await asyncio.gather(*(s.get(event, wide, side) for side in (320, 800, 320)))
        for answer, size in zip(answers, (*sizes, sizes[0]), strict=True):
            assert answer.status == 200
            thumbnail = Image.open(io.BytesIO(answer.body))
            assert (thumbnail.format, thumbnail.size) == ("WEBP", (size["width"], size["height"]))
            assert answer.headers["content-type"] == "image/webp"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "sandbox" in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "private, max-age=86400, immutable"
            assert "Cookie" in answer.headers["vary"]
        assert decoded == [wide.size]  # once, for all sizes and readers
        eve = await s.chat.user("eve")
        assert (await s.get(event, wide, 320, eve)).status == 404
        for blob, side in ((wide, 1600), (wide, "320x"), (other, 320), (small, 320)):
            assert (await s.get(event, blob, side)).status == 404
        await s.chat.service.messages.delete(s.ada.user, s.room, event.id)
        assert (await s.get(event, wide, 320)).status == 404


async def test_equal_pictures_share_their_thumbnails_and_the_last_one_ends_them(
    decoded: list[int],
) -> None:
    async with scene() as s:
        blobs = s.chat.service.blobs
        first, second = await s.file(), await s.file()
        event = await s.post(first, second)
        one, two = await s.get(event, first, 320), await s.get(event, second, 320)
        assert one.body == two.body and len(decoded) == 1
        kept = await blobs.kept_with(first.id, "thumbnails")
        assert kept == await blobs.kept_with(second.id, "thumbnails") and len(kept) == 2
        assert (await blobs.usage("")).bytes == 0  # they count for nobody
        await blobs.purge(first.id)
        assert (await s.get(event, first, 320)).status == 404
        assert (await s.get(event, second, 320)).body == two.body
        await blobs.purge(second.id)
        assert [await blobs.holders(blob.id) for blob in kept] == [[], []]
        # What was known of the content leads nowhere now.
        third = await s.file()
        assert (await s.get(await s.post(third), third, 320)).body == two.body
        assert len(decoded) == 2


async def test_an_edit_changes_what_there_is() -> None:
    async with scene() as s:
        wide, small = await s.file(), await s.file(png(300, 300))
        event = await s.post(small)
        assert "thumbnails" not in event.data

        async def edited(*blobs: Blob) -> Any:
            data = {
                "attachments": {"files": [{"blob": blob.id} for blob in blobs]} if blobs else None
            }
            await s.chat.service.messages.edit(s.ada.user, s.room, event.id, "Look", data=data)
            message = await s.chat.service.history.message(s.room, event.id)
            return message.data.get("thumbnails")

        assert list((await edited(wide))["files"]) == [wide.id]
        await s.chat.service.messages.edit(s.ada.user, s.room, event.id, "Look here")
        assert (await s.get(event, wide, 320)).status == 200
        assert await edited(small) is None
        assert (await s.get(event, wide, 320)).status == 404
        assert await edited(wide) is not None and await edited() is None


async def test_anothers_file_gives_no_thumbnail_whatever_the_log_says(decoded: list[int]) -> None:
    async with scene() as s:
        mine, theirs = await s.file(), await s.file(owner=s.bob)
        event = await s.post(mine)
        message = await s.chat.service.history.message(s.room, event.id)
        message.data["attachments"]["files"][0]["blob"] = theirs.id  # type: ignore[index]
        assert (await s.get(event, theirs, 320)).status == 404
        assert decoded == []


async def test_what_gives_no_thumbnail_is_tried_once(decoded: list[int]) -> None:
    async with scene(megapixels=1, largest_mb=1) as s:
        large, heavy = await s.file(bomb(2000, 1000)), await s.file(saved(noise(), "PNG"))
        event = await s.post(large, heavy)
        for _ in range(2):
            assert (await s.get(event, large, 320)).status == 404
            assert (await s.get(event, heavy, 320)).status == 404
        assert decoded == [large.size]
        original = f"/api/v1/rooms/{s.room.id}/messages/{event.id}/files/{large.id}"
        assert (await s.bob.http("GET", original)).status == 200
        again = await s.file(bomb(2000, 1000))
        assert (await s.get(await s.post(again), again, 320)).status == 404
        assert decoded == [large.size]


def noise() -> Image.Image:
    return Image.effect_noise((1200, 1000), 99)


async def test_a_server_that_ended_in_the_middle_makes_the_rest_later(
    monkeypatch: pytest.MonkeyPatch, decoded: list[int]
) -> None:
    async with scene() as s:
        wide = await s.file()
        event = await s.post(wide)
        real = s.chat.service.blobs.take

        async def take(*given: Any, name: str, **more: Any) -> Blob:
            if name == "800.webp":
                raise OSError("the server ended")
            return await real(*given, name=name, **more)

        with monkeypatch.context() as patch:
            patch.setattr(s.chat.service.blobs, "take", take)
            assert (await s.get(event, wide, 800)).status >= 500
        assert len(await s.chat.service.blobs.kept_with(wide.id, "thumbnails")) == 1
        assert (await s.get(event, wide, 800)).status == 200
        assert len(decoded) == 2


async def test_the_place_of_files_that_is_away_is_no_failure_of_the_picture(
    monkeypatch: pytest.MonkeyPatch, decoded: list[int]
) -> None:
    async with scene() as s:
        wide = await s.file()
        event = await s.post(wide)
        with monkeypatch.context() as patch:

            async def read(*_: Any) -> AsyncIterator[bytes]:
                yield b"half"
                raise BlobsUnavailable("away")

            patch.setattr(s.chat.service.blobs, "read", read)
            assert (await s.get(event, wide, 320)).status == 503
        assert (await s.get(event, wide, 320)).status == 200
        assert len(decoded) == 2


async def test_of_each_owner_one_picture_is_decoded_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many somebody has, others wait for one of them."""
    order: list[int] = []
    go = asyncio.Event()

    async def make(self: Decoder, parts: Any, size: int, *more: Any) -> Any:
        order.append(size)
        await go.wait()
        raise Failed("not today")

    monkeypatch.setattr(Decoder, "make", make)
    monkeypatch.setattr(studio, "WAITING", 2)
    async with scene() as s:
        mine = [await s.file(png(400 + each, 300)) for each in range(3)]
        event = await s.post(*mine)
        asked = [asyncio.create_task(s.get(event, blob, 320)) for blob in mine]
        await until(lambda: any(task.done() for task in asked))
        refused = [task.result().status for task in asked if task.done()]
        assert refused == [429] and len(order) == 1
        data = {"attachments": {"files": [{"blob": (theirs := await s.file(owner=s.bob)).id}]}}
        other, _ = await s.chat.service.messages.post(s.bob.user, s.room, "x", "Look", data=data)
        asked.append(asyncio.create_task(s.get(other, theirs, 320)))
        await until(lambda: len(order) == 2)
        assert order[1] == theirs.size
        go.set()
        assert sorted([task.status for task in await asyncio.gather(*asked)]) == [
            404,
            404,
            404,
            429,
        ]


async def test_a_thumbnail_that_takes_long_is_made_for_who_asks_again(
    monkeypatch: pytest.MonkeyPatch, decoded: list[int]
) -> None:
    monkeypatch.setattr(studio, "WAIT_SECONDS", 0.0)
    async with scene() as s:
        wide = await s.file()
        event = await s.post(wide)
        answer = await s.get(event, wide, 320)
        assert (answer.status, answer.json["error"]["code"]) == (503, "blob.unavailable")

        async def is_there() -> bool:
            return (await s.get(event, wide, 320)).status == 200

        await until(is_there)
        assert len(decoded) == 1


async def test_turning_the_plugin_off_ends_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    decoders: list[Decoder] = []
    real = Decoder.make

    async def make(self: Decoder, *given: Any) -> Any:
        decoders.append(self)
        return await real(self, *given)

    monkeypatch.setattr(Decoder, "make", make)
    async with scene() as s:
        wide = await s.file()
        assert (await s.get(await s.post(wide), wide, 320)).status == 200
        process = decoders[0]._process
        assert process is not None and process.returncode is None
    assert process.returncode is not None
