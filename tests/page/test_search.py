"""The filters of a search: rooms, authors and days as chips, and the words that were found."""

import re

import pytest
from playwright.sync_api import expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_accessibility import findings
from tests.page.test_browser import fresh
from tests.page.test_offline import written
from tests.page.tools import axe_script

pytestmark = pytest.mark.long


@pytest.fixture
def aya(person: PersonFactory, server: Server) -> Person:
    return person(server).sign_up(fresh("aya"), "Aya")


def test_filters_narrow_a_search_as_they_are_set(
    aya: Person, person: PersonFactory, server: Server
) -> None:
    word, room = fresh("needle"), fresh("Kitchen ")
    name = fresh("ben")
    aya.create_room(fresh("Attic "))
    aya.post_over_http([f"{word} upstairs"])
    aya.create_room(room)
    aya.post_over_http([f"{word} at the stove"])
    ben = person(server).sign_up(name, "Ben")
    ben.join_room(room)
    ben.post_over_http([f"the {word.upper()}, and more than that{' and more' * 40}"])
    page = aya.page
    page.get_by_test_id("search").click()
    found, status = page.get_by_test_id("found-message"), page.get_by_test_id("search-status")
    page.get_by_test_id("search-room").select_option(label=room)
    expect(status).to_be_empty()  # a room alone is nothing to look for
    page.get_by_role("dialog").get_by_role("button", name="Search", exact=True).click()
    expect(status).to_have_text("Type a word, or choose an author, a day or what the message has.")
    page.get_by_test_id("search-text").fill(word)
    page.get_by_test_id("search-text").press("Enter")
    expect(found).to_have_count(2)
    assert findings(page, axe_script()) == []
    expect(found.last.locator("mark")).to_have_text([word])
    expect(found.first.locator("mark")).to_have_text([word.upper()])

    page.get_by_test_id("search-author").fill(f"@{name}")
    page.get_by_test_id("search-author").press("Enter")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("Ben")
    page.get_by_test_id("search-has").select_option(label="a link")
    expect(status).to_have_text("Nothing found.")
    ben.post_over_http([f"{word} https://example.org/"])
    page.get_by_test_id("search-has").select_option(label="a file")
    expect(status).to_have_text("Nothing found.")
    page.get_by_test_id("search-has").select_option(label="a link")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("example.org")
    page.get_by_test_id("search-has").select_option(label="anything")
    expect(found).to_have_count(2)
    page.get_by_test_id("search-since").fill("2026-01-01")
    expect(status).to_have_text("2 messages found.")
    expect(page.get_by_test_id("search-since")).to_be_focused()
    page.get_by_test_id("search-until").fill("2026-01-31")
    expect(status).to_have_text("Nothing found.")
    page.get_by_test_id("search-clear").click()
    expect(found).to_have_count(4)
    expect(page.get_by_test_id("search-room")).to_be_focused()
    expect(page.get_by_test_id("search-clear")).to_be_hidden()
    found.filter(has_text="upstairs").click()
    row = page.get_by_test_id("message").filter(has_text="upstairs")
    expect(row).to_be_focused()


def test_an_author_alone_is_a_search_in_the_language_of_the_reader(
    person: PersonFactory, server: Server
) -> None:
    name = fresh("aya")
    aya = person(server, locale="ja-JP", timezone_id="Asia/Tokyo").sign_up(name, "Aya")
    aya.create_room(fresh("Attic "))
    aya.post_over_http(["東京タワーに行く"])
    aya.page.get_by_test_id("search").click()
    filters = aya.page.get_by_role("group", name="絞り込み")
    filters.get_by_label("投稿者").fill(name)
    filters.get_by_label("投稿者").press("Enter")
    found = aya.page.get_by_test_id("found-message")
    expect(found).to_have_count(1)
    today = aya.page.evaluate("new Date().toLocaleDateString('sv')")
    filters.get_by_label("開始日").fill(today)
    filters.get_by_label("終了日").fill(today)
    expect(aya.page.get_by_test_id("search-status")).to_have_text(re.compile("1件"))
    expect(found).to_have_count(1)


def test_what_is_found_shows_no_marks_and_no_spoilers(aya: Person) -> None:
    page, word = aya.page, fresh("needle")
    aya.create_room(fresh("Attic "))
    aya.post_over_http([f"the **{word}** is ||in the hay||"])
    page.get_by_test_id("search").click()
    page.get_by_test_id("search-text").fill(word)
    page.get_by_test_id("search-text").press("Enter")
    found = page.get_by_test_id("found-message")
    expect(found.locator(".found-body")).to_have_text(f"the {word} is ▒▒▒")
    expect(found.locator("mark")).to_have_text([word])


def test_a_reply_is_found_in_its_thread_after_a_reload_as_before(aya: Person) -> None:
    """After a reload the room is drawn from what the browser has kept, which has no replies."""
    page = aya.page
    word, after = fresh("reply"), fresh("after")
    aya.create_room(fresh("Attic "))
    aya.say("root")
    aya.sees("root")
    root = page.get_by_test_id("message").get_attribute("data-id")
    room = page.locator("room-view").get_attribute("data-room")
    for body, thread in ((word, root), (after, None)):
        message = {"client_id": body, "body": body, "thread": thread}
        posted = aya.context.request.post(f"{aya.rooms}/{room}/messages", data=message)
        assert posted.status == 201, posted.text()
    aya.sees(after)
    written(page, after)
    page.reload()
    aya.connected()
    aya.sees(after)
    page.get_by_test_id("search").click()
    page.get_by_test_id("search-text").fill(word)
    page.get_by_test_id("search-text").press("Enter")
    page.get_by_test_id("found-message").click()
    thread = page.get_by_test_id("thread")
    expect(thread.get_by_test_id("message").filter(has_text=word)).to_be_focused()
