"""The archive that the page about them shows is one."""

import asyncio
from pathlib import Path

import pytest

from chatserver.copies.archive.filesin import FilesIn
from chatserver.copies.archive.importing import import_archive
from chatserver.model import RoomChanged
from chatserver_plugins.memory import MemoryPlugin
from tests.blobs.memory import MemoryBlobs
from tests.docs.pages import ROOT, blocks


def test_the_example_can_be_imported(tmp_path: Path) -> None:
    [example] = [block for block in blocks(ROOT / "docs/archive.md") if block.info == ["jsonl"]]
    (tmp_path / "chat.jsonl").write_text(example.text)

    async def fill() -> None:
        store = MemoryPlugin(MemoryPlugin.Config()).provide_store()
        await store.open()
        place = MemoryBlobs()
        files = FilesIn(place, pytest.fail)
        got = await import_archive(tmp_path / "chat.jsonl", store, filesin=files)
        assert (got.rooms, got.events, got.records, got.files) == (1, 3, 4, 1)
        [content] = [b"".join(parts) for parts, _ in place.contents.values() if parts]
        assert content == b"To do: say hello\n"
        [described, _, posted] = await store.read("r1", 0, 10)
        assert isinstance(described, RoomChanged) and described.name == "Lounge"
        assert posted.author.name == "Ada"
        await store.close()

    asyncio.run(fill())
