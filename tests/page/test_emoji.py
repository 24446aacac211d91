"""The server's own emoji on the page: staff adds and removes them, all see them in messages and as reactions."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_accessibility import findings
from tests.page.tools import axe_script
from tests.page.waiting import until
from tests.plugins.pictures import gif, png

HAS_WAVY = """() => document.querySelector("chat-app").places.in("message.emoji/v1").some(({ pictures }) => pictures.wavy)"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    plugins = ["memory", "password", "disk_blobs", "emoji", "shortcodes"]
    settings = {"plugins.enabled": json.dumps(plugins)}
    server = Server(tmp_path_factory.mktemp("emoji"), "memory", settings)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def owner(server: Server, browser: object) -> Iterator[Person]:
    olga = Person(browser, server.url).sign_up("olga", "Olga")  # type: ignore[arg-type]
    yield olga
    assert olga.complaints() == []
    olga.context.close()


def picture(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": content}


def to_emoji(page: Page) -> None:
    page.get_by_test_id("account").click()
    page.get_by_test_id("settings-emoji.list").click()
    expect(page.get_by_label("Picture")).to_be_visible()


def add(page: Page, file: FilePayload, name: str | None = None) -> None:
    page.get_by_label("Picture").set_input_files(file)
    if name is not None:
        page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Add emoji").click()


def test_an_emoji_is_seen_by_all_as_soon_as_it_is_there_and_until_it_goes(
    server: Server, owner: Person, person: PersonFactory
) -> None:
    aya = person(server).sign_up("aya", "Aya")
    aya.create_room("Lounge")
    aya.say("Hooray :party-time: `:party-time:` :unknown:")
    body = aya.page.get_by_test_id("message-body")
    shown = body.get_by_role("img", name=":party-time:")
    expect(body).to_have_text("Hooray :party-time: :party-time: :unknown:")
    expect(shown).to_have_count(0)
    page = owner.page
    to_emoji(page)
    add(page, picture("Party Time.png", png(64, 64)))
    expect(page.get_by_text(":party-time: is there now.")).to_be_visible()
    expect(shown).to_have_count(1)
    assert shown.evaluate("img => img.decode().then(() => img.naturalWidth)") == 64
    expect(shown).to_have_attribute("title", ":party-time:")
    expect(body).to_have_text("Hooray  :party-time: :unknown:")
    expect(body.locator("code")).to_have_text(":party-time:")
    aya.page.reload()  # it is in the list that the page reads
    expect(shown).to_have_count(1)
    row = page.get_by_role("listitem").filter(has_text=":party-time:")
    expect(row).to_contain_text("Olga")
    row.get_by_role("button", name="Remove: party-time").click()
    dialog = page.get_by_role("dialog", name="Remove :party-time:?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(row).to_be_visible()
    row.get_by_role("button", name="Remove: party-time").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text(":party-time: is gone.")).to_be_visible()
    expect(row).to_have_count(0)
    expect(body).to_have_text("Hooray :party-time: :party-time: :unknown:")
    page.get_by_test_id("settings-close").click()


def test_one_is_chosen_for_a_message_and_as_a_reaction(
    server: Server, owner: Person, person: PersonFactory
) -> None:
    given = {"name": "wavy", "picture": b64encode(png(32, 32)).decode()}
    added = owner.context.request.post(f"{server.url}/api/v1/emoji", data=given)
    assert added.status == 201
    ben = person(server).sign_up("ben", "Ben")
    page = ben.page
    ben.create_room("Chosen")
    until(page, HAS_WAVY)
    composer = page.get_by_test_id("composer")
    composer.fill("Bye ")
    page.get_by_test_id("emoji").click()
    picker = page.get_by_role("dialog", name="Emoji")
    picker.get_by_role("searchbox").fill("nothing like it")
    expect(picker).to_contain_text("There is none of this name.")
    picker.get_by_role("searchbox").fill("wavy")
    picker.get_by_role("searchbox").press("Enter")
    expect(picker).to_have_count(0)
    expect(composer).to_have_value("Bye :wavy:")
    composer.press("Enter")
    message = page.get_by_test_id("message")
    expect(message.get_by_role("img", name=":wavy:")).to_have_count(1)
    message.focus()
    message.get_by_role("button", name="React with another emoji").press("Enter")
    picker.get_by_role("button", name="wavy", exact=True).first.click()
    reaction = message.get_by_test_id("reaction")
    expect(reaction).to_have_text(" 1")
    expect(reaction.locator("img")).to_have_attribute("alt", ":wavy:")
    expect(reaction).to_have_attribute("aria-label", re.compile(":wavy:"))
    reaction.click()
    expect(reaction).to_have_count(0)
    message.focus()
    message.get_by_role("button", name="React with another emoji").press("Enter")
    page.keyboard.press("Escape")
    expect(picker).to_have_count(0)
    expect(reaction).to_have_count(0)
    for typed, shown in (
        (":w", ""),
        (":D", ""),
        (" :wav", ":wavy:"),
        (":avy", ""),
        (":smi", "😄 :smile:"),
    ):
        composer.fill("")
        composer.press_sequentially(typed)
        options = page.get_by_test_id("suggestion")
        if shown:
            expect(options.first).to_contain_text(shown)
        else:
            expect(options).to_have_count(0)
    composer.press("Enter")
    expect(composer).to_have_value("😄 ")
    composer.press_sequentially(":wavy")
    expect(page.get_by_test_id("suggestion").locator("img")).to_be_visible()
    composer.press("Tab")
    expect(composer).to_have_value("😄 :wavy: ")
    removed = owner.context.request.delete(f"{server.url}/api/v1/emoji/wavy")
    assert removed.status == 200


def test_all_emoji_are_chosen_from_groups_with_a_tone_and_come_first_the_next_time(
    server: Server, person: PersonFactory
) -> None:
    cho = person(server).sign_up("cho", "Cho")
    page = cho.page
    cho.create_room("All of them")
    composer = page.get_by_test_id("composer")
    page.get_by_test_id("emoji").click()
    picker = page.get_by_role("dialog", name="Emoji")
    grid = picker.get_by_test_id("emoji-grid")
    expect(grid.get_by_role("heading").first).to_have_text("Smileys")
    picker.get_by_role("button", name="Flags", exact=True).click()
    expect(grid.get_by_role("button", name="chequered flag")).to_be_focused()
    assert findings(page, axe_script()) == []
    picker.get_by_test_id("emoji-tone").select_option(index=3)
    picker.get_by_role("searchbox").fill("thumbs")
    thumb = grid.get_by_role("button", name="thumbs up", exact=True)
    expect(thumb).to_have_text("👍🏽")
    picker.get_by_role("searchbox").press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(grid.get_by_role("button").nth(1)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(grid.get_by_role("button").nth(0)).to_be_focused()
    thumb.click()
    expect(composer).to_have_value("👍🏽")
    composer.press_sequentially(" :clap")
    expect(page.get_by_test_id("suggestion").first).to_contain_text("👏🏽")
    composer.press("Escape")
    composer.fill("Well done :partying_face: `:tada:`")
    composer.press("Enter")
    expect(page.get_by_test_id("message-body")).to_have_text("Well done 🥳 :tada:")
    with page.expect_response("**/api/v1/page"):
        page.reload()
    page.get_by_test_id("emoji").click()
    expect(grid.get_by_role("heading").first).to_have_text("Chosen lately")
    grid.get_by_role("button").first.click()
    expect(composer).to_have_value("👍🏽")


def test_emoji_are_found_by_words_of_the_reader(server: Server, person: PersonFactory) -> None:
    dan = person(server, locale="ja-JP").sign_up("dan", "Dan")
    dan.create_room("Japanese")
    dan.page.get_by_test_id("emoji").click()
    picker = dan.page.get_by_test_id("emoji-picker")
    expect(picker.get_by_role("heading").first).to_have_text("顔")
    picker.get_by_role("searchbox").fill("おにぎり")
    picker.get_by_role("searchbox").press("Enter")
    expect(dan.page.get_by_test_id("composer")).to_have_value("🍙")


def test_one_is_chosen_for_a_status_of_those_that_are_characters(
    server: Server, owner: Person, person: PersonFactory
) -> None:
    given = {"name": "swift", "picture": b64encode(png(32, 32)).decode()}
    assert owner.context.request.post(f"{server.url}/api/v1/emoji", data=given).status == 201
    fay = person(server).sign_up("fay", "Fay")
    fay.create_room("Status")
    until(fay.page, HAS_WAVY.replace("wavy", "swift"))
    fay.page.get_by_test_id("user-menu").click()
    fay.page.get_by_test_id("menu-status").click()
    fay.page.get_by_test_id("status-pick").click()
    picker = fay.page.get_by_test_id("emoji-picker")
    picker.get_by_role("searchbox").fill("swift")
    expect(picker).to_contain_text("There is none of this name.")
    picker.get_by_role("searchbox").fill("airplane")
    picker.get_by_role("searchbox").press("Enter")
    expect(fay.page.get_by_test_id("status-emoji")).to_have_value("✈️")
    fay.page.get_by_test_id("status-text").fill("On a journey")
    fay.page.get_by_test_id("status-set").click()
    expect(fay.page.get_by_test_id("status-dialog")).to_have_count(0)


def test_on_a_phone_one_button_leads_to_all_that_can_be_added_to_a_message(
    person: PersonFactory, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plugins = ["memory", "password", "shortcodes", "polls"]
    settings = {"plugins.enabled": json.dumps(plugins)}
    server = Server(tmp_path_factory.mktemp("phone"), "memory", settings)
    server.start()
    eve = person(
        server, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    ).sign_up("eve", "Eve")
    page = eve.page
    eve.create_room("Pocket")
    expect(page.get_by_test_id("composer-add")).to_be_visible()
    expect(page.get_by_test_id("emoji")).to_have_count(0)
    page.get_by_test_id("composer-add").tap()
    menu = page.get_by_role("menu", name="Add something")
    expect(menu.get_by_role("menuitem")).to_have_text(["Poll", "Emoji"])
    assert findings(page, axe_script()) == []
    menu.get_by_test_id("emoji").tap()
    picker = page.get_by_test_id("emoji-picker")
    picker.get_by_role("button", name="grinning face", exact=True).tap()
    expect(page.get_by_test_id("composer")).to_have_value("😀")
    page.get_by_test_id("composer-add").tap()
    menu.get_by_test_id("place-polls.ask").tap()
    expect(page.get_by_test_id("poll-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 1024, "height": 768})  # turned, on a large one
    expect(page.get_by_test_id("composer-add")).to_have_count(0)
    expect(page.get_by_test_id("emoji")).to_be_visible()
    page.close()
    server.stop()


def test_what_does_not_fit_is_made_smaller_or_refused_with_the_reason(owner: Person) -> None:
    owner.expected += ["409 .Conflict.*/api/v1/emoji", "400 .Bad Request.*/api/v1/emoji"]
    page = owner.page
    to_emoji(page)
    add(page, picture("wide.png", png(1024, 256)))
    expect(page.get_by_text(":wide: is there now.")).to_be_visible()
    shown = page.get_by_role("listitem").filter(has_text=":wide:").locator("img")
    assert shown.evaluate("img => img.decode().then(() => img.naturalWidth)") == 128
    alert = page.get_by_role("alert")
    add(page, picture("wide.png", png()))
    expect(alert).to_have_text("There is an emoji of this name already.")
    moving: FilePayload = {"name": "big.gif", "mimeType": "image/gif", "buffer": gif(600, 8)}
    add(page, moving, "big")
    expect(alert).to_contain_text("expected at most 512 pixels a side")
    add(page, picture("x.png", b"<svg/>"), "nothing")
    expect(alert).to_contain_text("expected a PNG, GIF, WebP or JPEG")
    name = page.get_by_label("Name")
    name.fill("")
    for given, suggested in (("Wrong One.png", "wrong-one"), ("right.png", "right")):
        page.get_by_label("Picture").set_input_files(picture(given, png()))
        expect(name).to_have_value(suggested)
    name.fill("mine")
    page.get_by_label("Picture").set_input_files(picture("other.png", png()))
    expect(name).to_have_value("mine")
    page.get_by_label("Look for an emoji").fill("wi")
    expect(page.get_by_role("listitem").filter(has_text=":wide:")).to_be_visible()
    page.get_by_label("Look for an emoji").fill("none")
    expect(page.get_by_text("There is none of this name.")).to_be_visible()
    page.get_by_test_id("settings-close").click()
