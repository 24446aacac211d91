"""People find each other by name: in the list of people, in the quick switcher, and where a message is forwarded to."""

import pytest
from playwright.sync_api import Page, expect

from tests.page.people import PersonFactory, Server
from tests.page.test_browser import fresh
from tests.page.waiting import FINDS_PEOPLE, has_focus, until

pytestmark = pytest.mark.long


def look(page: Page, text: str) -> None:
    """Opens the list of people from the user's own menu, and looks for a text."""
    until(page, FINDS_PEOPLE)
    page.get_by_test_id("user-menu").click()
    page.get_by_test_id("menu-everybody").click()
    has_focus(page, "everybody-search")
    page.keyboard.type(text)


@pytest.mark.parametrize(
    ("locale", "size"),
    [("en-GB", (1280, 800)), ("ja-JP", (1280, 800)), ("en-GB", (320, 568)), ("ja-JP", (320, 568))],
)
def test_somebody_is_found_by_name_and_written_to(
    person: PersonFactory, server: Server, locale: str, size: tuple[int, int]
) -> None:
    aya = person(server, locale=locale, viewport={"width": size[0], "height": size[1]})
    aya.sign_up(fresh("aya"), "Aya")
    name = fresh("佐藤 花子 Quist")
    ben = person(server).sign_up(fresh("ben"), name)
    page = aya.page
    look(page, name.replace("佐藤 ", ""))
    row = page.get_by_test_id("everybody-person")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(f"@{ben.username}")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= size[0]
    row.click()
    card = page.get_by_test_id("person-card")
    expect(card.get_by_role("heading")).to_have_text(name)
    card.get_by_test_id("person-talk").click()
    aya.in_room(name)
    expect(page.get_by_test_id("everybody-dialog")).to_have_count(0)
    aya.say("Hello")
    expect(ben.page.get_by_test_id("room").filter(has_text="Aya")).to_be_visible()


def test_by_keyboard_alone_and_back_to_the_list(person: PersonFactory, server: Server) -> None:
    aya, ben = (person(server).sign_up(fresh(name), name.title()) for name in ("aya", "ben"))
    assert ben.context.request.put(
        f"{ben.url}/api/v1/me/status", data={"emoji": "🍜", "text": "at lunch"}
    ).ok
    page = aya.page
    until(page, FINDS_PEOPLE)
    page.get_by_test_id("user-menu").focus()
    page.keyboard.press("Enter")
    has_focus(page, "menu-status")
    page.keyboard.press("ArrowDown")
    has_focus(page, "menu-everybody")
    page.keyboard.press("Enter")
    has_focus(page, "everybody-search")
    page.keyboard.type(ben.username)
    row = page.get_by_test_id("everybody-person")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("at lunch")
    page.keyboard.press("Tab")
    has_focus(page, "everybody-person")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("person-says")).to_contain_text("at lunch")
    page.get_by_test_id("person-block").click()
    page.get_by_test_id("ask-yes").click()
    expect(page.get_by_test_id("person-unblock")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("person-card")).to_have_count(0)
    has_focus(page, "everybody-person")
    expect(row.get_by_test_id("person-blocked")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("everybody-dialog")).to_have_count(0)


def test_the_quick_switcher_finds_those_who_never_wrote(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up(fresh("aya"), "Aya")
    name = fresh("Zoë Nobody")
    person(server).sign_up(fresh("zoe"), name)
    page = aya.page
    until(page, FINDS_PEOPLE)
    page.keyboard.press("Control+k")
    has_focus(page, "room-filter")
    page.keyboard.type(name.replace("ë", "e"))
    acts = page.get_by_test_id("switch-act")
    expect(acts.filter(has_text=f"Message {name}")).to_have_count(1)
    expect(acts.filter(has_text="among all people")).to_have_count(1)
    acts.filter(has_text="among all people").click()
    expect(page.get_by_test_id("everybody-person")).to_contain_text(name)
    page.keyboard.press("Escape")  # clears the field
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("everybody-dialog")).to_have_count(0)
    has_focus(page, "room-filter")
    page.get_by_test_id("room-filter").fill(name)
    acts.filter(has_text=f"Message {name}").click()
    aya.in_room(name)


def test_a_message_is_forwarded_to_somebody_found(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up(fresh("aya"), "Aya")
    name = fresh("Carla Nobody")
    carla = person(server).sign_up(fresh("carla"), name)
    aya.create_room(fresh("From "))
    aya.say("Look at this")
    page = aya.page
    until(page, FINDS_PEOPLE)
    message = page.get_by_test_id("message").first
    message.focus()
    message.press("f")
    page.get_by_test_id("recipient-find").fill(name)
    choice = page.get_by_test_id("recipient").filter(has_text=name)
    choice.click()
    page.get_by_test_id("forward-send").click()
    expect(page.get_by_test_id("forward-dialog")).to_have_count(0)
    carla.page.get_by_test_id("room").filter(has_text="Aya").click()
    carla.sees("Look at this")


def test_user_names_are_suggested_where_one_is_asked_for(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up(fresh("aya"), "Aya")
    name = fresh("Dora Nobody")
    dora = person(server).sign_up(fresh("dora"), name)
    room = fresh("Invited ")
    aya.create_room(room)
    page = aya.page
    until(page, FINDS_PEOPLE)
    page.get_by_test_id("people").click()
    page.get_by_test_id("invite-name").fill(name)
    suggested = page.locator(f"[data-testid=people-dialog] option[value='{dora.username}']")
    expect(suggested).to_have_attribute("label", name)
    page.get_by_test_id("invite-name").fill(dora.username)
    page.get_by_test_id("invite-name").press("Enter")
    expect(page.get_by_test_id("members")).to_contain_text(name)
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("people-dialog")).to_have_count(0)

    page.get_by_test_id("new-room").click()
    page.get_by_test_id("room-name").fill(name)
    options = page.locator("[data-testid=new-room-dialog] option")
    page.get_by_test_id("kind-direct").check()
    page.get_by_test_id("room-name").fill(f"{name} ")
    expect(options).to_have_count(1)
    page.get_by_test_id("kind-public").check()
    page.get_by_test_id("room-name").fill(name)
    expect(options).to_have_count(0)


def test_a_finder_that_fails_says_so_in_the_list_and_is_asked_again(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up(fresh("aya"), "Aya")
    page = aya.page
    until(page, FINDS_PEOPLE)
    page.evaluate(
        """() => {
          const { places } = document.querySelector("chat-app");
          places.clear("directory");
          window.fails = true;
          const find = async () => {
            if (window.fails) throw new Error("broken on purpose");
            return { people: [{ id: "x", username: "xaver", name: "Xaver" }] };
          };
          places.put("faulty", "people.find/v1", { id: "people", find });
        }"""
    )
    page.get_by_test_id("user-menu").click()
    page.get_by_test_id("menu-everybody").click()
    again = page.get_by_test_id("everybody-more")
    expect(again).to_be_visible()
    page.evaluate("window.fails = false")
    again.click()
    expect(page.get_by_test_id("everybody-person")).to_have_text("XXaver@xaver")
    page.keyboard.press("Escape")
    page.evaluate("window.fails = true")
    aya.expected.append("plugin faulty: Error: broken on purpose")
    with page.expect_console_message(lambda told: "plugin faulty:" in told.text):
        page.get_by_test_id("room-filter").fill("xav")
    expect(page.get_by_test_id("switch-act").filter(has_text="@xav")).to_be_visible()


def test_without_a_finder_nothing_is_offered(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up(fresh("aya"), "Aya")
    page = aya.page
    until(page, FINDS_PEOPLE)
    page.evaluate("document.querySelector('chat-app').places.clear('directory')")
    page.get_by_test_id("user-menu").click()
    expect(page.get_by_test_id("menu-profile")).to_be_visible()
    expect(page.get_by_test_id("menu-everybody")).to_have_count(0)
    page.keyboard.press("Escape")
    page.get_by_test_id("room-filter").fill("anybody")
    expect(page.get_by_test_id("switch-act").filter(has_text="public rooms")).to_be_visible()
    expect(page.get_by_test_id("switch-act").filter(has_text="among all people")).to_have_count(0)
