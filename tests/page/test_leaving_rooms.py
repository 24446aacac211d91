"""The only owner of a room hands it over before leaving, and is told why."""

import pytest
from playwright.sync_api import Page, expect

from tests.page.people import PersonFactory, Server
from tests.page.test_accessibility import findings
from tests.page.tools import axe_script
from tests.page.waiting import until

pytestmark = pytest.mark.long

OWNS = "(room) => document.querySelector('chat-app').store.room(room).role === 'owner'"


def leave(page: Page) -> None:
    page.get_by_test_id("room-menu").click()
    page.get_by_test_id("leave-room").click()


def test_the_only_owner_hands_the_room_over(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-owns", "Aya")
    ben = person(server).sign_up("ben-inherits", "Ben")
    aya.create_room("Heritage")
    ben.join_room("Heritage")
    leave(aya.page)
    dialog = aya.page.get_by_role("dialog", name="Leave room")
    expect(dialog).to_contain_text("You are the only owner of Heritage")
    assert findings(aya.page, axe_script()) == []
    aya.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    aya.in_room("Heritage")
    leave(aya.page)
    dialog.get_by_role("combobox", name="Next owner").select_option("Ben (@ben-inherits)")
    dialog.get_by_role("button", name="Hand over and leave").click()
    expect(aya.page.get_by_test_id("welcome")).to_be_visible()
    aya.open_room("Heritage")
    expect(aya.page.get_by_test_id("join-room")).to_be_visible()
    # Ben owns it now, as his page knows once it is told, and is alone in it.
    room = ben.page.locator("room-view").get_attribute("data-room")
    until(ben.page, OWNS, room)
    leave(ben.page)
    expect(ben.page.get_by_test_id("ask")).to_contain_text("invite somebody")
    ben.page.keyboard.press("Escape")
    aya.page.get_by_test_id("join-room").click()
    aya.in_room("Heritage")
    leave(aya.page)  # with another owner, nothing is in the way
    aya.page.get_by_test_id("ask-yes").click()
    expect(aya.page.get_by_test_id("welcome")).to_be_visible()
    expect(aya.page.get_by_text("You are no longer in")).to_have_count(0)  # they know


def test_a_public_room_is_read_before_one_joins_it(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-writes", "Aya")
    cem = person(server).sign_up("cem-looks", "Cem")
    aya.create_room("Reading")
    for number in range(30):
        aya.say(f"line {number}")
    page = cem.page
    cem.open_room("Reading")
    preview = page.get_by_test_id("room-preview")
    expect(preview.get_by_text("line 29", exact=True)).to_be_in_viewport()
    expect(preview.get_by_text("line 0", exact=True)).to_be_attached()
    assert findings(page, axe_script()) == []
    page.get_by_test_id("join-room").focus()
    page.keyboard.press("Shift+Tab")
    expect(preview).to_be_focused()
    page.keyboard.press("Home")
    expect(preview.get_by_text("line 0", exact=True)).to_be_in_viewport()
    expect(page.get_by_test_id("composer")).to_have_count(0)
    page.get_by_test_id("join-room").click()
    cem.in_room("Reading")
    cem.sees("line 29")
    expect(preview).to_have_count(0)


def test_a_japanese_owner_is_told_why(person: PersonFactory, server: Server) -> None:
    yui = person(server, locale="ja-JP").sign_up("yui-owns", "結衣")
    yui.create_room("部屋")
    leave(yui.page)
    expect(yui.page.get_by_test_id("ask")).to_contain_text("ただ一人のオーナー")
