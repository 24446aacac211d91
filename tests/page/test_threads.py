"""Threads, as people read and write them: beside the room and on a phone, by keyboard, without a network, by link."""

import httpx
import pytest
from playwright.sync_api import Locator, expect

from chatserver.web.access import COOKIE
from tests.page.people import Person, PersonFactory, Server, act
from tests.page.test_accessibility import findings
from tests.page.test_browser import NONE_UNREAD
from tests.page.tools import axe_script
from tests.page.waiting import has_focus, until

pytestmark = pytest.mark.long
PHONE = {"width": 390, "height": 740}


def row_of(place: Person | Locator, text: str) -> Locator:
    within = place.page if isinstance(place, Person) else place
    return within.get_by_test_id("message").filter(has_text=text)


def thread_of(person: Person) -> Locator:
    return person.page.get_by_test_id("thread")


def write(within: Locator, text: str) -> None:
    composer = within.get_by_test_id("composer")
    composer.fill(text)
    composer.press("Enter")
    expect(composer).to_have_value("")


def texts(within: Locator) -> list[str]:
    return within.get_by_test_id("message-body").all_inner_texts()


def post(person: Person, bodies: list[tuple[str, str | None]]) -> list[str]:
    """Messages into the open room over HTTP, each as (text, root); their ids."""
    room = person.page.locator("room-view").get_attribute("data-room")
    (session,) = (each["value"] for each in person.context.cookies() if each["name"] == COOKIE)
    ids = []
    with httpx.Client(base_url=person.rooms, cookies={COOKIE: session}) as client:
        for index, (body, root) in enumerate(bodies):
            message = {"client_id": f"post-{index}-{body}"[:60], "body": body, "thread": root}
            answer = client.post(f"{room}/messages", json=message)
            assert answer.status_code == 201, answer.text
            ids.append(answer.json()["id"])
    return ids


def test_what_comes_behind_a_thread_on_a_phone_is_not_read(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-behind", "Aya")
    ben = person(server, viewport=PHONE).sign_up("ben-behind", "Ben")
    aya.create_room("Behind")
    ben.join_room("Behind")
    aya.say("Who waters today?")
    ben.sees("Who waters today?")
    page = ben.page
    row = page.get_by_test_id("message")
    row.focus()
    row.get_by_test_id("thread-reply").press("Enter")
    expect(thread_of(ben)).to_be_visible()
    aya.say("@ben-behind, and the roses?")
    room = page.locator("room-view").get_attribute("data-room")
    kept = "document.querySelector('chat-app').store.rooms.get(room)"
    until(page, f"(room) => {kept}.messages.at(-1).body.includes('roses')", room)
    assert page.evaluate(f"(room) => [{kept}.unread, {kept}.mentions]", room) == [1, 1]
    page.get_by_test_id("room-panel").get_by_role("button", name="Close").click()
    ben.sees("@ben-behind, and the roses?")
    expect(page.get_by_text("New messages")).to_be_visible()
    until(page, f"(room) => {kept}.unread === 0", room)


def test_two_people_talk_in_a_thread_beside_the_room_and_on_a_phone(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-thread", "Aya")
    ben = person(server, viewport=PHONE).sign_up("ben-thread", "Ben")
    aya.create_room("Watering")
    ben.join_room("Watering")
    aya.say("Who waters today?")
    ben.sees("Who waters today?")
    root = row_of(aya, "Who waters")
    root.hover()
    root.get_by_role("button", name="Reply in thread").click()
    mine = thread_of(aya)
    has_focus(aya.page, "composer")
    write(mine, "I could")
    # Ben sees no message, but that the other one has a reply, which is new.
    replies = ben.page.get_by_test_id("thread-replies")
    expect(replies).to_contain_text("One reply")
    expect(replies.get_by_test_id("thread-new")).to_be_visible()
    expect(ben.page.get_by_test_id("message")).to_have_count(1)
    replies.click()
    theirs = thread_of(ben)
    expect(row_of(theirs, "I could")).to_be_visible()
    expect(theirs.get_by_test_id("new-line")).to_be_visible()
    assert texts(theirs) == ["Who waters today?", "I could"]
    box = theirs.get_by_test_id("broadcast")
    expect(theirs.get_by_text("Also send to Watering")).to_be_visible()
    box.check()
    write(theirs, "No, I do")
    expect(box).not_to_be_checked()
    expect(row_of(mine, "No, I do")).to_contain_text("also in the room")
    expect(mine.get_by_test_id("thread-count")).to_have_text("2 replies")

    # What is done to a reply shows at once for the other one.
    row_of(mine, "No, I do").hover()
    row_of(mine, "No, I do").get_by_role("button", name="👍").click()
    expect(row_of(theirs, "No, I do").get_by_test_id("reaction")).to_be_visible()
    own = row_of(theirs, "No, I do")
    own.focus()
    act(own, "edit")
    write(theirs, "No, we do")
    for within in (mine, theirs):
        expect(row_of(within, "No, we do")).to_contain_text("edited")
    assert findings(aya.page, axe_script()) == []
    assert findings(ben.page, axe_script()) == []
    row_of(mine, "I could").focus()
    act(row_of(mine, "I could"), "delete")
    aya.page.get_by_test_id("ask").get_by_role("button", name="Delete").click()
    expect(theirs.get_by_text("This message was deleted.")).to_be_visible()

    ben.page.get_by_test_id("room-panel").get_by_role("button", name="Close").click()
    expect(theirs).to_have_count(0)
    expect(ben.page.get_by_test_id("thread-new")).to_have_count(0)
    expect(ben.page.get_by_test_id("message")).to_have_count(2)
    ben.page.reload()
    expect(ben.page.get_by_test_id("thread-replies")).to_contain_text("2 replies")
    row_of(ben, "No, we do").get_by_role("button", name="In a thread").click()
    expect(row_of(thread_of(ben), "Who waters today?")).to_be_visible()


def test_actions_leave_the_name_in_reach_beside_a_thread(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-beside", "Aya")
    aya.create_room("Beside")
    aya.say("Look here")
    row = row_of(aya, "Look here").first
    row.hover()
    expect(row.get_by_test_id("delete")).to_be_visible()  # there is room for all of them
    row.get_by_test_id("thread-reply").click()
    for place in (row, row_of(thread_of(aya), "Look here")):
        place.hover()
        expect(place.get_by_test_id("message-more")).to_be_visible()
        expect(place.get_by_test_id("delete")).to_have_count(0)
        place.get_by_test_id("author").click()
        expect(aya.page.get_by_test_id("person-card")).to_be_visible()
        aya.page.keyboard.press("Escape")
        expect(aya.page.get_by_test_id("person-card")).to_have_count(0)


def test_a_thread_by_keyboard_alone_is_kept_while_one_is_elsewhere(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-keys", "Aya")
    keys = aya.page.keyboard
    aya.create_room("Elsewhere")
    aya.create_room("Keys")
    aya.say("Where are they?")
    aya.sees("Where are they?")
    keys.press("Shift+Tab")
    until(aya.page, "document.activeElement.closest('.composer-row') !== null")
    row_of(aya, "Where are they?").focus()
    keys.press("t")
    has_focus(aya.page, "composer")
    thread = thread_of(aya)
    expect(thread.get_by_test_id("composer")).to_be_focused()
    keys.type("On the hook")
    keys.press("Enter")
    expect(row_of(thread, "On the hook")).to_have_attribute("data-state", "posted")
    keys.type("/who")
    keys.press("Enter")
    expect(thread.get_by_role("alert")).to_contain_text("Commands cannot be used in a thread.")
    keys.press("Control+A")
    keys.type("Or beside")
    keys.press("Alt+ArrowUp")
    expect(aya.page.get_by_test_id("room-title")).to_have_text("Elsewhere")
    expect(thread).to_have_count(0)
    keys.press("Alt+ArrowDown")
    expect(aya.page.get_by_test_id("room-title")).to_have_text("Keys")
    expect(thread.get_by_test_id("composer")).to_have_value("Or beside")
    expect(aya.page.locator(".room-body").get_by_test_id("composer")).to_be_focused()
    thread.get_by_test_id("composer").focus()
    keys.press("Tab")  # what plugins have there, or the button that sends
    keys.press("Escape")
    expect(thread).to_have_count(0)
    expect(row_of(aya, "Where are they?")).to_be_focused()
    keys.press("t")
    expect(thread.get_by_test_id("composer")).to_have_value("Or beside")
    row_of(thread, "On the hook").focus()
    expect(row_of(thread, "On the hook").get_by_test_id("thread-reply")).to_have_count(0)
    keys.press("Escape")
    expect(row_of(aya, "Where are they?")).to_be_focused()


def test_replies_that_are_written_offline_are_sent_once_and_in_order(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-away", "Aya")
    ben = person(server).sign_up("ben-away", "Ben")
    aya.expected += [r"ERR_INTERNET_DISCONNECTED", "Failed to fetch", "WebSocket connection to"]
    aya.create_room("Tunnel")
    ben.join_room("Tunnel")
    aya.say("In the train")
    ben.sees("In the train")
    row_of(aya, "In the train").focus()
    aya.page.keyboard.press("t")
    thread = thread_of(aya)
    expect(row_of(thread, "In the train")).to_be_visible()
    aya.context.set_offline(True)
    expect(aya.page.get_by_test_id("connection-status")).to_contain_text("You are offline.")
    for number in range(3):
        write(thread, f"tunnel {number}")
    expect(row_of(thread, "tunnel 2")).to_have_attribute("data-state", "pending")
    expect(aya.page.locator(".room-body").get_by_test_id("message")).to_have_count(1)
    aya.context.set_offline(False)
    row_of(ben, "In the train").get_by_test_id("thread-replies").click()
    expect(row_of(thread_of(ben), "tunnel 2")).to_be_visible()
    for within in (thread, thread_of(ben)):
        expect(within.locator("[data-state=pending]")).to_have_count(0)
        assert texts(within) == ["In the train", "tunnel 0", "tunnel 1", "tunnel 2"]


def test_a_room_of_which_almost_all_is_in_threads_fills_and_a_link_leads_into_one(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-many", "Aya")
    ben = person(server).sign_up("ben-many", "Ben")
    aya.create_room("Many threads")
    room = ben.become_member("Many threads")
    roots = post(aya, [(f"subject {number}", None) for number in range(30)])
    replies = post(aya, [(f"reply {number}", roots[number // 120]) for number in range(300)])
    asked: list[str] = []
    ben.page.on(
        "websocket", lambda socket: socket.on("framesent", lambda frame: asked.append(str(frame)))
    )
    ben.page.goto(f"{server.url}/#room={room}")
    ben.page.reload()
    ben.connected()
    flow = ben.page.locator(".room-body message-list")
    expect(row_of(flow, "subject 0")).to_be_in_viewport()  # where what is new begins
    ben.page.get_by_test_id("jump").click()
    expect(row_of(flow, "subject 29")).to_be_in_viewport()
    expect(ben.page.get_by_test_id("room").get_by_test_id("unread")).to_have_count(0)
    until(ben.page, f"async () => ({NONE_UNREAD})(await fetch('/api/v1/rooms'))")
    asked.clear()
    ben.page.reload()
    ben.connected()
    expect(row_of(flow, "subject 29")).to_be_in_viewport()
    expect(row_of(flow, "subject 15")).to_be_attached()
    assert texts(flow) == [f"subject {number}" for number in range(30)][-len(texts(flow)) :]
    until(ben.page, "document.querySelector('message-list .messages').ariaBusy === 'false'")
    pages = sum('"op":"history"' in frame for frame in asked)
    assert pages <= 8  # none is loaded twice
    assert sum('"op":"threads"' in frame for frame in asked) <= 3

    ben.page.goto(f"{server.url}/m/{replies[10]}")
    thread = thread_of(ben)
    expect(row_of(thread, "reply 10").first).to_be_focused()
    expect(row_of(thread, "reply 10").first).to_be_in_viewport()
    assert ben.page.url == f"{server.url}/#room={room}"
    ben.page.keyboard.press("Home")
    expect(row_of(thread, "subject 0")).to_be_in_viewport()
    expect(thread.get_by_test_id("thread-count")).to_have_text("120 replies")
    ben.page.keyboard.press("Escape")
    # The row of its root is out of sight: the focus is in the room.
    expect(thread).to_have_count(0)
    until(ben.page, "document.activeElement.closest('.room-body') !== null")

    ben.page.get_by_test_id("search").click()
    ben.page.get_by_test_id("search-text").fill('"reply 299"')
    ben.page.get_by_test_id("search-text").press("Enter")
    ben.page.get_by_test_id("found-message").click()
    expect(row_of(thread, "reply 299")).to_be_focused()
    expect(row_of(thread, "reply 299")).to_be_in_viewport()


def test_what_a_plugin_puts_into_the_head_of_a_thread_hears_how_far_it_is_read(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-head", "Aya")
    ben = person(server).sign_up("ben-head", "Ben")
    aya.create_room("Heads")
    ben.join_room("Heads")
    (root,) = post(aya, [("a subject", None)])
    (reply,) = post(aya, [("a reply", root)])
    expect(ben.page.get_by_test_id("thread-replies")).to_be_visible()
    ben.page.evaluate(
        """() => {
          const { places, session } = document.querySelector("chat-app");
          window.told = [];
          const run = ({ room, thread }) => void window.told.push(`run ${room} ${thread}`);
          places.put("inner", "thread.actions/v1", { id: "follow", label: ({ thread }) => `Follow ${thread}`, icon: "M5 5h9", run });
          session.threads.addEventListener("read", ({ detail }) => window.told.push(`${detail.thread} ${detail.seq}`));
        }"""
    )
    ben.page.get_by_test_id("thread-replies").click()
    until(ben.page, "window.told.length === 1")
    ben.page.get_by_role("button", name=f"Follow {root}").click()
    room, _, seq = reply.rpartition("-")
    until(ben.page, "window.told.length === 2")
    assert ben.page.evaluate("window.told") == [f"{root} {seq}", f"run {room} {root}"]


def test_the_buttons_of_a_reply_leave_it_readable(person: PersonFactory, server: Server) -> None:
    """As many as there are would fill two lines of the panel, over the reply that they belong to."""
    aya = person(server).sign_up("aya-buttons", "Aya")
    aya.create_room("Buttons")
    (root,) = post(aya, [("Root", None)])
    post(aya, [("Reply", root)])
    row = row_of(aya, "Root")
    row.hover()
    expect(row.get_by_test_id("message-more")).to_have_count(0)  # the room is wide enough
    aya.page.get_by_test_id("thread-replies").click()
    reply = row_of(thread_of(aya), "Reply")
    reply.hover()
    reply.get_by_test_id("message-more").click()
    expect(reply.get_by_role("menuitem", name="Copy link")).to_be_visible()
    over = "(bar) => [bar.offsetWidth, bar.closest('message-list').clientWidth]"
    bar, panel = reply.locator(".actions").evaluate(over)
    assert bar < panel * 0.7
