"""The plugin in a real server that keeps files."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chatserver import Blob
from chatserver.testing.running import Chat, Person, running

PLUGINS = ("disk_blobs", "attachments", "previews")


async def uploaded(chat: Chat, person: Person, name: str, content: bytes, kind: str) -> Blob:
    async def parts() -> AsyncIterator[bytes]:
        yield content

    blobs = chat.service.blobs
    return await blobs.take(person.id, parts(), name=name, media_type=kind)


async def posted(person: Person, room: str, *blobs: Blob) -> Any:
    files = [{"blob": blob.id} for blob in blobs]
    given = {"client_id": blobs[0].id, "body": "See", "data": {"attachments": {"files": files}}}
    answer = await person.http("POST", f"/api/v1/rooms/{room}/messages", given)
    assert answer.status in (200, 201), answer.json
    page = await person.http("GET", f"/api/v1/rooms/{room}/messages")
    return page.json["messages"][-1]["data"]


def test_the_first_lines_of_text_files_are_shown_and_found() -> None:
    async def talk() -> None:
        async with running(*PLUGINS, settings={"plugin.previews.lines": 2}) as chat:
            ada = await chat.user("ada")
            room = await ada.create_room("Lounge")
            text = await uploaded(
                chat, ada, "shop.txt", "Äpfel\nplums\npears".encode(), "text/plain"
            )
            image = await uploaded(chat, ada, "a.png", b"plums", "image/png")
            data = await posted(ada, room.id, text, image)
            assert data["previews"] == [
                {"blob": text.id, "name": "shop.txt", "text": "Äpfel\nplums"}
            ]
            assert [each["text"] for each in data["parts"]["items"]] == ["shop.txt\nÄpfel\nplums"]
            assert len((await chat.service.search.find(ada.user, "plums")).messages) == 1
            assert len((await chat.service.search.find(ada.user, "pears")).messages) == 0

    asyncio.run(talk())


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"\xff\xfe" * 9, None),
        (b"\n \n", None),
        ("ä".encode() * 999, "ä" * 100),
        ("日".encode() * 999, "日" * 66),
        (b"a\0b", "ab"),
    ],
)
def test_files_of_any_content(content: bytes, shown: str | None) -> None:
    async def talk() -> None:
        async with running(*PLUGINS, settings={"plugin.previews.lines": 1}) as chat:
            ada = await chat.user("ada")
            room = await ada.create_room("Lounge")
            data = await posted(ada, room.id, await uploaded(chat, ada, "x", content, "text/plain"))
            found = [each["text"] for each in data.get("previews", ())]
            assert found == ([] if shown is None else [shown])

    asyncio.run(talk())
