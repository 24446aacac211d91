"""The archive that the page about them shows is one."""

import asyncio
from pathlib import Path

from chatserver.copies.archive.importing import import_archive
from chatserver.model import RoomChanged
from chatserver_plugins.memory import MemoryPlugin
from tests.docs.pages import ROOT, blocks


def test_the_example_can_be_imported(tmp_path: Path) -> None:
    [example] = [block for block in blocks(ROOT / "docs/archive.md") if block.info == ["jsonl"]]
    (tmp_path / "chat.jsonl").write_text(example.text)

    async def fill() -> None:
        store = MemoryPlugin(MemoryPlugin.Config()).provide_store()
        await store.open()
        end = await import_archive(tmp_path / "chat.jsonl", store)
        assert (end.rooms, end.events, end.records) == (1, 3, 3)
        [described, _, posted] = await store.read("r1", 0, 10)
        assert isinstance(described, RoomChanged) and described.name == "Lounge"
        assert posted.author.name == "Ada"
        await store.close()

    asyncio.run(fill())
