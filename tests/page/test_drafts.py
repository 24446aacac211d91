"""What somebody is writing stays: over a reload, another room, a change of a message, another tab."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.page.people import PersonFactory, Server, sign_out
from tests.page.waiting import until

pytestmark = pytest.mark.long


def composer_has(page: Page, text: str) -> None:
    expect(page.get_by_test_id("composer")).to_have_value(text)


def test_text_and_reply_outlast_a_reload_and_another_room(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-reloads", "Aya")
    page = aya.page
    aya.create_room("One")
    aya.say("question")
    aya.sees("question")
    row = page.get_by_test_id("message").filter(has_text="question")
    row.hover()
    row.get_by_test_id("reply").click()
    page.get_by_test_id("composer").press_sequentially("half an ans")
    aya.create_room("Two")
    composer_has(page, "")
    aya.open_room("One")
    composer_has(page, "half an ans")
    expect(page.get_by_test_id("composer-context")).to_contain_text("question")
    page.get_by_test_id("composer").press_sequentially("wer")
    page.reload()
    composer_has(page, "half an answer")
    expect(page.get_by_test_id("composer-context")).to_contain_text("question")
    page.get_by_test_id("send").click()
    expect(page.locator(".quote")).to_contain_text("question")
    composer_has(page, "")
    page.reload()
    aya.sees("half an answer")
    composer_has(page, "")
    expect(page.get_by_test_id("composer-context")).to_be_hidden()


def test_a_draft_of_several_lines_is_shown_whole_when_its_place_gets_narrower(
    person: PersonFactory, server: Server
) -> None:
    """Buttons of plugins come beside the text after it was measured, and so do panels beside the room."""
    aya = person(server).sign_up("aya-narrow", "Aya")
    page = aya.page
    aya.create_room("Narrow")
    composer = page.get_by_test_id("composer")
    composer.fill("as wide as a line, or nearly, and narrower than two of them. " * 2)
    wide = composer.evaluate("(text) => text.clientHeight")
    page.set_viewport_size({"width": 400, "height": 700})
    until(page, "(text) => text.clientHeight === text.scrollHeight", composer.element_handle())
    assert composer.evaluate("(text) => text.clientHeight") > wide
    page.set_viewport_size({"width": 1280, "height": 720})
    until(page, "([text, wide]) => text.clientHeight === wide", [composer.element_handle(), wide])


def test_a_reply_keeps_no_text_of_a_message_that_was_deleted(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-answers", "Aya")
    page = aya.page
    aya.create_room("Regret")
    aya.say("a secret")
    aya.sees("a secret")
    row = page.get_by_test_id("message").first
    row.hover()
    row.get_by_test_id("reply").click()
    page.get_by_test_id("composer").fill("an answer")
    context = page.get_by_test_id("composer-context")
    expect(context).to_contain_text("a secret")
    row.get_by_test_id("delete").press("Enter")
    page.get_by_test_id("ask-yes").press("Enter")
    expect(context).to_contain_text("This message was deleted.")
    page.reload()
    composer_has(page, "an answer")
    expect(context).to_contain_text("This message was deleted.")
    expect(page.get_by_text("a secret")).to_have_count(0)
    # While another room is open, too.
    page.get_by_test_id("send").click()
    aya.sees("an answer")
    row = page.get_by_test_id("message").filter(has_text="an answer")
    row.hover()
    row.get_by_test_id("reply").click()
    room, message = (
        page.locator("room-view").get_attribute("data-room"),
        row.get_attribute("data-id"),
    )
    aya.create_room("Elsewhere")
    page.evaluate(
        "(of) => document.querySelector('chat-app').session.remove(...of)", [room, message]
    )
    deleted = "([room, id]) => document.querySelector('chat-app').store.rooms.get(room).messages.find((each) => each.id === id).deleted"
    until(page, deleted, [room, message])
    aya.open_room("Regret")
    expect(context).to_contain_text("This message was deleted.")


def test_what_is_chosen_from_a_list_can_be_undone(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-undoes", "Aya")
    aya.create_room("Undone")
    composer = aya.page.get_by_test_id("composer")
    composer.press_sequentially("see #Und")
    expect(aya.page.get_by_test_id("suggestion").first).to_be_visible()
    composer.press("Enter")
    expect(composer).to_have_value(re.compile(r"^see #Undone $"))
    composer.press("Control+z")
    expect(composer).to_have_value("see #Und")


def test_a_change_of_a_message_leaves_the_draft_alone(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-edits", "Aya")
    page = aya.page
    aya.create_room("Edits")
    aya.say("frist")
    aya.sees("frist")
    composer = page.get_by_test_id("composer")
    composer.press("ArrowUp")
    composer_has(page, "frist")
    composer.press("Escape")
    composer_has(page, "")
    expect(page.get_by_test_id("composer-context")).to_be_hidden()

    composer.fill("a draft")
    row = page.get_by_test_id("message")
    row.hover()
    row.get_by_test_id("edit").click()
    composer_has(page, "frist")
    composer.fill("firs")
    composer.press("Escape")
    composer_has(page, "a draft")

    row.hover()
    row.get_by_test_id("edit").click()
    composer.fill("first")
    page.reload()
    composer_has(page, "first")
    expect(page.get_by_test_id("composer-context")).to_contain_text("frist")
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("message-body")).to_contain_text("first")
    composer_has(page, "a draft")
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("message-body")).to_have_count(2)
    composer_has(page, "")


def test_two_tabs_have_one_draft(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-tabs", "Aya")
    aya.create_room("Tabs")
    second = aya.new_page()
    second.goto(aya.page.url)
    expect(second.get_by_test_id("connection-status")).to_have_attribute("data-status", "open")
    composer_has(second, "")
    aya.page.get_by_test_id("composer").press_sequentially("once")
    composer_has(second, "once")
    second.get_by_test_id("send").click()
    composer_has(aya.page, "")
    aya.sees("once")
    expect(aya.page.get_by_test_id("message")).to_have_count(1)


def test_drafts_go_with_the_sign_out(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-leaves", "Aya")
    aya.create_room("Left")
    aya.page.get_by_test_id("composer").press_sequentially("secret")
    kept = """async () => {
      const open = indexedDB.open("chatserver");
      const database = await new Promise((resolve) => (open.onsuccess = () => resolve(open.result)));
      const asked = database.transaction("drafts").objectStore("drafts").getAll();
      const found = await new Promise((resolve) => (asked.onsuccess = () => resolve(asked.result)));
      database.close();
      return found.map(({ text }) => text);
    }"""
    until(aya.page, f"async () => (await ({kept})())[0] === 'secret'")
    sign_out(aya.page)
    expect(aya.page.get_by_test_id("username")).to_be_visible()
    until(aya.page, f"async () => (await ({kept})()).length === 0")


def test_enter_breaks_the_line_on_a_phone_and_its_keyboard_says_so(
    person: PersonFactory, server: Server
) -> None:
    phone = person(server, is_mobile=True, has_touch=True).sign_up("aya-phone", "Aya")
    phone.create_room("Phone")
    composer = phone.page.get_by_test_id("composer")
    expect(composer).to_have_attribute("enterkeyhint", "enter")
    composer.press_sequentially("one")
    composer.press("Enter")
    composer.press_sequentially("two")
    composer_has(phone.page, "one\ntwo")


HANGS = "IDBFactory.prototype.open = () => ({});"  # nothing is stored before the tab is gone


@pytest.mark.parametrize("fault", ["", HANGS], ids=["stored", "not-stored"])
def test_the_last_letters_outlast_a_tab_that_is_closed_at_once(
    fault: str, person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up(f"aya-closes-{len(fault)}", "Aya")
    aya.create_room("Closed")
    address = aya.page.url
    closed = aya.new_page()
    closed.add_init_script(fault)
    closed.goto(address)
    aya.page.close()
    composer_has(closed, "")
    closed.get_by_test_id("composer").press_sequentially("to the last letter")
    with closed.expect_event("close"):
        closed.close(run_before_unload=True)
    aya.page = aya.new_page()
    aya.page.goto(address)
    composer_has(aya.page, "to the last letter")
    aya.page.get_by_test_id("send").click()
    aya.sees("to the last letter")
    aya.page.reload()
    aya.sees("to the last letter")
    composer_has(aya.page, "")


def test_a_message_outlasts_a_tab_that_is_closed_before_it_is_stored(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-sends", "Aya")
    aya.create_room("Sent")
    address = aya.page.url
    closed = aya.new_page()
    closed.add_init_script(HANGS)
    closed.goto(address)
    aya.page.close()
    closed.get_by_test_id("composer").press_sequentially("last words")
    closed.get_by_test_id("composer").press("Enter")
    with closed.expect_event("close"):
        closed.close(run_before_unload=True)
    aya.page = aya.new_page()
    aya.page.goto(address)
    aya.sees("last words")
    composer_has(aya.page, "")
    aya.page.reload()
    aya.sees("last words")
