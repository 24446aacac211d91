"""Receipts on the page: a mark below one's own last message, a list of who has read one, and a choice in the settings."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.faults.server import PASSWORD
from tests.movingin import slack_export
from tests.movingin.home import Home
from tests.movingin.packing import zipped
from tests.page.people import Person, PersonFactory, Server, act
from tests.page.test_accessibility import findings
from tests.page.tools import axe_script
from tests.page.waiting import until

OFFERED = """(wanted) => {
  const { places } = document.querySelector("chat-app") ?? {};
  return places?.in("message.actions/v1").some(({ key }) => key === "receipts.readers") === wanted;
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        "plugins.enabled": json.dumps(["memory", "password", "receipts"]),
        "plugin.receipts.members": "3",
    }
    server = Server(tmp_path_factory.mktemp("receipts"), "memory", settings)
    server.start()
    yield server
    server.stop()


def id_of(person: Person) -> str:
    return str(person.context.request.get(f"{person.url}/api/v1/me").json()["id"])


def ready(*people: Person) -> None:
    """The module, which comes late, is there."""
    for person in people:
        until(person.page, OFFERED, True)


def direct(by: Person, *others: Person) -> str:
    """A direct room of these people, which nobody has opened."""
    made = by.context.request.post(
        by.rooms, data={"kind": "direct", "members": [id_of(each) for each in others]}
    )
    assert made.ok, made.text()
    return str(made.json()["id"])


def show(person: Person, room: str) -> None:
    until(person.page, "(room) => document.querySelector('chat-app')?.store.room(room)", room)
    person.page.evaluate("(room) => (location.hash = new URLSearchParams({ room }))", room)
    expect(person.page.get_by_test_id("composer")).to_be_visible()


def row(person: Person, text: str) -> Locator:
    messages = person.page.locator("message-list").first  # that of the room, not of a thread
    return messages.get_by_test_id("message").filter(has_text=text)


def mark(person: Person) -> Locator:
    return person.page.get_by_test_id("receipts-mark")


def readers(person: Person, text: str) -> Locator:
    """The dialog that says who has read a message."""
    found = row(person, text)
    found.focus()
    act(found, "place-receipts.readers")
    dialog = person.page.get_by_test_id("receipts")
    expect(dialog).to_be_visible()
    return dialog


def choose(page: Page, *, shown: bool) -> None:
    page.get_by_test_id("account").click()
    page.get_by_test_id("settings-notifications").click()
    box = page.get_by_test_id("receipts-shown")
    expect(box).to_be_checked(checked=not shown)
    box.click()
    expect(page.get_by_test_id("settings-page").get_by_text("Saved.")).to_be_visible()
    page.get_by_test_id("settings-close").click()


def test_one_sees_that_the_other_has_read_the_last_message(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-read", "Aya")
    ben = person(server, locale="ja-JP", is_mobile=True, has_touch=True).sign_up("ben-read", "Ben")
    ready(aya, ben)
    room = direct(aya, ben)
    show(aya, room)
    aya.say("are you there?")
    aya.sees("are you there?")
    expect(mark(aya)).to_have_count(1)
    expect(mark(aya)).to_be_hidden()
    show(ben, room)
    ben.sees("are you there?")
    expect(row(aya, "are you there?").get_by_test_id("receipts-mark")).to_have_text("Read")
    assert findings(aya.page, axe_script()) == []
    ben.page.get_by_test_id("composer").fill("はい")
    ben.page.get_by_test_id("send").click()
    aya.sees("はい")
    expect(mark(ben)).to_have_text("既読")
    expect(mark(aya)).to_have_count(1)  # at the last of one's own alone
    ben.page.evaluate("location.hash = ''")
    expect(ben.page.get_by_test_id("composer")).to_have_count(0)
    aya.say("good")
    expect(row(aya, "good").get_by_test_id("receipts-mark")).to_be_hidden()
    expect(row(aya, "are you there?").get_by_test_id("receipts-mark")).to_have_count(0)
    dialog = readers(aya, "good")
    expect(dialog).to_contain_text("Nobody has read this message yet.")
    aya.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    show(ben, room)
    expect(row(aya, "good").get_by_test_id("receipts-mark")).to_have_text("Read")
    aya.page.reload()
    ready(aya)
    expect(row(aya, "good").get_by_test_id("receipts-mark")).to_have_text("Read")


def test_in_a_group_it_says_how_many_and_who(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-group", "Aya")
    ben = person(server).sign_up("ben-group", "Ben")
    cho = person(server, is_mobile=True, has_touch=True).sign_up("cho-group", "Cho")
    ready(aya, ben, cho)
    room = direct(aya, ben, cho)
    show(aya, room)
    aya.say("to both")
    show(ben, room)
    expect(mark(aya)).to_have_text("Read by 1")
    show(cho, room)
    expect(mark(aya)).to_have_text("Read by 2")
    mark(aya).get_by_role("button").click()
    dialog = aya.page.get_by_test_id("receipts")
    expect(dialog.get_by_role("heading")).to_have_text("Read by 2 of 2")
    expect(dialog.locator("li")).to_have_text(["Ben", "Cho"])
    assert findings(aya.page, axe_script()) == []
    dialog.get_by_test_id("receipts-close").click()
    expect(mark(aya).get_by_role("button")).to_be_focused()
    other = readers(cho, "to both")  # on a phone, by the menu of a message
    expect(other.locator("li")).to_have_text(["Ben", "Cho"])
    assert findings(cho.page, axe_script()) == []


def test_who_hides_what_they_read_takes_no_part(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-hides", "Aya")
    ben = person(server).sign_up("ben-hides", "Ben")
    ready(aya, ben)
    room = direct(aya, ben)
    for each in (aya, ben):
        show(each, room)
    ben.say("mine")
    expect(mark(ben)).to_have_text("Read")
    choose(ben.page, shown=False)
    until(ben.page, OFFERED, False)
    expect(mark(ben)).to_have_count(0)
    aya.say("yours")
    ben.sees("yours")
    dialog = readers(aya, "yours")
    expect(dialog).to_contain_text("None of the others who could have read this message")
    aya.page.keyboard.press("Escape")
    expect(mark(aya)).to_be_hidden()
    ben.page.get_by_test_id("account").click()
    ben.page.get_by_test_id("settings-notifications").click()
    expect(ben.page.get_by_test_id("receipts-shown")).not_to_be_checked()
    assert findings(ben.page, axe_script()) == []
    ben.page.get_by_test_id("settings-close").click()
    choose(ben.page, shown=True)
    ready(ben)
    expect(mark(ben)).to_have_text("Read")


def test_rooms_show_who_has_read_a_message_unless_they_are_large(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-room", "Aya")
    ben = person(server).sign_up("ben-room", "Ben")
    ready(aya, ben)
    aya.create_room("Receipts")
    ben.join_room("Receipts")
    aya.say("for all")
    ben.sees("for all")
    expect(mark(aya)).to_have_count(0)  # in direct rooms alone

    def read_by() -> Any:
        message = row(aya, "for all").get_attribute("data-id")
        answer = aya.context.request.get(f"{aya.url}/api/v1/receipts/{message}")
        return [each["name"] for each in answer.json()["users"]]

    for _ in range(600):
        if read_by():
            break
        aya.page.wait_for_timeout(100)
    dialog = readers(aya, "for all")
    expect(dialog.get_by_role("heading")).to_have_text("Read by 1 of 1")
    expect(dialog.locator("li")).to_have_text(["Ben"])
    aya.page.keyboard.press("Escape")
    row(aya, "for all").hover()
    row(aya, "for all").get_by_test_id("thread-reply").click()
    panel = aya.page.locator(".room-panel")
    panel.get_by_test_id("composer").fill("apart")
    panel.get_by_test_id("send").click()
    reply = panel.get_by_test_id("message").filter(has_text="apart")
    expect(reply).to_have_attribute("data-state", "posted")
    reply.focus()
    reply.get_by_test_id("message-more").press("Enter")
    expect(reply.get_by_test_id("forward")).to_be_visible()
    expect(reply.get_by_test_id("place-receipts.readers")).to_have_count(0)
    aya.page.keyboard.press("Escape")
    for name in ("cho", "dan"):
        person(server).sign_up(f"{name}-room", name).become_member("Receipts")
    dialog = readers(aya, "for all")
    expect(dialog.get_by_role("alert")).to_contain_text("too many members")


def test_of_what_was_imported_it_is_said_that_nobody_knows(
    person: PersonFactory, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    done = home.moved_in(zipped(tmp_path / "export.zip", slack_export.export()), "slack")
    assert done.returncode == 0, done.stderr
    home.let_in("anna")
    with home:
        (anna, japanese) = (person(home), person(home, locale="ja-JP"))
        for each in (anna, japanese):
            account = {"username": "anna", "password": PASSWORD}
            assert each.context.request.post(f"{home.url}/api/v1/login", data=account).ok
            each.page.goto(home.url)
            each.signed_in("Anna")
            ready(each)
            each.open_room("board")
            expect(mark(each)).to_have_count(0)
        expect(readers(anna, "a secret")).to_contain_text("imported from another chat")
        expect(readers(japanese, "a secret")).to_contain_text("インポート")
