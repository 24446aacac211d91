"""Reporting a message, and the queue: one who reports, by keyboard and in Japanese, and those who moderate."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_settings import opened

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"plugins.enabled": json.dumps(["memory", "password", "reports"])}
    server = Server(tmp_path_factory.mktemp("reports"), "memory", settings)
    server.start()
    yield server
    server.stop()


def message(person: Person, text: str) -> Locator:
    return person.page.get_by_test_id("message").filter(has_text=text)


def test_a_report_is_made_by_keyboard_seen_by_moderators_and_settled(
    person: PersonFactory, server: Server
) -> None:
    olga = person(server).sign_up("olga", "Olga")  # the first account owns the server
    rob = person(server).sign_up("rob", "Rob")
    mallory = person(server).sign_up("mallory", "Mallory")
    aya = person(server, locale="ja-JP").sign_up("aya", "彩")
    rob.create_room("Lounge")
    for each in (mallory, aya):
        each.join_room("Lounge")
    mallory.say("Buy this!")
    mallory.say("And that!")
    aya.sees("And that!")

    own = message(mallory, "Buy this!")
    own.hover()
    expect(own.get_by_role("button", name="Edit")).to_be_visible()
    expect(own.get_by_role("button", name="Report message")).to_have_count(0)

    shown = message(aya, "Buy this!")
    shown.focus()
    shown.get_by_role("button", name="メッセージを報告").press("Enter")
    dialog = aya.page.get_by_role("dialog", name="メッセージを報告")
    expect(dialog).to_contain_text("Buy this!")
    dialog.get_by_role("button", name="報告を送信").press("Enter")  # no reason is chosen
    expect(dialog).to_be_visible()
    dialog.get_by_label("スパム").press("Space")
    dialog.get_by_label("詳しい説明").fill("宣伝です")
    dialog.get_by_role("button", name="報告を送信").press("Enter")
    expect(dialog).to_have_count(0)
    expect(aya.page.get_by_text("ご報告ありがとうございます")).to_be_visible()
    expect(shown.get_by_role("button", name="メッセージを報告")).to_be_focused()

    other = message(aya, "And that!")
    other.focus()
    other.get_by_role("button", name="メッセージを報告").press("Enter")
    dialog.get_by_label("その他").check()
    dialog.get_by_role("button", name="報告を送信").click()
    expect(dialog).to_have_count(0)
    own.get_by_role("button", name="Delete").click()
    mallory.page.get_by_test_id("ask").get_by_role("button", name="Delete").click()

    link = olga.page.get_by_test_id("settings-reports.queue")
    opened(olga.page, "reports.queue")
    expect(link).to_have_text("Reports (2)")
    rows = olga.page.locator(".reports-list > li")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Buy this!")  # though it is deleted
    expect(rows.first).to_contain_text("宣伝です")
    expect(rows.first).to_contain_text("spam")
    expect(rows.first.get_by_label("Lock the account of Mallory")).to_be_visible()

    rob.page.get_by_role("button", name="Room settings").click()
    queue = rob.page.get_by_role("region", name="Reports")
    expect(queue.get_by_text("2 open")).to_be_visible()
    first = queue.locator(".reports-list > li").filter(has_text="Buy this!")
    expect(first.get_by_label("Lock the account")).to_have_count(0)
    expect(first.get_by_role("button", name="Dismiss")).to_be_visible()
    first.get_by_label("Ban Mallory from the room").check()
    first.get_by_label("Reason of the ban").fill("Advertising")
    first.get_by_label("Note for others who moderate").fill("again")
    first.get_by_role("button", name="Do this, and settle").press("Enter")
    expect(queue.locator(".reports-list > li")).to_have_count(1)
    expect(queue.locator(".reports-list > li")).to_be_focused()
    expect(queue.get_by_text("1 open")).to_be_visible()
    expect(mallory.page.get_by_text("Advertising")).to_be_visible()
    expect(aya.page.get_by_text("報告が確認されました")).to_be_visible()  # without a reload
    expect(link).to_have_text("Reports (1)")

    # Somebody else was faster.
    olga.expected.append("409 .Conflict.*/api/v1/reports/")
    rows.first.get_by_role("button", name="Dismiss").click()
    expect(rows.first.get_by_role("alert")).to_contain_text("This report is settled")
    rows.last.get_by_role("button", name="Dismiss").click()
    expect(rows).to_have_count(1)
    expect(link).to_have_text("Reports")
    olga.page.get_by_label("Which ones").select_option("settled")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("Settled by Rob")
    expect(rows.last).to_contain_text("author banned")
    expect(rows.last).to_contain_text("again")


def test_messages_of_an_archived_room_are_reported_too(
    person: PersonFactory, server: Server
) -> None:
    rick = person(server).sign_up("rick", "Rick")
    rick.create_room("Attic")
    cleo = person(server).sign_up("cleo", "Cleo")
    cleo.join_room("Attic")
    rick.say("Nobody will look here")
    cleo.sees("Nobody will look here")
    room = rick.page.locator("room-view").get_attribute("data-room")
    archive = "(room) => document.querySelector('chat-app').session.archive(room, true)"
    rick.page.evaluate(archive, room)
    expect(cleo.page.get_by_test_id("archived-bar")).to_be_visible()
    shown = message(cleo, "Nobody will look here")
    shown.hover()
    actions = shown.get_by_role("group", name="Actions")
    expect(actions.get_by_role("button", name="Report message")).to_be_visible()
    expect(actions.get_by_role("button", name="Reply")).to_have_count(0)
    shown.get_by_role("button", name="Report message").click()
    dialog = cleo.page.get_by_role("dialog", name="Report message")
    dialog.get_by_label("Something else").check()
    dialog.get_by_role("button", name="Send report").click()
    expect(cleo.page.get_by_text("Thank you for your report")).to_be_visible()


def test_who_does_not_moderate_sees_and_loads_nothing_of_the_queue(
    person: PersonFactory, server: Server
) -> None:
    ben = person(server).sign_up("ben", "Ben")
    loaded: list[str] = []
    ben.page.on("request", lambda request: loaded.append(request.url))
    ben.page.reload()
    ben.connected()
    ben.join_room("Lounge")
    ben.page.get_by_test_id("account").click()
    expect(ben.page.get_by_test_id("settings-nav")).to_be_visible()
    expect(ben.page.get_by_test_id("settings-reports.queue")).to_have_count(0)
    assert any(url.endswith("/reports.js") for url in loaded)
    assert not [url for url in loaded if "queue" in url or "dialog.js" in url]
