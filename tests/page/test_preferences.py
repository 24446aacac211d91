"""Favourites, sections, muted and marked rooms in the side bar, on two devices of one user."""

import json

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.page.people import PASSWORD, Person, PersonFactory, Server
from tests.page.test_browser import fresh
from tests.page.test_offline import HIDE, READ
from tests.page.test_side_bar import many_rooms, row
from tests.page.waiting import place_of, until_told
from tests.waiting import wait_until

pytestmark = pytest.mark.long


@pytest.fixture
def aya(person: PersonFactory, server: Server) -> Person:
    return person(server).sign_up(fresh("aya"), "Aya")


def second_device(person: PersonFactory, server: Server, of: Person, **options: object) -> Person:
    """Another browser of the same user."""
    other = person(server, **options)
    other.page.goto(server.url)
    other.page.get_by_test_id("username").fill(of.username)
    other.page.get_by_test_id("password").fill(PASSWORD)
    other.page.get_by_test_id("submit").click()
    other.connected()
    return other


def group(page: Page, heading: str) -> Locator:
    return page.get_by_test_id("room-list").get_by_role("region", name=heading, exact=True)


def choose(page: Page, room: str, item: str) -> None:
    """An item of the menu in a room's row."""
    row(page, room).hover()
    page.get_by_role("button", name=f"More for {room}", exact=True).click()
    page.get_by_role("menuitem", name=item).click()


def move(page: Page, room: str, section: str) -> None:
    """Into a new section."""
    choose(page, room, "Move to a section…")
    page.get_by_test_id("section-name").fill(section)
    page.get_by_test_id("section-save").click()


def test_favourites_and_sections_stand_first_on_all_devices(
    aya: Person, person: PersonFactory, server: Server
) -> None:
    tea, cake, last = fresh("Tea "), fresh("Cake "), fresh("Last ")
    for name in (tea, cake, last):
        aya.create_room(name)
    other = second_device(person, server, aya)
    expect(row(other.page, last)).to_be_visible()
    choose(aya.page, last, "Add to favourites")
    move(aya.page, cake, "  On  weekends ")
    for page in (aya.page, other.page):
        expect(group(page, "Favourites").get_by_test_id("room")).to_have_text([last])
        expect(group(page, "On weekends").get_by_test_id("room")).to_have_text([cake])
        expect(group(page, "Your rooms").get_by_test_id("room")).to_have_text([tea])
        headings = page.get_by_test_id("room-list").get_by_role("heading")
        expect(headings.nth(0)).to_have_text("Favourites")
        expect(headings.nth(1)).to_have_text("On weekends")
        expect(headings.nth(2)).to_have_text("Your rooms")
    choose(other.page, tea, "Move to a section…")
    other.page.get_by_role("radio", name="On weekends").check()
    other.page.get_by_test_id("section-save").click()
    choose(other.page, last, "Remove from favourites")
    for page in (aya.page, other.page):
        expect(group(page, "On weekends").get_by_test_id("room")).to_have_text([cake, tea])
        expect(group(page, "Favourites")).to_have_count(0)
    aya.page.reload()
    expect(group(aya.page, "On weekends").get_by_test_id("room")).to_have_text([cake, tea])
    for name in (cake, tea):
        choose(aya.page, name, "Move to a section…")
        aya.page.get_by_role("radio", name="No section").check()
        aya.page.get_by_test_id("section-save").click()
    for page in (aya.page, other.page):
        expect(group(page, "On weekends")).to_have_count(0)
        expect(group(page, "Your rooms").get_by_test_id("room")).to_have_text([cake, last, tea])


def test_of_a_favourite_it_is_said_that_it_is_not_seen_in_its_section_yet(
    aya: Person, person: PersonFactory, server: Server
) -> None:
    tea, cake = fresh("Tea "), fresh("Cake ")
    for name in (tea, cake):
        aya.create_room(name)
    page = aya.page
    choose(page, cake, "Move to a section…")
    expect(page.get_by_test_id("section-save")).to_be_visible()
    expect(page.get_by_test_id("section-why")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("section-dialog")).to_have_count(0)
    page.get_by_test_id("composer").focus()  # the menu stays in a row while it has the focus
    choose(page, tea, "Add to favourites")
    expect(group(page, "Favourites").get_by_test_id("room")).to_have_text([tea])
    choose(page, tea, "Move to a section…")
    expect(page.get_by_test_id("section-why")).to_contain_text("stays among your favourites")
    page.get_by_test_id("section-name").fill("Later")
    page.get_by_test_id("section-save").click()
    expect(group(page, "Favourites").get_by_test_id("room")).to_have_text([tea])
    choose(page, tea, "Remove from favourites")
    expect(group(page, "Later").get_by_test_id("room")).to_have_text([tea])
    room = page.locator("room-view").get_attribute("data-room")
    assert aya.context.request.put(f"{aya.rooms}/{room}/archived", data={"archived": True}).ok
    expect(page.get_by_test_id("archived-bar")).to_be_visible()
    page.get_by_test_id("room-menu").click()
    page.get_by_test_id("room-section").click()
    expect(page.get_by_test_id("section-why")).to_contain_text("once it is restored")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("section-dialog")).to_have_count(0)
    other = second_device(person, server, aya, locale="ja-JP")
    row(other.page, tea).click()
    menu = other.page.get_by_test_id("room-menu")
    menu.click()
    other.page.get_by_test_id("room-favourite").click()
    expect(group(other.page, "お気に入り").get_by_test_id("room")).to_have_text([tea])
    menu.click()
    other.page.get_by_test_id("room-section").click()
    expect(other.page.get_by_test_id("section-why")).to_contain_text("お気に入りから外すと")


def test_a_new_section_needs_a_name(aya: Person) -> None:
    room = fresh("Nameless ")
    aya.create_room(room)
    choose(aya.page, room, "Move to a section…")
    dialog = aya.page.get_by_role("dialog", name="Move to a section…")
    expect(dialog.get_by_role("radio", name="No section")).to_be_focused()
    dialog.get_by_role("radio", name="A new section").check()
    dialog.get_by_test_id("section-save").click()
    expect(dialog.get_by_role("alert")).to_have_text("Give the new section a name.")
    expect(dialog.get_by_test_id("section-name")).to_be_focused()


def test_a_collapsed_section_stays_so_and_shows_what_is_new(
    aya: Person, person: PersonFactory, server: Server
) -> None:
    quiet, busy, section = fresh("Quiet "), fresh("Busy "), fresh("Section ")
    aya.create_room(quiet)
    aya.create_room(busy)
    ben = person(server).sign_up(fresh("ben"), "Ben")
    ben.join_room(busy)
    page = aya.page
    move(page, quiet, section)
    move(page, busy, section)
    aya.create_room(fresh("Elsewhere "))
    rooms = group(page, section).get_by_test_id("room")
    expect(rooms).to_have_text([busy, quiet])
    toggle = page.get_by_role("button", name=section, exact=True)
    expect(toggle).to_have_attribute("aria-expanded", "true")
    toggle.click()
    expect(rooms).to_have_count(0)
    expect(toggle).to_have_attribute("aria-expanded", "false")
    page.reload()
    expect(toggle).to_have_attribute("aria-expanded", "false")
    expect(rooms).to_have_count(0)
    aya.connected()
    ben.say("news")
    expect(rooms).to_have_count(1)
    expect(rooms).to_contain_text(busy)
    page.get_by_test_id("room-filter").fill(quiet)
    expect(rooms).to_have_text([quiet])
    page.get_by_test_id("room-filter").fill("")
    rooms.click()
    aya.in_room(busy)
    expect(rooms).to_have_text([busy])  # it is open
    toggle.click()
    expect(rooms).to_have_text([busy, quiet])


def test_a_muted_room_is_quiet_but_for_mentions(
    aya: Person, person: PersonFactory, server: Server
) -> None:
    room, plain = fresh("Noise "), fresh("Plain ")
    aya.create_room(room)
    ben = person(server).sign_up(fresh("ben"), "Ben")
    ben.join_room(room)
    other = second_device(person, server, aya)
    aya.page.get_by_test_id("room-menu").click()
    aya.page.get_by_role("menuitem", name="Mute").click()
    aya.create_room(plain)
    for page in (aya.page, other.page):
        expect(row(page, room)).to_have_accessible_name(f"{room} , muted")
    title = other.page.title()
    ben.say("hello all")
    ben.say(f"@{aya.username} and you")
    for page in (aya.page, other.page):
        muted = row(page, room)
        expect(muted.get_by_test_id("mentions")).to_have_text("1")
        expect(muted.get_by_test_id("unread")).to_have_count(0)
        expect(muted).to_have_accessible_name(f"{room} , muted , mentions of you: 1")
        weight = muted.locator(".room-name").evaluate("node => getComputedStyle(node).fontWeight")
        assert int(weight) < 600
        expect(muted.get_by_test_id("muted")).to_be_visible()
        colours = [
            each.locator(".room-name").evaluate("node => getComputedStyle(node).color")
            for each in (muted, row(page, plain))
        ]
        assert colours[0] != colours[1]
    expect(other.page).to_have_title(f"(1) {title}")
    choose(other.page, room, "Unmute")
    for page in (aya.page, other.page):
        expect(row(page, room).get_by_test_id("unread")).to_have_text("2")


def test_a_marked_room_is_unread_until_it_is_opened(
    aya: Person, person: PersonFactory, server: Server
) -> None:
    room = fresh("Later ")
    aya.create_room(room)
    aya.say("read this")
    other = second_device(person, server, aya)
    aya.page.get_by_test_id("room-menu").click()
    aya.page.get_by_role("menuitem", name="Mark as unread").click()
    for page in (aya.page, other.page):
        expect(row(page, room)).to_have_class("room has-unread")
        expect(row(page, room)).to_have_accessible_name(f"{room} , marked as unread")
        expect(row(page, room).get_by_test_id("marked")).to_be_visible()
        expect(page).to_have_title(
            f"(1) {room} · chatserver" if page is aya.page else "(1) chatserver"
        )
    row(aya.page, room).click()  # it is open, and opened again
    for page in (aya.page, other.page):
        expect(row(page, room)).to_have_class("room")
        expect(row(page, room).get_by_test_id("marked")).to_have_count(0)
    choose(other.page, room, "Mark as unread")
    expect(row(aya.page, room)).to_have_class("room has-unread")
    choose(aya.page, room, "Mark as read")
    expect(row(other.page, room)).to_have_class("room")
    choose(other.page, room, "Mark as unread")
    expect(row(aya.page, room)).to_have_class("room has-unread")
    row(other.page, room).click()
    other.in_room(room)
    expect(row(aya.page, room)).to_have_class("room")


def test_two_tabs_of_one_browser_agree(aya: Person) -> None:
    room = fresh("Tabs ")
    aya.create_room(room)
    tab = aya.new_page()
    tab.goto(aya.url)
    expect(row(tab, room)).to_be_visible()
    expect(tab.get_by_test_id("connection-status")).to_have_attribute("data-status", "open")
    choose(tab, room, "Add to favourites")
    expect(group(aya.page, "Favourites").get_by_test_id("room")).to_have_text([room])
    choose(aya.page, room, "Remove from favourites")
    expect(group(tab, "Favourites")).to_have_count(0)
    expect(row(tab, room)).to_be_visible()


def test_a_refused_change_is_put_back_with_its_reason(aya: Person) -> None:
    room = fresh("Refused ")
    aya.create_room(room)
    page = aya.page
    held: list[tuple[WebSocketRoute, int]] = []

    def refuse(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def to_server(text: str | bytes) -> None:
            frame = json.loads(text)
            if frame.get("op") == "prefer":
                held.append((socket, frame["id"]))
            else:
                server.send(text)

        socket.on_message(to_server)

    page.route_web_socket("**/ws", refuse)
    page.reload()
    aya.connected()
    choose(page, room, "Add to favourites")
    expect(group(page, "Favourites").get_by_test_id("room")).to_have_text([room])  # at once
    until_told(page, lambda: held)
    socket, asked = held[0]
    error = {"code": "limit.rate", "message": "", "retry": "later", "after_ms": 1000}
    socket.send(json.dumps({"re": asked, "err": error}))
    expect(page.get_by_test_id("notice-row")).to_be_visible()
    expect(group(page, "Favourites")).to_have_count(0)
    expect(group(page, "Your rooms").get_by_test_id("room")).to_have_text([room])


def test_all_of_it_works_by_keyboard(aya: Person) -> None:
    first, second = fresh("Keys A "), fresh("Keys B ")
    aya.create_room(first)
    aya.create_room(second)
    page = aya.page
    stops = page.get_by_test_id("room-list").locator('[tabindex="0"]')
    row(page, first).focus()
    page.keyboard.press("ArrowRight")
    button = page.get_by_role("button", name=f"More for {first}", exact=True)
    expect(button).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(row(page, first)).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menu", name=f"More for {first}")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Add to favourites")).to_be_focused()
    page.keyboard.press("Enter")
    expect(group(page, "Favourites").get_by_test_id("room")).to_be_focused()  # where it is now
    page.keyboard.press("ArrowUp")
    toggle = page.get_by_role("button", name="Favourites", exact=True)
    expect(toggle).to_be_focused()
    expect(stops).to_have_count(1)
    page.keyboard.press("Space")
    expect(toggle).to_have_attribute("aria-expanded", "false")
    expect(toggle).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(row(page, second)).to_be_focused()
    page.keyboard.press("Shift+F10")
    expect(page.get_by_role("menu", name=f"More for {second}")).to_be_visible()
    page.keyboard.press("m")  # to the first that begins so
    expect(page.get_by_role("menuitem", name="Move to a section…")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("section-dialog")).to_be_visible()
    page.get_by_test_id("section-name").fill("By hand")
    page.keyboard.press("Enter")
    expect(group(page, "By hand").get_by_test_id("room")).to_be_focused()
    page.keyboard.press("Home")
    expect(toggle).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="By hand", exact=True)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(row(page, second)).to_be_focused()
    expect(stops).to_have_count(1)


def test_the_list_of_a_reader_of_japanese(person: PersonFactory, server: Server) -> None:
    aya = person(server, locale="ja-JP").sign_up(fresh("aya"), "Aya")
    room = fresh("Tea ")
    aya.create_room(room)
    page = aya.page
    row(page, room).hover()
    page.get_by_role("button", name=f"「{room}」のメニュー").click()
    page.get_by_role("menuitem", name="お気に入りに追加").click()
    expect(group(page, "お気に入り").get_by_test_id("room")).to_have_text([room])
    row(page, room).click(button="right")
    page.get_by_role("menuitem", name="ミュート").click()
    expect(row(page, room)).to_have_accessible_name(f"{room} , ミュート中")


def test_the_menu_lies_inside_the_window(person: PersonFactory, server: Server) -> None:
    aya = person(server, viewport={"width": 360, "height": 420}).sign_up(fresh("aya"), "Aya")
    aya.create_room(fresh("Low A "))
    for letter in "BCDEF":
        aya.page.get_by_test_id("back").click()
        aya.create_room(fresh(f"Low {letter} "))
    page = aya.page
    page.get_by_test_id("back").click()
    for at in (0, 5):
        page.get_by_test_id("room").nth(at).click(button="right")
        menu = page.get_by_role("menu")
        expect(menu).to_be_visible()
        box = place_of(menu)
        assert box["x"] >= 0 and box["x"] + box["width"] <= 360
        assert box["y"] >= 0 and box["y"] + box["height"] <= 420
        page.keyboard.press("Escape")
        expect(menu).to_have_count(0)


def kept_sections(page: Page) -> list[str]:
    states = page.evaluate(READ)["state"]
    return [room["prefers"]["section"] for state in states for room in state["rooms"]]


def test_it_is_there_without_a_server_and_before_it_has_answered(aya: Person) -> None:
    room, section = fresh("Kept "), fresh("Kept in ")
    aya.create_room(room)
    aya.create_room(fresh("Other "))
    move(aya.page, room, section)
    expect(group(aya.page, section).get_by_test_id("room")).to_have_text([room])
    page = aya.page
    page.evaluate(HIDE)
    wait_until(lambda: section in kept_sections(page))

    def away(socket: WebSocketRoute) -> None:
        socket.close(code=1012)

    page.route_web_socket("**/ws", away)
    page.reload()
    expect(group(page, section).get_by_test_id("room")).to_have_text([room])
    choose(page, room, "Add to favourites")
    expect(page.get_by_test_id("notice-row")).to_be_visible()  # it cannot be told
    expect(group(page, section).get_by_test_id("room")).to_have_text([room])


def test_ten_thousand_rooms_and_their_preferences(aya: Person) -> None:
    aya.create_room("Zz mine")
    page = aya.page

    def preferring(socket: WebSocketRoute) -> None:
        many_rooms(Preferring(socket))  # type: ignore[arg-type]

    page.route_web_socket("**/ws", preferring)
    page.reload()
    expect(group(page, "Favourites").get_by_test_id("room")).to_have_count(1)
    expect(group(page, "Section 7").get_by_test_id("room")).to_have_count(100)
    toggles = page.locator("[data-testid=group-toggle]:visible")
    expect(toggles).to_have_count(21)  # that of archived rooms is hidden
    seventh = page.locator('[data-testid=room][data-room="many-7"]')
    page.evaluate(
        """() => {
          window.changed = 0;
          new MutationObserver((all) => { window.changed += all.length; }).observe(
            document.querySelector("room-list nav"), { subtree: true, childList: true, characterData: true, attributes: true });
          const { store } = document.querySelector("chat-app");
          for (let seq = 1; seq <= 50; seq += 1)
            store.applyEvent({ ev: "message.posted", room: "many-7", seq, author: { id: "else", name: "Else" }, id: `m${seq}`, body: "" });
        }"""
    )
    expect(seventh.get_by_test_id("unread")).to_have_text("50")
    assert page.evaluate("window.changed") <= 4 * 50  # one row alone
    page.get_by_role("button", name="Section 7", exact=True).click()
    expect(group(page, "Section 7").get_by_test_id("room")).to_have_count(1)
    page.get_by_test_id("room-filter").fill("many 1987")
    expect(page.get_by_test_id("room")).to_have_count(1)
    expect(group(page, "Section 7").get_by_test_id("room")).to_have_text(["Many 1987"])
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("room-title")).to_have_text("Many 1987")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.get_by_test_id("room-title")).to_have_text("Many 1967")  # in the order of the list


class Preferring:
    """A socket that answers `preferences` by itself: of 2,000 rooms, page by page."""

    PAGE = 500

    def __init__(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        self.send = socket.send
        self.connect_to_server = socket.connect_to_server

    def on_message(self, handler: object) -> None:
        def ours(text: str | bytes) -> None:
            frame = json.loads(text)
            if frame.get("op") != "preferences":
                handler(text)  # type: ignore[operator]
                return
            start = int(frame["after"] or "0")
            end = start + self.PAGE
            rooms: dict[str, object] = {
                f"many-{number}": {"section": f"Section {number % 20}"}
                for number in range(start, end)
            }
            if start == 0:
                rooms["many-0"] = {"favourite": True}
            more = {"more": True, "after": str(end)} if end < 2000 else {}
            self._socket.send(json.dumps({"re": frame["id"], "ok": {"rooms": rooms, **more}}))

        self._socket.on_message(ours)
