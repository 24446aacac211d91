"""Saved messages on the page: two devices of one person, and what becomes of the messages."""

import pytest
from playwright.sync_api import expect

from tests.page.people import PASSWORD, PersonFactory, Server
from tests.page.test_accessibility import findings
from tests.page.test_links import posted, said
from tests.page.tools import axe_script
from tests.page.waiting import NOTE_TEXT, until

pytestmark = pytest.mark.long


def test_what_is_saved_on_one_device_is_listed_on_the_other(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-keeps", "Aya")
    ben = person(server).sign_up("ben-keeps", "Ben")
    aya.create_room("Keeping")
    ben.join_room("Keeping")
    ids = [said(aya, "the recipe")[1], posted(aya, "**the** ||address||")]
    aya.post_over_http([f"line {number}" for number in range(60)])

    phone = person(server, locale="ja-JP")
    account = {"username": "ben-keeps", "password": PASSWORD}
    phone.context.request.post(f"{server.url}/api/v1/login", data=account)
    phone.page.goto(f"{server.url}/#settings=saved.list")
    expect(phone.page.get_by_text("保存したメッセージはありません")).to_be_visible()
    rows = phone.page.locator(".saved-list > li")

    for message in ids:
        ben.page.goto("about:blank")
        ben.page.goto(f"{server.url}/m/{message}")
        row = ben.page.locator(f'article[data-id="{message}"]')
        expect(row).to_be_focused()
        save = row.get_by_role("button", name="Save for later")
        save.focus()
        ben.page.locator("notice-list").evaluate(NOTE_TEXT)
        save.press("Enter")
        expect(row.get_by_role("button", name="Remove from saved")).to_be_focused()
        until(ben.page, "() => window.noted?.startsWith('Saved.')")
        expect(phone.page.locator(f'.saved-list a[href="/m/{message}"]')).to_be_visible()
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("the ▒▒▒")
    expect(rows.first).to_contain_text("Aya · Keeping")
    assert findings(phone.page, axe_script()) == []

    room = ids[0].rpartition("-")[0]
    deleted = aya.context.request.delete(f"{aya.rooms}/{room}/messages/{ids[1]}")
    assert deleted.ok
    rows.last.get_by_role("link").click()
    landed = phone.page.locator(f'article[data-id="{ids[0]}"]')
    expect(landed).to_be_focused()
    expect(landed).to_be_in_viewport()
    landed.get_by_role("button", name="保存を取り消す").click()
    expect(row.get_by_role("button", name="Remove from saved")).to_have_count(0)  # it is deleted
    phone.page.go_back()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("このメッセージは削除されました。")
    rows.get_by_role("button").press("Enter")
    expect(phone.page.get_by_text("保存したメッセージはありません")).to_be_focused()
    ben.page.goto(f"{server.url}/m/{ids[0]}")
    again = ben.page.locator(f'article[data-id="{ids[0]}"]')
    expect(again).to_be_focused()
    expect(again.get_by_role("button", name="Save for later")).to_be_visible()
