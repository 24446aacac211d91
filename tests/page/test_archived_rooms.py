"""Archived rooms on the page: a line in the composer's place, a place in the list, and the way back."""

import pytest
from playwright.sync_api import expect

from tests.page.people import PersonFactory, Server

pytestmark = pytest.mark.long

ARCHIVED = '[data-testid=group-toggle][data-key="group:archived"]'


def test_a_room_is_archived_for_all_and_restored(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya", "Aya")
    aya.create_room("Finished")
    ben = person(server).sign_up("ben", "Ben")
    ben.join_room("Finished")
    ben.say("That was it")
    aya.sees("That was it")
    aya.page.get_by_test_id("place-room-settings").click()
    aya.page.get_by_test_id("room-archive").click()
    aya.page.get_by_test_id("ask-yes").click()
    for page in (aya.page, ben.page):
        expect(page.get_by_test_id("archived-bar")).to_be_visible()
        expect(page.get_by_test_id("composer")).to_have_count(0)
        expect(page.get_by_test_id("message")).to_contain_text("That was it")
        expect(page.locator(ARCHIVED)).to_have_attribute("aria-expanded", "false")
    expect(ben.page.get_by_test_id("archived-restore")).to_have_count(0)
    expect(aya.page.get_by_test_id("room-settings-name")).to_have_count(0)
    expect(aya.page.get_by_test_id("room-restore")).to_be_visible()
    aya.page.get_by_test_id("archived-restore").click()
    for someone in (aya, ben):
        expect(someone.page.get_by_test_id("composer")).to_be_visible()
        expect(someone.page.locator(ARCHIVED)).to_be_hidden()
    ben.say("Not quite")
    aya.sees("Not quite")


def test_archived_rooms_stand_in_a_place_that_opens(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("ada", "Ada")
    page = aya.page
    aya.create_room("Old plans")
    page.get_by_test_id("place-room-settings").click()
    page.get_by_test_id("room-archive").click()
    page.get_by_test_id("ask-yes").click()
    expect(page.get_by_test_id("archived-bar")).to_be_visible()
    aya.create_room("New plans")
    rows = page.get_by_test_id("room").filter(has_text="Old plans")
    expect(page.get_by_test_id("room").filter(has_text="New plans")).to_be_visible()
    expect(rows).to_have_count(0)
    page.locator(ARCHIVED).click()
    expect(rows).to_be_visible()
    page.locator(ARCHIVED).click()
    expect(rows).to_have_count(0)
    page.get_by_test_id("room-filter").fill("old")
    rows.click()
    expect(page.get_by_test_id("room-title")).to_have_text("Old plans")
    expect(page.get_by_test_id("archived-bar")).to_be_visible()
