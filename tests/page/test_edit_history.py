"""What a message said before, on the page: chosen in the room's settings, opened from the mark of an edited message."""

import pytest
from playwright.sync_api import expect

from tests.page.people import PersonFactory, Server

pytestmark = pytest.mark.long


def test_the_mark_of_an_edit_opens_what_it_said(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya", "Aya")
    aya.create_room("Tea")
    ben = person(server).sign_up("ben", "Ben")
    ben.join_room("Tea")
    aya.page.get_by_test_id("place-room-settings").click()
    chosen = aya.page.get_by_test_id("room-settings-edits")
    expect(chosen).to_have_value("none")
    chosen.select_option("members")
    aya.page.get_by_test_id("room-settings-save").click()
    expect(aya.page.get_by_test_id("room-settings-done")).not_to_be_empty()
    ben.say("at four")
    row = ben.page.get_by_test_id("message").filter(has_text="at four")
    row.hover()
    row.get_by_test_id("edit").click()
    ben.page.get_by_test_id("composer").fill("at five")
    ben.page.get_by_test_id("composer").press("Enter")
    mark = aya.page.get_by_test_id("message").filter(has_text="at five").get_by_test_id("edited")
    mark.click()
    expect(aya.page.get_by_test_id("edit-text")).to_have_text(["at five", "at four"])
    aya.page.keyboard.press("Escape")
    expect(mark).to_be_focused()
    chosen.select_option("none")
    aya.page.get_by_test_id("room-settings-save").click()
    for each in (aya.page, ben.page):
        changed = each.get_by_test_id("message").filter(has_text="at five")
        expect(changed.get_by_test_id("edited")).to_have_count(0)
        expect(changed).to_contain_text("edited")
