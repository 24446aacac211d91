"""Announcement rooms on the page: who may write is said in the settings, in the list, and where one would write."""

import pytest
from playwright.sync_api import expect

from tests.page.people import PersonFactory, Server
from tests.page.waiting import has_focus

pytestmark = pytest.mark.long


def test_members_read_while_moderators_write(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya", "Aya")
    aya.create_room("News")
    ben = person(server).sign_up("ben", "Ben")
    ben.join_room("News")
    ben.say("Hello")
    aya.sees("Hello")
    ben.page.get_by_test_id("composer").fill("half a thou")
    aya.page.get_by_test_id("place-room-settings").click()
    chosen = aya.page.get_by_test_id("room-settings-posting")
    expect(chosen).to_have_value("everyone")
    chosen.select_option("moderators")
    aya.page.get_by_test_id("room-settings-save").click()
    expect(aya.page.get_by_test_id("room-settings-done")).not_to_be_empty()
    expect(ben.page.get_by_test_id("posting-bar")).to_be_visible()
    has_focus(ben.page, "posting-bar")
    expect(ben.page.get_by_test_id("composer")).to_have_count(0)
    for page in (aya.page, ben.page):
        expect(page.get_by_test_id("room-mark")).to_be_visible()
        expect(
            page.get_by_test_id("room").filter(has_text="News").get_by_test_id("posting")
        ).to_be_visible()
    row = ben.page.get_by_test_id("message").filter(has_text="Hello")
    row.hover()
    expect(row.get_by_test_id("delete")).to_be_visible()
    for what in ("reply", "edit"):
        expect(row.get_by_test_id(what)).to_have_count(0)
    row.locator('[data-do="react"]').first.click()
    expect(row.get_by_test_id("reaction")).to_be_visible()
    aya.say("Here is what is new")
    ben.sees("Here is what is new")
    aya.page.get_by_test_id("room-settings-name").fill("The news")
    aya.page.get_by_test_id("room-settings-save").click()
    expect(ben.page.get_by_test_id("room-title")).to_have_text("The news")
    expect(ben.page.get_by_test_id("posting-bar")).to_be_visible()
    chosen.select_option("everyone")
    aya.page.get_by_test_id("room-settings-save").click()
    expect(ben.page.get_by_test_id("composer")).to_have_value("half a thou")
    expect(ben.page.get_by_test_id("room-mark")).to_be_hidden()
