"""Blocking on the page: from lists of people and direct rooms, with folded messages, and ended again in the settings."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.page.people import AWAY, PASSWORD, Person, PersonFactory, Server, in_head
from tests.page.test_accessibility import findings
from tests.page.test_browser import fresh, seen_typing
from tests.page.test_offline import HIDE, READ
from tests.page.tools import axe_script
from tests.page.waiting import has_focus
from tests.waiting import wait_until

pytestmark = pytest.mark.long

FOLDED = "Message from somebody you blocked"
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def made(person: Person, username: str, name: str) -> Person:
    """Somebody with an account, who does all over HTTP: no page of theirs is open."""
    account = {"username": username, "name": name, "password": PASSWORD}
    answer = person.context.request.post(f"{person.url}/api/v1/register", data=account)
    assert answer.status == 201, answer.text()
    return person


def post(person: Person, room: str, body: str, reply_to: str | None = None) -> str:
    """The id of the message."""
    message = {"client_id": fresh("c"), "body": body, "reply_to": reply_to}
    answer = person.context.request.post(f"{person.rooms}/{room}/messages", data=message)
    assert answer.status in (200, 201), answer.text()
    return str(answer.json()["id"])


def direct(person: Person, other: str) -> str:
    """The id of the room of two people (of the other one, the id)."""
    answer = person.context.request.post(person.rooms, data={"kind": "direct", "members": [other]})
    assert answer.status in (200, 201), answer.text()
    return str(answer.json()["id"])


def my_id(person: Person) -> str:
    return str(person.context.request.get(f"{person.url}/api/v1/me").json()["id"])


def block(person: Person, user: str, wanted: bool = True) -> None:
    """Block somebody (id) over HTTP, as on another device, or block them no longer."""
    address = f"{person.url}/api/v1/me/blocks/{user}"
    request = person.context.request
    answer = request.put(address, data={}) if wanted else request.delete(address)
    assert answer.status == 200, answer.text()


def messages(page: Page) -> Locator:
    return page.get_by_test_id("message")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Server]:
    """With Olga, who owns it: the first account does."""
    server = Server(tmp_path_factory.mktemp("blocking"), "memory")
    server.start()
    made(Person(browser, server.url), "olga", "Olga").context.close()
    yield server
    server.stop()


@pytest.fixture
def three(person: PersonFactory, server: Server) -> tuple[Person, Person, Person, str]:
    """Aya with her page open, Rex and Ben without one, and the id of a public room that they are in."""
    room = fresh("Yard ")
    aya = person(server).sign_up(fresh("aya"), "Aya")
    aya.create_room(room)
    rex, ben = (made(person(server), fresh(name.lower()), name) for name in ("Rex", "Ben"))
    rex.become_member(room)
    return aya, rex, ben, ben.become_member(room)


def test_a_person_of_the_list_is_blocked_after_a_question_and_what_they_said_is_folded(
    three: tuple[Person, Person, Person, str],
) -> None:
    aya, rex, ben, room = three
    page = aya.page
    rude = post(rex, room, "rude words")
    post(ben, room, "be kind", rude)
    expect(messages(page).locator(".quote")).to_contain_text("rude words")
    page.get_by_test_id("people").click()
    people = page.get_by_test_id("members").locator(".person")
    row = people.filter(has_text="Rex")
    expect(people.filter(has_text="Aya").get_by_test_id("person-menu")).to_have_count(0)
    row.get_by_test_id("person-menu").click()
    page.keyboard.press("Escape")  # closes the menu, not the list of people
    expect(page.get_by_test_id("block")).not_to_be_visible()
    has_focus(page, "person-menu")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("block")).to_be_visible()
    assert findings(page, axe_script()) == []
    page.get_by_test_id("block").click()
    question = page.get_by_test_id("ask")
    expect(question).to_contain_text("Block Rex? They can no longer write to you alone")
    page.keyboard.press("Escape")
    expect(row.get_by_test_id("person-blocked")).to_have_count(0)
    row.get_by_test_id("person-menu").click()
    page.get_by_test_id("block").click()
    page.get_by_test_id("ask-yes").click()
    expect(row.get_by_test_id("person-blocked")).to_have_text("blocked")
    has_focus(page, "person-menu")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("people-dialog")).to_have_count(0)

    said = messages(page).first
    expect(said).to_contain_text(FOLDED)
    expect(page.get_by_test_id("messages")).not_to_contain_text("rude words")
    expect(messages(page).locator(".quote")).to_have_text(f"Rex{FOLDED}")
    expect(messages(page).last).to_contain_text("be kind")
    expect(messages(page).get_by_test_id("unfold")).to_have_count(1)
    said.focus()
    page.keyboard.press("Tab")
    has_focus(page, "unfold")
    page.keyboard.press("Enter")
    expect(said.get_by_test_id("message-body")).to_have_text("rude words")
    expect(messages(page).locator(".quote")).to_contain_text("rude words")
    has_focus(page, "message")
    said.get_by_test_id("reply").click()
    expect(page.get_by_test_id("composer-context")).to_contain_text(FOLDED)
    post(rex, room, "more of it")
    expect(messages(page)).to_have_count(3)
    expect(messages(page).last).to_contain_text(FOLDED)

    page.get_by_test_id("people").click()
    row.get_by_test_id("person-menu").click()
    page.get_by_test_id("unblock").click()
    expect(row.get_by_test_id("person-blocked")).to_have_count(0)
    expect(page.get_by_test_id("composer-context")).to_contain_text("rude words")
    expect(messages(page).last.get_by_test_id("message-body")).to_have_text("more of it")
    block(aya, my_id(rex))  # and what was shown before is folded again, what is answered too
    expect(messages(page).filter(has_text=FOLDED)).to_have_count(3)
    expect(page.get_by_test_id("composer-context")).to_contain_text(FOLDED)


def test_staff_of_the_server_cannot_be_blocked_and_the_list_of_people_says_why(
    person: PersonFactory, server: Server
) -> None:
    room = fresh("Office ")
    aya = person(server).sign_up(fresh("aya"), "Aya")
    aya.create_room(room)
    olga = person(server)
    signed_in = olga.context.request.post(
        f"{server.url}/api/v1/login", data={"username": "olga", "password": PASSWORD}
    )
    assert signed_in.status == 200, signed_in.text()
    olga.become_member(room)
    aya.page.get_by_test_id("people").click()
    aya.page.get_by_test_id("person-menu").click()
    aya.page.get_by_test_id("block").click()
    aya.page.get_by_test_id("ask-yes").click()
    dialog = aya.page.get_by_test_id("people-dialog")
    expect(dialog.get_by_role("alert")).to_contain_text("staff of the server")
    expect(aya.page.get_by_test_id("person-blocked")).to_have_count(0)


def test_nothing_tells_of_somebody_blocked_in_any_tab(
    three: tuple[Person, Person, Person, str], person: PersonFactory, server: Server
) -> None:
    aya, rex, ben, room = three
    title = aya.page.get_by_test_id("room-title").inner_text()
    phone = person(server)  # another device
    phone.context.add_cookies(aya.context.cookies())  # type: ignore[arg-type]
    other = aya.new_page()  # another tab
    pages = (aya.page, other, phone.page)
    aya.page.evaluate("location.hash = ''")  # somebody who looks at the room reads all
    for page in pages[1:]:
        page.goto(aya.url)
    rows = [page.get_by_test_id("room").filter(has_text=title) for page in pages]
    phone.connected()
    post(rex, room, "one of before")
    for row in rows:
        expect(row.get_by_test_id("unread")).to_have_text("1")
    block(aya, my_id(rex))
    for row in rows:
        expect(row.get_by_test_id("unread")).to_have_count(0)
    block(aya, my_id(rex), wanted=False)
    for row in rows:
        expect(row.get_by_test_id("unread")).to_have_text("1")

    for row in rows[:2]:
        row.click()
    rex.page.goto(f"{rex.url}/#room={room}")
    rex.connected()
    seen_typing(rex, other)

    aya.page.bring_to_front()
    aya.page.get_by_test_id("people").click()
    aya.page.locator(".person").filter(has_text="Rex").get_by_test_id("person-menu").click()
    aya.page.get_by_test_id("block").click()
    aya.page.get_by_test_id("ask-yes").click()
    expect(other.get_by_test_id("typing")).to_be_empty()
    for page in pages[:2]:
        expect(messages(page)).to_contain_text(FOLDED)
    aya.page.keyboard.press("Escape")
    rex.page.get_by_test_id("composer").press_sequentially("typing")
    rex.say("@aya hello")
    post(ben, room, "kind words")
    expect(messages(aya.page)).to_have_count(3)
    announcer = aya.page.get_by_test_id("announcer")
    expect(announcer).to_contain_text("Ben: kind words")
    expect(announcer).not_to_contain_text("@aya hello")
    for page in pages[:2]:
        page.evaluate("location.hash = ''")
    rex.say("@aya hello again")
    post(ben, room, "kinder words")
    for page, row in zip(pages, rows, strict=True):
        expect(page).to_have_title(re.compile(r"^\(1\)"))
        expect(row.get_by_test_id("unread")).to_have_text("1")
        expect(row.get_by_test_id("mentions")).to_have_count(0)


def test_a_direct_room_with_somebody_blocked_offers_to_unblock_instead_of_writing(
    three: tuple[Person, Person, Person, str],
) -> None:
    aya, rex, *_ = three
    page = aya.page
    room = direct(rex, my_id(aya))
    post(rex, room, "just us")
    page.get_by_test_id("room").filter(has_text="Rex").click()
    aya.say("what is it?")
    expect(messages(page)).to_have_count(2)
    page.get_by_test_id("room-menu").click()
    page.get_by_test_id("block").click()
    page.get_by_test_id("ask-yes").click()
    bar = page.get_by_test_id("blocked-bar")
    expect(bar).to_contain_text("You have blocked this person.")
    expect(page.get_by_test_id("composer")).to_have_count(0)
    has_focus(page, "room-menu")
    expect(messages(page).first).to_contain_text(FOLDED)
    own = page.locator(".actions button:not([data-testid^=place-])")  # some of plugins come later
    messages(page).first.focus()
    expect(own).to_have_count(3)  # to forward it, to select it, and the link
    expect(page.get_by_role("button", name="Report message")).to_be_visible()
    expect(page.get_by_role("button", name="Copy link")).to_be_visible()
    messages(page).last.focus()
    expect(own).to_have_count(4)  # one's own can be deleted
    expect(page.get_by_role("button", name="Delete")).to_be_visible()
    page.get_by_test_id("room-menu").click()
    expect(page.get_by_test_id("unblock")).to_be_visible()
    page.keyboard.press("Escape")
    bar.get_by_test_id("blocked-undo").press("Enter")
    has_focus(page, "composer")
    expect(messages(page).first).to_contain_text("just us")
    page.get_by_test_id("room").filter(has_text="Rex").hover()
    page.get_by_test_id("row-menu").click()
    page.get_by_test_id("block").click()
    expect(page.get_by_test_id("ask")).to_contain_text("Block Rex?")
    page.keyboard.press("Escape")


def test_the_settings_list_those_who_are_blocked(
    three: tuple[Person, Person, Person, str],
) -> None:
    aya, rex, ben, _ = three
    page = aya.page
    page.evaluate("location.hash = 'settings=blocked'")
    expect(page.get_by_test_id("blocked-people-state")).to_have_text("You block nobody.")
    block(aya, my_id(rex))  # on another device
    rows = page.get_by_test_id("blocked-person")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(f"Rex@{rex.username or ''}")
    expect(rows).to_contain_text(re.compile(r"since \d+ \w+ \d{4}Unblock"))
    block(aya, my_id(ben))
    expect(rows).to_contain_text(["Ben", "Rex"])
    rows.last.get_by_test_id("blocked-end").press("Enter")
    expect(page.get_by_test_id("account-done")).to_have_text("Rex is not blocked any more.")
    expect(rows).to_contain_text(["Ben"])
    expect(page.locator(":focus")).to_have_text(re.compile("^They can neither write"))

    page.evaluate("location.hash = 'settings=appearance'")  # which asks the server for nothing
    expect(page.get_by_test_id("theme-dark")).to_be_visible()
    page.evaluate("document.querySelector('chat-app').connection.stop()")
    page.evaluate("location.hash = 'settings=blocked'")
    page.get_by_test_id("blocked-people-again").wait_for()
    expect(rows).to_have_count(0)
    page.evaluate("document.querySelector('chat-app').connection.start()")
    aya.connected()
    page.get_by_test_id("blocked-people-again").click()
    expect(rows).to_contain_text(["Ben"])
    block(aya, my_id(ben), wanted=False)
    expect(page.get_by_test_id("blocked-people-state")).to_have_text("You block nobody.")


def test_somebody_blocked_stays_so_without_a_server_and_a_search_shows_no_text_of_theirs(
    three: tuple[Person, Person, Person, str],
) -> None:
    aya, rex, _, room = three
    page = aya.page
    post(rex, room, "found and folded")
    expect(messages(page)).to_contain_text("found and folded")
    block(aya, my_id(rex))
    expect(messages(page)).to_contain_text(FOLDED)
    page.get_by_test_id("search").click()
    page.get_by_test_id("search-text").fill("found")
    page.get_by_test_id("search-text").press("Enter")
    expect(page.get_by_test_id("found-message")).to_contain_text(FOLDED)
    expect(page.get_by_test_id("found-message")).not_to_contain_text("found and folded")
    page.keyboard.press("Escape")
    page.evaluate(HIDE)
    wait_until(lambda: any(state["blocked"] for state in page.evaluate(READ)["state"]))
    aya.expected.append(AWAY)
    aya.context.route("**/api/v1/**", lambda route: route.abort())
    aya.context.route_web_socket(re.compile("/ws$"), lambda socket: socket.close(code=1011))
    page.reload()
    expect(messages(page)).to_contain_text(FOLDED)
    expect(page.get_by_test_id("messages")).not_to_contain_text("found and folded")


def test_blocking_on_a_phone_in_japanese(person: PersonFactory, server: Server) -> None:
    room = fresh("庭 ")
    aya = person(server, locale="ja-JP", **PHONE).sign_up(fresh("aya"), "綾")
    aya.create_room(room)
    rex = made(person(server), fresh("rex"), "R" * 60)
    post(rex, rex.become_member(room), "ひどい言葉")
    page = aya.page
    in_head(page, "people")
    page.get_by_test_id("person-menu").tap()
    menu = page.locator(".person .menu")
    box = menu.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 740
    expect(menu.get_by_role("menuitem")).to_have_text(["参加を禁止…", "ブロック…"])
    page.set_viewport_size({"width": 360, "height": 256})
    page.get_by_test_id("people-dialog").evaluate("(dialog) => dialog.scrollBy(0, -200)")
    expect(menu).not_to_be_visible()  # it does not stay where its person was
    page.set_viewport_size(PHONE["viewport"])  # type: ignore[arg-type]
    page.get_by_test_id("person-menu").tap()
    page.get_by_test_id("block").tap()
    expect(page.get_by_test_id("ask")).to_contain_text("をブロックしますか？")
    page.get_by_test_id("ask-yes").tap()
    expect(page.get_by_test_id("person-blocked")).to_have_text("ブロック中")
    page.keyboard.press("Escape")
    expect(messages(page)).to_contain_text("ブロックした人のメッセージ")
    messages(page).get_by_test_id("unfold").tap()
    expect(messages(page)).to_contain_text("ひどい言葉")
    page.evaluate("location.hash = 'settings=blocked'")
    page.get_by_test_id("blocked-end").tap()
    expect(page.get_by_test_id("blocked-people-state")).to_have_text(
        "ブロックしている人はいません。"
    )
