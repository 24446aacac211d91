"""Menus and the sheet of shortcuts, by keyboard: the focus is never lost."""

import pytest
from playwright.sync_api import expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_browser import fresh
from tests.page.waiting import has_focus, until, until_late_parts

pytestmark = pytest.mark.long


@pytest.fixture
def aya(person: PersonFactory, server: Server) -> Person:
    aya = person(server).sign_up(fresh("aya"), "Aya")
    aya.create_room(fresh("Menus "))
    return aya


def test_a_menu_works_as_the_aria_practices_say(aya: Person) -> None:
    page = aya.page
    button = page.get_by_test_id("room-menu")
    menu = page.get_by_role("menu")
    button.focus()
    expect(button).to_have_attribute("aria-haspopup", "menu")
    page.keyboard.press("ArrowDown")
    expect(menu).to_be_visible()
    expect(menu).to_have_accessible_name("More for this room")
    expect(button).to_have_attribute("aria-expanded", "true")
    has_focus(page, "menu-people")
    page.keyboard.press("ArrowUp")
    has_focus(page, "leave-room")  # around the end
    page.keyboard.press("Home")
    has_focus(page, "menu-people")
    page.keyboard.press("s")
    has_focus(page, "menu-search")
    page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    has_focus(page, "room-menu")
    page.keyboard.press("ArrowUp")
    has_focus(page, "leave-room")
    page.keyboard.press("Tab")
    expect(menu).to_have_count(0)
    button.click()
    expect(menu).to_be_visible()
    page.get_by_test_id("composer").click()
    expect(menu).to_have_count(0)
    button.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("search-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    has_focus(page, "room-menu")


def test_the_user_s_corner_leads_to_settings_and_out(aya: Person) -> None:
    page = aya.page
    page.get_by_test_id("user-menu").click()
    with page.expect_response("**/api/v1/push"):  # answered before the session ends
        page.get_by_test_id("menu-notifications").click()
    expect(page.get_by_role("heading", name="Notifications")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("composer")).to_be_focused()  # where it was before
    page.get_by_test_id("user-menu").press("Enter")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("username")).to_be_visible()


@pytest.mark.parametrize("height", [568, 256])
def test_the_menu_of_the_user_s_corner_stays_in_the_window(
    person: PersonFactory, server: Server, height: int
) -> None:
    page = person(server, viewport={"width": 320, "height": height}).sign_up(fresh("al"), "Al").page
    page.get_by_test_id("user-menu").click()
    menu = page.get_by_role("menu").bounding_box()
    assert menu is not None
    assert menu["y"] >= 0 and menu["y"] + menu["height"] <= height
    page.get_by_test_id("sign-out").click()
    expect(page.get_by_test_id("username")).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "name"), [("en-GB", "Keyboard shortcuts"), ("ja-JP", "キーボードショートカット")]
)
def test_a_question_mark_shows_the_keys(
    person: PersonFactory, server: Server, locale: str, name: str
) -> None:
    aya = person(server, locale=locale).sign_up(fresh("aya"), "Aya")
    aya.create_room(fresh("Keys "))
    page = aya.page
    page.get_by_test_id("composer").press("?")
    expect(page.get_by_test_id("composer")).to_have_value("?")  # a text, while one writes
    page.get_by_test_id("room-menu").focus()
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name=name)
    expect(sheet).to_contain_text("Ctrl")
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    has_focus(page, "room-menu")


def test_the_focus_goes_to_the_list_when_a_room_is_left(aya: Person) -> None:
    page = aya.page
    page.get_by_test_id("room-menu").press("Enter")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.get_by_test_id("ask-yes").press("Enter")
    expect(page.get_by_test_id("welcome")).to_be_visible()
    until(page, "() => document.querySelector('room-list').contains(document.activeElement)")


def test_a_panel_is_opened_and_closed_without_losing_the_focus(aya: Person) -> None:
    page = aya.page
    panel = page.get_by_test_id("room-panel")
    page.get_by_test_id("place-room-settings").press("Enter")
    expect(panel).to_be_visible()
    has_focus(page, "place-room-settings")
    page.get_by_test_id("room-settings-topic").focus()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    has_focus(page, "place-room-settings")
    page.keyboard.press("Enter")
    panel.get_by_role("button", name="Close").press("Enter")
    expect(panel).to_be_hidden()
    has_focus(page, "place-room-settings")
    page.keyboard.press("Escape")
    has_focus(page, "composer")


def test_the_focus_stays_on_the_page_when_somebody_is_removed(
    aya: Person, person: PersonFactory, server: Server
) -> None:
    ben = person(server).sign_up(fresh("ben"), "Ben")
    room = aya.page.get_by_test_id("room-title").inner_text()
    ben.join_room(room)
    page = ben.page
    page.get_by_test_id("composer").fill("unfinished")
    remove(aya, ben)
    has_focus(page, "join-room")
    notice = page.get_by_role("status").filter(has_text=f"You are no longer in {room}.")
    expect(notice).to_be_visible()
    page.keyboard.press("Enter")
    has_focus(page, "composer")
    expect(page.get_by_test_id("composer")).to_have_value("unfinished")
    page.get_by_test_id("people").press("Enter")
    expect(page.get_by_test_id("members")).to_contain_text("Aya")
    remove(aya, ben)
    expect(page.get_by_test_id("join-room")).to_be_attached()
    page.keyboard.press("Escape")
    expect(page.get_by_role("main")).to_be_focused()  # the button that opened the dialog is gone


def test_a_panel_that_may_not_be_shown_any_more_gives_the_focus_to_the_room(aya: Person) -> None:
    page = aya.page
    page.get_by_test_id("place-room-settings").press("Enter")
    page.get_by_test_id("room-settings-topic").focus()
    page.evaluate(
        """() => {
          const { store } = document.querySelector("chat-app");
          const room = document.querySelector("room-view").dataset.room;
          store.room(room).role = "member";
          store.me.role = "member";
          store.dispatchEvent(new CustomEvent("change", { detail: { room, only: null } }));
        }"""
    )
    expect(page.get_by_test_id("room-panel")).to_be_hidden()
    expect(page.locator("room-view :focus")).to_have_class("room-body")


def test_a_button_that_waits_for_the_server_has_the_focus_afterwards(aya: Person) -> None:
    page = aya.page
    page.get_by_test_id("place-room-settings").press("Enter")
    page.get_by_test_id("room-settings-save").press("Enter")
    expect(page.get_by_test_id("room-settings-done")).not_to_be_empty()
    has_focus(page, "room-settings-save")


@pytest.mark.parametrize(
    ("place", "button"),
    [("composer.buttons/v1", "place-attachments.upload"), ("side.panels/v1", "place-inbox.list")],
)
def test_a_button_keeps_the_focus_when_a_plugin_adds_another(
    aya: Person, place: str, button: str
) -> None:
    page = aya.page
    until_late_parts(page)
    page.get_by_test_id(button).focus()
    item = "{ id: 'added', label: 'Added', icon: 'M1 1', run() {}, mount() {} }"
    put = f"(place) => document.querySelector('chat-app').places.put('other', place, {item})"
    page.evaluate(put, place)
    expect(page.get_by_test_id("place-other.added")).to_be_visible()
    expect(page.get_by_test_id(button)).to_be_focused()


def test_the_menu_of_a_message_stays_open_when_a_plugin_adds_an_action(
    person: PersonFactory, server: Server
) -> None:
    ben = person(server, has_touch=True, is_mobile=True).sign_up(fresh("ben"), "Ben")
    ben.create_room(fresh("Menus "))
    page = ben.page
    ben.post_over_http(["one", "two"])
    until_late_parts(page)
    one, two = (page.get_by_test_id("message").filter(has_text=text) for text in ("one", "two"))
    one.tap()
    one.get_by_test_id("message-more").tap()
    page.evaluate(
        """() => {
          const item = { id: "added", label: "Added", icon: "M1 1", run() {} };
          document.querySelector("chat-app").places.put("other", "message.actions/v1", item);
        }"""
    )
    expect(one.get_by_role("menuitem", name="Copy link")).to_be_visible()
    expect(one.get_by_role("menuitem", name="Added")).to_have_count(0)
    page.keyboard.press("Escape")
    two.tap()
    one.tap()
    one.get_by_test_id("message-more").tap()
    expect(one.get_by_role("menuitem", name="Added")).to_be_visible()


def test_whoever_joins_on_a_phone_stays_in_the_room(
    aya: Person, person: PersonFactory, server: Server
) -> None:
    ben = person(server, has_touch=True, is_mobile=True).sign_up(fresh("ben"), "Ben")
    page = ben.page
    page.get_by_test_id("room-filter").tap()
    page.get_by_test_id("room").filter(
        has_text=aya.page.get_by_test_id("room-title").inner_text()
    ).tap()
    page.get_by_test_id("join-room").press("Enter")
    expect(page.get_by_test_id("composer")).to_be_visible()
    expect(page.locator("room-view :focus")).to_have_class("room-body")


def remove(owner: Person, other: Person) -> None:
    user = other.page.evaluate("() => document.querySelector('chat-app').store.me.id")
    call = "([room, user]) => document.querySelector('chat-app').session.removeMember(room, user)"
    owner.page.evaluate(call, [owner.page.locator("room-view").get_attribute("data-room"), user])
