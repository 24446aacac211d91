"""The side bar: a list of rooms that stays still under the pointer, with keys, and with ten thousand rooms."""

import json

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_browser import fresh
from tests.page.waiting import place_of, until, until_told

pytestmark = pytest.mark.long

MANY = 10_000
BUSY = ("many-5", "many-9999")
FIRST_ROWS = 500


@pytest.fixture
def two(person: PersonFactory, server: Server) -> tuple[Person, Person, str]:
    """Two people in one room that the first has made; the second has another one open."""
    room = fresh("Side ")
    aya = person(server).sign_up(fresh("aya"), "Aya")
    ben = person(server).sign_up(fresh("ben"), "Ben")
    aya.create_room(room)
    ben.join_room(room)
    ben.create_room(fresh("Elsewhere "))
    return aya, ben, room


def row(page: Page, room: str) -> Locator:
    return page.get_by_test_id("room").filter(has_text=room)


def press(page: Page, where: Locator) -> None:
    box = place_of(where)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()


def test_a_click_is_not_lost_when_a_message_arrives_meanwhile(
    two: tuple[Person, Person, str],
) -> None:
    aya, ben, room = two
    theirs = row(ben.page, room)
    press(ben.page, theirs.locator(".room-name"))
    aya.say("in the very moment")
    expect(theirs).to_have_class("room has-unread")
    ben.page.mouse.up()
    ben.in_room(room)


def test_a_click_is_not_lost_when_another_room_comes_above_meanwhile(
    two: tuple[Person, Person, str],
) -> None:
    aya, ben, room = two
    press(ben.page, row(ben.page, room))
    other = fresh("A first one ")
    aya.create_room(other, "private")
    aya.page.get_by_test_id("people").click()
    aya.page.get_by_role("button", name="Invite Ben").click()
    aya.page.keyboard.press("Escape")
    until(
        ben.page,
        "name => [...document.querySelector('chat-app').store.rooms.values()].some(room => room.name === name)",
        other,
    )
    expect(row(ben.page, other)).to_have_count(0)
    ben.page.mouse.up()
    ben.in_room(room)
    expect(row(ben.page, other)).to_be_visible()


def test_the_focus_stays_on_its_row_while_the_list_changes(two: tuple[Person, Person, str]) -> None:
    aya, ben, room = two
    row(ben.page, room).focus()
    handle = row(ben.page, room).element_handle()
    aya.say("news")
    expect(row(ben.page, room).get_by_test_id("unread")).to_have_text("1")
    other = fresh("A first one ")
    aya.create_room(other, "private")
    aya.page.get_by_test_id("people").click()
    aya.page.get_by_role("button", name="Invite Ben").click()
    expect(row(ben.page, other)).to_be_visible()
    assert ben.page.evaluate("node => node === document.activeElement", handle)


def test_the_list_is_one_stop_for_tab_with_arrows_inside(two: tuple[Person, Person, str]) -> None:
    _, ben, room = two
    page = ben.page
    stops = page.get_by_test_id("room-list").locator('[tabindex="0"]')
    expect(stops).to_have_count(1)
    expect(stops).to_have_attribute("aria-current", "true")  # the room that is open
    page.get_by_test_id("room-filter").focus()
    page.keyboard.press("Tab")
    expect(stops).to_be_focused()
    page.keyboard.press("Home")
    rows = page.get_by_test_id("room")
    expect(rows.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    expect(stops).to_have_count(1)
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_test_id("room-filter")).to_be_focused()
    page.keyboard.press("Tab")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(rows.last).to_be_focused()
    row(page, room).focus()
    page.keyboard.press("Enter")
    ben.in_room(room)


def test_the_neighbour_gets_the_focus_of_a_row_that_goes(two: tuple[Person, Person, str]) -> None:
    aya, ben, _ = two
    mine = [fresh("Secret A "), fresh("Secret B ")]
    for name in mine:
        aya.create_room(name, "private")
        aya.page.get_by_test_id("people").click()
        aya.page.get_by_role("button", name="Invite Ben").click()
        expect(aya.page.get_by_test_id("members")).to_contain_text("Ben")
        aya.page.keyboard.press("Escape")
    expect(row(ben.page, mine[1])).to_be_visible()
    row(ben.page, mine[0]).focus()
    aya.page.evaluate(
        """async name => {
          const { store, session } = document.querySelector("chat-app");
          const room = [...store.rooms.values()].find(each => each.name === name).id;
          const ben = (await session.members(room)).find(each => each.name === "Ben");
          await fetch(`/api/v1/rooms/${room}/members/${ben.id}`, { method: "DELETE" });
        }""",
        mine[0],
    )
    expect(row(ben.page, mine[0])).to_have_count(0)
    expect(row(ben.page, mine[1])).to_be_focused()


def test_unread_is_bold_and_only_mentions_and_direct_rooms_have_numbers(
    two: tuple[Person, Person, str],
) -> None:
    aya, ben, room = two
    theirs = row(ben.page, room)
    weight = "node => getComputedStyle(node.querySelector('.room-name')).fontWeight"
    assert int(theirs.evaluate(weight)) < 600
    aya.say("hello all")
    expect(theirs).to_have_accessible_name(f"{room} , 1 unread")
    assert int(theirs.evaluate(weight)) >= 700
    assert theirs.get_by_test_id("unread").evaluate("node => node.parentNode.offsetWidth") <= 1
    expect(theirs.get_by_test_id("mentions")).to_have_count(0)
    aya.say(f"@{ben.username} you, too")
    expect(theirs.get_by_test_id("mentions")).to_have_text("1")
    expect(
        theirs.locator(".mention").get_by_text("@", exact=True)
    ).to_be_visible()  # not a colour alone
    expect(theirs).to_have_accessible_name(f"{room} , 2 unread , mentions of you: 1")

    aya.page.get_by_test_id("people").click()
    aya.page.get_by_role("button", name="Message Ben privately").click()
    aya.in_room("Ben")
    aya.say("psst")
    direct = row(ben.page, "Aya").get_by_test_id("unread")
    expect(direct).to_have_text("1")
    assert direct.evaluate("node => node.parentNode.offsetWidth") > 10


def test_bars_stand_there_until_the_rooms_are_known(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up(fresh("aya"), "Aya")
    aya.create_room(fresh("Late "))
    page = aya.page
    held: list[str | bytes] = []

    def hold(socket: WebSocketRoute) -> None:
        upstream = socket.connect_to_server()

        def to_server(text: str | bytes) -> None:
            if '"rooms"' in str(text) and not held:
                held.append(text)
                socket.on_message(upstream.send)
            else:
                upstream.send(text)

        socket.on_message(to_server)
        page.expose_function("goOn", lambda: upstream.send(held[0]))

    page.route_web_socket("**/ws", hold)
    aya.expected += ["ERR_FAILED"]
    page.route("**/api/v1/rooms", lambda route: route.abort())  # which would have them shown before
    page.reload()
    aya.connected()
    expect(page.get_by_test_id("rooms-loading")).to_be_visible()
    expect(page.get_by_test_id("room-list")).to_have_attribute("aria-busy", "true")
    expect(page.get_by_text("No rooms yet.")).to_be_hidden()
    until_told(page, lambda: held)
    page.evaluate("window.goOn()")
    expect(page.get_by_test_id("rooms-loading")).to_be_hidden()
    expect(page.get_by_test_id("room").first).to_be_visible()


@pytest.mark.parametrize(("touch", "height"), [(False, 32), (True, 44)])
def test_rows_are_as_high_as_a_pointer_or_a_finger_needs(
    person: PersonFactory, server: Server, touch: bool, height: int
) -> None:
    aya = person(server, has_touch=touch, is_mobile=touch).sign_up(fresh("aya"), "Aya")
    aya.create_room(fresh("High "))
    box = place_of(aya.page.get_by_test_id("room").first)
    assert box["height"] == height


def test_ten_thousand_rooms_stay_usable(person: PersonFactory, server: Server) -> None:
    """The list has rows for those in sight, and a message touches one of them alone."""
    aya = person(server).sign_up(fresh("aya"), "Aya")
    aya.create_room("Zz mine")
    page = aya.page
    page.route_web_socket("**/ws", lambda socket: many_rooms(socket))
    page.reload()
    rows = page.get_by_test_id("room")
    expect(rows).to_have_count(FIRST_ROWS + 1)
    expect(rows.last).to_have_attribute("aria-current", "true")  # the open one, the last of all
    page.evaluate(
        """() => {
          window.changed = 0;
          new MutationObserver(all => { window.changed += all.length; }).observe(
            document.querySelector("room-list nav"), { subtree: true, childList: true, characterData: true, attributes: true });
          const { store } = document.querySelector("chat-app");
          for (const room of ["many-5", "many-9999"])
            for (let seq = 1; seq <= 50; seq += 1)
              store.applyEvent({ ev: "message.posted", room, seq, author: { id: "else", name: "Else" }, id: `m${seq}`, body: "" });
        }"""
    )
    fifth = page.locator('[data-testid=room][data-room="many-5"]')
    expect(fifth.get_by_test_id("unread")).to_have_text("50")
    assert page.evaluate("window.changed") <= 4 * 50

    page.get_by_test_id("room-filter").fill("many 9999")
    expect(rows).to_have_count(1)
    expect(rows.get_by_test_id("unread")).to_have_text("50")
    rows.first.click()
    expect(page.get_by_test_id("room-title")).to_have_text("Many 9999")
    page.keyboard.press("Alt+ArrowDown")
    aya.in_room("Zz mine")

    rows.first.focus()
    page.keyboard.press("End")
    expect(rows).to_have_count(2 * FIRST_ROWS + 1)  # more come at the end of those there are
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("room-title")).not_to_have_text("Zz mine")


def many_rooms(socket: WebSocketRoute) -> None:
    """Puts rooms of our own into the server's answers to `rooms`, and follows none of them.

    When the page asks again, as it does when one looks for a room, those of BUSY have their 50 messages.
    """
    server = socket.connect_to_server()
    asked: set[int] = set()
    answers = 0

    def to_server(text: str | bytes) -> None:
        frame = json.loads(text)
        if frame.get("op") == "rooms":
            asked.add(frame["id"])
        if frame.get("op") == "sub":
            many = {room: seq for room, seq in frame["rooms"].items() if room.startswith("many-")}
            if many:
                live = {room: {"state": "live", "head": 0} for room in many}
                others = frame["rooms"].keys() - many.keys()
                if not others:
                    socket.send(json.dumps({"re": frame["id"], "ok": {"rooms": live}}))
                    return
                frame["rooms"] = {room: frame["rooms"][room] for room in others}
        server.send(json.dumps(frame))

    def room(number: int) -> dict[str, object]:
        count = 50 if answers > 1 and f"many-{number}" in BUSY else 0
        told = {"id": f"many-{number}", "name": f"Many {number} ", "kind": "public"}
        return {**told, "head": count, "unread": count}

    def to_page(text: str | bytes) -> None:
        nonlocal answers
        frame = json.loads(text)
        if frame.get("re") in asked:
            answers += 1
            frame["ok"]["rooms"] = [
                *map(room, range(MANY)),
                *(each for each in frame["ok"]["rooms"] if each.get("joined", True)),
            ]
        socket.send(json.dumps(frame))

    socket.on_message(to_server)
    server.on_message(to_page)
