"""A fault of a plugin in each place of the page: a small error there, a way to try again, and all the rest works."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.people import Person, PersonFactory, Server

pytestmark = pytest.mark.long

HERE = Path(__file__).parent
PLACES = re.findall(
    r'^  "([\w.]+/v\d+)":', (HERE / "../../static/lib/places.js").read_text(), re.MULTILINE
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        "plugins.folder": str(HERE / "plugins"),
        "plugins.enabled": json.dumps(["memory", "password", "faulty"]),
    }
    server = Server(tmp_path_factory.mktemp("faults"), "memory", settings)
    server.start()
    yield server
    server.stop()


def in_composer(name: str) -> Callable[[Page], Locator]:
    def use(page: Page) -> Locator:
        page.get_by_test_id(f"place-faulty.{name}").click()
        return page.locator("message-composer")

    return use


def dropped(page: Page) -> Locator:
    page.evaluate(
        """() => {
          const carried = new DataTransfer();
          carried.items.add(new File(["x"], "x.txt"));
          const init = { bubbles: true, cancelable: true, dataTransfer: carried };
          document.querySelector("message-list").dispatchEvent(new DragEvent("drop", init));
        }"""
    )
    return page.locator("message-composer")


def completed(page: Page) -> Locator:
    page.get_by_test_id("composer").press_sequentially(":fa")
    return page.locator("message-composer")


def named(page: Page) -> Locator:
    page.get_by_test_id("composer").press_sequentially("@fa")
    return page.locator("message-composer")


def sent_later(page: Page) -> Locator:
    page.get_by_test_id("composer").fill("later")
    page.get_by_test_id("send-menu").click()
    return in_composer("composer-send-v1")(page)


def at_a_message(page: Page) -> Locator:
    message = page.get_by_test_id("message").first
    message.focus()  # a pointer may lose it, when what comes late moves the list
    message.get_by_test_id("place-faulty.message-actions-v1").click()
    return message


def of_a_message(page: Page) -> Locator:
    page.evaluate(
        """async () => {
          const room = document.querySelector("room-view").dataset.room;
          await fetch(`/api/v1/rooms/${room}/messages`, {
            method: "POST",
            headers: { "Content-Type": "application/json" },
            body: JSON.stringify({ client_id: "data", body: "With data", data: { faulty: { a: 1 } } }),
          });
        }"""
    )
    return page.get_by_test_id("message").filter(has_text="With data")


def below_the_last(page: Page) -> Locator:
    page.get_by_test_id("place-faulty.put").click()
    return page.get_by_test_id("message").filter(has_text="before message.last/v1")


def below_a_message(page: Page) -> Locator:
    return page.get_by_test_id("message").filter(has_text="before message.parts/v1")


def told(page: Page) -> Locator:
    page.get_by_test_id("place-faulty.tell").click()
    return page.locator("notice-list")


def in_head(name: str, shown: str) -> Callable[[Page], Locator]:
    def use(page: Page) -> Locator:
        page.get_by_test_id(f"place-{name}").click()
        return page.locator(shown)

    return use


def in_a_thread(page: Page) -> Locator:
    message = page.get_by_test_id("message").filter(has_text="before thread.actions/v1")
    message.focus()
    message.get_by_test_id("thread-reply").click()
    panel = page.locator(".room-panel")
    panel.get_by_test_id("place-faulty.thread-actions-v1").click()
    return panel


def in_parts(name: str) -> Callable[[Page], Locator]:
    def use(page: Page) -> Locator:
        page.get_by_test_id("account").click()
        page.get_by_test_id(f"settings-{name}").click()
        return page.locator("plugin-parts")

    return use


def in_the_directory(page: Page) -> Locator:
    page.get_by_test_id("directory").click()
    return page.get_by_test_id("directory-dialog")


def of_an_account(page: Page) -> Locator:
    shown = in_parts("users")(page)
    page.get_by_test_id("user-more").locator("summary").first.click()
    return shown.first


def of_a_person(page: Page) -> Locator:
    page.get_by_test_id("author").first.click()
    return page.get_by_test_id("person-card")


def in_settings(name: str) -> Callable[[Page], Locator]:
    def use(page: Page) -> Locator:
        page.get_by_test_id("account").click()
        page.get_by_test_id(f"settings-faulty.{name}").click()
        return page.get_by_test_id("settings-page")

    return use


USES: dict[str, Callable[[Page], Locator]] = {
    "account.parts/v1": in_parts("security"),
    "admin.page/v1": in_settings("admin-page-v1"),
    "admin.user/v1": of_an_account,
    "composer.buttons/v1": in_composer("composer-buttons-v1"),
    "composer.emoji/v1": completed,
    "composer.names/v1": named,
    "composer.files/v1": dropped,
    "composer.send/v1": sent_later,
    "directory.parts/v1": in_the_directory,
    "message.actions/v1": at_a_message,
    "message.data/v1": of_a_message,
    "message.last/v1": below_the_last,
    "message.parts/v1": below_a_message,
    "notifications.parts/v1": in_parts("notifications"),
    "notifications/v1": told,
    "page.lines/v1": lambda page: page.locator(".page-top"),
    "person.parts/v1": of_a_person,
    "profile.parts/v1": in_parts("profile"),
    "room.actions/v1": in_head("faulty.room-actions-v1", ".room-head"),
    "room.panels/v1": in_head("faulty.room-panels-v1", ".room-panel"),
    "room.settings/v1": in_head("room-settings", ".room-panel"),
    "settings.page/v1": in_settings("settings-page-v1"),
    "side.panels/v1": in_head("faulty.side-panels-v1", "dialog"),
    "thread.actions/v1": in_a_thread,
}


@pytest.fixture(scope="module")
def owner(server: Server, browser: object) -> Iterator[Person]:
    """The first account, which sees the pages of the server, too."""
    olga = Person(browser, server.url).sign_up("olga", "Olga")  # type: ignore[arg-type]
    olga.create_room("Faults")
    yield olga
    olga.context.close()


AGAIN = "(rows) => rows.forEach((row) => row.querySelector('[data-testid=plugin-again]')?.click())"
DATA_ALONE = {"message.emoji/v1"}  # nothing in it is called
# Their own tests: pictures below, people in test_everybody.py.
ELSEWHERE = {"avatars/v1", "people.find/v1"}


def test_each_place_is_tried() -> None:
    assert set(PLACES) == USES.keys() | DATA_ALONE | ELSEWHERE


def test_a_picture_that_fails_is_named_and_initials_stay(
    owner: Person, person: PersonFactory, server: Server
) -> None:
    aya = person(server)
    aya.expected.append("plugin faulty: Error: broken on purpose")
    with aya.page.expect_console_message(lambda told: "plugin faulty:" in told.text):
        aya.sign_up("aya-drawn", "Aya")
    expect(aya.page.locator(".side-foot .avatar")).to_have_text("A")


@pytest.mark.parametrize("place", USES)
def test_a_fault_stays_in_its_place_and_can_be_tried_again(
    place: str, server: Server, owner: Person
) -> None:
    page = owner.page
    page.goto(server.url)  # the plugin begins anew
    page.reload()
    owner.open_room("Faults")
    owner.say(f"before {place}")
    owner.sees(f"before {place}")  # the list moves no more, from under the pointer
    shown = USES[place](page)
    fault = shown.locator("[role=alert] [data-testid=plugin-fault]")
    expect(fault).to_have_text("faulty: This part does not work at the moment.")
    if place in ("message.data/v1", "message.last/v1", "message.parts/v1"):
        shown.evaluate_all(AGAIN)  # unless its row was drawn anew, by which it is tried again
    else:
        shown.get_by_test_id("plugin-again").click()
    if place == "notifications/v1":  # the next one is filtered again
        USES[place](page)
    expect(page.locator("html")).to_have_attribute("data-worked", re.compile(re.escape(place)))
    expect(fault).to_have_count(0)
    if place.startswith(("account", "admin", "notifications.parts", "profile", "settings")):
        expect(shown).to_contain_text("It works now.")
        page.get_by_test_id("settings-close").click()
    if place in ("directory.parts/v1", "person.parts/v1", "side.panels/v1", "thread.actions/v1"):
        page.keyboard.press("Escape")
    owner.say(f"after {place}")
    owner.sees(f"after {place}")


def test_what_is_refused_to_an_element_that_is_gone_is_no_fault(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-gone", "Aya")
    mounted = """(code) => {
      const place = document.createElement("plugin-place");
      let refuse;
      place.item = { plugin: "late", key: "late", mount: () => new Promise((_, reject) => (refuse = reject)) };
      document.body.append(place);
      place.remove();
      refuse(Object.assign(new Error(code ?? "a fault"), { code }));
    }"""
    with aya.page.expect_console_message(lambda told: "plugin late:" in told.text) as said:
        aya.page.evaluate(mounted, "room.not_found")
        aya.page.evaluate(mounted)
    aya.expected += [
        "plugin faulty:",
        "plugin late: Error: a fault",
    ]  # anything else would be a complaint
    assert "a fault" in said.value.text


def test_notifications_are_shown_in_spite_of_a_broken_filter(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-told", "Aya")
    aya.expected.append("plugin faulty:")
    aya.create_room("Told")
    rows = told(aya.page).get_by_test_id("notice-row")
    expect(rows.filter(has_text="by faulty")).to_have_count(1)
    rows.filter(has_text="by faulty").get_by_role("button", name="Close").click()
    expect(rows.filter(has_text="by faulty")).to_have_count(0)
