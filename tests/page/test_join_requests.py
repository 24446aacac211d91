"""Requests to join on the page: a private room is opened for them, somebody asks in the directory, and is let in or refused."""

import pytest
from playwright.sync_api import expect

from tests.page.people import PersonFactory, Server
from tests.page.waiting import until

pytestmark = pytest.mark.long

# The plugin's parts come seconds after the others.
HERE = """() => document.querySelector("chat-app")?.places.in("directory.parts/v1").length > 0"""


def test_somebody_asks_and_is_answered(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya", "Aya")
    aya.create_room("Secret garden", "private")
    ben = person(server).sign_up("ben", "Ben")
    for each in (aya, ben):
        until(each.page, HERE)
    aya.page.get_by_test_id("place-room-settings").click()
    opened = aya.page.get_by_test_id("join-open")
    opened.check()
    ben.page.get_by_test_id("directory").click()
    room = ben.page.get_by_test_id("joinable-room").filter(has_text="Secret garden")
    expect(room).to_contain_text("Members: 1")
    room.get_by_test_id("join-ask").click()
    expect(room.get_by_test_id("join-note")).to_be_focused()
    room.get_by_test_id("join-note").fill("I grow roses")
    room.get_by_test_id("join-send").click()
    expect(room.get_by_test_id("join-asked")).to_be_visible()
    expect(room.get_by_test_id("join-withdraw")).to_be_focused()
    asked = aya.page.locator(".room-panel").get_by_test_id("join-request")
    expect(asked).to_contain_text("I grow roses")
    asked.get_by_test_id("join-refuse").click()
    expect(asked).to_have_count(0)
    room.get_by_test_id("join-withdraw").click()
    room.get_by_test_id("join-ask").click()
    room.get_by_test_id("join-send").click()
    expect(ben.page.locator("plugin-parts .failed")).to_contain_text("refused")
    cora = person(server).sign_up("cora", "Cora")
    until(cora.page, HERE)
    cora.page.get_by_test_id("directory").click()
    hers = cora.page.get_by_test_id("joinable-room").filter(has_text="Secret garden")
    hers.get_by_test_id("join-ask").click()
    hers.get_by_test_id("join-send").click()
    expect(hers.get_by_test_id("join-asked")).to_be_visible()
    aya.page.keyboard.press("Escape")
    aya.page.get_by_test_id("place-join_requests.all").click()
    waiting = aya.page.get_by_role("dialog").get_by_test_id("join-request")
    expect(waiting).to_contain_text("Secret garden")
    waiting.get_by_test_id("join-accept").click()
    expect(waiting).to_have_count(0)
    expect(hers).to_have_count(0)
    cora.page.keyboard.press("Escape")
    expect(cora.page.get_by_test_id("room").filter(has_text="Secret garden")).to_be_visible()
