"""An announcement: the owner makes it, everybody sees it at once, and each dismisses it for themselves."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_settings import opened

pytestmark = pytest.mark.long

ANNOUNCE = """(announcement) => fetch("/api/v1/announcement", {
  method: "PUT",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(announcement),
})"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"plugins.enabled": json.dumps(["memory", "password", "announcements"])}
    server = Server(tmp_path_factory.mktemp("announcements"), "memory", settings)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def olga(server: Server, browser: Browser) -> Iterator[Person]:
    """The first account, which owns the server."""
    owner = Person(browser, server.url).sign_up("olga", "Olga")
    yield owner
    owner.context.close()


def line(person: Person) -> Locator:
    return person.page.locator(".announcement")


def test_an_announcement_is_made_seen_dismissed_and_taken_away(
    olga: Person, person: PersonFactory, server: Server
) -> None:
    aya = person(server, locale="ja-JP").sign_up("aya", "彩")
    aya.create_room("Lounge")
    opened(aya.page, "appearance")
    expect(aya.page.get_by_test_id("settings-announcements.board")).to_have_count(0)

    opened(olga.page, "announcements.board")
    board = olga.page.get_by_role("main")
    expect(board.get_by_role("status")).to_have_text("Nothing is announced.")
    expect(board.get_by_role("button", name="Remove")).to_be_hidden()
    board.get_by_label("Text").fill("We move tonight, see https://example.org/move.")
    board.get_by_label("Kind").select_option("warning")
    board.get_by_role("button", name="Announce").click()
    expect(board.get_by_role("status")).to_have_text("Everybody sees the announcement.")
    for each in (olga, aya):
        expect(line(each)).to_contain_text("We move tonight, see https://example.org/move.")
    link = line(aya).get_by_role("link")
    expect(link).to_have_attribute("href", "https://example.org/move")

    line(aya).get_by_role("button", name="閉じる").press("Enter")
    expect(line(aya)).to_have_count(0)
    aya.page.reload()
    aya.connected()
    ben = person(server).sign_up("ben", "Ben")
    expect(line(ben)).to_contain_text("We move tonight")
    expect(line(aya)).to_have_count(0)

    board.get_by_label("Text").fill("We have moved.")
    board.get_by_role("button", name="Announce").click()
    expect(line(aya)).to_have_text("We have moved.×")
    board.get_by_role("button", name="Remove").click()
    expect(board.get_by_role("status")).to_have_text("Nothing is announced.")
    for each in (olga, aya, ben):
        expect(line(each)).to_have_count(0)


def test_an_announcement_ends_when_the_server_says_so_whatever_the_clock_of_the_device(
    olga: Person,
) -> None:
    page = olga.page
    page.evaluate("Math.random = () => 0; Date.now = () => Date.parse('2100-01-01')")
    end = datetime.now(UTC) + timedelta(seconds=30)
    page.evaluate(ANNOUNCE, {"text": "In a moment", "until": end.isoformat()})
    shown = page.locator(".announcement")
    expect(shown).to_have_text("In a moment×")
    page.wait_for_timeout(3_000)  # by its own clock it would have gone after one second
    expect(shown).to_be_visible()
    expect(shown).to_have_count(0, timeout=120_000)
