"""The page about actions: its example is used in a server, and its table has every action."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from chatserver import ACTIONS, ChatError
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import running
from tests.docs.pages import ROOT, write_files

PAGE = ROOT / "docs/plugins/actions.md"


def written(folder: Path) -> dict[str, object]:
    """The settings for a server with the page's files."""
    write_files(PAGE, folder)
    return {"plugins.folder": str(folder / "local")}


def at(hour: int) -> float:
    return datetime(2027, 1, 31, hour, 30).timestamp()


async def test_the_night_is_quiet(tmp_path: Path) -> None:
    clock = FakeClock(at(12))
    async with running("night", settings=written(tmp_path), clock=clock) as chat:
        ada = await chat.user("ada")
        bob = await chat.user("bob")
        room = await ada.create_room("tea")
        await bob.join(room)
        await bob.post(room, "by day")
        await clock.advance(at(23) - at(12))
        for act in (bob.post(room, "by night"), bob.create_room("another")):
            with pytest.raises(ChatError) as caught:
                await act
            assert "It is night." in caught.value.text
        await ada.post(room, "the owner may")
        await clock.advance(8 * 3600)
        await bob.post(room, "in the morning")


def test_the_table_has_every_action() -> None:
    (table,) = re.findall(
        r"## Which there are\n\n(.*?)\n\n", PAGE.read_text(encoding="utf-8"), re.S
    )
    named = re.findall(r"`(\w+)`", table)
    assert sorted(named) == sorted(kind.__name__ for kind in ACTIONS)
