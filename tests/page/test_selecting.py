"""Several messages are chosen, and one thing is done with all of them: by pointer, by keyboard and on a phone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_accessibility import findings
from tests.page.test_links import COPIED, NO_CLIPBOARD
from tests.page.tools import axe_script
from tests.page.waiting import NOTE_TEXT, has_focus, place_of, until

pytestmark = pytest.mark.long
PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
# The boxes of all rows that have one, as the page has them in its state, by the texts of the messages.
CHOSEN = """() => [...document.querySelectorAll("message-list article:has([role=checkbox][aria-checked=true]) [data-testid=message-body]")]
  .map((body) => body.textContent)"""
# Deletions wait until `window.goOn()` is called; how many were begun is `window.begun`.
HOLD_DELETIONS = """() => {
  const { session } = document.querySelector("chat-app");
  const remove = session.remove.bind(session);
  const going = new Promise((resolve) => (window.goOn = resolve));
  window.begun = 0;
  session.remove = (room, id) => {
    window.begun += 1;
    return going.then(() => remove(room, id));
  };
}"""
# Scrolls up until more messages of the room are here than can be chosen.
LOADS_OLDER = """(room) => {
  document.querySelector("[data-testid=scroller]").scrollTop = 0;
  return document.querySelector("chat-app").store.rooms.get(room).messages.length > 150;
}"""
FORGET = "(room) => document.querySelector('chat-app').store.forgetMessages(room)"  # as after a gap
HAS_SAVING = """() => document.querySelector("chat-app").places.in("message.actions/v1").some(({ key }) => key === "saved.save")"""
FAULTY = """() => document.querySelector("chat-app").places.put("faulty", "message.actions/v1", {
  id: "fail", label: "Fail", icon: "M5 12h14", run() {},
  each: { label: () => "Fail for each", run: () => { throw new Error("as it is"); } },
})"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        "plugins.folder": str(Path(__file__).parent / "plugins"),
        "plugins.enabled": json.dumps(["memory", "password", "saved", "refusing"]),
    }
    server = Server(tmp_path_factory.mktemp("selecting"), "memory", settings)
    server.start()
    yield server
    server.stop()


def row_of(person: Person, text: str) -> Locator:
    return person.page.get_by_test_id("message").filter(
        has=person.page.get_by_text(text, exact=True)
    )


def box_of(person: Person, text: str) -> Locator:
    return row_of(person, text).get_by_role("checkbox")


def bar_of(person: Person) -> Locator:
    return person.page.get_by_test_id("select-bar")


def in_room(person: Person, name: str, texts: list[str]) -> str:
    """A new room of this person, who has written these messages there; its id."""
    person.create_room(name)
    person.post_over_http(texts)
    expect(row_of(person, texts[-1])).to_be_visible()
    return str(person.page.locator("room-view").get_attribute("data-room"))


def begin(person: Person, text: str) -> None:
    """Choose the first message, by key, once the bar will have all that it ever has."""
    until(person.page, HAS_SAVING)
    row = row_of(person, text)
    row.focus()
    row.press("x")
    expect(bar_of(person)).to_be_visible()
    expect(box_of(person, text)).to_be_checked()


def counts(person: Person, text: str) -> None:
    expect(person.page.get_by_test_id("select-count")).to_have_text(text)


def is_over(person: Person) -> None:
    expect(bar_of(person)).to_have_count(0)
    expect(person.page.get_by_role("checkbox")).to_have_count(0)
    expect(person.page.get_by_test_id("composer")).to_be_visible()


def chosen(page: Page) -> list[str]:
    return list(page.evaluate(CHOSEN))


def notes(person: Person) -> None:
    person.page.locator("notice-list").evaluate(NOTE_TEXT)


def noted(person: Person, text: str) -> None:
    until(person.page, "(text) => window.noted?.includes(text)", text)


def press(person: Person, action: str) -> None:
    person.page.get_by_test_id(f"select-{action}").click()


def bodies(person: Person, room: str) -> list[str]:
    """Texts of the messages in a room, by HTTP, oldest first; those that were deleted have none."""
    page = person.context.request.get(f"{person.rooms}/{room}/messages").json()
    return [each["body"] for each in page["messages"] if not each.get("deleted")]


def test_by_keyboard_alone(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-keys", "Aya")
    room = in_room(aya, "Keys", ["one", "two", "three", "four", "five"])
    aya.page.get_by_test_id("composer").fill("a draft")
    begin(aya, "two")
    counts(aya, "1 selected")
    expect(row_of(aya, "two")).to_be_focused()
    expect(row_of(aya, "two")).to_have_accessible_name(f"Selected Aya {shown_time(aya, 'two')}")
    expect(row_of(aya, "one")).to_have_accessible_name(f"Aya {shown_time(aya, 'one')}")
    expect(row_of(aya, "two").locator(".actions")).to_have_count(0)
    expect(aya.page.get_by_test_id("composer")).to_be_hidden()
    keys = aya.page.keyboard
    keys.press("Shift+ArrowDown")
    keys.press("Shift+ArrowDown")
    expect(row_of(aya, "four")).to_be_focused()
    counts(aya, "3 selected")
    keys.press("Shift+ArrowUp")
    expect(row_of(aya, "three")).to_be_focused()
    assert chosen(aya.page) == ["two", "three"]
    keys.press("End")
    expect(row_of(aya, "five")).to_be_focused()
    keys.press("Space")
    keys.press("Home")
    keys.press("Shift+Space")  # from the last one that was toggled to this one
    counts(aya, "5 selected")
    keys.press("Space")
    assert chosen(aya.page) == ["two", "three", "four", "five"]
    assert findings(aya.page, axe_script()) == []
    keys.press("Tab")
    expect(box_of(aya, "one")).to_be_focused()
    keys.press("Space")
    counts(aya, "5 selected")
    keys.press("Tab")
    has_focus(aya.page, "select-cancel")
    for action in ("saved.save", "forward", "copy", "delete"):
        keys.press("Tab")
        has_focus(aya.page, f"select-{action}")
    keys.press("Enter")
    question = aya.page.get_by_test_id("ask")
    expect(question).to_contain_text("Delete these 5 messages?")
    keys.press("Escape")
    expect(question).to_have_count(0)
    has_focus(aya.page, "select-delete")
    keys.press("Escape")
    is_over(aya)
    expect(row_of(aya, "one")).to_be_focused()
    expect(aya.page.get_by_test_id("composer")).to_have_value("a draft")
    assert len(bodies(aya, room)) == 5


def shown_time(person: Person, text: str) -> str:
    return str(row_of(person, text).locator("time").first.text_content())


def test_by_pointer_all_of_a_row_toggles_it_and_shift_extends(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-points", "Aya")
    link = "https://example.org/roses"
    in_room(aya, "Points", ["first", "second", link, "fourth", "fifth", "sixth"])
    row_of(aya, "first").hover()
    row_of(aya, "first").get_by_test_id("select").click()
    counts(aya, "1 selected")
    expect(row_of(aya, "first")).to_be_focused()
    aya.page.get_by_role("link", name=link).click()
    counts(aya, "2 selected")
    assert len(aya.context.pages) == 1
    row_of(aya, "fifth").click(modifiers=["Shift"])
    assert chosen(aya.page) == ["first", link, "fourth", "fifth"]
    row_of(aya, "second").click(modifiers=["Shift"])
    assert chosen(aya.page) == ["first", "second", link]
    assert aya.page.evaluate("getSelection().toString()") == ""
    box_of(aya, "fourth").click()
    expect(row_of(aya, "fourth")).to_be_focused()
    aya.page.keyboard.press("Space")
    row_of(aya, "first").get_by_test_id("author").click()
    expect(aya.page.locator("dialog")).to_have_count(0)
    counts(aya, "2 selected")
    for text in ("second", link):
        row_of(aya, text).click()
    counts(aya, "0 selected")
    for action in ("forward", "copy", "delete"):
        expect(aya.page.get_by_test_id(f"select-{action}")).to_be_disabled()
    press(aya, "cancel")
    is_over(aya)
    expect(row_of(aya, link)).to_be_focused()
    expect(row_of(aya, link).get_by_test_id("forward")).to_be_visible()


def test_what_happens_to_messages_meanwhile_counts(person: PersonFactory, server: Server) -> None:
    ben = person(server).sign_up("ben-changes", "Ben")
    aya = person(server).sign_up("aya-changes", "Aya")
    room = in_room(ben, "Changing", ["stays", "goes", "changes", "last"])
    aya.join_room("Changing")
    expect(row_of(aya, "last")).to_be_visible()
    ids = {text: row_of(aya, text).get_attribute("data-id") for text in ("goes", "changes")}
    begin(aya, "stays")
    row_of(aya, "changes").click(modifiers=["Shift"])
    counts(aya, "3 selected")
    expect(aya.page.get_by_test_id("select-delete")).to_be_disabled()
    title = "Among them are messages that you may not delete."
    expect(aya.page.get_by_test_id("select-delete")).to_have_attribute("title", title)
    address = f"{ben.rooms}/{room}/messages"
    assert ben.context.request.delete(f"{address}/{ids['goes']}").ok
    counts(aya, "2 selected")
    edited = ben.context.request.patch(f"{address}/{ids['changes']}", data={"body": "has changed"})
    assert edited.ok
    changed = aya.page.get_by_test_id("message").filter(has_text="has changed")
    expect(changed.get_by_role("checkbox")).to_be_checked()
    ben.say("new")
    expect(box_of(aya, "new")).not_to_be_checked()
    aya.context.grant_permissions(["clipboard-read", "clipboard-write"])
    notes(aya)
    press(aya, "copy")
    noted(aya, "2 messages are copied.")
    is_over(aya)
    lines = str(aya.page.evaluate(COPIED)).split("\n")
    assert [line.partition(" Ben: ")[2] for line in lines] == ["stays", "has changed"]
    assert all(shown_time(aya, "stays")[:2] in line for line in lines)


def test_without_a_clipboard_the_text_is_shown(person: PersonFactory, server: Server) -> None:
    aya = person(server)
    aya.context.add_init_script(NO_CLIPBOARD)
    aya.sign_up("aya-by-hand", "Aya")
    in_room(aya, "By hand", ["to copy", "and this"])
    begin(aya, "and this")
    row_of(aya, "to copy").click()
    press(aya, "copy")
    text = aya.page.get_by_test_id("select-text")
    expect(text).to_be_focused()
    lines = text.input_value().split("\n")
    assert [line.partition(" Aya: ")[2] for line in lines] == ["to copy", "and this"]
    assert findings(aya.page, axe_script()) == []
    aya.page.keyboard.press("Escape")
    counts(aya, "2 selected")
    has_focus(aya.page, "select-copy")


def test_several_are_forwarded_in_their_order_with_one_comment(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-forwards-many", "Aya")
    aya.create_room("Many goal")
    goal = str(aya.page.locator("room-view").get_attribute("data-room"))
    room = in_room(aya, "Many source", ["alpha", "beta", "gamma", "delta"])
    ids = {text: row_of(aya, text).get_attribute("data-id") for text in ("alpha", "beta", "delta")}
    begin(aya, "delta")
    for text in ("beta", "alpha", "gamma"):
        row_of(aya, text).click()
    press(aya, "forward")
    dialog = aya.page.get_by_test_id("forward-dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Forward messages (4)")
    quotes = dialog.get_by_test_id("forward-preview").locator("blockquote")
    expect(quotes).to_have_count(4)
    gamma = str(row_of(aya, "gamma").get_attribute("data-id"))
    assert aya.context.request.delete(f"{aya.rooms}/{room}/messages/{gamma}").ok
    expect(quotes).to_have_count(3)
    dialog.get_by_test_id("forward-comment").fill("All of it:")
    dialog.get_by_role("radio", name="Many goal", exact=True).check()
    assert findings(aya.page, axe_script()) == []
    notes(aya)
    dialog.get_by_test_id("forward-send").click()
    expect(dialog).to_have_count(0)
    noted(aya, "Forwarded to Many goal.")
    is_over(aya)
    aya.open_room("Many goal")
    posted = aya.page.locator('article[data-state="posted"]')
    expect(posted.locator("blockquote")).to_have_text(["Ayaalpha", "Ayabeta", "Ayadelta"])
    assert bodies(aya, goal) == [
        f"{'All of it:' + chr(10) * 2 if text == 'alpha' else ''}> **Aya**\n>\n> {text}\n\n{server.url}/m/{ids[text]}"
        for text in ("alpha", "beta", "delta")
    ]


def test_a_forwarding_that_is_given_up_keeps_the_choice(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-gives-up", "Aya")
    in_room(aya, "Given up", ["this", "that"])
    begin(aya, "this")
    row_of(aya, "that").click()
    press(aya, "forward")
    dialog = aya.page.get_by_test_id("forward-dialog")
    expect(dialog.get_by_test_id("recipient-find")).to_be_focused()
    aya.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    counts(aya, "2 selected")
    has_focus(aya.page, "select-forward")


def test_own_messages_are_deleted_after_one_question(person: PersonFactory, server: Server) -> None:
    ben = person(server).sign_up("ben-owns", "Ben")
    aya = person(server).sign_up("aya-deletes", "Aya")
    ben.create_room("Deleting")
    ben.say("of Ben")
    ben.sees("of Ben")
    aya.join_room("Deleting")
    room = str(aya.page.locator("room-view").get_attribute("data-room"))
    aya.post_over_http(["mine", "mine, too"])
    begin(aya, "mine")
    row_of(aya, "mine, too").click()
    expect(aya.page.get_by_test_id("select-delete")).to_be_enabled()
    row_of(aya, "of Ben").click()
    expect(aya.page.get_by_test_id("select-delete")).to_be_disabled()
    row_of(aya, "of Ben").click()
    press(aya, "delete")
    question = aya.page.get_by_test_id("ask")
    expect(question).to_contain_text("Delete these 2 messages?")
    notes(aya)
    question.get_by_test_id("ask-yes").click()
    noted(aya, "Delete: 2 messages.")
    is_over(aya)
    assert bodies(aya, room) == ["of Ben"]


def test_those_that_cannot_be_deleted_are_told_of_and_stay_chosen(
    person: PersonFactory, server: Server
) -> None:
    hugo = person(server).sign_up("hugo", "Hugo")
    ben = person(server).sign_up("ben-is-kept", "Ben")
    hugo.create_room("Refused")
    ben.join_room("Refused")
    room = str(hugo.page.locator("room-view").get_attribute("data-room"))
    ben.say("of Ben")
    hugo.sees("of Ben")
    hugo.post_over_http(["of Hugo", "of Hugo, too"])
    begin(hugo, "of Ben")  # whose messages an owner of the room may delete, but for the plugin
    row_of(hugo, "of Hugo, too").click(modifiers=["Shift"])
    press(hugo, "delete")
    hugo.page.get_by_test_id("ask-yes").click()
    notice = hugo.page.locator("notice-list")
    expect(notice).to_contain_text("Delete: refused for 1 of 3. Ask them first.")
    counts(hugo, "1 selected")
    expect(box_of(hugo, "of Ben")).to_be_checked()
    expect(hugo.page.get_by_test_id("select-delete")).to_be_enabled()
    assert bodies(hugo, room) == ["of Ben"]


def test_a_deletion_is_stopped_and_what_was_not_begun_stays(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-stops", "Aya")
    texts = [f"line {number}" for number in range(9)]
    room = in_room(aya, "Stopping", texts)
    begin(aya, "line 0")
    row_of(aya, "line 8").click(modifiers=["Shift"])
    aya.page.evaluate(HOLD_DELETIONS)
    press(aya, "delete")
    aya.page.get_by_test_id("ask-yes").press("Enter")
    counts(aya, "0 of 9…")
    has_focus(aya.page, "select-cancel")
    expect(aya.page.get_by_test_id("select-delete")).to_be_disabled()
    aya.page.keyboard.press("Escape")
    aya.page.evaluate("window.goOn()")
    counts(aya, "6 selected")
    assert aya.page.evaluate("window.begun") == 3
    assert bodies(aya, room) == texts[3:]
    press(aya, "cancel")
    is_over(aya)


def test_a_deletion_goes_on_when_the_room_is_left(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-leaves", "Aya")
    aya.create_room("Elsewhere")
    room = in_room(aya, "Left", [f"line {number}" for number in range(5)])
    begin(aya, "line 0")
    row_of(aya, "line 4").click(modifiers=["Shift"])
    aya.page.evaluate(HOLD_DELETIONS)
    press(aya, "delete")
    aya.page.get_by_test_id("ask-yes").click()
    counts(aya, "0 of 5…")
    aya.open_room("Elsewhere")
    is_over(aya)
    notes(aya)
    aya.page.evaluate(FORGET, room)  # of which the choice would tell
    expect(aya.page.locator("notice-list")).not_to_contain_text("Too much has happened")
    aya.page.evaluate("window.goOn()")
    noted(aya, "Delete: 5 messages.")
    assert bodies(aya, room) == []
    aya.open_room("Left")
    is_over(aya)


def test_a_plugin_does_something_with_each(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-saves", "Aya")
    in_room(aya, "Saving", ["keep me", "not me", "me, too"])
    ids = [row_of(aya, text).get_attribute("data-id") for text in ("keep me", "me, too")]
    begin(aya, "keep me")
    row_of(aya, "me, too").click()
    notes(aya)
    bar_of(aya).get_by_role("button", name="Save for later").click()
    noted(aya, "Save for later: 2 messages.")
    is_over(aya)
    saved = aya.context.request.get(f"{server.url}/api/v1/saved").json()["saved"]
    assert {each["id"] for each in saved} == set(ids)

    aya.expected.append("plugin faulty: Error: as it is")
    begin(aya, "not me")
    aya.page.evaluate(FAULTY)  # a part that comes late
    bar_of(aya).get_by_role("button", name="Fail for each").click()
    expect(aya.page.locator("notice-list")).to_contain_text("Fail for each: refused for 1 of 1.")
    counts(aya, "1 selected")


def test_those_of_somebody_who_is_blocked_then_are_chosen_no_more(
    person: PersonFactory, server: Server
) -> None:
    ben = person(server).sign_up("ben-blocked", "Ben")
    aya = person(server).sign_up("aya-blocks", "Aya")
    ben.create_room("Blocking")
    ben.say("of Ben")
    ben.sees("of Ben")
    aya.join_room("Blocking")
    aya.post_over_http(["of Aya"])
    begin(aya, "of Aya")
    row_of(aya, "of Ben").click()
    counts(aya, "2 selected")
    block = """() => {
      const { session, store } = document.querySelector("chat-app");
      const other = [...store.rooms.values()].flatMap(({ messages }) => messages).find(({ author }) => author.name === "Ben");
      return session.blocks.add(other.author.id);
    }"""
    aya.page.evaluate(block)
    counts(aya, "1 selected")
    expect(aya.page.get_by_role("checkbox")).to_have_count(1)


def test_a_long_room_keeps_the_choice_while_rows_come_and_go(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-scrolls", "Aya")
    aya.create_room("Long")
    aya.post_over_http([f"line {number:03}" for number in range(500)])
    room = str(aya.page.locator("room-view").get_attribute("data-room"))
    begin(aya, "line 499")
    want = "(room) => document.querySelector('chat-app').store.want(room, 1)"
    aya.page.evaluate(want, room)
    expect(row_of(aya, "line 000")).to_be_focused()
    expect(row_of(aya, "line 499")).to_have_count(0)
    keys = aya.page.keyboard
    keys.press("Space")
    counts(aya, "2 selected")
    keys.press("Space")
    counts(aya, "1 selected")
    keys.press("Space")
    aya.page.get_by_test_id("jump").click()
    expect(box_of(aya, "line 499")).to_be_checked()
    expect(box_of(aya, "line 498")).not_to_be_checked()
    expect(row_of(aya, "line 000")).to_have_count(0)
    until(aya.page, LOADS_OLDER, room)
    aya.page.get_by_test_id("jump").click()
    expect(box_of(aya, "line 499")).to_be_checked()
    counts(aya, "2 selected")
    notes(aya)
    row_of(aya, "line 499").focus()
    keys.press("x")
    keys.press("x")  # a range begins here
    keys.press("Home")  # of those that are here
    keys.press("Shift+Space")
    noted(aya, "At most 100 can be selected at once.")
    counts(aya, "100 selected")
    aya.context.grant_permissions(["clipboard-read", "clipboard-write"])
    press(aya, "copy")
    is_over(aya)
    lines = str(aya.page.evaluate(COPIED)).split("\n")
    wanted = ["line 000", *(f"line {number}" for number in range(401, 500))]
    assert [line.partition(" Aya: ")[2] for line in lines] == wanted


def test_by_finger_in_japanese(person: PersonFactory, server: Server) -> None:
    aya = person(server, locale="ja-JP", **PHONE).sign_up("aya-taps", "綾")
    room = in_room(aya, "庭", ["薔薇", "百合", "菊"])
    until(aya.page, HAS_SAVING)
    row = row_of(aya, "薔薇")
    row.get_by_test_id("message-body").tap()
    row.get_by_test_id("message-more").tap()
    aya.page.get_by_role("menuitem", name="選択").tap()
    counts(aya, "1 件を選択中")
    row_of(aya, "菊").tap()
    counts(aya, "2 件を選択中")
    assert chosen(aya.page) == ["薔薇", "菊"]
    assert findings(aya.page, axe_script()) == []
    for button in bar_of(aya).get_by_role("button").all():
        box = place_of(button)
        assert box["x"] >= 0 and box["x"] + box["width"] <= 360
        assert box["y"] + box["height"] <= 640 and min(box["width"], box["height"]) >= 44
    bar_of(aya).get_by_role("button", name="削除").tap()
    question = aya.page.get_by_test_id("ask")
    expect(question).to_contain_text("選択した 2 件のメッセージを削除しますか？")
    notes(aya)
    question.get_by_test_id("ask-yes").tap()
    noted(aya, "削除: 2 件が完了しました。")
    is_over(aya)
    assert bodies(aya, room) == ["百合"]


def test_replies_in_a_thread_are_chosen_there(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-threads-many", "Aya")
    room = in_room(aya, "Threaded", ["the root"])
    root = row_of(aya, "the root").get_attribute("data-id")
    for text in ("reply one", "reply two"):
        reply = {"client_id": text, "body": text, "thread": root}
        assert aya.context.request.post(f"{aya.rooms}/{room}/messages", data=reply).ok
    row_of(aya, "the root").get_by_test_id("thread-replies").click()
    thread = aya.page.get_by_test_id("thread")
    replies = thread.get_by_test_id("message")
    expect(replies).to_have_count(3)
    replies.nth(1).focus()
    replies.nth(1).press("x")
    thread.get_by_test_id("select-bar").wait_for()
    expect(thread.get_by_test_id("composer")).to_be_hidden()
    expect(aya.page.get_by_test_id("composer").first).to_be_visible()
    aya.page.keyboard.press("Shift+ArrowDown")
    counts(aya, "2 selected")
    press(aya, "delete")
    aya.page.get_by_test_id("ask-yes").click()
    expect(bar_of(aya)).to_have_count(0)
    expect(thread.get_by_test_id("composer")).to_be_visible()
    assert bodies(aya, room) == ["the root"]


def test_after_a_gap_one_chooses_again(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-gap", "Aya")
    room = in_room(aya, "Gap", ["before", "after"])
    begin(aya, "before")
    aya.page.evaluate(FORGET, room)
    expect(aya.page.locator("notice-list")).to_contain_text("Too much has happened")
    is_over(aya)


def test_what_cannot_be_loaded_is_told_of(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-offline", "Aya")
    aya.expected += ["ERR_FAILED", "Failed to fetch"]
    in_room(aya, "Not loaded", ["a message"])
    aya.page.route("**/selecting*", lambda route: route.abort())
    row_of(aya, "a message").focus()
    aya.page.keyboard.press("x")
    expect(aya.page.locator("notice-list")).to_be_visible()
    is_over(aya)
    aya.page.unroute("**/selecting*")
