"""A plugin that is turned off leaves an open page, and comes back to it, without a reload."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.page.conftest import PersonFactory
from tests.page.people import Server

SWITCH = """async (what) => (await fetch("/api/v1/plugins/everywhere", {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({do: what}),
})).status"""


def switch(page: Page, do: str) -> None:
    assert page.evaluate(SWITCH, do) == 200


def test_what_a_plugin_put_on_the_page_goes_and_comes(
    tmp_path: Path, person: PersonFactory
) -> None:
    settings = {
        "plugins.folder": str(Path(__file__).parent / "plugins"),
        "plugins.enabled": '["memory", "password", "metrics", "everywhere"]',
    }
    server = Server(tmp_path, "memory", settings)
    server.start()
    try:
        aya = person(server).sign_up("aya-owner", "Aya")
        aya.create_room("Lounge")
        smile = aya.page.get_by_test_id("place-everywhere.smile")
        expect(smile).to_be_visible()
        aya.page.evaluate("window.isTheSamePage = true")
        switch(aya.page, "off")
        expect(smile).to_have_count(0, timeout=30_000)
        switch(aya.page, "on")
        expect(smile).to_be_visible(timeout=30_000)
        smile.click()
        expect(aya.page.get_by_test_id("composer")).to_have_value(":-)")
        aya.page.get_by_test_id("account").click()
        aya.page.get_by_test_id("settings-security").click()
        part = aya.page.get_by_role("heading", name="Own part")
        expect(part).to_be_visible()
        switch(aya.page, "off")
        expect(part).to_have_count(0, timeout=30_000)
        switch(aya.page, "on")
        expect(part).to_be_visible(timeout=30_000)
        aya.page.get_by_test_id("settings-everywhere.page").click()
        expect(aya.page.get_by_test_id("settings-page")).to_contain_text("A page of everywhere")
        switch(aya.page, "off")
        link = aya.page.get_by_test_id("settings-everywhere.page")
        expect(link).to_have_count(0, timeout=30_000)
        expect(aya.page.get_by_role("heading", name="Profile")).to_be_visible()
        assert aya.page.evaluate("window.isTheSamePage")
    finally:
        server.stop()
