"""Looks, language, and groups that are collapsed follow the account: to other devices, over a time offline, not to others."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.page.people import PASSWORD, Person, PersonFactory, Server
from tests.page.test_browser import fresh
from tests.page.test_preferences import choose, group, second_device

pytestmark = pytest.mark.long

COPY = "localStorage.getItem('preferences')"


@pytest.fixture
def aya(person: PersonFactory, server: Server) -> Person:
    return person(server).sign_up(fresh("aya"), "Aya")


def theme(page: Page, name: str) -> None:
    expect(page.locator("html")).to_have_attribute("data-theme", name)


def choose_theme(person: Person, name: str) -> None:
    person.page.goto(f"{person.url}/#settings=appearance")
    person.page.get_by_test_id(f"theme-{name}").check()
    theme(person.page, name)
    person.page.get_by_test_id("settings-close").click()


def test_what_one_device_chooses_the_others_show_at_once(
    aya: Person, person: PersonFactory, server: Server
) -> None:
    room = fresh("Tea ")
    aya.create_room(room)
    choose(aya.page, room, "Add to favourites")
    before = second_device(person, server, aya)
    before.page.goto(f"{server.url}/#settings=appearance")
    expect(before.page.get_by_test_id("theme-system")).to_be_checked()
    group(aya.page, "Favourites").get_by_test_id("group-toggle").click()
    choose_theme(aya, "dark")
    theme(before.page, "dark")
    expect(before.page.get_by_test_id("theme-dark")).to_be_checked()
    before.page.get_by_test_id("settings-close").click()
    toggle = group(before.page, "Favourites").get_by_test_id("group-toggle")
    expect(toggle).to_have_attribute("aria-expanded", "false")
    aya.page.get_by_test_id("language").select_option("ja")
    for page in (aya.page, before.page):
        expect(page.locator("html")).to_have_attribute("lang", "ja")
        expect(page.get_by_test_id("room-list")).to_have_attribute("aria-label", "ルーム")
    after = second_device(person, server, aya)  # a phone, say
    theme(after.page, "dark")
    expect(after.page.locator("html")).to_have_attribute("lang", "ja")
    toggle = group(after.page, "お気に入り").get_by_test_id("group-toggle")
    expect(toggle).to_have_attribute("aria-expanded", "false")
    toggle.click()
    toggle = group(aya.page, "お気に入り").get_by_test_id("group-toggle")
    expect(toggle).to_have_attribute("aria-expanded", "true")


def test_a_choice_without_a_connection_is_told_on_the_next_one(
    aya: Person, person: PersonFactory, server: Server
) -> None:
    other = second_device(person, server, aya)
    away: Callable[[WebSocketRoute], None] = lambda socket: socket.close(code=1012)  # noqa: E731
    aya.page.route_web_socket("**/ws", away)
    aya.page.reload()
    choose_theme(aya, "contrast")
    aya.page.reload()
    theme(aya.page, "contrast")
    assert '"unsent":{"page.theme":"contrast"}' in aya.page.evaluate(COPY)
    theme(other.page, "system")
    tab = aya.new_page()  # whose connection is let through
    aya.page.close()
    tab.goto(server.url)
    theme(tab, "contrast")
    theme(other.page, "contrast")


def test_signing_out_leaves_nothing_for_the_next_person_and_loses_nothing(
    aya: Person, person: PersonFactory, server: Server
) -> None:
    choose_theme(aya, "dark")
    page = aya.page
    page.get_by_test_id("user-menu").click()
    page.get_by_test_id("sign-out").click()  # at once: nothing was told before
    expect(page.get_by_test_id("submit")).to_be_visible()
    theme(page, "system")
    assert page.evaluate(COPY) is None
    page.get_by_test_id("language").select_option("ja")  # of this device
    username = aya.username
    aya.sign_up(fresh("ben"), "Ben")
    theme(page, "system")
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    again = person(server)
    again.username = username
    again.page.goto(server.url)
    again.page.get_by_test_id("username").fill(username)
    again.page.get_by_test_id("password").fill(PASSWORD)
    again.page.get_by_test_id("submit").click()
    theme(again.page, "dark")
    expect(again.page.locator("html")).to_have_attribute("lang", "en")
