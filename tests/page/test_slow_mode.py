"""Slow mode on the page: set in the room's settings, said where one writes; what waits is sent at its turn."""

import pytest
from playwright.sync_api import expect

from tests.page.people import PersonFactory, Server

pytestmark = pytest.mark.long


def test_what_a_member_writes_too_early_waits(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya", "Aya")
    aya.create_room("Tea")
    ben = person(server).sign_up("ben", "Ben")
    ben.join_room("Tea")
    line = ben.page.get_by_test_id("slow-mode")
    expect(line).to_be_empty()
    aya.page.get_by_test_id("place-room-settings").click()
    chosen = aya.page.get_by_test_id("room-settings-slow")
    expect(chosen).to_have_value("0")
    chosen.select_option("3600")
    aya.page.get_by_test_id("room-settings-save").click()
    expect(aya.page.get_by_test_id("room-settings-done")).not_to_be_empty()
    expect(line).to_contain_text("1 hour")
    ben.say("First")
    aya.sees("First")
    for text in ("Second", "Third"):
        ben.page.get_by_test_id("composer").fill(text)
        ben.page.get_by_test_id("composer").press("Enter")
    second = ben.page.get_by_test_id("message").filter(has_text="Second")
    expect(second).to_contain_text("wait between two messages")
    aya.say("I need not wait")
    aya.say("At all")
    ben.sees("At all")
    expect(aya.page.get_by_test_id("slow-mode")).to_be_empty()
    chosen.select_option("0")
    aya.page.get_by_test_id("room-settings-save").click()
    expect(line).to_be_empty()
    aya.sees("Second")
    aya.sees("Third")
    expect(second).not_to_contain_text("wait between two messages")
