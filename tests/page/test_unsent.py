"""Unsent messages of a room that their author has left: seen, copied and discarded."""

import pytest
from playwright.sync_api import expect

from tests.page.people import PersonFactory, Server, sign_out
from tests.page.test_accessibility import findings
from tests.page.test_outbox import write
from tests.page.tools import axe_script

pytestmark = pytest.mark.long


def test_unsent_messages_of_a_room_that_was_left_are_copied_and_discarded(
    person: PersonFactory, server: Server
) -> None:
    ben = person(server).sign_up("ben-stays", "Ben")
    ben.create_room("Left behind")
    aya = person(server).sign_up("aya-left", "Aya")
    page = aya.page
    aya.context.grant_permissions(["clipboard-read", "clipboard-write"])
    aya.join_room("Left behind")
    write(page, "x" * 8001)
    write(page, "behind it")
    expect(page.locator('[data-testid=message][data-state="failed"]')).to_have_count(1)
    line = page.get_by_test_id("connection-status")
    expect(line).to_be_empty()
    page.get_by_test_id("room-menu").click()
    page.get_by_test_id("leave-room").click()
    page.get_by_test_id("ask-yes").click()
    expect(line).to_contain_text("2 messages to rooms that you have left were not sent.")
    page.reload()
    line.get_by_role("button", name="Show").click()
    rows = page.get_by_test_id("unsent-message")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Left behind")
    expect(rows.first).to_contain_text("at most 8000 characters")
    assert findings(page, axe_script()) == []
    said = page.get_by_test_id("unsent-said")
    rows.nth(1).get_by_test_id("unsent-copy").click()
    expect(said).to_have_text("The text is copied.")
    assert page.evaluate("navigator.clipboard.readText()") == "behind it"
    rows.first.get_by_test_id("unsent-discard").click()
    expect(rows).to_have_count(1)
    expect(rows.get_by_test_id("unsent-copy")).to_be_focused()
    expect(rows.locator(".form-error")).to_be_visible()
    rows.get_by_test_id("unsent-discard").click()
    expect(said).to_have_text("No message is left.")
    page.keyboard.press("Escape")
    expect(line).to_be_empty()
    sign_out(page)
    expect(page.get_by_test_id("username")).to_be_visible()
