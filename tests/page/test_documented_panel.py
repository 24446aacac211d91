"""The example of docs/plugins/page.md, in a browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.docs.pages import ROOT, blocks
from tests.page.conftest import PersonFactory
from tests.page.people import Server


@pytest.fixture
def tossing(tmp_path: Path) -> Iterator[Server]:
    """A server with the plugin of the page."""
    for block in blocks(ROOT / "docs/plugins/page.md"):
        if len(block.info) == 2:
            path = tmp_path / block.info[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
    settings = {
        "plugins.folder": str(tmp_path / "local"),
        "plugins.enabled": '["memory", "password", "metrics", "coin"]',
    }
    server = Server(tmp_path / "server", "memory", settings, {})
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("locale", "toss", "sides"), [("en-GB", "Toss", "Heads|Tails"), ("ja-JP", "投げる", "表|裏")]
)
def test_the_coin_of_the_page_is_tossed(
    tossing: Server, person: PersonFactory, locale: str, toss: str, sides: str
) -> None:
    aya = person(tossing, locale=locale).sign_up("aya-tosses", "Aya")
    aya.create_room("Coins")
    aya.page.get_by_test_id("place-coin.coin").click()
    panel = aya.page.get_by_test_id("room-panel")
    panel.get_by_role("button", name=toss).click()
    expect(panel.locator("p")).to_have_text(re.compile(f"^(?:{sides})$"))
