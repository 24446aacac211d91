"""Deleted rooms on the page: the name is typed first, and everybody sees the room go."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.page.people import PersonFactory, Server

pytestmark = pytest.mark.long


def asked(page: Page, typed: str) -> None:
    """Ask for the deletion of the open room, and type this name."""
    if not page.get_by_test_id("room-delete").is_visible():
        page.get_by_test_id("place-room-settings").click()
    page.get_by_test_id("room-delete").click()
    page.get_by_test_id("delete-room-name").fill(typed)
    page.get_by_test_id("delete-room-do").click()


def test_a_room_is_deleted_for_all_once_its_name_is_typed(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya", "Aya")
    aya.create_room("Old plans")
    ben = person(server).sign_up("ben", "Ben")
    ben.join_room("Old plans")
    ben.say("That was it")
    elsewhere = person(server).sign_up("cy", "Cy")
    elsewhere.join_room("Old plans")
    elsewhere.create_room("Other")
    expect(ben.page.get_by_test_id("place-room-settings")).to_have_count(0)
    asked(aya.page, "New plans")
    expect(aya.page.get_by_test_id("delete-room-error")).to_have_text(
        "This is not the name of the room."
    )
    aya.page.get_by_test_id("delete-room-name").fill(" Old plans ")
    aya.page.get_by_test_id("delete-room-do").click()
    for someone in (aya, ben, elsewhere):
        page = someone.page
        notice = page.get_by_test_id("notice-row")
        expect(notice).to_have_text("The room “Old plans” was deleted.")
        expect(notice).not_to_have_class(re.compile("failed"))
        expect(page.get_by_test_id("room").filter(has_text="Old plans")).to_have_count(0)
    for page in (aya.page, ben.page):
        expect(page.get_by_test_id("welcome")).to_be_visible()
        expect(page.get_by_test_id("delete-room-dialog")).to_have_count(0)
        expect(page).not_to_have_url(re.compile("room="))
    expect(elsewhere.page.get_by_test_id("room-title")).to_have_text("Other")


def test_a_refused_deletion_says_why(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("ada", "Ada")
    aya.create_room("Stays")
    page = aya.page
    page.evaluate(
        """() => {
          document.querySelector("chat-app").session.deleteRoom = async () => {
            throw Object.assign(new Error(), { code: "action.refused", message: "Not today." });
          };
        }"""
    )
    asked(page, "Stays")
    expect(page.get_by_test_id("delete-room-error")).to_have_text("Not today.")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("delete-room-dialog")).to_have_count(0)
    expect(page.get_by_test_id("room").filter(has_text="Stays")).to_be_visible()


def test_the_focus_stays_in_the_list_when_a_collapsed_group_loses_its_last_room(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("ana", "Ana")
    aya.create_room("Long done")
    page = aya.page
    room = page.locator("room-view").get_attribute("data-room")
    page.evaluate("(room) => document.querySelector('chat-app').session.archive(room, true)", room)
    expect(page.get_by_test_id("archived-bar")).to_be_visible()
    page.evaluate("() => (location.hash = '')")
    heading = page.locator('[data-key="group:archived"]')
    heading.focus()
    page.evaluate("(room) => document.querySelector('chat-app').session.deleteRoom(room)", room)
    expect(heading).to_be_hidden()
    expect(page.locator("room-list :focus")).to_be_visible()
