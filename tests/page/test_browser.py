"""The page in a real browser against a real server."""

import itertools
import re

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.page.lists import walked
from tests.page.people import AWAY, PASSWORD, Person, PersonFactory, Server, sign_out
from tests.page.waiting import until
from tests.waiting import wait_until

pytestmark = pytest.mark.long

_numbers = itertools.count(1)


def fresh(name: str) -> str:
    """A name that no earlier test has used on the shared server."""
    return f"{name}{next(_numbers)}"


@pytest.fixture
def two(person: PersonFactory, server: Server) -> tuple[Person, Person, str]:
    """Two people in one room that the first has made."""
    room = fresh("Room ")
    aya = person(server).sign_up(fresh("aya"), "Aya")
    ben = person(server).sign_up(fresh("ben"), "Ben")
    aya.create_room(room)
    ben.join_room(room)
    return aya, ben, room


def unread(page: Page, room: str) -> Locator:
    return page.get_by_test_id("room").filter(has_text=room).get_by_test_id("unread")


def test_the_page_comes_with_a_strict_policy(person: PersonFactory, server: Server) -> None:
    response = person(server).page.goto(server.url)
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_two_people_talk(two: tuple[Person, Person, str]) -> None:
    aya, ben, _ = two
    aya.say("Good morning")
    ben.sees("Good morning")
    ben.say("おはようございます。今日もよろしくお願いします 🙂")
    for each in (aya, ben):
        each.sees("おはようございます。今日もよろしくお願いします 🙂")
    expect(aya.page.get_by_test_id("announcer")).to_contain_text("Ben: おはようございます")


def test_markup_in_a_message_is_text(two: tuple[Person, Person, str]) -> None:
    aya, ben, _ = two
    hostile = '<img src="x" onerror="document.title=1"><script>document.title=2</script>'
    aya.say(hostile)
    ben.sees(hostile)
    assert ben.page.locator("message-list img, message-list script").count() == 0


def seen_typing(writer: Person, reader: Page) -> None:
    """Somebody types until the other page shows it, which it does for a few seconds after a key."""
    composer, line = writer.page.get_by_test_id("composer"), reader.get_by_test_id("typing")
    name = writer.page.get_by_test_id("my-name").inner_text()

    def is_shown() -> bool:
        composer.press_sequentially("l")
        return line.inner_text() == f"{name} is typing…"

    wait_until(is_shown)


def test_typing_is_shown_until_the_message_comes(two: tuple[Person, Person, str]) -> None:
    aya, ben, _ = two
    seen_typing(aya, ben.page)
    expect(aya.page.get_by_test_id("typing")).to_have_text("")
    aya.say("Hello")
    ben.sees("Hello")
    expect(ben.page.get_by_test_id("typing")).to_have_text("")


def test_messages_elsewhere_are_counted_until_they_are_read(
    two: tuple[Person, Person, str],
) -> None:
    aya, ben, room = two
    ben.create_room(fresh("Elsewhere "))
    for text in ("one", "two", "three"):
        aya.say(text)
    expect(unread(ben.page, room)).to_have_text("3")
    expect(ben.page).to_have_title(re.compile(r"^\(3\)"))
    ben.page.reload()
    expect(unread(ben.page, room)).to_have_text("3")
    ben.open_room(room)
    ben.sees("three")
    expect(ben.page.get_by_test_id("new-line")).to_have_count(1)
    expect(unread(ben.page, room)).to_have_count(0)
    wait_until(
        lambda: ben.page.evaluate(
            """async () => (await (await fetch("/api/v1/rooms")).json()).rooms.every(({ unread }) => !unread)"""
        )
    )
    ben.page.reload()
    expect(ben.page.get_by_test_id("room").filter(has_text=room)).to_be_visible()
    expect(unread(ben.page, room)).to_have_count(0)


def test_reading_in_one_window_counts_in_the_other(two: tuple[Person, Person, str]) -> None:
    aya, ben, room = two
    ben.create_room(fresh("Elsewhere "))
    second = ben.new_page()
    second.goto(ben.url)
    aya.say("news")
    for page in (ben.page, second):
        expect(unread(page, room)).to_have_text("1")
    ben.open_room(room)
    expect(unread(second, room)).to_have_count(0)


def test_history_loads_upwards_and_keeps_its_place(two: tuple[Person, Person, str]) -> None:
    aya, ben, room = two
    aya.post_over_http([f"line {number}" for number in range(1, 151)])
    ben.page.reload()
    ben.in_room(room)
    ben.sees("line 150")
    scroller = ben.page.get_by_test_id("scroller")
    assert scroller.evaluate("node => node.scrollHeight > 2 * node.clientHeight")
    messages = ben.page.get_by_test_id("message-body")
    before = messages.count()
    assert before < 150

    ben.page.get_by_test_id("message").nth(5).scroll_into_view_if_needed()
    seen = "line " + str(150 - before + 6)
    row = ben.page.get_by_text(seen, exact=True)
    expect(messages).not_to_have_count(before)
    expect(row).to_be_in_viewport()

    assert walked(ben.page) == [f"line {number}" for number in range(1, 151)]
    expect(ben.page.get_by_test_id("room-start")).to_be_visible()
    scroller.evaluate("node => node.scrollTo(0, 0)")
    expect(ben.page.get_by_text("line 1", exact=True)).to_be_in_viewport()

    aya.say("something new")
    expect(ben.page.get_by_text("something new", exact=True)).not_to_be_in_viewport()
    ben.page.get_by_test_id("jump").click()
    expect(ben.page.get_by_text("something new", exact=True)).to_be_in_viewport()


def test_messages_are_answered_edited_deleted_and_reacted_to(
    two: tuple[Person, Person, str],
) -> None:
    aya, ben, _ = two
    aya.say("Lunch at noon?")
    ben.sees("Lunch at noon?")
    row = ben.page.get_by_test_id("message").filter(has_text="Lunch at noon?")
    row.hover()
    row.get_by_role("button", name="React with 👍").click()
    expect(aya.page.get_by_test_id("reaction")).to_have_text("👍 1")
    row.hover()
    row.get_by_test_id("reply").click()
    ben.say("Gladly")
    quote = aya.page.get_by_role("button", name="Aya Lunch at noon?")
    expect(quote).to_have_class("quote")
    quote.click()
    expect(aya.page.get_by_test_id("message").filter(has_text="👍 1")).to_be_focused()

    composer = aya.page.get_by_test_id("composer")
    composer.press("ArrowUp")
    expect(composer).to_have_value("Lunch at noon?")
    aya.say("Lunch at one?")
    expect(ben.page.get_by_test_id("message-body").first).to_contain_text("Lunch at one?")
    expect(ben.page.get_by_test_id("message-body").first).to_contain_text("edited")

    mine = aya.page.get_by_test_id("message").first
    mine.hover()
    mine.get_by_test_id("delete").click()
    aya.page.get_by_test_id("ask-yes").click()
    expect(ben.page.get_by_test_id("message").first).to_contain_text("This message was deleted.")


def test_a_message_written_while_the_server_is_dead_arrives_once(
    person: PersonFactory, durable_server: Server
) -> None:
    aya = person(durable_server).sign_up("aya", "Aya")
    ben = person(durable_server).sign_up("ben", "Ben")
    for each in (aya, ben):
        each.expected.append(AWAY)
    aya.create_room("Room")
    ben.join_room("Room")
    aya.say("before")
    ben.sees("before")

    durable_server.kill()
    expect(aya.page.get_by_test_id("connection-status")).to_contain_text("No connection")
    aya.say("while away")
    mine = aya.page.get_by_test_id("message").filter(has_text="while away")
    expect(mine).to_have_attribute("data-state", "pending")
    expect(aya.page.get_by_role("button", name="Try now")).to_be_visible()
    durable_server.start()

    # The page may have come back by itself, and the button have gone.
    aya.page.evaluate("document.querySelector('connection-status button')?.click()")
    for each in (aya, ben):
        expect(each.page.get_by_test_id("connection-status")).to_be_empty()
        each.sees("while away")
    ben.say("after")
    aya.sees("after")
    bodies = aya.page.get_by_test_id("message-body")
    expect(bodies).to_have_text(["before", "while away", "after"])
    ben.page.reload()
    ben.sees("after")
    expect(ben.page.get_by_test_id("message-body")).to_have_text(["before", "while away", "after"])


class Line:
    """The WebSocket of one person, which the test can cut."""

    def __init__(self, person: Person) -> None:
        self.cut_with: int | None = None
        self._open: list[WebSocketRoute] = []
        person.page.route_web_socket(re.compile("/ws$"), self._on_socket)
        person.page.reload()

    def _on_socket(self, socket: WebSocketRoute) -> None:
        if self.cut_with is not None:
            socket.close(code=self.cut_with)
            return
        socket.connect_to_server()
        self._open.append(socket)

    def cut(self, code: int) -> None:
        self.cut_with = code
        for socket in self._open:
            socket.close(code=code)
        self._open.clear()

    def mend(self) -> None:
        self.cut_with = None


@pytest.mark.parametrize("code", [4301, 4408])
def test_missed_messages_come_with_the_reconnect(
    two: tuple[Person, Person, str], code: int
) -> None:
    aya, ben, _ = two
    line = Line(ben)
    aya.say("seen")
    ben.sees("seen")
    line.cut(code)
    expect(ben.page.get_by_test_id("connection-status")).to_have_attribute("data-status", "waiting")
    aya.say("missed 1")
    aya.say("missed 2")
    aya.sees("missed 2")
    ben.say("from away")
    line.mend()
    for text in ("seen", "missed 1", "missed 2", "from away"):
        ben.sees(text)
    aya.sees("from away")


def test_from_4450_on_the_page_stops_and_says_why(two: tuple[Person, Person, str]) -> None:
    _, ben, room = two
    line = Line(ben)
    ben.in_room(room)
    line.cut(4453)
    expect(ben.page.get_by_test_id("connection-status")).to_contain_text(
        "This page is out of date."
    )
    line.mend()
    ben.page.get_by_role("button", name="Reload").click()
    ben.in_room(room)


def test_the_phone_shows_one_column(person: PersonFactory, server: Server) -> None:
    phone = person(
        server,
        viewport={"width": 360, "height": 740},
        is_mobile=True,
        has_touch=True,
        locale="ja-JP",
    ).sign_up(fresh("yui"), "結衣")
    page = phone.page
    room = fresh("とても長い名前のルームですがはみ出しません")
    phone.create_room_by_dialog(room)
    expect(page.get_by_test_id("room-list")).to_be_hidden()
    page.get_by_test_id("composer").fill("長い" * 200 + "https://example.org/" + "a" * 200)
    page.get_by_test_id("send").tap()
    expect(page.get_by_test_id("message")).to_have_attribute("data-state", "posted")
    no_sideways_scroll(page)
    targets_are_large(page)

    page.get_by_test_id("back").tap()
    expect(page.get_by_test_id("room-list")).to_be_visible()
    expect(page.get_by_test_id("room-title")).to_be_hidden()
    no_sideways_scroll(page)
    targets_are_large(page)
    page.go_back()
    expect(page.get_by_test_id("room-title")).to_have_text(room)


def no_sideways_scroll(page: Page) -> None:
    width, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= inner
    assert page.evaluate(
        "[...document.querySelectorAll('.scroller')].every(n => n.scrollWidth <= n.clientWidth)"
    )


def targets_are_large(page: Page) -> None:
    small = page.evaluate(
        """[...document.querySelectorAll("button, select, input")]
             .filter(node => node.checkVisibility({ opacityProperty: true }) && !node.closest(".message"))
             .map(node => [node.outerHTML.slice(0, 80), node.getBoundingClientRect()])
             .filter(([, { width, height }]) => width < 44 || height < 44)
             .map(([html]) => html)"""
    )
    assert small == []


def test_everything_can_be_done_by_keyboard(person: PersonFactory, server: Server) -> None:
    aya = person(server)
    page, keys = aya.page, aya.page.keyboard
    page.goto(server.url)
    expect(page.get_by_test_id("username")).to_be_focused()
    tab_to(page, "switch-mode")
    keys.press("Enter")
    expect(page.get_by_test_id("username")).to_be_focused()
    keys.type(fresh("kay"))
    keys.press("Tab")
    keys.type("Kay")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    expect(page.get_by_test_id("my-name")).to_have_text("Kay")
    aya.connected()

    rooms = [fresh("Keys A"), fresh("Keys B")]
    for room in rooms:
        tab_to(page, "new-room")
        keys.press("Enter")
        expect(page.get_by_test_id("room-name")).to_be_focused()
        keys.type(room)
        keys.press("Enter")
        aya.in_room(room)
        expect(page.get_by_test_id("composer")).to_be_focused()

    keys.press("Alt+ArrowUp")
    aya.in_room(rooms[0])
    keys.press("Control+k")
    expect(page.get_by_test_id("room-filter")).to_be_focused()
    keys.type("b" + rooms[1][6:])
    keys.press("Enter")
    aya.in_room(rooms[1])
    expect(page.get_by_test_id("composer")).to_be_focused()
    keys.type("first")
    keys.press("Shift+Enter")
    keys.type("second")
    keys.press("Enter")
    expect(page.get_by_test_id("message-body")).to_have_text("first\nsecond")
    # Before that it can't be deleted.
    expect(page.get_by_test_id("message")).to_have_attribute("data-state", "posted")
    tab_to(page, "message", back=True)
    tab_to(page, "delete")
    keys.press("Enter")
    expect(page.get_by_test_id("ask")).to_be_visible()
    keys.press("Escape")
    expect(page.get_by_test_id("ask")).to_have_count(0)
    expect(page.get_by_test_id("delete")).to_be_focused()
    keys.press("Escape")
    expect(page.get_by_test_id("message")).to_be_focused()
    keys.press("Escape")
    expect(page.get_by_test_id("composer")).to_be_focused()


def tab_to(page: Page, test_id: str, *, back: bool = False) -> None:
    for _ in range(40):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if page.evaluate("document.activeElement.dataset.testid") == test_id:
            assert page.evaluate("document.activeElement.matches(':focus-visible')")
            return
    pytest.fail(f"{test_id} is not reached by Tab")


def test_every_control_has_a_name(two: tuple[Person, Person, str]) -> None:
    aya, _, _ = two
    aya.say("hello")
    aya.sees("hello")
    nameless = aya.page.evaluate(
        """[...document.querySelectorAll("button, input, select, textarea")]
             .filter(node => !(node.ariaLabel || node.textContent.trim() || node.labels?.length))
             .map(node => node.outerHTML.slice(0, 80))"""
    )
    assert nameless == []


def test_an_input_method_keeps_its_enter(two: tuple[Person, Person, str]) -> None:
    aya, _, _ = two
    composer = aya.page.get_by_test_id("composer")
    composer.fill("にほん")
    composer.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    composer.dispatch_event("keydown", {"key": "Enter", "keyCode": 229, "bubbles": True})
    expect(composer).to_have_value("にほん")
    composer.press("Enter")
    aya.sees("にほん")


def test_the_language_follows_the_browser_and_can_be_chosen(
    person: PersonFactory, server: Server
) -> None:
    page = person(server, locale="ja-JP").page
    page.goto(server.url)
    expect(page.get_by_test_id("submit")).to_have_text("ログイン")
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    page.get_by_test_id("language").select_option("en")
    expect(page.get_by_test_id("submit")).to_have_text("Sign in")
    page.reload()
    expect(page.get_by_test_id("submit")).to_have_text("Sign in")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_signing_out_and_in_again(person: PersonFactory, server: Server) -> None:
    aya = person(server)
    aya.expected.append(r"401 \(Unauthorized\).*/api/v1/login")
    username = fresh("aya")
    aya.sign_up_by_form(username, "Aya")
    aya.page.reload()
    expect(aya.page.get_by_test_id("my-name")).to_have_text("Aya")
    sign_out(aya.page)
    aya.page.get_by_test_id("username").fill(username)
    aya.page.get_by_test_id("password").fill("wrong")
    aya.page.get_by_test_id("submit").click()
    expect(aya.page.get_by_test_id("sign-in-error")).not_to_be_empty()
    aya.page.get_by_test_id("password").fill(PASSWORD)
    aya.page.get_by_test_id("submit").click()
    expect(aya.page.get_by_test_id("my-name")).to_have_text("Aya")


def test_a_session_ended_elsewhere_leads_back_to_the_sign_in(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up(fresh("aya"), "Aya")
    aya.expected.append(AWAY)
    second = aya.new_page()
    second.goto(server.url)
    expect(second.get_by_test_id("my-name")).to_have_text("Aya")
    sign_out(second)
    expect(aya.page.get_by_test_id("notice")).to_contain_text("Your session has ended")


def test_people_are_invited_and_talked_to_alone(
    person: PersonFactory, server: Server, two: tuple[Person, Person, str]
) -> None:
    aya, ben, room = two
    dan = person(server).sign_up(fresh("dan"), "Dan")
    secret = fresh("Secret ")
    aya.create_room_by_dialog(secret, "private")
    aya.page.get_by_test_id("people").click()
    count = aya.page.get_by_test_id("people-count")
    expect(count).to_have_text("1 member")
    aya.page.get_by_role("button", name="Invite Ben").click()
    expect(aya.page.get_by_test_id("members")).to_contain_text("Ben")
    expect(count).to_have_text("2 members")
    expect(aya.page.get_by_test_id("members").locator(".online")).to_have_count(2)
    aya.page.get_by_test_id("invite-name").fill(dan.username)
    aya.page.keyboard.press("Enter")
    expect(aya.page.get_by_test_id("members")).to_contain_text("Dan")
    aya.page.keyboard.press("Escape")
    for invited in (ben, dan):
        expect(invited.page.get_by_test_id("room").filter(has_text=secret)).to_be_visible()

    aya.open_room(room)
    aya.page.get_by_test_id("people").click()
    aya.page.get_by_role("button", name="Message Ben privately").click()
    aya.in_room("Ben")
    aya.say("just between us")
    expect(unread(ben.page, "Aya")).to_have_text("1")
    ben.open_room("Aya")
    ben.sees("just between us")

    dan.page.get_by_test_id("new-room").click()
    dan.page.get_by_test_id("kind-direct").check()
    dan.page.get_by_test_id("room-name").fill(ben.username)
    dan.page.get_by_test_id("create-room").click()
    dan.in_room("Ben")


def test_a_user_with_the_right_pins_messages(two: tuple[Person, Person, str]) -> None:
    aya, ben, _ = two
    aya.say("the address")
    ben.sees("the address")
    row = aya.page.get_by_test_id("message").filter(has_text="the address")
    row.hover()
    row.get_by_role("button", name="Pin", exact=True).click()
    theirs = ben.page.get_by_test_id("message").filter(has_text="the address")
    expect(theirs.get_by_test_id("pinned")).to_be_visible()
    theirs.hover()
    expect(theirs.get_by_test_id("reply")).to_have_count(1)
    expect(theirs.get_by_test_id("pin")).to_have_count(0)  # a member; the room is Aya's
    row.hover()
    row.get_by_role("button", name="Unpin").click()
    expect(theirs.get_by_test_id("pinned")).to_have_count(0)


def test_a_refused_message_can_be_written_anew(two: tuple[Person, Person, str]) -> None:
    aya, ben, _ = two
    aya.say("x" * 8001)
    failed = aya.page.locator('[data-testid=message][data-state="failed"]')
    expect(failed).to_contain_text("at most 8000 characters")
    composer = aya.page.get_by_test_id("composer")
    composer.fill("and more")
    failed.get_by_test_id("rewrite").click()
    expect(failed).to_have_count(0)
    expect(composer).to_have_value("x" * 8001 + "\nand more")
    aya.say("shorter")
    ben.sees("shorter")


NONE_UNREAD = "async (answer) => (await answer.json()).rooms.every(({ unread }) => !unread)"


def test_a_search_leads_to_the_message(two: tuple[Person, Person, str]) -> None:
    aya, ben, room = two
    aya.say("東京タワーに行く")
    aya.sees("東京タワーに行く")
    aya.post_over_http([f"later {number}" for number in range(250)])
    ben.sees("later 249")
    until(ben.page, f"async () => ({NONE_UNREAD})(await fetch('/api/v1/rooms'))")
    ben.page.reload()  # it begins at the end, where everything is read
    ben.open_room(room)
    ben.sees("later 249")
    ben.page.get_by_test_id("search").click()
    text = ben.page.get_by_test_id("search-text")
    text.fill('"later 7"')
    text.press("Enter")
    expect(ben.page.get_by_test_id("found-message")).to_have_count(1)
    expect(ben.page.get_by_role("dialog").get_by_role("status")).to_have_text("One message found.")
    text.fill("later")
    text.press("Enter")
    expect(ben.page.get_by_test_id("search-status")).to_have_text(
        re.compile(r"^\d+ messages found so far\. There may be more\.$")
    )
    text.fill("大阪")
    text.press("Enter")
    expect(ben.page.get_by_test_id("search-status")).to_have_text("Nothing found.")
    text.fill("ﾀﾜｰに")
    text.press("Enter")
    found = ben.page.get_by_test_id("found-message")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("Aya")
    found.click()
    row = ben.page.get_by_test_id("message").filter(has_text="東京タワーに行く")
    expect(row).to_be_in_viewport()
    expect(row).to_be_focused()
    ben.page.get_by_test_id("jump").click()
    expect(ben.page.get_by_text("later 249", exact=True)).to_be_in_viewport()


def test_a_search_leads_to_a_room_that_was_read_before(two: tuple[Person, Person, str]) -> None:
    aya, _, _ = two
    aya.say("the first word")
    aya.sees("the first word")
    aya.create_room(fresh("Elsewhere "))
    aya.page.get_by_test_id("search").click()
    aya.page.get_by_test_id("search-text").fill('"the first word"')
    aya.page.keyboard.press("Enter")
    found = aya.page.get_by_test_id("found-message").filter(has_text="the first word").first
    found.press("Enter")
    row = aya.page.get_by_test_id("message").filter(has_text="the first word")
    expect(row).to_be_focused()
    expect(aya.page.get_by_test_id("jump")).to_be_hidden()


def test_more_than_a_page_is_found_by_asking_for_more(two: tuple[Person, Person, str]) -> None:
    aya, _, _ = two
    word = fresh("needle")
    aya.post_over_http([f"{word} {number}" for number in range(60)])
    aya.page.get_by_test_id("search").click()
    aya.page.get_by_test_id("search-text").fill(word)
    aya.page.keyboard.press("Enter")
    found = aya.page.get_by_test_id("found-message")
    expect(found.first).to_contain_text(f"{word} 59")
    aya.page.get_by_test_id("search-more").click()
    expect(found).to_have_count(60)


def test_a_left_room_can_be_joined_again(two: tuple[Person, Person, str]) -> None:
    aya, ben, room = two
    ben.page.get_by_test_id("room-menu").click()
    ben.page.get_by_test_id("leave-room").click()
    ben.page.get_by_test_id("ask-yes").click()
    welcome = ben.page.get_by_test_id("welcome")
    welcome.get_by_role("button", name="New room").click()
    expect(ben.page.get_by_role("dialog", name="New room")).to_be_visible()
    ben.page.keyboard.press("Escape")
    aya.say("meanwhile")
    ben.join_room_by_button(room)
    ben.sees("meanwhile")


def test_a_room_that_is_joined_elsewhere_shows_its_messages_where_it_is_open(
    person: PersonFactory, server: Server, two: tuple[Person, Person, str]
) -> None:
    aya, _, room = two
    aya.say("for all to read")
    mai = person(server).sign_up(fresh("mai"), "Mai")
    mai.open_room(room)
    expect(mai.page.get_by_test_id("join-room")).to_be_visible()
    mai.become_member(room)
    mai.in_room(room)
    mai.sees("for all to read")
