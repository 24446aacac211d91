"""Sending later on the page: the menu beside the send button, and the list in the settings."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.page.people import PersonFactory, Server

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"plugins.enabled": json.dumps(["memory", "password", "scheduled"])}
    server = Server(tmp_path_factory.mktemp("scheduled"), "memory", settings)
    server.start()
    yield server
    server.stop()


def test_a_message_is_scheduled_changed_and_cancelled(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya", "Aya")
    aya.expected.append("400 .Bad Request.*/api/v1/scheduled")
    page = aya.page
    aya.create_room("Later")
    composer = page.get_by_test_id("composer")
    menu = page.get_by_role("button", name="Send in another way")
    menu.click()
    page.get_by_role("menuitem", name="Send in an hour").click()
    expect(page.get_by_text("There is no message to send.")).to_be_visible()
    composer.fill("Good morning")
    menu.click()
    expect(page.get_by_role("menuitem").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    notice = page.get_by_test_id("notice-row")
    expect(notice).to_contain_text("The message will be sent on ")
    expect(notice).to_contain_text("9:00")
    expect(notice).to_have_count(0)  # it goes by itself: it stands over the newest messages
    expect(composer).to_have_value("")
    expect(page.get_by_test_id("message")).to_have_count(0)
    page.get_by_test_id("account").click()
    page.get_by_role("link", name="Scheduled messages").click()
    row = page.locator(".scheduled-list li")
    expect(row).to_contain_text("Good morning")
    expect(row).to_contain_text("Later")
    row.get_by_role("button", name="Change").click()
    dialog = page.get_by_role("dialog", name="Change")
    dialog.get_by_label("Message").fill("Good evening")
    dialog.get_by_label("Time").fill("2020-01-01T10:00")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).not_to_be_empty()
    later = datetime.now() + timedelta(days=30)
    dialog.get_by_label("Time").fill(f"{later:%Y-%m-%d}T18:30")
    dialog.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Good evening")
    expect(row).to_contain_text(f"{later.day} {later:%B} {later.year} at 18:30")
    row.get_by_role("button", name="Cancel message").click()
    expect(row).to_have_count(0)
    expect(page.get_by_text("No messages are scheduled.")).to_be_visible()


def test_it_comes_at_its_time(person: PersonFactory, server: Server) -> None:
    aya = person(server, locale="ja-JP").sign_up("aya-ja", "彩")
    ben = person(server).sign_up("ben", "Ben")
    aya.create_room("Soon")
    ben.join_room("Soon")
    page = aya.page
    page.get_by_test_id("composer").fill("すぐに")
    page.get_by_role("button", name="ほかの送信方法").click()
    page.get_by_role("menuitem", name="日時を指定して送信").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    # A field for minutes cannot say "in ten seconds".
    page.evaluate(
        """() => {
          const input = document.querySelector("dialog input[type=datetime-local]");
          input.step = "1";
          const soon = new Date(Date.now() + 10_000 - new Date().getTimezoneOffset() * 60000);
          input.value = soon.toISOString().slice(0, 19);
        }"""
    )
    page.get_by_role("dialog").get_by_role("button", name="保存").click()
    expect(page.get_by_test_id("composer")).to_have_value("")
    for each in (ben, aya):
        each.sees("すぐに")
