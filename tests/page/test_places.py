"""Plugins on the page, in a browser: what they put into its places, and what their faults do to it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.docs.examples import found_path
from tests.page.conftest import PersonFactory
from tests.page.people import Server
from tests.waiting import wait_until

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def adding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the bookmarks of docs/examples, and with a plugin that puts something into every place."""
    folder = tmp_path_factory.mktemp("adding")
    enabled = ["memory", "password", "metrics", "bookmarks", "everywhere", "broken", "shortcodes"]
    settings = {
        "plugins.folder": str(HERE / "plugins"),
        "plugins.enabled": str(enabled).replace("'", '"'),
    }
    server = Server(
        folder,
        "memory",
        settings,
        {"PYTHONPATH": found_path("bookmarks", folder / "found")},
    )
    server.start()
    yield server
    server.stop()


def test_messages_are_kept_and_shown_in_the_panel(adding: Server, person: PersonFactory) -> None:
    aya = person(adding).sign_up("aya-keeps", "Aya")
    aya.expected += ["plugin broken:", "/plugins/broken/"]
    aya.create_room("Kept here")
    aya.say("worth keeping <b>not bold</b>")
    message = aya.page.get_by_test_id("message").filter(has_text="worth keeping")
    message.hover()
    message.get_by_test_id("place-bookmarks.save").click()
    panel = aya.page.get_by_test_id("room-panel")
    expect(panel).to_be_hidden()
    toggle = aya.page.get_by_test_id("place-bookmarks.kept")
    expect(toggle).to_have_attribute("aria-expanded", "false")
    toggle.click()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    expect(panel.get_by_role("listitem")).to_contain_text("worth keeping <b>not bold</b>")
    panel.get_by_role("button", name="Remove").click()
    expect(panel).to_contain_text("You have kept nothing here.")
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()


def test_every_place_shows_what_is_put_there(adding: Server, person: PersonFactory) -> None:
    aya = person(adding).sign_up("aya-every", "Aya")
    aya.expected += ["plugin broken:", "/plugins/broken/"]
    aya.create_room("Everywhere")
    aya.page.get_by_test_id("composer").fill("Hello ")
    aya.page.get_by_test_id("place-everywhere.smile").click()
    expect(aya.page.get_by_test_id("composer")).to_have_value("Hello :-)")
    aya.page.get_by_test_id("composer").press("Enter")
    message = aya.page.get_by_test_id("message").filter(has_text="Hello :-)")
    message.hover()
    expect(message.get_by_test_id("place-everywhere.mine")).to_be_attached()
    expect(message.get_by_test_id("place-everywhere.not-mine")).to_have_count(0)
    aya.page.get_by_test_id("place-everywhere.count").click()
    aya.page.get_by_test_id("place-everywhere.panel").click()
    panel = aya.page.get_by_test_id("room-panel")
    expect(panel).to_contain_text("Room Everywhere of Aya, counted 1")
    expect(panel.locator(".everywhere")).to_have_css("border-top-width", "3px")
    aya.page.get_by_test_id("account").click()
    aya.page.get_by_test_id("settings-security").click()
    expect(aya.page.get_by_role("heading", name="Own part")).to_be_visible()
    aya.page.get_by_role("button", name="Try").click()
    expect(aya.page.get_by_test_id("account-error")).not_to_be_empty()
    aya.page.keyboard.press("Escape")
    aya.page.get_by_test_id("back").is_hidden()
    aya.page.evaluate("location.hash = ''")
    expect(aya.page.get_by_test_id("welcome")).to_be_visible()
    assert aya.page.evaluate("window.everywhereUnmounted") == 1


def test_a_fault_is_shown_in_its_place_and_the_rest_works(
    adding: Server, person: PersonFactory
) -> None:
    aya = person(adding).sign_up("aya-faults", "Aya")
    aya.expected += ["plugin broken:", "/plugins/broken/", "plugin everywhere:"]
    aya.create_room("Faults")
    aya.page.get_by_test_id("place-everywhere.refused").click()
    fault = aya.page.get_by_test_id("plugin-fault")
    expect(fault).to_contain_text("everywhere: ")
    expect(fault).to_contain_text("Your role in this room does not allow this.")
    aya.page.get_by_test_id("place-everywhere.faulty").click()
    panel = aya.page.get_by_test_id("room-panel")
    expect(panel.get_by_test_id("plugin-fault")).to_have_text(
        "everywhere: This part does not work at the moment."
    )
    panel.get_by_role("button", name="Try again").click()
    expect(panel).to_contain_text("It works now.")
    aya.say("all the rest works")
    expect(aya.page.get_by_test_id("message").last).to_contain_text("all the rest works")
    # A module that raises while it begins has put nothing anywhere.
    expect(aya.page.locator("[data-testid^='place-broken']")).to_have_count(0)


def test_an_emoji_is_looked_for_and_written(adding: Server, person: PersonFactory) -> None:
    aya = person(adding).sign_up("aya-emoji", "Aya")
    aya.expected += ["plugin broken:", "/plugins/broken/"]
    aya.create_room("Emoji")
    composer = aya.page.get_by_test_id("composer")
    composer.fill("Well done ")
    aya.page.get_by_test_id("emoji").click()
    picker = aya.page.get_by_role("dialog", name="Emoji")
    picker.get_by_role("searchbox").fill("nothing like it")
    expect(picker).to_contain_text("There is none of this name.")
    picker.get_by_role("searchbox").fill("tada")
    picker.get_by_role("searchbox").press("Enter")
    expect(picker).to_have_count(0)
    expect(composer).to_have_value("Well done 🎉")
    expect(composer).to_be_focused()


PUT = """([place, id, label]) => {
  const mount = (element) => void element.append(Object.assign(document.createElement("input"), { id: `typed-${id}` }));
  const { places } = document.querySelector("chat-app");
  const text = { label };
  const take = places.put("typed", place, { id, label: () => text.label, mount });
  window.typed = { ...window.typed, [id]: { take, rename: (other) => ((text.label = other), places.relabel(place)) } };
}"""


@pytest.mark.parametrize("place", ["profile.parts/v1", "room.settings/v1", "person.parts/v1"])
def test_what_is_typed_into_a_part_stays_when_others_come_and_go(
    adding: Server, person: PersonFactory, place: str
) -> None:
    aya = person(adding).sign_up(f"typing-{place.partition('.')[0]}", "Aya")
    aya.expected += ["plugin broken:", "/plugins/broken/"]
    aya.create_room("Typing")
    page = aya.page
    aya.say("hello")
    page.evaluate(PUT, [place, "first", "First"])
    if place == "profile.parts/v1":
        page.goto(f"{adding.url}/#settings=profile")
    elif place == "room.settings/v1":
        page.get_by_test_id("place-room-settings").click()
    else:
        page.get_by_test_id("message").get_by_role("button", name="Aya").first.click()
    first, second = page.locator("#typed-first"), page.locator("#typed-second")
    first.fill("half a sen")
    page.evaluate(PUT, [place, "second", "Second"])
    expect(second).to_be_visible()
    expect(first).to_have_value("half a sen")
    expect(first).to_be_focused()
    page.evaluate("typed.first.rename('Another')")
    expect(page.locator("section[aria-label=Another] #typed-first")).to_have_value("half a sen")
    page.evaluate("typed.second.take()")
    expect(second).to_have_count(0)
    expect(first).to_have_value("half a sen")
    page.evaluate("typed.first.take()")
    expect(first).to_have_count(0)


def test_labels_are_in_the_readers_language(adding: Server, person: PersonFactory) -> None:
    aya = person(adding, locale="ja-JP").sign_up("aya-ja", "彩")
    aya.expected += ["plugin broken:", "/plugins/broken/"]
    aya.create_room("部屋")
    aya.page.get_by_role("button", name="保存したメッセージ").click()
    expect(aya.page.get_by_test_id("room-panel")).to_contain_text(
        "保存したメッセージはありません。"
    )


def test_files_have_an_address_of_their_version(adding: Server, person: PersonFactory) -> None:
    aya = person(adding)
    aya.expected += ["plugin broken:", "/plugins/broken/"]
    loaded: list[str] = []
    aya.page.on("response", lambda response: loaded.append(response.url))
    aya.page.goto(aya.url)
    expect(aya.page.get_by_test_id("username")).to_be_visible()
    # Playwright's own waiting looks by `eval`, which the page's policy refuses from the second look on.
    wait_until(lambda: aya.page.evaluate("window.everywhereBegun === true"))
    assert any(
        re.search(r"/plugins/everywhere/([0-9a-f]{16}/)?everywhere\.js$", url) for url in loaded
    )


def test_a_plugin_that_comes_late_leaves_the_rows_alone_that_it_has_nothing_for(
    adding: Server, person: PersonFactory
) -> None:
    aya = person(adding).sign_up("aya-late", "Aya")
    aya.expected += ["plugin broken:", "/plugins/broken/"]
    aya.create_room("Late")
    aya.say("with a part")
    aya.say("without")
    rows = aya.page.get_by_test_id("message")
    for number in range(2):
        expect(rows.nth(number)).to_have_attribute("data-state", "posted")
    rows.nth(1).evaluate("(row) => { window.rested = row; }")
    aya.page.evaluate(
        """() => {
          const { places } = document.querySelector("chat-app");
          const mount = (element) => element.append("of a late plugin");
          const wants = ({ message }) => message.body === "with a part";
          places.put("late", "message.parts/v1", { id: "part", wants, mount });
          places.put("late", "message.data/v1", { id: "late", mount });
        }"""
    )
    expect(rows.nth(0)).to_contain_text("of a late plugin")
    expect(rows.nth(1)).not_to_contain_text("of a late plugin")
    assert rows.nth(1).evaluate("(row) => row === window.rested")
