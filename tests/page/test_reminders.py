"""Reminders on the page: set from a message, told when they are due, and listed until they are done."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.people import PASSWORD, Person, PersonFactory, Server
from tests.page.test_accessibility import findings
from tests.page.test_links import posted, said
from tests.page.tools import axe_script
from tests.page.waiting import NOTE_TEXT, until
from tests.waiting import wait_until

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"plugins.enabled": json.dumps(["memory", "password", "reminders"])}
    server = Server(tmp_path_factory.mktemp("reminders"), "memory", settings)
    server.start()
    yield server
    server.stop()


def put(by: Person, message: str, seconds: float, **more: object) -> None:
    while True:
        at = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        given = {"message": message, "at": at} | more
        answer = by.context.request.post(f"{by.url}/api/v1/reminders", data=given)
        if answer.ok:
            return
        assert seconds < 60, answer.text()
        seconds *= 2  # on a busy machine the time may be over before it is read


def state_of(by: Person, message: str) -> Any:
    found = by.context.request.get(f"{by.url}/api/v1/reminders").json()["reminders"]
    return next((each for each in found if each["id"] == message), None)


def action(page: Page, message: str, name: str) -> Locator:
    row = page.locator(f'article[data-id="{message}"]')
    row.focus()
    return row.get_by_role("button", name=name)


def test_a_reminder_is_set_by_the_keyboard_changed_and_removed(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server, timezone_id="America/New_York").sign_up("aya", "Aya")
    aya.expected.append("400 .Bad Request.*/api/v1/reminders")
    aya.create_room("Lounge")
    message = posted(aya, "**the** recipe: ||yeast||")
    page = aya.page
    remind = action(page, message, "Remind me about this…")
    remind.press("Enter")
    dialog = page.get_by_role("dialog", name="Remind me about this…")
    first = dialog.get_by_role("radio", name="In 20 minutes")
    expect(first).to_be_checked()
    assert findings(page, axe_script()) == []
    first.press("ArrowDown")
    expect(dialog.get_by_role("radio", name="In 1 hour")).to_be_checked()
    dialog.get_by_role("radio", name="Tomorrow").check()
    expect(dialog.locator(".reminders-choice").filter(has_text="Tomorrow")).to_contain_text("9:00")
    dialog.get_by_label("Note").fill("for Sunday")
    page.locator("notice-list").evaluate(NOTE_TEXT)
    dialog.get_by_label("Note").press("Enter")
    expect(dialog).to_have_count(0)
    until(page, "() => /^You will be reminded: .*9:00/.test(window.noted)")
    expect(page.get_by_test_id("notice-row")).to_have_count(0)  # by itself
    shown = state_of(aya, message)
    assert (shown["state"], shown["note"]) == ("waiting", "for Sunday")
    assert shown["at"][11:16] in ("13:00", "14:00")  # nine o'clock in New York

    action(page, message, "Change the reminder…").click()
    dialog = page.get_by_role("dialog", name="Change the reminder…")
    dialog.get_by_label("Date and time").fill("2020-01-01T10:00")
    expect(dialog.get_by_role("radio", name="At a time")).to_be_checked()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).not_to_be_empty()
    later = datetime.now() + timedelta(days=30)
    dialog.get_by_label("Date and time").fill(f"{later:%Y-%m-%d}T18:30")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    assert state_of(aya, message)["note"] == "for Sunday"

    page.goto(f"{server.url}/#settings=reminders.list")
    row = page.locator(".reminders-list > li")
    expect(row).to_contain_text("the recipe: ▒▒▒")
    expect(row).to_contain_text("Aya · Lounge")
    expect(row).to_contain_text("for Sunday")
    expect(row).to_contain_text(f"{later.day} {later:%B} {later.year} at 18:30")
    expect(page.get_by_role("heading", name="Later")).to_be_visible()
    assert findings(page, axe_script()) == []
    row.get_by_role("button", name="Remove").press("Enter")
    expect(page.get_by_text("You have no reminders.")).to_be_focused()


def test_what_is_due_is_told_counted_on_all_devices_and_listed_until_it_is_done(
    person: PersonFactory, server: Server
) -> None:
    ben = person(server).sign_up("ben", "Ben")
    ben.create_room("Kitchen")
    message = posted(ben, "**the** cake")
    phone = person(server, locale="ja-JP", viewport={"width": 390, "height": 800})
    account = {"username": "ben", "password": PASSWORD}
    phone.context.request.post(f"{server.url}/api/v1/login", data=account)
    phone.page.goto(f"{server.url}/#settings=reminders.list")
    expect(phone.page.get_by_text("リマインダーはありません")).to_be_visible()
    expect(action(ben.page, message, "Remind me about this…")).to_be_visible()

    put(ben, message, 1.0, note="out of the oven")
    notice = ben.page.get_by_test_id("notice-row")
    expect(notice).to_contain_text("Reminder: out of the oven")
    expect(notice).to_contain_text("Ben: the cake")
    notice.get_by_role("button", name="Open the room").click()
    expect(ben.page.locator(f'article[data-id="{message}"]')).to_be_focused()
    row = phone.page.locator(".reminders-list > li")
    expect(row).to_contain_text("the cake")
    expect(phone.page.get_by_role("heading", name="時間になったもの")).to_be_visible()
    button = ben.page.get_by_test_id("place-reminders.due")
    expect(button.locator(".badge")).to_have_text("1")

    button.click()
    panel = ben.page.get_by_test_id("side-panel")
    expect(panel.get_by_role("listitem")).to_contain_text("the cake")
    panel.get_by_role("button", name="Put off").click()
    dialog = ben.page.get_by_role("dialog", name="Change the reminder…")
    expect(dialog.get_by_label("Note")).to_have_value("out of the oven")
    dialog.get_by_role("radio", name="In 3 hours").check()
    dialog.get_by_role("button", name="Save").click()
    expect(panel.get_by_role("heading", name="Later")).to_be_visible()
    expect(button.locator(".badge")).to_be_hidden()
    expect(phone.page.get_by_role("heading", name="これから")).to_be_visible()
    panel.get_by_role("link", name="Show").click()
    expect(panel).to_have_count(0)
    expect(ben.page.locator(f'article[data-id="{message}"]')).to_be_focused()

    put(ben, message, 1.0)
    expect(row.get_by_role("button", name="完了にする")).to_be_visible()
    row.get_by_role("button", name="完了にする").click()
    expect(phone.page.get_by_role("heading", name="完了")).to_be_visible()
    expect(row.get_by_role("button", name="もう一度リマインドする")).to_be_visible()
    assert state_of(ben, message)["state"] == "done"


def test_what_came_due_while_the_page_was_closed_is_told_once_and_without_a_deleted_text(
    person: PersonFactory, server: Server
) -> None:
    eve = person(server).sign_up("eve", "Eve")
    eve.create_room("Cellar")
    message = said(eve, "a secret")[1]
    eve.page.goto("about:blank")
    put(eve, message, 0.5)
    room = message.rpartition("-")[0]
    assert eve.context.request.delete(f"{eve.rooms}/{room}/messages/{message}").ok
    wait_until(lambda: state_of(eve, message)["state"] == "due")
    eve.page.goto(server.url)
    notice = eve.page.get_by_test_id("notice-row")
    expect(notice).to_contain_text("This message was deleted, or you may not read it any more.")
    expect(eve.page.get_by_test_id("place-reminders.due").locator(".badge")).to_have_text("1")
    eve.page.goto("about:blank")
    eve.page.goto(f"{server.url}/#settings=reminders.list")
    expect(eve.page.get_by_role("link", name="Reminders (1)")).to_be_visible()
    row = eve.page.locator(".reminders-list > li")
    expect(row).to_contain_text("This message was deleted")
    expect(row).not_to_contain_text("a secret")
    expect(notice).to_have_count(0)
    row.get_by_role("button", name="Mark as done").click()
    expect(eve.page.get_by_role("link", name="Reminders", exact=True)).to_be_visible()
