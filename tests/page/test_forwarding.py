"""Forwarding of messages: to rooms and people, by keyboard and on a phone, without a network, and what it keeps to itself."""

import pytest
from playwright.sync_api import Locator, expect

from tests.page.people import AWAY, Person, PersonFactory, Server
from tests.page.test_accessibility import findings
from tests.page.tools import axe_script
from tests.page.views import attach
from tests.page.waiting import NOTE_TEXT, has_focus, until

pytestmark = pytest.mark.long
PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
IS_CLOSED = """(names) => {
  const rooms = [...document.querySelector('chat-app').store.rooms.values()];
  return names.every((name) => rooms.some((room) => room.name === name && (room.archived || room.posting === 'moderators')));
}"""
DRAFT = """(name) => {
  const { session, store } = document.querySelector('chat-app');
  const room = [...store.rooms.values()].find((each) => each.name === name);
  return session.drafts.of(room.id).text;
}"""


def row_of(person: Person, text: str) -> Locator:
    return person.page.get_by_test_id("message").filter(has_text=text)


def dialog_of(person: Person) -> Locator:
    return person.page.get_by_test_id("forward-dialog")


def begin(person: Person, text: str) -> Locator:
    """Open the dialog for the message with this text, by key."""
    row = row_of(person, text)
    row.focus()
    row.press("f")
    dialog = dialog_of(person)
    expect(dialog.get_by_test_id("recipient-find")).to_be_focused()
    return dialog


def choose(dialog: Locator, name: str) -> None:
    dialog.get_by_test_id("recipient-find").fill(name)
    dialog.get_by_role("radio", name=name, exact=True).check()


def send(person: Person) -> None:
    person.page.get_by_test_id("forward-send").click()
    expect(dialog_of(person)).to_have_count(0)


def bodies(person: Person, name: str) -> list[str]:
    """Texts of the messages in a room, by HTTP, oldest first."""
    rooms = person.context.request.get(person.rooms).json()["rooms"]
    (room,) = (each["id"] for each in rooms if each["name"] == name)
    page = person.context.request.get(f"{person.rooms}/{room}/messages").json()
    return [each["body"] for each in page["messages"]]


def mentions(person: Person, name: str) -> int:
    """Number of unread messages in a room that mention this person, as the server counts them."""
    rooms = person.context.request.get(person.rooms).json()["rooms"]
    (room,) = (each for each in rooms if each["name"] == name)
    return int(room.get("mentions", 0))


def test_a_message_is_forwarded_by_keyboard_with_a_comment_and_the_draft_there_stays(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-forwards", "Aya")
    aya.create_room("Kitchen")
    aya.page.get_by_test_id("composer").fill("a draft for the kitchen")
    until(aya.page, f"(name) => ({DRAFT})(name) === 'a draft for the kitchen'", "Kitchen")
    aya.create_room("Garden")
    aya.say("The **tomatoes** are ripe.\n```\ncode()")
    expect(row_of(aya, "tomatoes")).to_have_attribute("data-state", "posted")
    message = row_of(aya, "tomatoes").get_attribute("data-id")

    dialog = begin(aya, "tomatoes")
    expect(dialog.get_by_test_id("forward-send")).to_be_disabled()
    keys = aya.page.keyboard
    keys.type("kitch")
    expect(dialog.get_by_test_id("recipient")).to_have_text(["Kitchen", "@kitch"])
    keys.press("Enter")
    has_focus(aya.page, "forward-comment")
    keys.type("Who wants some?")
    preview = dialog.get_by_test_id("forward-preview")
    expect(preview.locator("blockquote")).to_contain_text("The tomatoes are ripe.")
    expect(preview.locator("blockquote strong")).to_have_text(["Aya", "tomatoes"])
    expect(preview.get_by_text("Who wants some?")).to_be_visible()
    expect(preview.get_by_role("link", name=f"{server.url}/m/{message}")).to_be_visible()
    assert findings(aya.page, axe_script()) == []
    aya.page.locator("notice-list").evaluate(NOTE_TEXT)
    dialog.get_by_test_id("forward-send").press("Enter")
    expect(dialog).to_have_count(0)
    until(aya.page, "() => window.noted?.includes('Forwarded to Kitchen.')")
    expect(row_of(aya, "tomatoes")).to_be_focused()

    aya.open_room("Kitchen")
    sent = row_of(aya, "Who wants some?")
    expect(sent).to_have_attribute("data-state", "posted")
    expect(sent.locator("blockquote .code-block code")).to_have_text("code()")
    expect(aya.page.get_by_test_id("composer")).to_have_value("a draft for the kitchen")
    assert bodies(aya, "Kitchen") == [
        "Who wants some?\n\n> **Aya**\n>\n> The **tomatoes** are ripe.\n> ```\n> code()"
        f"\n\n{server.url}/m/{message}"
    ]
    sent.get_by_role("link", name=f"/m/{message}").click()
    expect(row_of(aya, "tomatoes")).to_be_focused()


def test_what_is_quoted_reaches_nobody_again_and_the_comment_does(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-quotes", "Aya")
    ben = person(server).sign_up("ben-quoted", "Ben")
    cem = person(server).sign_up("cem-named", "Cem")
    aya.create_room("Goal")
    for each in (ben, cem):
        each.become_member("Goal")
    aya.create_room("Source")
    aya.say("@ben-quoted @room ||secret|| <b>no markup</b>")
    expect(row_of(aya, "no markup")).to_have_attribute("data-state", "posted")

    dialog = begin(aya, "no markup")
    choose(dialog, "Goal")
    dialog.get_by_test_id("forward-comment").fill("@cem-named look")
    preview = dialog.get_by_test_id("forward-preview")
    expect(preview.get_by_test_id("spoiler-cover")).to_be_visible()
    send(aya)
    aya.open_room("Goal")
    expect(row_of(aya, "no markup")).to_have_attribute("data-state", "posted")
    expect(row_of(aya, "no markup")).to_contain_text("<b>no markup</b>")
    expect(row_of(aya, "no markup").get_by_test_id("spoiler-cover")).to_be_visible()
    assert [mentions(each, "Goal") for each in (ben, cem)] == [0, 1]


def test_rooms_where_one_may_not_write_are_not_offered_and_few_are_asked_before_all_read_it(
    person: PersonFactory, server: Server
) -> None:
    ben = person(server).sign_up("ben-discreet", "Ben")  # the first account may write everywhere
    aya = person(server).sign_up("aya-discreet", "Aya")
    rooms = {}
    for name in ("Forum", "Shut", "Notices"):
        ben.create_room(name)
        rooms[name] = ben.page.locator("room-view").get_attribute("data-room")
        aya.join_room(name)
    closed = {
        "Shut": ("put", "/archived", {"archived": True}),
        "Notices": ("patch", "", {"posting": "moderators"}),
    }
    for name, (method, path, data) in closed.items():
        address = f"{ben.rooms}/{rooms[name]}{path}"
        assert getattr(ben.context.request, method)(address, data=data).ok
    aya.create_room("Board", "private")
    aya.create_room("Few", "private")
    aya.say("for few")
    aya.sees("for few")
    until(aya.page, IS_CLOSED, list(closed))

    dialog = begin(aya, "for few")
    expect(dialog.get_by_test_id("recipient")).to_have_text(["Board", "Few", "Forum"])
    choose(dialog, "Board")
    send(aya)  # to a private room nothing is asked
    dialog = begin(aya, "for few")
    choose(dialog, "Forum")
    dialog.get_by_test_id("forward-send").click()
    question = aya.page.get_by_test_id("ask")
    expect(question).to_contain_text("Forum is public")
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_have_count(0)
    expect(dialog.get_by_test_id("forward-send")).to_be_enabled()
    dialog.get_by_test_id("forward-send").click()
    question.get_by_test_id("ask-yes").click()
    expect(dialog).to_have_count(0)
    for name in ("Board", "Forum"):
        aya.open_room(name)
        expect(row_of(aya, "for few")).to_have_attribute("data-state", "posted")
        expect(row_of(aya, "for few")).to_have_count(1)


def test_a_room_that_is_closed_meanwhile_is_chosen_no_more(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-late", "Aya")
    aya.create_room("Closing")
    closing = aya.page.locator("room-view").get_attribute("data-room")
    aya.create_room("From here")
    aya.say("too late")
    aya.sees("too late")
    dialog = begin(aya, "too late")
    choose(dialog, "Closing")
    expect(dialog.get_by_test_id("forward-send")).to_be_enabled()
    archived = aya.context.request.put(f"{aya.rooms}/{closing}/archived", data={"archived": True})
    assert archived.ok
    expect(dialog.get_by_test_id("forward-send")).to_be_disabled()
    expect(dialog.get_by_role("radio", name="Closing", exact=True)).to_have_count(0)


def test_what_happens_to_the_original_meanwhile_counts(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-changes", "Aya")
    aya.create_room("Changing")
    aya.say("first words")
    aya.sees("first words")
    room, _, message = str(row_of(aya, "first words").get_attribute("data-id")).rpartition("-")
    address = f"{aya.rooms}/{room}/messages/{room}-{message}"
    dialog = begin(aya, "first words")
    choose(dialog, "Changing")
    preview = dialog.get_by_test_id("forward-preview")
    assert aya.context.request.patch(address, data={"body": "other words"}).ok
    expect(preview).to_contain_text("other words")
    expect(preview).not_to_contain_text("first words")
    assert aya.context.request.delete(address).ok
    expect(dialog.get_by_test_id("forward-error")).to_have_text("This message was deleted.")
    expect(preview).to_have_text("")
    expect(dialog.get_by_test_id("forward-send")).to_be_disabled()
    dialog.get_by_role("button", name="Cancel").click()
    expect(row_of(aya, "words")).to_have_count(0)


def test_without_a_network_it_waits_in_the_outbox_and_is_sent_once(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-away", "Aya")
    aya.expected.append(AWAY)
    aya.create_room("Later")
    aya.create_room("Now")
    aya.say("sent while away")
    aya.sees("sent while away")
    dialog = begin(aya, "sent while away")  # the dialog is loaded
    dialog.get_by_role("button", name="Cancel").click()
    aya.context.set_offline(True)
    expect(aya.page.get_by_test_id("connection-status")).to_contain_text("You are offline.")
    dialog = begin(aya, "sent while away")
    choose(dialog, "Later")
    dialog.get_by_test_id("forward-comment").fill("@room as promised")
    send(aya)
    aya.page.get_by_test_id("room").filter(has_text="Later").click()
    expect(row_of(aya, "as promised")).to_have_attribute("data-state", "pending")
    aya.context.set_offline(False)
    expect(row_of(aya, "as promised")).to_have_attribute("data-state", "posted")
    expect(row_of(aya, "as promised")).to_have_count(1)
    assert [body.partition("\n")[0] for body in bodies(aya, "Later")] == ["@room as promised"]


def test_by_finger_in_japanese_to_somebody_by_their_user_name(
    person: PersonFactory, server: Server
) -> None:
    ben = person(server).sign_up("ben-reached", "弁")
    aya = person(server, locale="ja-JP", **PHONE).sign_up("aya-finger", "綾")
    page = aya.page
    aya.create_room("庭")
    aya.post_over_http([f"「重要」です。{'とても長い話。' * 1_140}"])
    row = row_of(aya, "重要")
    row.get_by_test_id("message-body").tap(position={"x": 60, "y": 30})
    row.get_by_test_id("message-more").tap()
    row.get_by_test_id("forward").tap()
    dialog = dialog_of(aya)
    expect(dialog.get_by_role("heading")).to_have_text("メッセージを転送")
    dialog.get_by_test_id("recipient-find").fill("nobody-here")
    dialog.get_by_role("radio", name="@nobody-here").check()
    aya.expected.append(r"404 \(Not Found\)")
    dialog.get_by_test_id("forward-send").tap()
    expect(dialog.get_by_test_id("forward-error")).not_to_be_empty()
    dialog.get_by_test_id("recipient-find").fill("@ben-reached")
    dialog.get_by_role("radio", name="@ben-reached").check()
    expect(dialog.get_by_test_id("forward-error")).to_be_empty()
    dialog.get_by_test_id("forward-comment").fill("ご確認ください")
    expect(dialog.get_by_test_id("forward-notes")).to_contain_text("冒頭だけを引用します")
    box = dialog.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["viewport"]["width"]  # type: ignore[index]
    assert findings(page, axe_script()) == []
    dialog.get_by_test_id("forward-send").tap()
    expect(dialog).to_have_count(0)
    ben.page.get_by_test_id("room").filter(has_text="綾").click()
    sent = row_of(ben, "ご確認ください")
    expect(sent.locator("blockquote")).to_contain_text("「重要」です。")
    expect(sent.locator("blockquote p").last).to_have_text("…")


def test_files_stay_with_the_original_and_the_dialog_says_so(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-files", "Aya")
    aya.create_room("Files")
    attach(aya.page, {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"notes"})
    aya.say("the plan")
    expect(row_of(aya, "the plan")).to_have_attribute("data-state", "posted")
    expect(row_of(aya, "the plan")).to_contain_text("notes.txt")
    dialog = begin(aya, "the plan")
    expect(dialog.get_by_test_id("forward-notes")).to_contain_text("Files, and what else")
    choose(dialog, "Files")
    dialog.get_by_test_id("forward-comment").fill("see there")
    send(aya)
    expect(row_of(aya, "see there")).to_have_attribute("data-state", "posted")
    expect(row_of(aya, "see there")).not_to_contain_text("notes.txt")
    dialog = begin(aya, "see there")
    expect(dialog.get_by_test_id("forward-notes")).to_be_empty()
    dialog.get_by_role("button", name="Cancel").click()


def test_a_reply_in_a_thread_and_one_of_an_archived_room_are_forwarded_to_somebody_known(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-threads-on", "Aya")
    ben = person(server).sign_up("ben-threads-on", "Ben Known")
    aya.create_room("Threaded")
    aya.say("the root")
    aya.sees("the root")
    room = ben.become_member("Threaded")
    root = row_of(aya, "the root").get_attribute("data-id")
    reply = {"client_id": "a reply", "body": "the reply", "thread": root, "broadcast": True}
    assert ben.context.request.post(f"{ben.rooms}/{room}/messages", data=reply).ok
    row_of(aya, "the root").get_by_test_id("thread-replies").click()
    thread = aya.page.get_by_test_id("thread")
    within = thread.get_by_test_id("message").filter(has_text="the reply")
    within.focus()
    within.press("f")
    dialog = dialog_of(aya)
    expect(dialog.get_by_test_id("forward-preview").locator("strong")).to_have_text("Ben Known")
    choose(dialog, "Ben Known")
    send(aya)
    expect(within).to_be_focused()
    expect(aya.page.get_by_test_id("room").filter(has_text="Ben Known")).to_be_visible()

    assert aya.context.request.put(f"{aya.rooms}/{room}/archived", data={"archived": True}).ok
    expect(aya.page.get_by_test_id("archived-restore").first).to_be_visible()
    aya.page.get_by_test_id("room-panel").get_by_role("button", name="Close").click()
    expect(thread).to_have_count(0)
    dialog = begin(aya, "the root")
    choose(dialog, "Ben Known")  # who is a room now
    send(aya)
    aya.open_room("Ben Known")
    quotes = aya.page.get_by_test_id("message").locator("blockquote")
    expect(quotes).to_have_text(["Ben Knownthe reply", "Ayathe root"])
