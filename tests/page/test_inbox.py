"""The list of mentions, replies and reactions on the page: the number in the side bar, the way to each message."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.page.people import PersonFactory, Server

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"plugins.enabled": json.dumps(["memory", "password", "inbox"])}
    server = Server(tmp_path_factory.mktemp("inbox"), "memory", settings)
    server.start()
    yield server
    server.stop()


def test_a_mention_is_counted_listed_and_leads_to_its_message(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya", "Aya")
    ben = person(server, locale="ja-JP").sign_up("ben", "Ben")
    aya.create_room("Lounge")
    ben.join_room("Lounge")
    ben.create_room("Elsewhere")
    button = ben.page.get_by_test_id("place-inbox.list")
    expect(button).to_have_attribute("aria-label", "アクティビティ")
    aya.say("Is @ben here?")
    expect(button).to_have_attribute("aria-label", "アクティビティ, 未読 1 件")
    expect(button.locator(".badge")).to_have_text("1")
    button.click()
    panel = ben.page.get_by_test_id("side-panel")
    entry = panel.get_by_role("listitem")
    expect(entry).to_contain_text("Aya さんがあなたにメンションしました")
    expect(entry).to_contain_text("Is @ben here?")
    expect(entry).to_contain_text("新着")
    expect(entry.get_by_role("button")).to_be_focused()
    expect(button.locator(".badge")).to_be_hidden()
    ben.page.keyboard.press("Enter")
    expect(panel).to_have_count(0)
    ben.in_room("Lounge")
    ben.sees("Is @ben here?")


def test_what_is_read_in_its_room_is_new_no_more_on_any_device(
    person: PersonFactory, server: Server
) -> None:
    kim = person(server).sign_up("kim", "Kim")
    lee = person(server).sign_up("lee", "Lee")
    kim.create_room("Kitchen")
    lee.join_room("Kitchen")
    lee.create_room("Hall")
    other = person(server)
    other.context.add_cookies(lee.context.cookies())  # type: ignore[arg-type]
    other.page.goto(lee.page.url)
    other.signed_in("Lee").in_room("Hall")
    kim.say("One for @lee")
    kim.say("Two for @lee")
    badges = [each.page.locator("side-panels .badge") for each in (lee, other)]
    for badge in badges:
        expect(badge).to_have_text("2")
    lee.open_room("Kitchen")
    for badge in badges:
        expect(badge).to_be_hidden()
    other.page.get_by_test_id("room-filter").fill("activity")
    other.page.locator("[data-key='panel:inbox.list']").click()
    entries = other.page.get_by_test_id("side-panel").get_by_role("listitem")
    expect(entries).to_have_count(2)
    expect(entries.first).to_contain_text("Two for @lee")
    expect(entries.locator(".inbox-new")).to_have_count(0)
    other.page.keyboard.press("ArrowDown")
    expect(entries.last.get_by_role("button")).to_be_focused()
    other.page.keyboard.press("Escape")
    expect(other.page.get_by_test_id("room-filter")).to_be_focused()


def test_replies_in_a_thread_that_one_follows_are_listed_until_they_are_read_there(
    person: PersonFactory, server: Server
) -> None:
    mia = person(server).sign_up("mia", "Mia")
    noa = person(server).sign_up("noa", "Noa")
    mia.create_room("Greenhouse")
    noa.join_room("Greenhouse")
    mia.say("What grows?")
    mia.sees("What grows?")
    mia.create_room("Shed")
    noa.page.get_by_test_id("message").focus()
    noa.page.keyboard.press("t")
    thread = noa.page.get_by_test_id("thread")
    follow = noa.page.get_by_test_id("place-inbox.follow")
    expect(follow).to_have_attribute("aria-label", "Follow this thread")
    thread.get_by_test_id("composer").fill("**Beans**, or ||peas||")
    thread.get_by_test_id("composer").press("Enter")
    expect(follow).to_have_attribute("aria-label", "Stop following this thread")
    # Mia began it, and is told of the reply; the list leads into the thread, where it is read.
    button = mia.page.get_by_test_id("place-inbox.list")
    expect(button.locator(".badge")).to_have_text("1")
    button.click()
    entry = mia.page.get_by_test_id("side-panel").get_by_role("listitem")
    expect(entry).to_contain_text("Noa replied in a thread")
    expect(entry.locator(".inbox-body")).to_have_text("Beans, or ▒▒▒")
    mia.page.keyboard.press("Enter")
    reply = mia.page.get_by_test_id("thread").get_by_test_id("message").filter(has_text="Beans")
    expect(reply).to_be_focused()
    expect(button).to_have_attribute("aria-label", "Activity")
    button.click()
    expect(entry).not_to_contain_text("new")
    mia.page.keyboard.press("Escape")
    leave = mia.page.get_by_test_id("place-inbox.follow")
    expect(leave).to_have_attribute("aria-label", "Stop following this thread")
    leave.click()
    expect(leave).to_have_attribute("aria-label", "Follow this thread")
