"""The list of pinned messages, in two browsers at once."""

import pytest
from playwright.sync_api import expect

from tests.page.people import PersonFactory, Server
from tests.page.test_accessibility import findings
from tests.page.test_links import posted, said
from tests.page.tools import axe_script

pytestmark = pytest.mark.long


def test_the_list_of_pins_follows_what_is_pinned_in_two_browsers(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-pins", "Aya")
    ben = person(server).sign_up("ben-pins", "Ben")
    aya.create_room("Pins")
    ben.join_room("Pins")
    ids = [posted(aya, "the rules, **all** ||five||")]
    ids += [said(aya, text)[1] for text in ("the menu", "the weather")]
    aya.post_over_http([f"line {number}" for number in range(60)])
    ben.page.get_by_role("button", name="Pinned messages").click()
    panel = ben.page.get_by_test_id("room-panel")
    expect(panel.get_by_text("Nothing is pinned in this room.")).to_be_visible()
    pins = panel.get_by_test_id("pin")
    for text in ("the rules", "the menu"):
        aya.page.get_by_test_id("search").click()
        aya.page.get_by_test_id("search-text").fill(f'"{text}"')
        aya.page.get_by_test_id("search-text").press("Enter")
        aya.page.get_by_test_id("found-message").click()
        row = aya.page.get_by_test_id("message").filter(has_text=text)
        expect(row).to_be_focused()
        row.get_by_role("button", name="Pin", exact=True).click()
        expect(pins.first).to_contain_text(text)
    expect(pins).to_have_count(2)
    expect(pins.last).to_contain_text("the rules, all ▒▒▒")
    expect(pins.last).to_contain_text("Pinned by Aya")
    expect(pins.get_by_test_id("pin-remove")).to_have_count(0)
    assert findings(ben.page, axe_script()) == []

    pins.last.get_by_test_id("pin-show").click()
    landed = ben.page.locator(f'article[data-id="{ids[0]}"]')
    expect(landed).to_be_focused()
    expect(landed).to_be_in_viewport()

    aya.page.get_by_role("button", name="Pinned messages").click()
    theirs = aya.page.get_by_test_id("room-panel").get_by_test_id("pin")
    theirs.first.get_by_test_id("pin-remove").focus()
    aya.page.keyboard.press("Enter")
    for each in (theirs, pins):
        expect(each).to_have_count(1)
        expect(each).to_contain_text("the rules")
    expect(theirs.get_by_test_id("pin-remove")).to_be_focused()

    room = ids[0].rpartition("-")[0]
    message = f"{aya.rooms}/{room}/messages/{ids[0]}"
    aya.context.request.patch(message, data={"body": "the new rules"})
    expect(pins).to_contain_text("the new rules")
    aya.context.request.delete(message)
    expect(pins).to_have_count(0)
    expect(panel.get_by_text("Nothing is pinned in this room.")).to_be_visible()
